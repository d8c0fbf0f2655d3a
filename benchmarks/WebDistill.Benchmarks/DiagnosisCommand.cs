using System.CommandLine;
using System.Diagnostics;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Benchmarks;

/// <summary>
/// <c>diagnosis</c>: the same short run without looks at its inside, with one after every update, and with those that the default makes, one after the other in
/// every round. What a look costs is what the second takes longer; the third says the same at the default, where it drowns in the noise of the clock. The time of the
/// processor is counted as well: on a machine that does other work it says more than the clock.
/// </summary>
internal static class DiagnosisCommand
{
    private const int HeldOutTokens = 16_384;

    public static Command Create()
    {
        var sizes = new StepOptions();
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5, Description = "how often the three runs are made; --steps is the updates of each" };
        var command = new Command("diagnosis", "What the looks at the inside of a run cost, in updates and as a share of its time.");
        sizes.AddTo(command);
        command.Add(rounds);
        command.SetAction(parsed => StepWorkload.OnThreadOfItsOwn(() => Measure(sizes, parsed, parsed.GetValue(rounds))));
        return command;
    }

    private static void Measure(StepOptions sizes, ParseResult parsed, int rounds)
    {
        (Gpt2Config shape, int layers, int batch, int context, bool dropout) = sizes.Sizes(parsed);
        int updates = parsed.GetValue(sizes.Steps), warmup = parsed.GetValue(sizes.Warmup);
        DirectoryInfo work = Directory.CreateTempSubdirectory("webdistill-diagnosis-");
        try
        {
            using TokenFile train = Write(work, "train", shape, batch * (context + 1) * (updates + 1), seed: 3), held = Write(work, "held", shape, HeldOutTokens, seed: 4);
            using var teacher = new ModelTeacher(TextModel.CreateRandom(shape, seed: 1));
            RunOptions options = Options(batch, context, updates, dropout);
            Seconds(options with { Schedule = options.Schedule with { MaxUpdates = warmup }, Diagnosis = new() { IntervalSteps = 1 } });
            List<double> without = [], costs = [], processorCosts = [], shares = [];
            int looks = 0;
            for (int round = 0; round < rounds; round++)
            {
                (double plain, double plainProcessor, _) = Seconds(options with { Diagnosis = new() { IntervalSteps = 0 } });
                (double always, double alwaysProcessor, _) = Seconds(options with { Diagnosis = new() { IntervalSteps = 1 } });
                (double usual, _, looks) = Seconds(options);
                without.Add(plain);
                costs.Add((always - plain) / plain);
                processorCosts.Add((alwaysProcessor - plainProcessor) / plainProcessor);
                shares.Add((usual - plain) / plain);
            }
            int interval = Diagnosis.IntervalSteps(options, context, updates);
            Report.Line(new
            {
                Benchmark = "diagnosis", Teacher = parsed.GetValue(sizes.Teacher), StudentLayers = layers, batch, context, dropout, updates, rounds,
                SecondsPerUpdate = Report.Rounded(Report.Median(without) / updates),
                UpdatesPerLook = Report.Rounded(Report.Median(costs)), UpdatesPerLookSmallest = Report.Rounded(costs.Min()), UpdatesPerLookLargest = Report.Rounded(costs.Max()),
                ProcessorUpdatesPerLook = Report.Rounded(Report.Median(processorCosts)), ProcessorUpdatesPerLookSmallest = Report.Rounded(processorCosts.Min()),
                ProcessorUpdatesPerLookLargest = Report.Rounded(processorCosts.Max()),
                DefaultIntervalUpdates = interval, DefaultSharePercent = Report.Rounded(100 * Report.Median(processorCosts) / interval),
                LooksOfTheDefault = looks, MeasuredSharePercent = Report.Rounded(100 * Report.Median(shares)),
                MeasuredSharePercentSmallest = Report.Rounded(100 * shares.Min()), MeasuredSharePercentLargest = Report.Rounded(100 * shares.Max()),
            });

            (double Seconds, double ProcessorSeconds, int Looks) Seconds(RunOptions wanted)
            {
                using TextModel student = TextModel.CreateRandom(shape.WithLayers(layers).WithDropout(wanted.Student.Dropout), seed: 2);
                TrainingParts parts = TrainingParts.Of(wanted, teacher, student, train, held);
                using var batches = parts.Batches;
                using var trainer = new Trainer(parts, wanted);
                int made = 0;
                double processor = ProcessorSeconds();
                long began = Stopwatch.GetTimestamp();
                trainer.Run(new RunListener(diagnosed: _ => made++), afterUpdate: null, CancellationToken.None);
                return (Stopwatch.GetElapsedTime(began).TotalSeconds, ProcessorSeconds() - processor, made);
            }

            static double ProcessorSeconds()
            {
                using var process = Process.GetCurrentProcess();
                return process.TotalProcessorTime.TotalSeconds;
            }
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    // The held-out text is measured twice per run, on the least that can be: it costs both the same.
    private static RunOptions Options(int batch, int context, int updates, bool dropout) => new()
    {
        Data = new() { DatasetId = "given", ContextLength = context }, Student = new() { Dropout = dropout ? 0.1 : 0 }, Optimiser = new() { LearningRate = 1e-4 },
        Schedule = new() { Epochs = 1, BatchSize = batch, MaxUpdates = updates, ValidationIntervalSteps = 0, ValidationMaxTokens = 2 },
    };

    private static TokenFile Write(DirectoryInfo work, string name, Gpt2Config shape, int tokens, int seed)
    {
        var random = new Random(seed);
        string path = Path.Combine(work.FullName, name);
        using (var writer = new TokenFileWriter(path, shape.VocabularySize, shape.EndOfTextId ?? 0, new string('0', 64), FileLayer.Disk))
        {
            writer.AppendDocument([.. Enumerable.Range(0, tokens).Select(_ => random.Next(1, shape.VocabularySize - 1))]);
            writer.Commit();
        }
        return TokenFile.Open(path);
    }
}
