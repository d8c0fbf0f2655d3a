using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Tests.Training;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Models;

[Collection(GlobalRandomNumbers.Name)]
public sealed class EmbeddingTableTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Forward_RepeatedIds_GradientEqualsLibtorchs(bool hasGradient)
    {
        using var table = new EmbeddingTable(7, 5, Distillation.Engine.Device.Default);
        ParameterData.Write(table.Weight, values => new SeededRandom(1).FillNormal(values, 1));
        Parameter exact = nn.Parameter(table.Weight.detach().to(ScalarType.Float64));
        Tensor before = arange(35, dtype: ScalarType.Float32, device: Distillation.Engine.Device.Default).view(7, 5);
        if (hasGradient)
            (table.Weight.grad, exact.grad) = (before.clone(), before.to(ScalarType.Float64));
        Tensor ids = tensor(new long[] { 3, 0, 3, 6, 3, 1 }, [2, 3], device: Distillation.Engine.Device.Default);
        Tensor actual = table.forward(ids), expected = exact.index(TensorIndex.Tensor(ids));
        actual.pow(3).sum().backward();
        expected.pow(3).sum().backward();
        AssertNear(expected, actual);
        AssertNear(exact.grad!, table.Weight.grad!);
        table.forward(ids).pow(3).sum().backward();
        exact.index(TensorIndex.Tensor(ids)).pow(3).sum().backward();
        AssertNear(exact.grad!, table.Weight.grad!);
    }

    [Fact]
    public void Models_Made_DrawNothingFromLibtorchsGenerator()
    {
        byte[] before = get_rng_state().bytes.ToArray();
        using var read = TextModel.Create(SmallModels.Config());
        using TextModel drawn = SmallModels.Random(3);
        Assert.Equal(before, get_rng_state().bytes.ToArray());
    }

    /// <summary>Along a random direction of each parameter, the loss changes as its gradient says.</summary>
    [Fact]
    public void Gradients_OfAWholeModel_AgreeWithFiniteDifferences()
    {
        using TextModel model = SmallModels.Random(5);
        using TextModel teacher = SmallModels.Random(6);
        long[] all = [.. Enumerable.Range(0, 2 * 11).Select(i => (long)(i * 7 % SmallModels.Vocabulary))];
        Tensor ids = tensor(all, [2, 11], device: Distillation.Engine.Device.Default);
        LossTerm[] terms = [new(new DistillationCrossEntropy(), 0.5), new(new CausalLanguageModel(), 0.3), new(new LogitsSquaredError(), 0.01), new(new HiddenCosine(), 0.2)];
        Tensor teacherHidden;
        using (no_grad())
            teacherHidden = teacher.forward(ids).view(22, -1);

        Tensor hidden = model.forward(ids).view(22, -1);
        hidden.backward([Head(hidden, gradients: true).HiddenGradient!]);
        foreach ((string name, Parameter parameter) in model.named_parameters())
        {
            const double step = 2e-3;
            using DisposeScope scope = NewDisposeScope();
            using IDisposable noGradient = no_grad();
            Tensor direction = zeros_like(parameter);
            ParameterData.Write(direction, values => new SeededRandom(name.Length).FillNormal(values, 1));
            direction.div_(direction.norm());
            parameter.add_(direction, step);
            double up = Total();
            parameter.add_(direction, -2 * step);
            double down = Total();
            parameter.add_(direction, step);
            double expected = (up - down) / (2 * step), actual = (parameter.grad! * direction).sum().item<float>();
            Assert.True(Math.Abs(expected - actual) <= 2e-2 * (1 + Math.Abs(expected)), $"{name}: {actual}, by finite differences {expected}.");
        }

        LossHeadResult Head(Tensor states, bool gradients) => ProjectionHead.Run(
            new LossHeadInput(states.detach(), model.Head, teacherHidden, new HeadLogits(teacherHidden, teacher.Head!), [.. all[1..], LogitLosses.NoTarget]), terms, gradients);

        double Total() => Head(model.forward(ids).view(22, -1), gradients: false).Sums.Zip(terms, (sum, term) => sum * term.Scale).Sum();
    }

    private static void AssertNear(Tensor expected, Tensor actual) => GoldenFiles.AssertClose(
        ParameterData.ToArray(expected.to(ScalarType.Float32)), ParameterData.ToArray(actual), 1e-5, "embedding");
}
