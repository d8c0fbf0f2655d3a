using System.CommandLine;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;

namespace WebDistill.Benchmarks;

/// <summary>
/// <c>tokenize</c>: MB/s of one core, in alternation: ours as corpora call it, ours as any <see cref="Tokenizer"/>, the package's tiktoken and
/// byte-level BPE with the same vocabulary, npm's tiktoken (WebAssembly); then the preparation of a corpus on several threads and from files of
/// several sizes.
/// </summary>
internal static partial class TokenizeCommand
{
    /// <summary>Until the run-time has compiled the encoder for good.</summary>
    private const int WarmupRounds = 5;

    public static Command Create()
    {
        var tokenizer = new Option<DirectoryInfo>("--tokenizer") { Description = "GPT-2's vocab.json and merges.txt", Required = true };
        var file = new Option<FileInfo>("--file") { Description = "UTF-8 text", Required = true };
        var rounds = new Option<int>("--rounds") { Description = "rounds", DefaultValueFactory = _ => 7 };
        var script = new Option<string>("--script")
        {
            Description = "npm's tiktoken; needs npm ci in its folder; an empty one leaves it out",
            DefaultValueFactory = _ => Path.Combine("benchmarks", "peers", "tokenize_tiktoken.mjs"),
        };
        var copies = new Option<int[]>("--copies")
        {
            Description = "preparations: the file this many times over", DefaultValueFactory = _ => [4, 40],
            AllowMultipleArgumentsPerToken = true,
        };
        var command = new Command("tokenize", "Tokeniser MB/s per core, ours beside the package's and npm's tiktoken; corpus preparation on several threads.")
        {
            tokenizer, file, rounds, script, copies,
        };
        command.SetAction(result =>
        {
            string folder = result.GetValue(tokenizer)!.FullName, path = result.GetValue(file)!.FullName;
            Encode(folder, path, result.GetValue(rounds), result.GetValue(script)!);
            foreach (int count in result.GetValue(copies)!)
                Prepare(folder, path, count, result.GetValue(rounds));
        });
        return command;
    }

    /// <summary>Whoever encodes: a fresh one for each round, so that no pre-token is known; then the same text once more, all of them known.</summary>
    private sealed record Contestant(string Name, Func<Func<string, IReadOnlyList<int>>> Create)
    {
        public List<double> Fresh { get; } = [];
        public List<double> Again { get; } = [];
    }

