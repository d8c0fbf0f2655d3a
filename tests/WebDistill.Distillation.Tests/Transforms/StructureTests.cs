using WebDistill.Distillation.Models;
using WebDistill.Distillation.Transforms;

namespace WebDistill.Distillation.Tests.Transforms;

/// <summary>Transforms of layers and widths: what adds nothing can be left out, and what is left out is what was to be.</summary>
public sealed class StructureTests
{
    public static TheoryData<string> WithFeedForwards => [.. ModelFamilies.All.Where(family => family.Name != "bilstm").Select(family => family.Name)];

    /// <summary>Neurons whose weights are 0 are the ones that go, and the model answers as before.</summary>
    [Theory]
    [MemberData(nameof(WithFeedForwards))]
    public void FeedForwardPruning_NeuronsThatDoNothing_AreThoseLeftOut(string family)
    {
        using TextModel model = TransformTests.Random(family);
        int inner = model.Architecture.InnerWidth;
        Dictionary<string, LayerMatrix> matrices = LayerMatrix.Of(model).ToDictionary(matrix => matrix.Name);
        foreach (FeedForwardPart part in model.FeedForwardParts)
        {
            LayerMatrix outer = matrices[$"{part.Outer}.weight"];
            float[] values = outer.Read();
            // Every third neuron is not listened to.
            outer.Write([.. values.Select((value, i) => i % inner % 3 == 1 ? 0 : value)]);
        }
        int kept = inner - Enumerable.Range(0, inner).Count(neuron => neuron % 3 == 1);
        (TextModel made, TransformReport report) = Compression.Run(model, new FeedForwardPruning(), new FeedForwardPruning.Narrowed { Width = kept });
        using TextModel owned = made;
        Assert.Equal(kept, made.Architecture.InnerWidth);
        GoldenFiles.AssertClose(TransformTests.Hidden(model), TransformTests.Hidden(made), 1e-5, family);
        long lost = model.FeedForwardParts.Sum(part => (inner - kept) * (matrices[$"{part.Inner}.weight"].Inputs + 1 + matrices[$"{part.Outer}.weight"].Outputs));
        Assert.Equal(lost, report.Before.Parameters - report.After.Parameters);
    }

    [Fact]
    public void FeedForwardPruning_Scores_AreProductsOfBothNorms()
    {
        // Two inputs, three neurons, two outputs.
        double[] scores = FeedForwardPruning.Scores([3, 4, 1, 0, 0, 0], [2, 0, 5, 0, 7, 5], neurons: 3);
        Assert.Equal([10, 7, 0], scores.Select(score => Math.Round(score, 12)));
        Assert.Equal([0, 1], FeedForwardPruning.Kept(scores, 2));
        Assert.Equal([0, 2], FeedForwardPruning.Kept([1, 0.5, 1, 1], 2));
    }

    [Fact]
    public void FeedForwardPruning_Defaults_KeepHalfInTheOldOrder()
    {
        using TextModel model = TransformTests.Random("gpt2");
        using TextModel made = Compression.Run(model, new FeedForwardPruning(), new FeedForwardPruning.Narrowed()).Model;
        Assert.Equal(32, made.Architecture.InnerWidth);
        float[] before = SmallModels.Weights(model)["h.1.mlp.c_fc.bias"], after = SmallModels.Weights(made)["h.1.mlp.c_fc.bias"];
        Assert.Equal((64, 32), (before.Length, after.Length));
        LayerMatrix old = LayerMatrix.Of(model).Single(matrix => matrix.Name == "h.1.mlp.c_fc.weight"), now = LayerMatrix.Of(made).Single(matrix => matrix.Name == "h.1.mlp.c_fc.weight");
        float[][] rows = [.. old.Read().Chunk(16)], kept = [.. now.Read().Chunk(16)];
        int[] places = [.. kept.Select(row => Array.FindIndex(rows, one => one.SequenceEqual(row)))];
        Assert.Equal(places.Order(), places);
        Assert.DoesNotContain(-1, places);
    }

