using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Training;

namespace WebDistill.Benchmarks;

/// <summary>
/// <c>paired</c>: the same step here and by a peer, one after the other, again and again, so that whatever else the machine does falls on
/// both alike. The ratio is the median of the rounds' ratios.
/// </summary>
internal static class PairedCommand
{
    /// <summary>
    /// Wait before each measured step: whoever ran before has idle threads that spin for a while before they sleep.
    /// </summary>
    private static readonly TimeSpan s_settle = TimeSpan.FromMilliseconds(200);

    public static Command Create()
    {
        var options = new StepOptions();
        var peers = new Option<string[]>("--peer-command")
        {
            Description = "a command that makes the same step for each line of its input (`step --serve` of another build, benchmarks/peers/step_pytorch.py); "
                + "the sizes are appended. Without one: `libtorch-step` of this build",
            DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true,
        };
        var command = new Command("paired", "The product's step and a peer's in alternation: the ratio of their speeds.");
        options.AddTo(command);
        command.Add(peers);
        command.SetAction(result => StepWorkload.OnThreadOfItsOwn(() => Run(options, result, result.GetValue(peers)!)));
        return command;
    }

    private static void Run(StepOptions options, ParseResult result, string[] peerCommands)
    {
        (Gpt2Config teacher, int layers, int batch, int context, bool dropout) = options.Sizes(result);
        int rounds = result.GetValue(options.Steps), warmup = result.GetValue(options.Warmup);
        string sizes = string.Create(CultureInfo.InvariantCulture,
            $"--teacher {result.GetValue(options.Teacher)} --student-layers {layers} --batch {batch} --context {context}{(dropout ? "" : " --no-dropout")}");
        var peers = new List<Peer>();
        try
        {
            if (peerCommands.Length == 0)
                peers.Add(new Peer($"dotnet {typeof(PairedCommand).Assembly.Location} libtorch-step {sizes}", [(NativeMemorySettings.Variable, NativeMemorySettings.LeaveAlone)]));
            foreach (string peer in peerCommands)
                peers.Add(new Peer($"{peer} {sizes}", []));
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
                ownSeconds.Add(own.Step().Values[LoopSeries.StepSeconds.Name]);
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
                    rounds, Peer = peer.Name,
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

        public Peer(string command, IEnumerable<(string Variable, string Value)> environment)
        {
            int space = command.IndexOf(' ');
            var start = new ProcessStartInfo(command[..space], command[(space + 1)..]) { RedirectStandardInput = true, RedirectStandardOutput = true };
            foreach ((string variable, string value) in environment)
                start.Environment[variable] = value;
            _process = Process.Start(start) ?? throw new InvalidOperationException($"'{command}' did not start.");
            Name = "the peer";
            Name = Answer().GetProperty("name").GetString()!;
        }

        public string Name { get; }
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
                $"{Name} ended without an answer: its error output is above.");
            return JsonDocument.Parse(line).RootElement;
        }
    }
}
