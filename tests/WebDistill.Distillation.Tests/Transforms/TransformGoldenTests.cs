using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Transforms;

namespace WebDistill.Distillation.Tests.Transforms;

/// <summary>Numbers that were worked out by hand, and counts of GPT-2 small.</summary>
public sealed class TransformGoldenTests
{
    private static readonly Gpt2Config s_small = new() { VocabSize = 50257, NPositions = 1024, NEmbd = 768, NLayer = 12, NHead = 12 };

    [Fact]
    public void Golden_Magnitude_HalfOfFourWeights()
    {
        float[] weights = [0.1f, -0.5f, 0.3f, -0.2f];
        Assert.Equal(2, SmallestNumbers.Of([() => weights], 2, SmallestNumbers.ByMagnitude).Mark(weights, place => weights[place] = 0));
        Assert.Equal([0, -0.5f, 0.3f, 0], weights);
    }

    [Fact]
    public void Golden_LayersOfTwelve_AreThoseOfDistilBert()
    {
        Assert.Equal([0, 2, 4, 7, 9, 11], LayerDropping.Layers(new LayerDropping.Kept(), 12));
        Assert.Equal([0, 1, 2, 3], LayerDropping.Layers(new LayerDropping.Kept { Count = 4, Which = KeptLayers.First }, 12));
        Assert.Equal([8, 9, 10, 11], LayerDropping.Layers(new LayerDropping.Kept { Count = 4, Which = KeptLayers.Last }, 12));
        Assert.Equal([0, 1, 2, 10, 11], LayerDropping.Layers(new LayerDropping.Kept { Count = 5, Which = KeptLayers.BothEnds }, 12));
        Assert.Equal([0], LayerDropping.Layers(new LayerDropping.Kept { Count = 1, Which = KeptLayers.BothEnds }, 12));
    }

    [Fact]
    public void Golden_FeedForwardOf2048_OfGpt2Small()
    {
        Assert.Equal(124_439_808, s_small.ParameterCount);
        Architecture narrower = s_small.WithInnerWidth(2048);
        Assert.Equal((105_553_152, 18_886_656), (narrower.ParameterCount, s_small.ParameterCount - narrower.ParameterCount));
    }

    /// <summary>W = [[3, 0], [4, 5]] has the singular values 6.708204 and 2.236068; of rank 1 it is [[1.5, 1.5], [4.5, 4.5]], off by 5.</summary>
    [Fact]
    public void Golden_LowRank_OfATwoByTwoMatrix()
    {
        using TextModel model = TextModel.CreateRandom(new Gpt2Config { VocabSize = 5, NPositions = 4, NEmbd = 2, NLayer = 1, NHead = 1, InitializerRange = 0.2 }, 1);
        const string name = "h.0.attn.c_proj.weight";
        // Stored [inputs, outputs].
        float[] stored = [3, 4, 0, 5];
        TransformTests.Change(model, name, (i, _) => stored[i]);
        (TextModel made, TransformReport report) = Compression.Run(model, new LowRank(), new LowRank.Truncated { Rank = 1 });
        using TextModel owned = made;
        GoldenFiles.AssertClose([1.5f, 1.5f, 4.5f, 4.5f], LayerMatrix.Of(made).Single(matrix => matrix.Name == name).Read(), 1e-6, name);
        TransformedMatrix told = report.Matrices.Single(matrix => matrix.Name == name);
        Assert.Equal((5, 0.1, 1), (Math.Round(told.SquaredError, 6), Math.Round(told.RelativeError, 6), told.Rank));
        double[] squares = [45, 5];
        Assert.Equal((6.708204, 2.236068), (Math.Round(Math.Sqrt(squares[0]), 6), Math.Round(Math.Sqrt(squares[1]), 6)));
        Assert.Equal([1, 1, 2], new[] { 0.5, 0.9, 0.91 }.Select(energy => LowRank.RankOf(squares, energy)));
    }

    [Fact]
    public void Golden_Groups_OfTwelveLayersInThree()
    {
        var three = new LayerSharing.Shared { Groups = 3 };
        Assert.Equal([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2], Enumerable.Range(0, 12).Select(layer => LayerSharing.GroupOf(three, layer, 12)));
        Assert.Equal([0, 1, 2, 0, 1, 2], Enumerable.Range(0, 6).Select(layer => LayerSharing.GroupOf(three with { Order = SharingOrder.Cycle }, layer, 6)));
    }

    [Theory]
    [InlineData(SharedParts.All, 46_473_216)]
    [InlineData(SharedParts.Attention, 98_436_864)]
    [InlineData(SharedParts.FeedForward, 72_476_160)]
    public void Golden_NumbersOfGpt2Small_ThatSharesItsLayers(SharedParts parts, long numbers) =>
        Assert.Equal(numbers, LayerMatrix.Described(s_small, model => LayerSharing.DistinctNumbers(model, new LayerSharing.Shared { Parts = parts })));

    [Fact]
    public void Golden_Int8_OfARow()
    {
        float[] row = [-1, 0.5f, 0.25f];
        IntegerCodes codes = IntegerRounding.Encode(IntegerFormat.Int8PerRow, row);
        // 63.5 is rounded to the even 64.
        Assert.Equal([-127, 64, 32], codes.Codes);
        Assert.Equal(1.0 / 127, codes.Scale, 9);
        IntegerRounding.Run(IntegerFormat.Int8PerRow, row, 3);
        GoldenFiles.AssertClose([-1, 0.503937f, 0.251969f], row, 1e-6, "row");
    }

    [Fact]
    public void Golden_Q4_0_OfABlockWhoseLargestIsNegative()
    {
        float[] block = new float[32];
        (block[3], block[20]) = (0.35f, -0.8f);
        IntegerCodes codes = IntegerRounding.Encode(IntegerFormat.Q4_0, block);
        Assert.Equal(0.1, codes.Scale, 6);
        // Stored as q + 8: 12 and 0.
        Assert.Equal((12 - 8, 0 - 8, 0), (codes.Codes[3], codes.Codes[20], codes.Codes[0]));
        IntegerRounding.Decode(codes, codes.Scale, 0, block);
        GoldenFiles.AssertClose([0.4f, -0.8f, 0], [block[3], block[20], block[0]], 1e-6, "block");
    }

    [Fact]
    public void Golden_BytesOf32Weights_AreThoseOfTheFormats()
    {
        Assert.Equal([34, 18, 20], new[] { IntegerFormat.Q8_0, IntegerFormat.Q4_0, IntegerFormat.Q4_1 }.Select(format => IntegerRounding.Bytes(format, 1, 32)));
        Assert.Equal(768 * 3072 + 4 * 3072, IntegerRounding.Bytes(IntegerFormat.Int8PerRow, 3072, 768));
    }
}