    /// <summary>A layer of GPT-2 that adds nothing can go.</summary>
    [Fact]
    public void LayerDropping_ALayerThatAddsNothing_ChangesNoAnswer()
    {
        using TextModel model = TransformTests.Random("gpt2");
        foreach (string weight in new[] { "attn.c_proj.weight", "attn.c_proj.bias", "mlp.c_proj.weight", "mlp.c_proj.bias" })
            TransformTests.Change(model, $"h.1.{weight}", (_, _) => 0);
        using TextModel made = Compression.Run(model, new LayerDropping(), new LayerDropping.Kept { Layers = [0, 2] }).Model;
        Assert.Equal(2, made.Architecture.Layers);
        GoldenFiles.AssertClose(TransformTests.Hidden(model), TransformTests.Hidden(made), 1e-6, "hidden states");
        using TextModel other = Compression.Run(model, new LayerDropping(), new LayerDropping.Kept { Layers = [1, 2] }).Model;
        Assert.NotEqual(TransformTests.Hidden(made), TransformTests.Hidden(other));
    }

    [Theory]
    [InlineData("gpt2", "h.{0}.attn.c_attn.weight", "h.{0}.mlp.c_fc.bias", "h.{0}.ln_1.weight", "h.{0}.ln_2.weight")]
    [InlineData("bert", "bert.encoder.layer.{0}.attention.self.key.weight", "bert.encoder.layer.{0}.intermediate.dense.bias",
        "bert.encoder.layer.{0}.attention.output.LayerNorm.weight", "bert.encoder.layer.{0}.output.LayerNorm.weight")]
    public void LayerSharing_OfEachPart_IsTheMeanOfItAndLeavesTheOthers(string family, string attention, string feedForward, string attentionNorm, string feedForwardNorm)
    {
        using TextModel model = TransformTests.Random(family);
        // Norms and biases begin alike: here each has its own.
        foreach ((string name, _) in model.named_parameters())
            TransformTests.Change(model, name, (i, value) => value + 0.01f * (name.GetHashCode(StringComparison.Ordinal) % 7 + i % 3 + (model.BlockOf(name)?.Number ?? 0)));
        Dictionary<string, float[]> before = SmallModels.Weights(model);
        foreach (SharedParts parts in Enum.GetValues<SharedParts>())
        {
            foreach (bool keepsNorms in new[] { false, true })
            {
                using TextModel made = Compression.Run(model, new LayerSharing(), new LayerSharing.Shared { Parts = parts, KeepsNorms = keepsNorms }).Model;
                Dictionary<string, float[]> after = SmallModels.Weights(made);
                bool ofAttention = parts != SharedParts.FeedForward, ofFeedForward = parts != SharedParts.Attention;
                Check(attention, ofAttention);
                Check(feedForward, ofFeedForward);
                Check(attentionNorm, ofAttention && !keepsNorms);
                Check(feedForwardNorm, ofFeedForward && !keepsNorms);

                void Check(string name, bool isShared)
                {
                    string[] layers = [.. Enumerable.Range(0, 3).Select(layer => string.Format(System.Globalization.CultureInfo.InvariantCulture, name, layer))];
                    for (int i = 0; i < before[layers[0]].Length; i++)
                    {
                        float mean = (float)(layers.Sum(layer => (double)before[layer][i]) / 3);
                        Assert.All(layers, layer => Assert.Equal(isShared ? mean : before[layer][i], after[layer][i]));
                    }
                }
            }
        }
    }

    [Fact]
    public void LayerSharing_InACycle_SharesAtEqualDistances()
    {
        using TextModel model = TransformTests.Random("gpt2");
        (TextModel made, TransformReport report) = Compression.Run(model, new LayerSharing(), new LayerSharing.Shared { Groups = 2, Order = SharingOrder.Cycle });
        using TextModel owned = made;
        Dictionary<string, float[]> before = SmallModels.Weights(model), after = SmallModels.Weights(made);
        Assert.Equal(after["h.0.mlp.c_fc.weight"], after["h.2.mlp.c_fc.weight"]);
        Assert.Equal(before["h.1.mlp.c_fc.weight"], after["h.1.mlp.c_fc.weight"]);
        long perLayer = model.named_parameters().Where(pair => model.BlockOf(pair.name)?.Number == 0).Sum(pair => pair.parameter.numel());
        Assert.Equal(report.Before.Parameters - perLayer, report.Figures.Single(figure => figure.Name == "distinctNumbers").Value);
    }
}
