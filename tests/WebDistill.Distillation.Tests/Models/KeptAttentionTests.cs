using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Models;

/// <summary>Scores, queries, keys and values of every layer, as losses ask for them.</summary>
public sealed class KeptAttentionTests
{
    private const Wants All = Wants.Hidden | Wants.Attentions | Wants.AttentionScores | Wants.AttentionInputs;

    // Of one without attention ModelFamiliesTests say that it refuses.
    public static TheoryData<string, Precision> Families()
    {
        var rows = new TheoryData<string, Precision>();
        foreach (ModelFamily family in ModelFamilies.All.Where(family => family.Create(new NewModel(30, 8, 16, 2, 2, 29)).Heads > 0))
        {
            rows.Add(family.Name, Precision.Float32);
            rows.Add(family.Name, Precision.BFloat16);
        }
        return rows;
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Forward_EveryFamily_ScoresAreProductsOfQueriesAndKeysAndTheirSoftmaxTheProbabilities(string family, Precision precision)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using TextModel model = Model(family);
        model.Precision = precision;
        model.eval();
        ModelInput input = Padded();
        Outputs outputs = model.Forward(input, All);
        (int layers, int heads) = (model.Architecture.Layers, model.Architecture.Heads);
        Assert.Equal((layers, layers, layers), (outputs.Scores.Count, outputs.Attentions.Count, outputs.Inputs.Count));
        for (int layer = 0; layer < layers; layer++)
        {
            AttentionInputs inputs = outputs.Inputs[layer];
            Tensor[] kept = [outputs.Scores[layer], inputs.Queries, inputs.Keys, inputs.Values];
            Assert.All(kept, tensor => Assert.Equal(ScalarType.Float32, tensor.dtype));
            Assert.All([inputs.Queries, inputs.Keys, inputs.Values], tensor => Assert.Equal([2, 5, model.Architecture.AttentionWidth], tensor.shape));
            Assert.Equal([2, heads, 5, 5], outputs.Scores[layer].shape);
            Tensor products = Heads(inputs.Queries).matmul(Heads(inputs.Keys).transpose(-2, -1)) / Math.Sqrt((double)model.Architecture.AttentionWidth / heads);
            Close(products, outputs.Scores[layer], precision == Precision.Float32 ? 1e-5 : 5e-2);

            Tensor hidden = input.AttentionMask!.eq(0).view(2, 1, 1, 5);
            if (model.Architecture.Family.ContinuesTexts)
                hidden = hidden.logical_or(ones([5, 5], ScalarType.Bool, hidden.device).triu(1));
            Close(nn.functional.softmax(outputs.Scores[layer].masked_fill(hidden, -1e30f), dim: -1), outputs.Attentions[layer], 1e-6);
        }

        Tensor Heads(Tensor tensor) => tensor.view(2, 5, heads, tensor.shape[2] / heads).transpose(1, 2);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Forward_NotAskedFor_KeepsNothingAndIsTheSame(string family, Precision precision)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using TextModel model = Model(family);
        model.Precision = precision;
        model.eval();
        Outputs plain = model.Forward(Padded(), Wants.Hidden), inputs = model.Forward(Padded(), Wants.Hidden | Wants.AttentionInputs), scores = model.Forward(Padded(), Wants.AttentionScores);
        Assert.Equal((0, 0, 0), (plain.Scores.Count, plain.Attentions.Count, plain.Inputs.Count));
        Assert.Equal((0, 0, model.Architecture.Layers), (inputs.Scores.Count, inputs.Attentions.Count, inputs.Inputs.Count));
        Assert.Equal((model.Architecture.Layers, 0, 0), (scores.Scores.Count, scores.Attentions.Count, scores.Inputs.Count));
        Assert.Equal(ParameterData.ToArray(plain.Hidden), ParameterData.ToArray(inputs.Hidden));
    }

    /// <summary>A loss on queries, keys and values beside one on the last states: both ways through attention give the gradient of both.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Gradient_ThroughInputs_IsTheSameByEitherWay(string family, Precision precision)
    {
        if (precision == Precision.BFloat16)
            return;
        using DisposeScope scope = NewDisposeScope();
        using TextModel fused = Model(family), composed = Model(family);
        Dictionary<string, float[]> expected = Gradients(composed, Wants.AttentionInputs | Wants.AttentionScores), found = Gradients(fused, Wants.AttentionInputs);
        foreach ((string name, float[] values) in expected)
            GoldenFiles.AssertClose(values, found[name], 2e-5 * Math.Max(1, values.Max(MathF.Abs)), name);

        static Dictionary<string, float[]> Gradients(TextModel model, Wants wants)
        {
            model.train();
            // Whole rows, so that GPT-2 takes its own kernel.
            Outputs outputs = model.Forward(new ModelInput(Ids()), wants | Wants.Hidden);
            Tensor loss = outputs.Hidden.square().sum();
            foreach (AttentionInputs inputs in outputs.Inputs)
                loss = loss + (inputs.Queries * inputs.Keys + inputs.Values.square()).sum();
            loss.backward();
            BackwardResults.End();
            return model.named_parameters().Where(pair => pair.parameter.grad is not null).ToDictionary(pair => pair.name, pair => ParameterData.ToArray(pair.parameter.grad!));
        }
    }

    private static TextModel Model(string family) =>
        TextModel.CreateRandom(ModelFamilies.Find(family).Create(new NewModel(30, 8, 16, 2, 2, 29)).WithDropout(0).WithInitialiserRange(0.3), seed: 5);

    private static Tensor Ids() => tensor([3L, 1, 4, 1, 5, 9, 2, 6, 7, 8], [2, 5], device: Distillation.Engine.Device.Default);

    private static ModelInput Padded() => new(Ids(), tensor([1L, 1, 1, 1, 1, 1, 1, 1, 0, 0], [2, 5], device: Distillation.Engine.Device.Default));

    private static void Close(Tensor expected, Tensor actual, double tolerance) =>
        GoldenFiles.AssertClose(ParameterData.ToArray(expected), ParameterData.ToArray(actual), tolerance * Math.Max(1, ParameterData.ToArray(expected).Max(MathF.Abs)), "attention");
}
