using WebDistill.Distillation.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Guards;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Tests.Training;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Guards;

/// <summary>Real trainings that go wrong for a known reason: each is caught by its guard, and by no other.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class PathologyTests : IDisposable
{
    private static readonly RunOptions s_options = new()
    {
        Data = new() { DatasetId = "d", ContextLength = 12 },
        Student = new() { Dropout = 0 },
        Schedule = new() { Epochs = 4, BatchSize = 4, WarmupProportion = 0.1, ValidationIntervalSteps = 10, ValidationMaxTokens = 500 },
        Optimiser = new() { LearningRate = 3e-3 },
        Guards = new() { Preset = GuardPreset.Watch },
    };

    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _train, _validation;

    public PathologyTests() =>
        (_train, _validation) = (SmallModels.Tokens(_folder, documents: 120), SmallModels.Tokens(_folder, documents: 30, name: "validation.bin"));

    public void Dispose()
    {
        _train.Dispose();
        _validation.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Run_NothingWrong_IsSeenByNobody()
    {
        using TextModel teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1);
        Assert.Empty(Watched(s_options, teacher, student));
    }

    [Fact]
    public void LearningRateOfTen_IsSeenByTheLossAlone()
    {
        using TextModel teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1);
        List<Sighting> seen = Watched(s_options with { Optimiser = s_options.Optimiser with { LearningRate = 10, MaxGradientNorm = 1e30 } }, teacher, student);
        Assert.NotEmpty(seen);
        Assert.All(seen, sighting => Assert.True(sighting.Guard is SpikeGuard or NonFiniteGuard, sighting.Text));
    }

    [Fact]
    public void CorruptedBatch_IsASpikeOfItsUpdate()
    {
        using TextModel teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1);
        RunOptions options = s_options with { Objective = Terms.Of(ce: 0, clm: 1, cos: 0), Schedule = s_options.Schedule with { Epochs = 1 },
            Optimiser = s_options.Optimiser with { LearningRate = 1e-2 } };
        using var batches = new CorpusBatches(_train, SequenceMode.Packed, 12, 4, shuffle: true, groupBySize: false, seed: 1);
        var random = new SeededRandom(9);
        int made = 0;
        using Trainer trainer = Trainers.Create(options, null, student, 500, () =>
        {
            TokenBatch batch = batches.Next();
            // A sector of the disk that came back as something else.
            return ++made != 400 ? batch
                : batch with { Ids = [.. batch.Ids.Select(_ => (long)(random.NextDouble() * SmallModels.Vocabulary))] };
        }, null);
        Sighting seen = Assert.Single(Watched(trainer, options, hasTeacher: false));
        Assert.Equal(("spike", 400), (seen.Guard.Name, seen.Step));
    }

    [Fact]
    public void TeacherThatIsTheStudent_WithItsTermsAlone_IsSeenInTheFirstUpdates()
    {
        using TextModel teacher = SmallModels.Random(1), student = SmallModels.Random(1);
        // What comes after is made of rounding errors, which AdamW takes as large steps: the others may see that too.
        Sighting seen = Watched(s_options with { Objective = Terms.Of(ce: 1, clm: 0, cos: 0) }, teacher, student)[0];
        Assert.Equal(("noOp", 3), (seen.Guard.Name, seen.Step));
        Assert.StartsWith("The student equals its teacher: in the first 3 updates 'ce' came to at most ", seen.Text);
    }

    [Fact]
    public void TinyTextLearnedByHeart_IsARisingValidation()
    {
        using TokenFile tiny = SmallModels.Tokens(_folder, documents: 3, name: "tiny.bin");
        using TextModel student = SmallModels.Random(2);
        RunOptions options = s_options with
        {
            Objective = Terms.Of(ce: 0, clm: 1, cos: 0), Schedule = s_options.Schedule with { Epochs = 150, BatchSize = 2 }, Optimiser = s_options.Optimiser with { LearningRate = 1e-2 },
            Guards = s_options.Guards with { Plateau = GuardResponse.Off },
        };
        using Trainer trainer = Trainers.Create(options, null, student, tiny, _validation);
        Sighting seen = Assert.Single(Watched(trainer, options, hasTeacher: false));
        Assert.Equal("validation", seen.Guard.Name);
    }

    private List<Sighting> Watched(RunOptions options, TextModel teacher, TextModel student)
    {
        using Trainer trainer = Trainers.Create(options, teacher, student, _train, _validation);
        return Watched(trainer, options, hasTeacher: true);
    }

    private static List<Sighting> Watched(Trainer trainer, RunOptions options, bool hasTeacher)
    {
        var watch = new RunWatch(options, hasTeacher, trainer.TotalSteps);
        List<Sighting> seen = [];
        try
        {
            trainer.Run(new Journal(report => seen.AddRange(watch.After(report, report[LoopSeries.StepSeconds.Name]))), afterUpdate: null, CancellationToken.None);
        }
        catch (TrainingDivergedException problem)
        {
            seen.AddRange(watch.At(problem));
        }
        return seen;
    }
}
