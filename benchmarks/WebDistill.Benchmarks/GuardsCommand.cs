using System.CommandLine;
using System.Diagnostics;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Guards;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Benchmarks;

/// <summary>
/// <c>guards</c>: healthy runs of many kinds with every guard on, and what the guards say of them, which should be nothing; and what a guarded update and the beginning of a guarded
/// attempt cost.
/// </summary>
internal static class GuardsCommand
{
    private const int VocabularySize = 512, Stories = 260, HeldOutStories = 20, TimedUpdates = 100_000;

    private static readonly Kind[] s_kinds =
    [
        new("teacher from scratch", HasTeacher: false, o => o with { Optimiser = o.Optimiser with { LearningRate = 3e-3 } }),
        new("from scratch, dropout 0.1, low rate, 2 epochs", HasTeacher: false, o => o with
        {
            Student = o.Student with { Dropout = 0.1 }, Schedule = o.Schedule with { Epochs = 2 }, Optimiser = o.Optimiser with { LearningRate = 5e-4 },
        }),
        new("from scratch, batches of one", HasTeacher: false, o => o with { Schedule = o.Schedule with { BatchSize = 1, WarmupProportion = 0 } }),
        new("distillation CE, causal LM and cosine, T = 2", HasTeacher: true, o => o with { Objective = Terms(("ce", 5, 2), ("clm", 2, null), ("cos", 1, null)) }),
        new("distillation CE alone, T = 8", HasTeacher: true, o => o with { Objective = Terms(("ce", 1, 8)) }),
        new("distillation CE and causal LM, T = 1, 3 epochs", HasTeacher: true, o => o with { Objective = Terms(("ce", 1, 1), ("clm", 1, null)), Schedule = o.Schedule with { Epochs = 3 } }),
        new("squared error of the logits", HasTeacher: true, o => o with { Objective = Terms(("mse", 1, null)) }),
        new("cosine and causal LM, random student", HasTeacher: true, o => o with
        {
            Objective = Terms(("clm", 1, null), ("cos", 1, null)), Student = o.Student with { Initialisation = "random" },
        }),
        new("batches of 16, accumulation 2, 4 epochs", HasTeacher: true, o => o with
        {
            Schedule = o.Schedule with { BatchSize = 16, GradientAccumulation = 2, Epochs = 4, ValidationIntervalSteps = 10 },
        }),
        new("Hugging Face's sequences and bookkeeping, grouped by size", HasTeacher: true, o => o with
        {
            Data = o.Data with { SequenceMode = SequenceMode.HuggingFace }, Schedule = o.Schedule with { Semantics = TrainingSemantics.HuggingFaceExact, BatchSize = 4 },
        }),
    ];

    public static Command Create()
    {
        var seeds = new Option<int>("--seeds") { DefaultValueFactory = _ => 5, Description = $"runs of each of the {s_kinds.Length} kinds" };
        var command = new Command("guards", "Healthy runs of many kinds under every guard: how often one speaks, and what the guards cost. Exit code 1 where one speaks.") { seeds };
        command.SetAction(parsed =>
        {
            int alarms = 0;
            StepWorkload.OnThreadOfItsOwn(() => alarms = Measure(parsed.GetValue(seeds)));
            return alarms == 0 ? 0 : 1;
        });
        return command;
    }

