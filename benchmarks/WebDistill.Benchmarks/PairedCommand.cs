using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Models;

namespace WebDistill.Benchmarks;

/// <summary>
/// <c>paired</c>: the same step here and in PyTorch, one after the other, again and again, so that whatever else the machine does falls on
/// both alike. The ratio is the median of the rounds' ratios.
/// </summary>
internal static class PairedCommand
{
    /// <summary>
    /// Wait before each measured step: whoever ran before has idle threads that spin for a while (OpenBLAS's longest) before they sleep.
    /// </summary>
    private static readonly TimeSpan s_settle = TimeSpan.FromMilliseconds(200);

    /// <summary>How PyTorch is started. None of these is a change of the script.</summary>
    private static readonly (string Name, (string Variable, string Value)[] Environment)[] s_modes =
    [
        ("stock", []),
        ("tuned",
        [
            ("OPENBLAS_CORETYPE", "SkylakeX"), ("MALLOC_MMAP_MAX_", "0"), ("MALLOC_TRIM_THRESHOLD_", "68719476736"),
            ("MALLOC_TOP_PAD_", "67108864"), ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"),
        ]),
        // What stock PyTorch does on a processor that its OpenBLAS does not know.
        ("avx2", [("OPENBLAS_CORETYPE", "Haswell")]),
    ];

    public static Command Create()
    {
        var options = new StepOptions();
        var python = new Option<string>("--python")
        {
            Description = "an interpreter that can import torch", DefaultValueFactory = _ => "/usr/bin/python3",
        };
        var script = new Option<string>("--script")
        {
            Description = "the peer", DefaultValueFactory = _ => Path.Combine("benchmarks", "peers", "step_pytorch.py"),
        };
        var modes = new Option<string[]>("--peer")
        {
            Description = string.Join(", ", s_modes.Select(mode => mode.Name)), DefaultValueFactory = _ => ["stock", "tuned"],
            AllowMultipleArgumentsPerToken = true,
        };
        var command = new Command("paired", "The step of the product and of PyTorch in alternation: the ratio of their speeds.");
        options.AddTo(command);
        foreach (Option option in new Option[] { python, script, modes })
            command.Add(option);
        command.SetAction(result => Run(options, result, result.GetValue(python)!, result.GetValue(script)!, result.GetValue(modes)!));
        return command;
    }

    private static void Run(StepOptions options, ParseResult result, string python, string script, string[] modes)
    {
        (Gpt2Config teacher, int layers, int batch, int context, bool dropout) = options.Sizes(result);
        int rounds = result.GetValue(options.Steps), warmup = result.GetValue(options.Warmup);
        string sizes = string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"--layers {teacher.NLayer} --student-layers {layers} --width {teacher.NEmbd} --heads {teacher.NHead} "
            + $"--vocabulary {teacher.VocabSize} --positions {teacher.NPositions} --batch {batch} --context {context} "
            + $"--dropout {(dropout ? 0.1 : 0)} "
            + $"--threads {Device.Threads}");
        var peers = new List<Peer>();
        try
        {
            foreach (string name in modes)
            {
                int index = Array.FindIndex(s_modes, mode => mode.Name == name);
                if (index < 0)
                    throw new ArgumentException(
                        $"--peer {name}: expected one of {string.Join(", ", s_modes.Select(mode => mode.Name))}.");
                peers.Add(new Peer(name, python, $"{script} {sizes}", s_modes[index].Environment));
            }
            using var own = new StepWorkload(teacher, layers, batch, context, dropout);
            for (int i = 0; i < warmup; i++)
            {
                own.Step();
                peers.ForEach(peer => peer.Step());
            }
            var ownSeconds = new List<double>();
            for (int round = 0; round < rounds; round++)
            {
                Thread.Sleep(s_settle);
                ownSeconds.Add(own.Step().StepSeconds);
                foreach (Peer peer in peers)
                {
                    Thread.Sleep(s_settle);
                    peer.Seconds.Add(peer.Step());
                }
            }
            double tokens = batch * context;
            long ownPeak = Report.PeakResidentBytes;
            foreach (Peer peer in peers)
            {
                double[] ratios = [.. peer.Seconds.Zip(ownSeconds, (theirs, ours) => theirs / ours)];
                Report.Line(new
                {
                    Benchmark = "paired", Teacher = result.GetValue(options.Teacher), StudentLayers = layers, batch, context, dropout,
                    rounds, Peer = $"PyTorch {peer.Version}, {peer.Name}",
                    OwnTokensPerSecond = Report.Rounded(tokens / Report.Median(ownSeconds)),
                    PeerTokensPerSecond = Report.Rounded(tokens / Report.Median(peer.Seconds)),
                    RatioMedian = Report.Rounded(Report.Median(ratios)),
                    RatioSmallest = Report.Rounded(ratios.Min()),
                    RatioLargest = Report.Rounded(ratios.Max()),
                    OwnPeakResidentMebibytes = ownPeak >> 20,
                    PeerPeakResidentMebibytes = peer.PeakResidentBytes >> 20,
                    MemoryRatio = Report.Rounded((double)ownPeak / peer.PeakResidentBytes),
                });
            }
        }
        finally
        {
            peers.ForEach(peer => peer.Dispose());
        }
    }

    /// <summary>A process that makes one step for each line it is sent, and answers with one line of JSON.</summary>
    private sealed class Peer : IDisposable
    {
        private readonly Process _process;

        public Peer(string name, string python, string arguments, IEnumerable<(string Variable, string Value)> environment)
        {
            Name = name;
            var start = new ProcessStartInfo(python, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true };
            foreach ((string variable, string value) in environment)
                start.Environment[variable] = value;
            _process = Process.Start(start) ?? throw new InvalidOperationException($"'{python}' did not start.");
            Version = Answer().GetProperty("torch").GetString()!;
        }

        public string Name { get; }
        public string Version { get; }
        public List<double> Seconds { get; } = [];
        public long PeakResidentBytes { get; private set; }

        public double Step()
        {
            _process.StandardInput.WriteLine("step");
            _process.StandardInput.Flush();
            JsonElement answer = Answer();
            PeakResidentBytes = answer.GetProperty("peakResidentBytes").GetInt64();
            return answer.GetProperty("seconds").GetDouble();
        }

        public void Dispose()
        {
            _process.StandardInput.Close();
            _process.WaitForExit();
            _process.Dispose();
        }

        private JsonElement Answer()
        {
            string line = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException(
                $"The peer '{Name}' ended without an answer: its error output is above. "
                + "It needs PyTorch (Debian: apt-get install python3-torch); --python names the interpreter.");
            return JsonDocument.Parse(line).RootElement;
        }
    }
}
