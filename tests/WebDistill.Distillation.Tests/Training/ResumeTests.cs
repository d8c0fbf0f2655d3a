using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Optimisation;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Tests.Losses;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>A run that was cut and went on is the run that was not cut: weights, moments, metrics and generator, bit for bit.</summary>
[Collection(GlobalRandomNumbers.Name)]
[Trait("takes", "long")]
public sealed class ResumeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _tokens;

    public ResumeTests() => _tokens = SmallModels.Tokens(_folder, documents: 60);

    public void Dispose()
    {
        _tokens.Dispose();
        _folder.Dispose();
    }

    public static TheoryData<SequenceMode, TrainingSemantics, int> Modes()
    {
        var data = new TheoryData<SequenceMode, TrainingSemantics, int>();
        foreach (SequenceMode mode in Enum.GetValues<SequenceMode>())
            foreach (TrainingSemantics semantics in Enum.GetValues<TrainingSemantics>())
                foreach (int accumulation in (int[])[1, 4])
                    data.Add(mode, semantics, accumulation);
        return data;
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Run_CutAtEveryThirdUpdate_EndsBitForBitTheSame(SequenceMode mode, TrainingSemantics semantics, int accumulation)
    {
        RunOptions options =
            ResumableRun.Options with { Data = ResumableRun.Options.Data with { SequenceMode = mode },
                Schedule = ResumableRun.Options.Schedule with { Semantics = semantics, GradientAccumulation = accumulation, Epochs = 2 } };
        // Said while an update is reported, and heard before the next one's first micro-batch.
        Ended whole = Uninterrupted(options), cut = Cut(options, (stop, _) => report =>
        {
            if (report.Step % 3 == 0)
                stop.Cancel();
        });
        AssertSame(whole, cut);
        Assert.Equal((whole.Reports.Count - 1) / 3, cut.Cuts);
    }

    public static TheoryData<string> Shapes => [.. RateSchedules.All.Select(schedule => schedule.Name)];

    /// <summary>A budget ends the run within its first epoch; each update's rate is that of the plan up to there.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Run_CutUnderABudgetOfTokens_EndsBitForBitTheSameAndAtTheBudget(string shape)
    {
        RunOptions options = ResumableRun.Options.With(o => o with
        {
            Schedule = o.Schedule with { Shape = shape, GradientAccumulation = 1, WarmupProportion = 0.25, DecayProportion = 0.5, MaxTokens = 265 },
        });
        Ended whole = Uninterrupted(options), cut = Cut(options, (stop, _) => report =>
        {
            if (report.Step % 3 == 0)
                stop.Cancel();
        });
        AssertSame(whole, cut);
        Assert.True(cut.Cuts >= 3);
        // 2 sequences of 12 tokens in an update.
        Assert.Equal([264, 288], whole.Reports[^2..].Select(report => report.TokensSeen));
        RateSchedule schedule = RateSchedules.Find(shape);
        Assert.Equal(Enumerable.Range(0, 12).Select(k => options.Optimiser.LearningRate * (k < 3 ? (k + 1) / 4.0 : schedule.Factor(k, 3, 12, options.Schedule))),
            whole.Reports.Select(report => report[LoopSeries.LearningRate.Name]!.Value));
    }

    [Fact]
    public void Run_CutAtRandomMoments_EndsBitForBitTheSame()
    {
        RunOptions options = ResumableRun.Options with { Schedule = ResumableRun.Options.Schedule with { GradientAccumulation = 5,
            ValidationIntervalSteps = 2 } };
        Ended whole = Uninterrupted(options);
        for (int seed = 1; seed <= 4; seed++)
        {
            var random = new Random(seed);
            // Any moment: between micro-batches, in a measurement of the perplexity, before the first update.
            Ended cut = Cut(options, (stop, cuts) =>
            {
                // Later and later, so that a machine on which an update takes longer than that comes to the end too.
                stop.CancelAfter(TimeSpan.FromMilliseconds(random.Next(1, 25 + cuts)));
                return null;
            });
            AssertSame(whole, cut);
        }
    }

    [Fact]
    public void Run_CutWhileThePerplexityIsMeasured_ReportsTheUpdateOnce()
    {
        const int cut = 5;
        RunOptions options = ResumableRun.Options with { Schedule = ResumableRun.Options.Schedule with { ValidationIntervalSteps = cut } };
        Ended whole = Uninterrupted(options, [.. LossCatalogue.All, new WholeLossTests.LayersAndAttentions()]);
        using var stop = new CancellationTokenSource();
        // Said within the last micro-batch of the update, after the loop has last listened: the measurement that follows is the first to hear it.
        int batches = 0;
        var stopping = new WholeLossTests.LayersAndAttentions
        {
            Summed = () =>
            {
                if (++batches == cut * options.Schedule.GradientAccumulation)
                    stop.Cancel();
            },
        };
        IReadOnlyList<Loss> catalogue = [.. LossCatalogue.All, stopping];
        var reports = new Journal();
        var store = new CheckpointStore(_folder.File("run"), FileLayer.Disk);
        using (var run = new ResumableRun(options, _tokens, _tokens, catalogue: catalogue))
        {
            Assert.ThrowsAny<OperationCanceledException>(() => run.Trainer.Run(reports, null, stop.Token));
            run.Save(store, FileLayer.Disk);
        }
        Assert.Equal(cut - 1, reports.Reports.Count);
        Assert.Equal(cut, store.List().Single().Step);
        Assert.Equal(cut, TrainingCheckpoint.ReadState(store.Folder(cut)).State.Unreported!.Step);

        using (var run = new ResumableRun(options, _tokens, _tokens, store.Folder(cut), catalogue))
        {
            run.Trainer.Run(reports, null, CancellationToken.None);
            AssertSame(whole, new Ended(run.Weights, reports.Reports, run.Trainer.State, 1, reports.Diagnoses));
        }
    }

    [Fact]
    public void Restore_MoreEpochs_GoesOnWithTheLongerRunsSchedule()
    {
        RunOptions two = ResumableRun.Options with { Schedule = ResumableRun.Options.Schedule with { Epochs = 2 } }, three = two with { Schedule = two.Schedule with { Epochs = 3 } };
        var store = new CheckpointStore(_folder.File("run"), FileLayer.Disk);
        int steps;
        using (var run = new ResumableRun(two, _tokens, _tokens))
        {
            run.Trainer.Run(new Journal(), null, CancellationToken.None);
            steps = run.Trainer.CompletedSteps;
            run.Save(store, FileLayer.Disk);
        }
        var reports = new Journal();
        using (var run = new ResumableRun(three, _tokens, _tokens, store.Folder(steps)))
            run.Trainer.Run(reports, null, CancellationToken.None);
        using var whole = new ResumableRun(three, _tokens, _tokens);
        var all = new Journal();
        whole.Trainer.Run(all, null, CancellationToken.None);
        Assert.Equal(all.Reports.Skip(steps).Select(report => (report.Step, report.Values["learningRate"], report.Epoch, report.TokensSeen)),
            reports.Reports.Select(report => (report.Step, report.Values["learningRate"], report.Epoch, report.TokensSeen)));
    }

    [Fact]
    public void Restore_OtherCorpus_IsRefused()
    {
        var store = new CheckpointStore(_folder.File("run"), FileLayer.Disk);
        using (var run = new ResumableRun(ResumableRun.Options with { Schedule = ResumableRun.Options.Schedule with { Epochs = 1 } }, _tokens, _tokens))
        {
            run.Trainer.Run(new Journal(), null, CancellationToken.None);
            run.Save(store, FileLayer.Disk);
        }
        using TokenFile smaller = SmallModels.Tokens(_folder, documents: 20, name: "smaller.bin");
        string folder = store.Folder(store.List().Single().Step);
        InvalidDataException refused = Assert.Throws<InvalidDataException>(
            () => new ResumableRun(ResumableRun.Options with { Schedule = ResumableRun.Options.Schedule with { Epochs = 1 } }, smaller, smaller, folder));
        Assert.Contains(Path.GetFileName(folder), refused.Message);
    }

    [Fact]
    public void RequireSameAs_ChangedTeacher_NamesBothHashes()
    {
        InvalidDataException refused = Assert.Throws<InvalidDataException>(
            () => (ResumableRun.Provenance with { TeacherSha256 = "new" }).RequireSameAs(ResumableRun.Provenance));
        Assert.Contains("teacher's weights changed", refused.Message);
        Assert.Contains("new", refused.Message);
        (ResumableRun.Provenance with { Engine = "other", Version = "2" }).RequireSameAs(ResumableRun.Provenance);
    }

    [Fact]
    public void ReadState_OptionsOfBeforeTheGroups_AreReadAndGoOn()
    {
        // There was no diagnosis then: it is read as the default.
        RunOptions options = ResumableRun.Options with { Schedule = ResumableRun.Options.Schedule with { Epochs = 1 }, Diagnosis = new() };
        var store = new CheckpointStore(_folder.File("old"), FileLayer.Disk);
        using (var run = new ResumableRun(options, _tokens, _tokens))
        {
            run.Trainer.Step();
            run.Save(store, FileLayer.Disk);
        }
        string folder = store.Folder(1), file = Path.Combine(folder, "training_state.json");
        JsonObject state = JsonNode.Parse(File.ReadAllText(file))!.AsObject(), flat = [], grouped = Json(options);
        foreach (OptionField field in LossCatalogue.RunSchema.Fields)
            flat[FlatOptions.Paths.SingleOrDefault(known => known.Value == field.Path).Key ?? field.Path] = field.In(grouped)?.DeepClone();
        state["options"] = flat;
        File.WriteAllText(file, state.ToJsonString());

        RunOptions read = TrainingCheckpoint.ReadState(folder).Options;
        Assert.True(JsonNode.DeepEquals(grouped, Json(read)), $"Read as {Json(read).ToJsonString()}, expected {grouped.ToJsonString()}.");
        using var goesOn = new ResumableRun(read, _tokens, _tokens, folder);
        Assert.Equal(1, goesOn.Trainer.CompletedSteps);

        static JsonObject Json(RunOptions options) => LossCatalogue.RunSchema.Write(options, JsonSerializerOptions.Web);
    }

    [Fact]
    public void CheckContinuation_WhatFixesTheCorpusOrTheShape_IsRefusedAndTheRestMayChange()
    {
        RunOptions saved = ResumableRun.Options;
        Assert.Empty(TrainingCheckpoint.CheckContinuation(saved, saved with
        {
            Name = "x",
            Optimiser = saved.Optimiser with { LearningRate = 1e-5 },
            Objective = saved.Objective.With(temperature: 4, ce: 1),
            Schedule = saved.Schedule with { Epochs = 9 },
            Student = saved.Student with { Dropout = 0 },
            Checkpoints = saved.Checkpoints with { IntervalSteps = 1 },
        }));
        Assert.Equal(["data.datasetId", "data.contextLength", "schedule.batchSize", "seed"], TrainingCheckpoint
            .CheckContinuation(saved, saved with { Data = saved.Data with { DatasetId = "e", ContextLength = null },
                Schedule = saved.Schedule with { BatchSize = 9 }, Seed = 1 })
            .Select(problem => problem.Field));
    }

    private Ended Uninterrupted(RunOptions options, IReadOnlyList<Loss>? catalogue = null)
    {
        using var run = new ResumableRun(options, _tokens, _tokens, catalogue: catalogue);
        var reports = new Journal();
        run.Trainer.Run(reports, null, CancellationToken.None);
        return new Ended(run.Weights, reports.Reports, run.Trainer.State, 0, reports.Diagnoses);
    }

    // Given what ends an attempt and how many were cut before it, the cutter says what is done at each report.
    private Ended Cut(RunOptions options, Func<CancellationTokenSource, int, Action<StepReport>?> cutter)
    {
        var store = new CheckpointStore(_folder.File(Guid.NewGuid().ToString("N")), FileLayer.Disk);
        Action<StepReport>? each = null;
        var reports = new Journal(report => each?.Invoke(report));
        string? folder = null;
        for (int cuts = 0; ; cuts++)
        {
            Assert.True(cuts < 10_000, "the run does not come to its end");
            using var run = new ResumableRun(options, _tokens, _tokens, folder);
            using var stop = new CancellationTokenSource();
            each = cutter(stop, cuts);
            try
            {
                run.Trainer.Run(reports, null, stop.Token);
                return new Ended(run.Weights, reports.Reports, run.Trainer.State, cuts, reports.Diagnoses);
            }
            catch (OperationCanceledException)
            {
                run.Save(store, FileLayer.Disk);
                folder = store.Folder(run.Trainer.CompletedSteps);
            }
        }
    }

    private static void AssertSame(Ended expected, Ended found)
    {
        Assert.Equal(expected.Reports.Select(Journal.Timeless), found.Reports.Select(Journal.Timeless));
        foreach ((string name, float[] weights) in expected.Weights)
            Assert.Equal(weights, found.Weights[name]);
        Assert.Equal(StateJson(expected.State), StateJson(found.State));
        Assert.NotEmpty(expected.Diagnoses);
        Assert.Equal(expected.Diagnoses.Select(Json), found.Diagnoses.Select(Json));

        static string Json(Diagnosis diagnosis) => JsonSerializer.Serialize(diagnosis, s_json);
    }

    private static string StateJson(TrainingState state) => JsonSerializer.Serialize(state, s_json);

    private static readonly JsonSerializerOptions s_json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    private sealed record Ended(
        Dictionary<string, float[]> Weights, List<StepReport> Reports, TrainingState State, int Cuts, List<Diagnosis> Diagnoses);
}
