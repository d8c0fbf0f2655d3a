using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Tests.Training;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Losses;

/// <summary>A loss that wants all layers and owns a projection, beside those over rows, in the loop and in checkpoints.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class WholeLossTests
{
    private static readonly RunOptions s_options = ResumableRun.Options with
    {
        Student = ResumableRun.Options.Student with { Dropout = 0 },
        Schedule = ResumableRun.Options.Schedule with { GradientAccumulation = 1, ValidationIntervalSteps = 0 },
        Objective = ResumableRun.Options.Objective.With(mse: 0.1),
        Optimiser = ResumableRun.Options.Optimiser with { MaxGradientNorm = 1e30 },
    };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Step_RowLossesAndAWholeOne_GiveTheGradientOfOneGraph(bool withRowLosses)
    {
        using DisposeScope scope = NewDisposeScope();
        using TextModel teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1), twin = SmallModels.Random(2, layers: 1);
        TokenBatch batch = SmallModels.Batch(5, 9, 4, 7);
        var probe = new LayersAndAttentions();
        Loss[] byRows = withRowLosses ? [.. LossCatalogue.Active(s_options, hasTeacher: true)] : [];
        IReadOnlyList<Loss> losses = [.. byRows, probe];
        using var trainer = Trainers.Create(s_options, teacher, student, 1, () => batch, null, losses);
        Dictionary<string, float[]> projection = Values(trainer);
        trainer.Step();

        // The same as one graph over the whole batch, as a textbook would write it.
        Tensor ids = tensor(batch.Ids, [batch.Rows, batch.Columns], device: Distillation.Engine.Device.Default);
        Outputs t, s = twin.Forward(new ModelInput(ids), probe.OfStudent);
        using (no_grad())
            t = teacher.Forward(new ModelInput(ids), probe.OfTeacher);
        long[] rows = [.. Enumerable.Range(0, batch.Rows).SelectMany(row => Enumerable.Range(0, batch.Lengths[row]).Select(column => (long)row * batch.Columns + column))];
        Tensor at = tensor(rows, device: ids.device);
        Tensor Select(Tensor hidden) => hidden.view(-1, hidden.shape[2]).index_select(0, at);
        long[] targets = [.. rows.Select(row => row % batch.Columns + 1 < batch.Lengths[row / batch.Columns] ? batch.Ids[row + 1] : LogitLosses.NoTarget)];
        var all = new LossRows
        {
            StudentHidden = Select(s.Hidden), TeacherHidden = Select(t.Hidden), Targets = tensor(targets, device: ids.device),
            StudentLogits = twin.Logits(Select(s.Hidden)), TeacherLogits = teacher.Logits(Select(t.Hidden)).detach(),
        };
        LossCounts counts = batch.Counts();
        Assert.Equal(((long)rows.Length, (long)targets.Count(target => target != LogitLosses.NoTarget)), (counts.Rows, counts.Targets));
        using var module = new LayersAndAttentions.Module(twin.Architecture.Width, teacher.Architecture.Width);
        foreach ((string name, Parameter parameter) in module.named_parameters())
            ParameterData.Write(parameter, values => projection[$"losses.{probe.Name}.{name}"].CopyTo(values));
        Tensor isToken = arange(batch.Columns).unsqueeze(0).lt(tensor(batch.Lengths.Select(length => (long)length).ToArray()).unsqueeze(1)).to(ids.device);
        Tensor total = module.Sum(s, t, new WholeBatch(ids, isToken)) * (1.0 / probe.Divisor(counts, null, SmallModels.Vocabulary));
        foreach (RowLoss loss in byRows.Cast<RowLoss>())
            total += loss.Sum(all, loss.ParametersIn(s_options)) * (loss.Weight(s_options) / loss.Divisor(counts, loss.ParametersIn(s_options), SmallModels.Vocabulary));
        total.backward();
        BackwardResults.End();

        Dictionary<string, Parameter> trained = trainer.Moments.ToDictionary(moments => moments.Name, moments => moments.Parameter);
        foreach ((string name, Parameter parameter) in twin.named_parameters().Concat(
            module.named_parameters().Select(pair => ($"losses.{probe.Name}.{pair.name}", pair.parameter))))
        {
            float[] expected = ParameterData.ToArray(parameter.grad!);
            Assert.Contains(expected, value => value != 0);
            GoldenFiles.AssertClose(expected, ParameterData.ToArray(trained[name].grad!), 2e-5 * Math.Max(1, expected.Max(MathF.Abs)), name);
        }
    }

    [Fact]
    public void Run_CutAndResumed_EndsBitForBitTheSameAndItsProjectionIsNoPartOfTheStudent()
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder, documents: 60);
        RunOptions options = s_options with { Student = s_options.Student with { Dropout = 0.1 }, Schedule = s_options.Schedule with { Epochs = 1 } };
        IReadOnlyList<Loss> catalogue = [.. LossCatalogue.All, new LayersAndAttentions()];
        using var whole = new ResumableRun(options, tokens, null, catalogue: catalogue);
        Dictionary<string, float[]> drawn = Values(whole.Trainer);
        var reports = new Journal();
        whole.Trainer.Run(reports, null, CancellationToken.None);
        Assert.True(whole.Trainer.CompletedSteps > 12);
        Assert.NotEqual(drawn.Single().Value, Values(whole.Trainer).Single().Value);

        var store = new CheckpointStore(folder.File("run"), FileLayer.Disk);
        using (var first = new ResumableRun(options, tokens, null, catalogue: catalogue))
        {
            using var stop = new CancellationTokenSource();
            Assert.Throws<OperationCanceledException>(() => first.Trainer.Run(
                new Journal(), () => { if (first.Trainer.CompletedSteps == 7) stop.Cancel(); }, stop.Token));
            first.Save(store, FileLayer.Disk);
        }
        string checkpoint = store.Newest(out _)!.Value.Folder;
        using (SafetensorsFile weights = SafetensorsFile.Open(Path.Combine(checkpoint, ModelFiles.WeightsFileName)))
            Assert.DoesNotContain(weights.Tensors, entry => entry.Name.Contains("losses", StringComparison.Ordinal));
        using var resumed = new ResumableRun(options, tokens, null, checkpoint, catalogue);
        resumed.Trainer.Run(new Journal(), null, CancellationToken.None);
        Assert.Equal(Values(whole.Trainer).Single().Value, Values(resumed.Trainer).Single().Value);
        foreach ((string name, float[] values) in whole.Weights)
            Assert.Equal(values, resumed.Weights[name]);
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Outputs_InEitherPrecision_Are32BitsAndBeginWithTheEmbeddings(Precision precision)
    {
        using DisposeScope scope = NewDisposeScope();
        using TextModel model = SmallModels.Random(1, layers: 3);
        model.Precision = precision;
        Tensor ids = tensor(new long[] { 5, 9, 4 }, [1, 3], device: Distillation.Engine.Device.Default);
        Outputs outputs;
        using (no_grad())
            outputs = model.Forward(new ModelInput(ids), Wants.HiddenOfAllLayers | Wants.Attentions);
        Assert.Equal((4, 3), (outputs.Layers.Count, outputs.Attentions.Count));
        Assert.All(outputs.Layers.Concat(outputs.Attentions), one => Assert.Equal(ScalarType.Float32, one.dtype));
        Dictionary<string, float[]> weights = SmallModels.Weights(model);
        float[] embedded = ParameterData.ToArray(outputs.Layers[0]), last = ParameterData.ToArray(outputs.Layers[^1]);
        for (int i = 0; i < 16; i++)
            Assert.Equal(weights["wte.weight"][5 * 16 + i] + weights["wpe.weight"][i], embedded[i]);
        // After the final layer norm, whose weights are 1 and 0, a row has mean 0 and variance 1; the one before has not.
        Assert.Equal(0, last.Take(16).Average(), 1e-5);
        Assert.Equal(1, last.Take(16).Average(value => value * value), 1e-3);
        Assert.NotEqual(1, ParameterData.ToArray(outputs.Layers[^2]).Take(16).Average(value => value * value), 1e-1);
    }

    [Fact]
    public void Construct_TeacherThatTheLossCannotCompare_SaysWhy()
    {
        using TextModel teacher = SmallModels.Random(1, layers: 1), student = SmallModels.Random(2, layers: 2);
        var refused = Assert.Throws<ArgumentException>(() => Trainers.Create(
            s_options, teacher, student, 1, () => SmallModels.Batch(5, 9), null, [new LayersAndAttentions()]));
        Assert.Contains("2 layers", refused.Message);
    }

    private static Dictionary<string, float[]> Values(Trainer trainer) => trainer.Moments.Where(moments => moments.Loss is not null)
        .ToDictionary(moments => moments.Name, moments => ParameterData.ToArray(moments.Parameter));

    /// <summary>Squared distance of the projected hidden states and of the attention maps, of evenly spaced layers.</summary>
    internal sealed class LayersAndAttentions : WholeLoss
    {
        /// <summary>Called after each sum over a batch.</summary>
        public Action? Summed { get; init; }

        public override string Name => "layers";

        public override string Title => "Hidden states and attention maps of all layers";

        public override string Label => "Layers";

        public override string Formula => "Σ |s W − t|² + Σ |A_s − A_t|²";

        public override string What => "Made for a test.";

        public override string Source => "this test";

        public override string Unit => "squared distance/token";

        public override Wants OfStudent => Wants.HiddenOfAllLayers | Wants.Attentions;

        public override Wants OfTeacher => Wants.HiddenOfAllLayers | Wants.Attentions;

        public override double Weight(RunOptions options) => 1;

        public override double Divisor(LossCounts counts, object? parameters, int vocabularySize) => counts.Rows;

        internal override string? Mismatch(RunOptions options, Architecture student, Architecture? teacher) => student.Layers <= teacher!.Layers ? null
            : $"The student has {student.Layers} layers, expected at most the teacher's {teacher.Layers}.";

        internal override long ParameterCount(RunOptions options, Architecture student, Architecture? teacher) => (long)student.Width * teacher!.Width;

        internal override WholeLossModule Bind(RunOptions options, Architecture student, Architecture? teacher) =>
            new Module(student.Width, teacher!.Width, Summed);

        public sealed class Module : WholeLossModule
        {
            private readonly Parameter projection;

            private readonly Action? _summed;

            public Module(long studentWidth, long teacherWidth, Action? summed = null) : base(nameof(Module))
            {
                _summed = summed;
                projection = nn.Parameter(randn([studentWidth, teacherWidth], device: Distillation.Engine.Device.Default).mul_(0.2));
                RegisterComponents();
            }

            public override Tensor Sum(Outputs student, Outputs? teacher, WholeBatch batch)
            {
                Tensor token = batch.IsToken.to(ScalarType.Float32), sum = zeros([], device: token.device);
                int last = student.Attentions.Count, factor = teacher!.Attentions.Count / last;
                for (int layer = 0; layer <= last; layer++)
                    sum = sum + ((student.Layers[layer].matmul(projection) - teacher.Layers[layer * factor]).square().sum(-1) * token).sum();
                for (int layer = 0; layer < last; layer++)
                    sum = sum + ((student.Attentions[layer] - teacher.Attentions[layer * factor]).square().sum(-1) * token.unsqueeze(1)).sum();
                _summed?.Invoke();
                return sum;
            }
        }
    }
}
