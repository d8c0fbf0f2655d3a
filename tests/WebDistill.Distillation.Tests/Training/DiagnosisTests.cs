using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Tests.Losses;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>Looks at the inside of a run: that they say what a plain computation says, and that they change nothing.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class DiagnosisTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _tokens;

    public DiagnosisTests() => _tokens = SmallModels.Tokens(_folder, documents: 60);

    public void Dispose()
    {
        _tokens.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    public void Run_LookedAtOrNot_MakesTheSameUpdatesBitForBit(int interval)
    {
        (Journal without, Dictionary<string, float[]> weights) = Train(Options(0), _tokens);
        (Journal with, Dictionary<string, float[]> same) = Train(Options(interval), _tokens);
        Assert.Equal(without.Reports.Select(Journal.Timeless), with.Reports.Select(Journal.Timeless));
        foreach ((string name, float[] values) in weights)
            Assert.Equal(values, same[name]);
        int total = with.Reports.Count;
        Assert.Equal(interval == 0 ? [] : Enumerable.Range(1, total).Where(step => step % interval == 0 || step == total), with.Diagnoses.Select(one => one.Step));
    }

    /// <summary>Against the weights before and after, and a gradient that is clipped far below its norm.</summary>
    [Fact]
    public void Layers_AreTheNormsOfWhatTheUpdateDid()
    {
        RunOptions options = ProjectedHidden.In(Options(1).With(o => o with { Optimiser = o.Optimiser with { MaxGradientNorm = 1e-3, WeightDecay = 0.1 } }), weight: 0.01);
        using var run = new ResumableRun(options, _tokens, _tokens, catalogue: ProjectedHidden.Catalogue);
        Dictionary<string, float[]> before = Values(run.Trainer);
        int looks = 0;
        using var stop = new CancellationTokenSource();
        var journal = new Journal();
        // The gradients stay until the next update drops them.
        Assert.ThrowsAny<OperationCanceledException>(() => run.Trainer.Run(journal, () =>
        {
            Dictionary<string, float[]> after = Values(run.Trainer);
            Diagnosis found = journal.Diagnoses[^1];
            Assert.Equal(["embeddings", "block 0", "final norm", "loss projected"], found.Layers.Select(layer => layer.Layer));
            Assert.Equal(journal.Reports[^1].Values["learningRate"], found.LearningRate);
            foreach (LayerNorms layer in found.Layers)
            {
                var inside = run.Trainer.Moments.Where(one => layer.Layer == Part(one.Name)).ToList();
                Assert.NotEmpty(inside);
                AssertClose(Norm(inside.Select(one => ParameterData.ToArray(one.Parameter.grad!))), layer.Gradient);
                AssertClose(Norm(inside.Select(one => before[one.Name])), layer.Weights);
                AssertClose(Norm(inside.Select(one => before[one.Name].Zip(after[one.Name], (x, y) => y - x))), layer.Update);
                AssertClose(layer.Update / layer.Weights, layer.Ratio);
            }
            AssertClose(journal.Reports[^1].Values["gradientNorm"], Math.Sqrt(found.Layers.Sum(layer => layer.Gradient * layer.Gradient)));
            Assert.True(journal.Reports[^1].Values["gradientNorm"] > 1);
            before = after;
            if (++looks == 4)
                stop.Cancel();
        }, stop.Token));

        static string Part(string name) => name.StartsWith("losses.", StringComparison.Ordinal) ? "loss projected" : name.StartsWith("h.0.", StringComparison.Ordinal) ? "block 0"
            : name.StartsWith("ln_f.", StringComparison.Ordinal) ? "final norm" : "embeddings";
    }

    [Fact]
    public void Predictions_AreAtTheTemperatureOfTheRun_OverTheSameTextEveryTime()
    {
        RunOptions options = Options(10).With(o => o with
        {
            Objective = o.Objective.With(ce: 1, clm: 0, cos: 0, temperature: 3), Optimiser = o.Optimiser with { LearningRate = 1e-3 }, Schedule = o.Schedule with { Epochs = 3 },
        });
        (Journal journal, _) = Train(options, _tokens);
        Assert.All(journal.Diagnoses, one => Assert.Equal(3, one.Predictions!.Temperature));
        Assert.All(journal.Diagnoses, one => Assert.NotNull(one.Predictions!.Teacher!.SoftenedKl));
        // Windows of the run's 12 tokens, as many as the text has: 1024 / 12 would be more.
        Assert.All(journal.Diagnoses, one => Assert.Equal(_tokens.TokenCount / 12 * 12, one.Predictions!.Tokens));
        Assert.Single(journal.Diagnoses.Select(one => one.Predictions!.Teacher!.EntropyNats).Distinct());
        Assert.True(journal.Diagnoses.Select(one => one.Predictions!.StudentEntropyNats).Distinct().Count() > 1);
        // It learns from that teacher.
        Assert.True(journal.Diagnoses[^1].Predictions!.Teacher!.Kl.MeanNats < journal.Diagnoses[0].Predictions!.Teacher!.Kl.MeanNats);
        (Journal unsoftened, _) = Train(options.With(o => o with { Objective = o.Objective.With(ce: 0, clm: 1) }), _tokens);
        Assert.Equal(1, unsoftened.Diagnoses[0].Predictions!.Temperature);
    }

    [Fact]
    public void Run_WithoutHeldOutText_IsLookedAtByItsLayersAlone()
    {
        (Journal journal, _) = Train(Options(10), validation: null);
        Assert.All(journal.Diagnoses, one => Assert.Null(one.Predictions));
        Assert.All(journal.Diagnoses, one => Assert.NotEmpty(one.Layers));
    }

    [Fact]
    public void Run_WithoutATeacher_KnowsTheStudentsEntropy()
    {
        RunOptions options = Options(10).With(o => o with { Teacher = new(), Student = new() { Initialisation = "random", LayerCount = 1, Width = 16, Heads = 2 }, Objective = Terms.Of(ce: 0, clm: 1, cos: 0) });
        using TextModel student = StudentInits.Create(options, null, SmallModels.Vocabulary);
        using Trainer trainer = Trainers.Create(options, null, student, _tokens, _tokens);
        var journal = new Journal();
        trainer.Run(journal, null, CancellationToken.None);
        Assert.All(journal.Diagnoses, one => Assert.Null(one.Predictions!.Teacher));
        Assert.All(journal.Diagnoses, one => Assert.InRange(one.Predictions!.StudentEntropyNats, 0.01, Math.Log(SmallModels.Vocabulary)));
    }

    /// <summary>An update that is not made again after a cut, in a state of before it remembered the layers.</summary>
    [Fact]
    public void Run_GoesOnFromAStateThatForgotTheLayers_LooksAtThePredictions()
    {
        RunOptions options = Options(1);
        using var run = new ResumableRun(options, _tokens, _tokens);
        StepReport made = run.Trainer.Step();
        var store = new CheckpointStore(_folder.File("run"), FileLayer.Disk);
        run.Save(store, FileLayer.Disk);
        string folder = store.Folder(1);
        TrainingState state = TrainingCheckpoint.ReadState(folder).State with { Unreported = made };
        using var again = new ResumableRun(options, _tokens, _tokens);
        again.Trainer.GoOnFrom(state);
        using var stop = new CancellationTokenSource();
        var journal = new Journal(_ => stop.Cancel());
        Assert.ThrowsAny<OperationCanceledException>(() => again.Trainer.Run(journal, null, stop.Token));
        Diagnosis found = Assert.Single(journal.Diagnoses);
        Assert.Empty(found.Layers);
        Assert.NotNull(found.Predictions);
    }

    [Theory]
    [InlineData(8, 1, 128, 1000, 200)] // An update has as many tokens as the piece of text.
    [InlineData(8, 4, 128, 1000, 200)]
    [InlineData(4, 1, 64, 1000, 800)] // A quarter of them: a look costs four times as many updates.
    [InlineData(8, 1, 128, 30_000, 1500)] // Twenty times at most.
    [InlineData(1, 1, 2, 10, 102_400)] // Only at the end.
    public void Interval_LeftBlank_CostsLessThanAPerCent(int batch, int accumulation, int context, int updates, int expected)
    {
        RunOptions options = new() { Schedule = new() { BatchSize = batch, GradientAccumulation = accumulation } };
        Assert.Equal(expected, Diagnosis.IntervalSteps(options, context, updates));
        Assert.Equal(3, Diagnosis.IntervalSteps(options with { Diagnosis = new() { IntervalSteps = 3 } }, context, updates));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    public void Interval_BelowZero_IsAProblemOfItsField(int interval) =>
        Assert.Contains(Options(interval).Validate(), problem => problem.Field == "diagnosis.intervalSteps" && problem.Message.Contains($"{interval}"));

    private static RunOptions Options(int interval) => ResumableRun.Options.With(o => o with
    {
        Diagnosis = new() { IntervalSteps = interval }, Schedule = o.Schedule with { GradientAccumulation = 1, Epochs = 1 },
    });

    private (Journal Journal, Dictionary<string, float[]> Weights) Train(RunOptions options, TokenFile? validation)
    {
        using var run = new ResumableRun(options, _tokens, validation);
        var journal = new Journal();
        run.Trainer.Run(journal, null, CancellationToken.None);
        return (journal, run.Weights);
    }

    private static Dictionary<string, float[]> Values(Trainer trainer) => trainer.Moments.ToDictionary(one => one.Name, one => ParameterData.ToArray(one.Parameter));

    private static double Norm(IEnumerable<IEnumerable<float>> parameters) => Math.Sqrt(parameters.SelectMany(one => one).Sum(x => (double)x * x));

    private static void AssertClose(double expected, double found) => Assert.InRange(found, expected * (1 - 1e-5) - 1e-12, expected * (1 + 1e-5) + 1e-12);
}