    private static int Measure(int seeds)
    {
        DirectoryInfo work = Directory.CreateTempSubdirectory("webdistill-guards-");
        try
        {
            var results = s_kinds.Select(_ => (Updates: 0, Seen: new List<Sighting>())).ToArray();
            List<StepReport> longest = [];
            for (int seed = 1; seed <= seeds; seed++)
            {
                (TokenFile train, TokenFile held, _) = StoryTokens.Write(work, seed, Stories, HeldOutStories, VocabularySize);
                using (train)
                using (held)
                {
                    // The first kind's student is the teacher of the others.
                    TextModel? teacher = null;
                    for (int i = 0; i < s_kinds.Length; i++)
                    {
                        RunOptions options = s_kinds[i].Change(Base(seed));
                        TextModel? own = s_kinds[i].HasTeacher ? teacher : null;
                        TextModel student = StudentInits.Create(options with { Student = Shape(options.Student, own) }, own, train.VocabularySize);
                        (List<StepReport> reports, List<Sighting> seen) = Train(options, own, student, train, held);
                        results[i] = (results[i].Updates + reports.Count, [.. results[i].Seen, .. seen]);
                        longest = reports.Count > longest.Count ? reports : longest;
                        if (teacher is null)
                            teacher = student;
                        else
                            student.Dispose();
                    }
                    teacher?.Dispose();
                }
            }
            for (int i = 0; i < s_kinds.Length; i++)
            {
                Report.Line(new
                {
                    Benchmark = "guards", Kind = s_kinds[i].Name, Runs = seeds, results[i].Updates, Alarms = results[i].Seen.Count,
                    Seen = results[i].Seen.Select(seen => $"{seen.Guard.Name}: {seen.Text}"),
                });
            }
            int alarms = results.Sum(result => result.Seen.Count);
            Report.Line(new { Benchmark = "guardsTotal", Runs = seeds * s_kinds.Length, Updates = results.Sum(result => result.Updates), Alarms = alarms });
            TimeWatch(longest);
            return alarms;
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    private static (List<StepReport> Reports, List<Sighting> Seen) Train(RunOptions options, TextModel? teacher, TextModel student, TokenFile train, TokenFile held)
    {
        TrainingParts parts = TrainingParts.Of(options, teacher is null ? null : new ModelTeacher(teacher), student, train, held);
        using var batches = parts.Batches;
        using var trainer = new Trainer(parts, options);
        var watch = new RunWatch(options, teacher is not null, trainer.TotalSteps);
        List<StepReport> reports = [];
        List<Sighting> seen = [];
        long updated = Stopwatch.GetTimestamp(), looked = updated;
        trainer.Run(new RunListener(report =>
        {
            reports.Add(report);
            seen.AddRange(watch.After(report, Stopwatch.GetElapsedTime(updated).TotalSeconds));
            updated = Stopwatch.GetTimestamp();
            // As the product looks at its clock, only more often: these runs take seconds.
            if (Stopwatch.GetElapsedTime(looked).TotalSeconds < 0.5)
                return;
            looked = updated;
            seen.AddRange(watch.At(new Moment(0, Machine.Read(long.MaxValue))));
        }), afterUpdate: null, CancellationToken.None);
        return (reports, seen);
    }

    /// <summary>The same updates again and again, as one long run: per update when told, and all of them when an attempt begins.</summary>
    private static void TimeWatch(List<StepReport> reports)
    {
        StepReport[] many = [.. Enumerable.Range(1, TimedUpdates).Select(step => reports[(step - 1) % reports.Count] with { Step = step })];
        var watch = new RunWatch(Base(1), hasTeacher: true, TimedUpdates);
        var durations = new double[TimedUpdates];
        for (int i = 0; i < many.Length; i++)
        {
            long began = Stopwatch.GetTimestamp();
            watch.After(many[i], 1);
            durations[i] = Stopwatch.GetElapsedTime(began).TotalMicroseconds;
        }
        Report.Line(new
        {
            Benchmark = "guardsCost", Updates = TimedUpdates, MedianMicroseconds = Report.Rounded(Report.Median(durations)), LargestMicroseconds = Report.Rounded(durations.Max()),
            SumSeconds = Report.Rounded(durations.Sum() / 1e6),
        });
    }

    private static RunOptions Base(int seed) => new()
    {
        Seed = seed, Data = new() { DatasetId = "given", ContextLength = 64 }, Student = new() { LayerCount = 1, Dropout = 0 },
        Schedule = new() { Epochs = 2, BatchSize = 4, ValidationIntervalSteps = 20, ValidationMaxTokens = 1024 }, Optimiser = new() { LearningRate = 1e-3 },
        Objective = Terms(("ce", 5, 2), ("clm", 2, null)), Guards = new() { Preset = GuardPreset.Watch },
    };

    private static StudentOptions Shape(StudentOptions student, TextModel? teacher) => teacher is not null ? student
        : student with { Initialisation = "random", LayerCount = 2, Width = 64, Heads = 2 };

    private static Dictionary<string, ObjectiveTerm> Terms(params (string Name, double Weight, double? Temperature)[] terms) => terms.ToDictionary(
        term => term.Name, term => term.Temperature is double t ? new ObjectiveTerm(term.Weight, ("temperature", t)) : new ObjectiveTerm(term.Weight));

    /// <param name="HasTeacher">Whether it learns from a model that the first kind has trained.</param>
    private sealed record Kind(string Name, bool HasTeacher, Func<RunOptions, RunOptions> Change);
}
