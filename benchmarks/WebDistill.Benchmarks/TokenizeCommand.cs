using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using WebDistill.Distillation;
using WebDistill.Distillation.Text;

namespace WebDistill.Benchmarks;

/// <summary>
/// <c>tokenize</c>: MB/s of one core beside npm's tiktoken (WebAssembly) in alternation, then the preparation of a corpus on several threads
/// and from files of several sizes.
/// </summary>
internal static class TokenizeCommand
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
            Description = "the peer; needs npm ci in its folder",
            DefaultValueFactory = _ => Path.Combine("benchmarks", "peers", "tokenize_tiktoken.mjs"),
        };
        var copies = new Option<int[]>("--copies")
        {
            Description = "preparations: the file this many times over", DefaultValueFactory = _ => [4, 40],
            AllowMultipleArgumentsPerToken = true,
        };
        var command = new Command("tokenize", "Tokeniser MB/s per core beside tiktoken; corpus preparation on several threads.")
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

    private static void Encode(string folder, string path, int rounds, string script)
    {
        string text = File.ReadAllText(path);
        double megabytes = new FileInfo(path).Length / 1e6;
        using var peer = Process.Start(new ProcessStartInfo("node", $"\"{script}\" \"{path}\"")
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        }) ?? throw new InvalidOperationException("'node' did not start.");
        List<double> cold = [], warm = [], theirs = [];
        int tokens = 0;
        for (int round = -WarmupRounds; round < rounds; round++)
        {
            // A tokenizer of its own, so that no pre-token is known; then the same text once more, all of them known.
            BpeTokenizer tokenizer = BpeTokenizer.Load(folder);
            var ids = new List<int>(text.Length / 2);
            double first = Timing.Seconds(() => tokenizer.EncodeTo(text, ids));
            tokens = ids.Count;
            ids.Clear();
            double second = Timing.Seconds(() => tokenizer.EncodeTo(text, ids));
            peer.StandardInput.WriteLine("encode");
            JsonElement answer = JsonDocument.Parse(peer.StandardOutput.ReadLine() ?? throw new InvalidOperationException(
                "The peer ended without an answer: its error output is above. It needs 'npm ci' in benchmarks/peers.")).RootElement;
            if (answer.GetProperty("tokens").GetInt32() != tokens)
                throw new InvalidOperationException(
                    $"tiktoken made {answer.GetProperty("tokens")} tokens, this tokenizer {tokens}: not the same vocabulary?");
            if (round < 0)
                continue;
            cold.Add(first);
            warm.Add(second);
            theirs.Add(answer.GetProperty("seconds").GetDouble());
        }
        peer.StandardInput.Close();
        peer.WaitForExit();
        Report.Line(new
        {
            Benchmark = "tokenize", File = Path.GetFileName(path), megabytes, tokens, rounds, Threads = 1,
            MegabytesPerSecond = Report.Rounded(megabytes / Report.Median(cold)),
            MegabytesPerSecondAgain = Report.Rounded(megabytes / Report.Median(warm)),
            TiktokenMegabytesPerSecond = Report.Rounded(megabytes / Report.Median(theirs)),
            RatioMedian = Report.Rounded(Report.Median(theirs.Zip(cold, (their, our) => their / our))),
        });
    }

    private static void Prepare(string folder, string path, int copies, int rounds)
    {
        BpeTokenizer tokenizer = BpeTokenizer.Load(folder);
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