    private static void Encode(string folder, string path, int rounds, string script)
    {
        string text = File.ReadAllText(path);
        double megabytes = new FileInfo(path).Length / 1e6;
        Contestant[] contestants =
        [
            new("ours", () => AsCorpora(Gpt2Tokenizer.Load(folder))),
            new("oursAsTokenizer", () => AsTokenizer(Gpt2Tokenizer.Load(folder))),
            new("packageTiktoken", () => AsTokenizer(PackageTiktoken(folder))),
            new("packageBpe", () => AsTokenizer(PackageBpe(folder))),
        ];
        using Process? peer = script == "" ? null : Process.Start(new ProcessStartInfo("node", $"\"{script}\" \"{path}\"")
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        }) ?? throw new InvalidOperationException("'node' did not start.");
        List<double> npm = [];
        int tokens = 0;
        for (int round = -WarmupRounds; round < rounds; round++)
        {
            foreach (Contestant contestant in contestants)
            {
                Func<string, IReadOnlyList<int>> encode = contestant.Create();
                IReadOnlyList<int> ids = [];
                double fresh = Timing.Seconds(() => ids = encode(text)), again = Timing.Seconds(() => ids = encode(text));
                if (tokens == 0)
                    tokens = ids.Count;
                if (ids.Count != tokens)
                    throw new InvalidOperationException($"{contestant.Name} made {ids.Count} tokens, {contestants[0].Name} {tokens}.");
                if (round < 0)
                    continue;
                contestant.Fresh.Add(fresh);
                contestant.Again.Add(again);
            }
            if (peer is not null && AskPeer(peer, tokens) is double seconds && round >= 0)
                npm.Add(seconds);
        }
        peer?.StandardInput.Close();
        peer?.WaitForExit();
        Contestant ours = contestants[0];
        foreach (Contestant contestant in contestants)
            Report.Line(new
            {
                Benchmark = "tokenize", Tokenizer = contestant.Name, File = Path.GetFileName(path), megabytes, tokens, rounds, Threads = 1,
                MegabytesPerSecond = Report.Rounded(megabytes / Report.Median(contestant.Fresh)),
                MegabytesPerSecondAgain = Report.Rounded(megabytes / Report.Median(contestant.Again)),
                OursIsTimesAsFast = Ratio(contestant.Fresh, ours.Fresh), OursIsTimesAsFastAgain = Ratio(contestant.Again, ours.Again),
            });
        if (npm.Count > 0)
            Report.Line(new
            {
                Benchmark = "tokenize", Tokenizer = "npmTiktoken", File = Path.GetFileName(path), megabytes, tokens, rounds, Threads = 1,
                MegabytesPerSecond = Report.Rounded(megabytes / Report.Median(npm)), OursIsTimesAsFast = Ratio(npm, ours.Fresh),
            });
    }

    /// <summary>Median of the rounds' ratios.</summary>
    private static double Ratio(List<double> theirs, List<double> ours) => Report.Rounded(Report.Median(theirs.Zip(ours, (their, our) => their / our)));

    private static double AskPeer(Process peer, int tokens)
    {
        peer.StandardInput.WriteLine("encode");
        JsonElement answer = JsonDocument.Parse(peer.StandardOutput.ReadLine() ?? throw new InvalidOperationException(
            "The peer ended without an answer: its error output is above. It needs 'npm ci' in benchmarks/peers.")).RootElement;
        return answer.GetProperty("tokens").GetInt32() == tokens ? answer.GetProperty("seconds").GetDouble() : throw new InvalidOperationException(
            $"tiktoken made {answer.GetProperty("tokens")} tokens, this tokenizer {tokens}: not the same vocabulary?");
    }

    private static Func<string, IReadOnlyList<int>> AsCorpora(Gpt2Tokenizer tokenizer) => text =>
    {
        var ids = new List<int>(text.Length / 3 + 1);
        tokenizer.EncodeTo(text, ids);
        return ids;
    };

    private static Func<string, IReadOnlyList<int>> AsTokenizer(Tokenizer tokenizer) => text => tokenizer.EncodeToIds(text);

    private static BpeTokenizer PackageBpe(string folder) => BpeTokenizer.Create(
        new BpeOptions(Path.Combine(folder, "vocab.json"), Path.Combine(folder, "merges.txt"))
        {
            ByteLevel = true, PreTokenizer = new RegexPreTokenizer(Gpt2Pattern(), null),
        });

    private static TiktokenTokenizer PackageTiktoken(string folder)
    {
        Vocabulary vocabulary = Gpt2Tokenizer.Load(folder).Vocabulary;
        IEnumerable<string> ranks = Enumerable.Range(0, vocabulary.Size).Where(id => id != vocabulary.EndOfTextId)
            .Select(id => $"{Convert.ToBase64String(vocabulary.TokenBytes(id).Span)} {id}");
        return TiktokenTokenizer.Create(new MemoryStream(Encoding.ASCII.GetBytes(string.Join('\n', ranks))),
            new RegexPreTokenizer(Gpt2Pattern(), null), normalizer: null);
    }

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")]
    private static partial Regex Gpt2Pattern();

    private static void Prepare(string folder, string path, int copies, int rounds)
    {
        Gpt2Tokenizer tokenizer = Gpt2Tokenizer.Load(folder);
        string work = Directory.CreateTempSubdirectory("webdistill-tokenize-").FullName;
        try
        {
            string corpus = Path.Combine(work, "corpus.txt");
            using (FileStream stream = File.Create(corpus))
            {
                byte[] once = [.. File.ReadAllBytes(path), (byte)'\n', (byte)'\n'];
                for (int copy = 0; copy < copies; copy++)
                    stream.Write(once);
            }
            double megabytes = new FileInfo(corpus).Length / 1e6;
            int[] threads = [1, Environment.ProcessorCount];
            var seconds = threads.ToDictionary(count => count, _ => new List<double>());
            for (int round = -1; round < rounds; round++)
            {
                foreach (int count in threads.Distinct())
                {
                    var options = new CorpusOptions { Format = "text-paragraphs", Threads = count };
                    double taken = Timing.Seconds(() => CorpusPreparation.Prepare(corpus, tokenizer, options, Path.Combine(work, "train"),
                        Path.Combine(work, "validation"), FileLayer.Disk));
                    if (round >= 0)
                        seconds[count].Add(taken);
                }
            }
            double one = Report.Median(seconds[1]), all = Report.Median(seconds[threads[1]]);
            Report.Line(new
            {
                Benchmark = "prepare", megabytes, rounds, Threads = threads[1],
                MegabytesPerSecondOneThread = Report.Rounded(megabytes / one),
                MegabytesPerSecondAllThreads = Report.Rounded(megabytes / all),
                Speedup = Report.Rounded(one / all),
                PeakResidentMebibytes = Report.PeakResidentBytes >> 20,
            });
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }
}
