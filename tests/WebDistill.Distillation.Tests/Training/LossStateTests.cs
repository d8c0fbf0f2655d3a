using WebDistill.Distillation.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Tests.Losses;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>What a checkpoint holds of a loss with parameters, when it is switched on, off and on again by runs that branch.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class LossStateTests : IDisposable
{
    private const int Branched = 5;

    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _tokens;

    private static readonly RunOptions s_off = ResumableRun.Options with
    {
        Schedule = ResumableRun.Options.Schedule with { GradientAccumulation = 1, ValidationIntervalSteps = 0, Epochs = 1 },
    };

    private static readonly RunOptions s_on = ProjectedHidden.In(s_off, weight: 0.01);

    public LossStateTests() => _tokens = SmallModels.Tokens(_folder, documents: 60);

    [Fact]
    public void Restore_LossThatWasOff_BeginsAsTheSeedDrawsItAndRepeatsItselfExactly()
    {
        string checkpoint = Branch(Train(s_off, null, until: Branched), s_on);
        State drawn, whole, again, cut;
        using (var anew = new ResumableRun(s_on, _tokens, null, catalogue: ProjectedHidden.Catalogue))
            drawn = State.Of(anew);
        using (var run = new ResumableRun(s_on, _tokens, null, checkpoint, ProjectedHidden.Catalogue))
        {
            Assert.Equal(["projected"], run.Fresh);
            State begun = State.Of(run);
            Assert.Equal(drawn.OfLoss, begun.OfLoss);
            Assert.All(run.Trainer.Moments, one => Assert.Equal(one.Loss is null ? Branched : 0, one.Steps));
            Assert.All(run.Trainer.Moments.Where(one => one.Loss is not null),
                one => Assert.All(ParameterData.ToArray(one.First).Concat(ParameterData.ToArray(one.Second)), value => Assert.Equal(0, value)));
            run.Trainer.Run(new Journal(), null, CancellationToken.None);
            whole = State.Of(run);
            Assert.True(run.Trainer.CompletedSteps > Branched + 4);
        }
        Assert.NotEqual(drawn.OfLoss, whole.OfLoss);

        using (var run = new ResumableRun(s_on, _tokens, null, checkpoint, ProjectedHidden.Catalogue))
        {
            run.Trainer.Run(new Journal(), null, CancellationToken.None);
            again = State.Of(run);
        }
        State.AssertSame(whole, again);

        using (var run = new ResumableRun(s_on, _tokens, null, Train(s_on, checkpoint, until: Branched + 3), ProjectedHidden.Catalogue))
        {
            Assert.Empty(run.Fresh);
            run.Trainer.Run(new Journal(), null, CancellationToken.None);
            cut = State.Of(run);
        }
        State.AssertSame(whole, cut);
    }

    [Fact]
    public void Restore_LossThatIsOffNow_IsDroppedAndBeginsAnewWhereItIsOnAgain()
    {
        string on = Train(s_on, null, until: Branched);
        using (SafetensorsFile moments = SafetensorsFile.Open(Path.Combine(on, "optimizer.safetensors")))
            Assert.Contains(moments.Tensors, entry => entry.Name == "losses.projected.projections.0.exp_avg_sq");
        string off = Branch(on, s_off);
        using (var run = new ResumableRun(s_off, _tokens, null, off, ProjectedHidden.Catalogue))
        {
            Assert.Empty(run.Fresh);
            Assert.Empty(State.Of(run).OfLoss);
        }
        // At once, and after a checkpoint of its own.
        foreach (string source in new[] { off, Train(s_off, off, until: Branched + 2) })
        {
            using var run = new ResumableRun(s_on, _tokens, null, Branch(source, s_on), ProjectedHidden.Catalogue);
            Assert.Equal(["projected"], run.Fresh);
        }
        using SafetensorsFile left = SafetensorsFile.Open(Path.Combine(Train(s_off, off, until: Branched + 1), "optimizer.safetensors"));
        Assert.DoesNotContain(left.Tensors, entry => entry.Name.StartsWith("losses.", StringComparison.Ordinal));
    }

    [Fact]
    public void Restore_TensorOfALossThatIsMissing_IsDamageAndNoFreshBeginning()
    {
        string checkpoint = Train(s_off, null, until: 2), state = Path.Combine(checkpoint, "training_state.json"), without = File.ReadAllText(state);
        File.WriteAllText(state, without.Replace("\"losses\": []", "\"losses\": [\"projected\"]", StringComparison.Ordinal));
        Assert.NotEqual(without, File.ReadAllText(state));
        var damaged = Assert.Throws<InvalidDataException>(() => new ResumableRun(s_on, _tokens, null, checkpoint, ProjectedHidden.Catalogue));
        Assert.Contains("losses.projected.projections.0.step", damaged.Message);
    }

    [Theory]
    [InlineData(1, 1, true)]
    [InlineData(0, 1, false)]
    [InlineData(1, 0, false)]
    [InlineData(0, 0, false)]
    public void CheckContinuation_FixedParameterOfALoss_IsComparedWhereItWasOnAndIs(double before, double after, bool isRefused)
    {
        RunOptions saved = ProjectedHidden.In(s_off, before), wanted = ProjectedHidden.In(s_off, after, layers: 2);
        string[] refused = [.. TrainingCheckpoint.CheckContinuation(saved, wanted, ProjectedHidden.Catalogue).Select(problem => problem.Field)];
        Assert.Equal(isRefused ? ["objective.projected.layers"] : [], refused);
    }

    [Fact]
    public void CheckpointBytes_OfAPlan_AreThoseOfACheckpointWithTheLosssState()
    {
        string folder = Train(s_on, null, until: 1);
        using var run = new ResumableRun(s_on, _tokens, null, folder, ProjectedHidden.Catalogue);
        IReadOnlyList<Loss> losses = LossCatalogue.Active(s_on, ProjectedHidden.Catalogue, hasTeacher: true);
        RunPlan plan = RunPlan.Compute(s_on, losses, SmallModels.Config(), run.Trainer.Student.Architecture, new EpochSize(100, _tokens.TokenCount));
        using SafetensorsFile weights = SafetensorsFile.Open(Path.Combine(folder, ModelFiles.WeightsFileName)),
            moments = SafetensorsFile.Open(Path.Combine(folder, "optimizer.safetensors"));
        long ofLoss = moments.Tensors.Where(entry => entry.Name.StartsWith("losses.", StringComparison.Ordinal) && !entry.Name.EndsWith(".step", StringComparison.Ordinal))
            .Sum(entry => entry.ElementCount), numbers = weights.Tensors.Concat(moments.Tensors)
            .Where(entry => !entry.Name.EndsWith(".step", StringComparison.Ordinal)).Sum(entry => entry.ElementCount);
        Assert.Equal(3 * losses.OfType<WholeLoss>().Single().ParameterCount(s_on, run.Trainer.Student.Architecture, SmallModels.Config()), ofLoss);
        Assert.Equal(sizeof(float) * numbers, plan.Disk.CheckpointBytes);
    }

    public void Dispose()
    {
        _tokens.Dispose();
        _folder.Dispose();
    }

    private string Train(RunOptions options, string? from, int until)
    {
        using var run = new ResumableRun(options, _tokens, null, from, ProjectedHidden.Catalogue);
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => run.Trainer.Run(
            new Journal(), () => { if (run.Trainer.CompletedSteps == until) stop.Cancel(); }, stop.Token));
        var store = new CheckpointStore(_folder.File(Guid.NewGuid().ToString("N")), FileLayer.Disk);
        run.Save(store, FileLayer.Disk);
        return store.Folder(until);
    }

    private string Branch(string checkpoint, RunOptions options)
    {
        var store = new CheckpointStore(_folder.File(Guid.NewGuid().ToString("N")), FileLayer.Disk);
        int step = TrainingCheckpoint.ReadState(checkpoint).State.Step;
        store.Save(step, folder => TrainingCheckpoint.Copy(checkpoint, folder, options, FileLayer.Disk));
        return store.Folder(step);
    }

    private sealed record State(Dictionary<string, float[]> Weights, Dictionary<string, float[]> OfLoss)
    {
        public static State Of(ResumableRun run) => new(run.Weights, run.Trainer.Moments.Where(one => one.Loss is not null)
            .ToDictionary(one => one.Name, one => ParameterData.ToArray(one.Parameter)));

        public static void AssertSame(State expected, State found)
        {
            foreach ((string name, float[] values) in expected.Weights.Concat(expected.OfLoss))
                Assert.Equal(values, found.Weights.GetValueOrDefault(name) ?? found.OfLoss[name]);
        }
    }
}
