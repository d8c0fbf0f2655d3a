using TorchSharp;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Transforms;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Transforms;

/// <summary>Pruning, truncation and rounding do what they say, to the number.</summary>
public sealed class WeightTransformTests
{
    [Theory]
    [InlineData("gpt2", 0.1)]
    [InlineData("gpt2", 0.5)]
    [InlineData("gpt2", 0.937)]
    [InlineData("bert", 0.5)]
    [InlineData("bilstm", 0.9)]
    public void Pruning_OfEachMatrix_LeavesExactlyTheLargest(string family, double sparsity)
    {
        using TextModel model = TransformTests.Random(family);
        using TextModel made = Compression.Run(model, new MagnitudePruning(), new MagnitudePruning.Pruned { Sparsity = sparsity }).Model;
        foreach ((LayerMatrix was, LayerMatrix now) in LayerMatrix.Of(model).Zip(LayerMatrix.Of(made)))
        {
            (float[] before, float[] after) = (was.Read(), now.Read());
            Assert.Equal((long)Math.Round(sparsity * before.Length), after.LongCount(value => value == 0));
            Assert.All(before.Zip(after), pair => Assert.True(pair.Second == 0 || pair.Second == pair.First));
            float least = after.Where(value => value != 0).Min(Math.Abs), most = before.Zip(after).Where(pair => pair.Second == 0).Max(pair => Math.Abs(pair.First));
            Assert.True(most <= least, $"{was.Name}: {most} is 0 now and {least} is not");
        }
    }

    /// <summary>One matrix of small weights: all its weights are the smallest, and its share stays.</summary>
    [Theory]
    [InlineData(0.005)]
    [InlineData(0.2)]
    public void Pruning_OfAllMatrices_IsExactInSumAndEmptiesNone(double kept)
    {
        using TextModel model = TransformTests.Random("gpt2");
        const string small = "h.1.attn.c_attn.weight";
        TransformTests.Change(model, small, (_, value) => value * 1e-4f);
        var pruned = new MagnitudePruning.Pruned { Sparsity = 0.6, Scope = PruningScope.AllMatrices, MinimumKept = kept };
        (TextModel made, TransformReport report) = Compression.Run(model, new MagnitudePruning(), pruned);
        using TextModel owned = made;
        IReadOnlyList<LayerMatrix> matrices = LayerMatrix.Of(made);
        long all = matrices.Sum(matrix => matrix.Count), zeros = matrices.Sum(matrix => matrix.Read().LongCount(value => value == 0));
        Assert.Equal((long)Math.Round(0.6 * all), zeros);
        Assert.Equal((double)zeros / all, report.Figures.Single(figure => figure.Name == "sparsity").Value);
        Assert.Equal((long)Math.Ceiling(kept * 16 * 48), matrices.Single(matrix => matrix.Name == small).Read().LongCount(value => value != 0));
        Assert.All(matrices, matrix => Assert.True(matrix.Read().LongCount(value => value != 0) >= Math.Ceiling(kept * matrix.Count), matrix.Name));
    }

    [Fact]
    public void Pruning_OfEqualMagnitudes_TakesTheFirstAndAsManyAsAskedFor()
    {
        float[] first = [1, -1, 1, -1], second = [-1, 1, 2, 0];
        SmallestNumbers smallest = SmallestNumbers.Of([() => first, () => second], 4, SmallestNumbers.ByMagnitude);
        Assert.Equal((3, 1), (smallest.Mark(first, place => first[place] = 0), smallest.Mark(second, place => second[place] = 0)));
        Assert.Equal([0, 0, 0, -1], first);
        Assert.Equal([-1, 1, 2, 0], second);
        Assert.Throws<ArgumentOutOfRangeException>(() => SmallestNumbers.Of([() => first], 5, SmallestNumbers.ByMagnitude));
    }

    /// <summary>What is 0 stays 0, and less than there is already is refused.</summary>
    [Fact]
    public void Pruning_OfAPrunedModel_GoesOnOrIsRefused()
    {
        using TextModel model = TransformTests.Random("bert");
        var pruned = new MagnitudePruning.Pruned();
        using TextModel half = Compression.Run(model, new MagnitudePruning(), pruned).Model;
        using TextModel most = Compression.Run(half, new MagnitudePruning(), pruned with { Sparsity = 0.9 }).Model;
        Assert.All(LayerMatrix.Of(half).Zip(LayerMatrix.Of(most)), pair => Assert.All(pair.First.Read().Zip(pair.Second.Read()), one => Assert.True(one.First != 0 || one.Second == 0)));
        Assert.Contains("changes nothing", Assert.Throws<ArgumentException>(() => Compression.Run(half, new MagnitudePruning(), pruned with { Sparsity = 0.3 })).Message);
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("bert")]
    public void LowRank_OfEveryMatrix_IsOffByTheSingularValuesThatAreLeftOut(string family)
    {
        using TextModel model = TransformTests.Random(family);
        const int rank = 5;
        (TextModel made, TransformReport report) = Compression.Run(model, new LowRank(), new LowRank.Truncated { Rank = rank });
        using TextModel owned = made;
        double lost = 0;
        foreach ((LayerMatrix was, LayerMatrix now) in LayerMatrix.Of(model).Zip(LayerMatrix.Of(made)))
        {
            using DisposeScope scope = NewDisposeScope();
            double[] before = [.. linalg.svdvals(was.ReadDoubles()).data<double>()], after = [.. linalg.svdvals(now.ReadDoubles()).data<double>()];
            double tail = before[rank..].Sum(value => value * value);
            TransformedMatrix told = report.Matrices.Single(matrix => matrix.Name == was.Name);
            Assert.Equal(rank, told.Rank);
            GoldenFiles.AssertNear(tail, told.SquaredError, 1e-5, 0, was.Name);
            Assert.All(Enumerable.Range(0, rank), i => GoldenFiles.AssertNear(before[i], after[i], 1e-5, 0, $"{was.Name}, singular value {i}"));
            Assert.All(after[rank..], value => Assert.InRange(value, 0, 1e-5));
            lost += tail;
        }
        GoldenFiles.AssertNear(lost, report.Figures.Single(figure => figure.Name == "squaredError").Value, 1e-9, 0, "squared error");
    }

    [Fact]
    public void LowRank_ByEnergy_TakesTheLeastRankThatKeepsIt()
    {
        using TextModel model = TransformTests.Random("gpt2");
        (TextModel made, TransformReport report) = Compression.Run(model, new LowRank(), new LowRank.Truncated { Energy = 0.8 });
        using TextModel owned = made;
        Assert.Equal(12, report.Matrices.Count);
        foreach (LayerMatrix matrix in LayerMatrix.Of(model))
        {
            using DisposeScope scope = NewDisposeScope();
            double[] squares = [.. linalg.svdvals(matrix.ReadDoubles()).data<double>().ToArray().Select(value => value * value)];
            int rank = report.Matrices.Single(told => told.Name == matrix.Name).Rank!.Value;
            Assert.True(squares[..rank].Sum() >= 0.8 * squares.Sum() && squares[..(rank - 1)].Sum() < 0.8 * squares.Sum(), matrix.Name);
        }
        double numbers = report.Figures.Single(figure => figure.Name == "factorNumbers").Value;
        Assert.Equal(LayerMatrix.Of(model).Sum(matrix => Math.Min(matrix.Count, report.Matrices.Single(told => told.Name == matrix.Name).Rank!.Value * (matrix.Outputs + matrix.Inputs))), numbers);
    }

    [Theory]
    [InlineData(IntegerFormat.Int8PerRow)]
    [InlineData(IntegerFormat.Q8_0)]
    [InlineData(IntegerFormat.Q4_0)]
    [InlineData(IntegerFormat.Q4_1)]
    public void Rounding_OfRandomRows_IsWithinAStepAndStaysASecondTime(IntegerFormat format)
    {
        var random = new SeededRandom(5);
        for (int round = 0; round < 200; round++)
        {
            float[] row = new float[64];
            random.FillNormal(row, Math.Pow(10, round % 5 - 3));
            for (int i = 0; i < row.Length; i++)
                row[i] += round % 3 * 0.001f;
            float[] before = [.. row];
            IntegerRounding.Run(format, row, row.Length);
            int size = IntegerRounding.GroupOf(format) ?? row.Length;
            foreach ((float[] was, float[] now) in before.Chunk(size).Zip(row.Chunk(size)))
            {
                double most = was.Max(Math.Abs), range = was.Max() - was.Min();
                // Of Q4_0 the side without −8 ends a step earlier; 16 bits of a scale are good for 1/2048, and for 2⁻²⁵ of the smallest.
                const double least = 1.0 / (1 << 25);
                double step = format switch
                {
                    IntegerFormat.Int8PerRow => 0.5 * most / 127 * 1.001,
                    IntegerFormat.Q8_0 => 0.5 * most / 127 + most / 2048 + 127 * least,
                    IntegerFormat.Q4_0 => most / 8 + most / 2048 + 8 * least,
                    _ => 0.5 * range / 15 + (range + most) / 2048 + 16 * least,
                };
                Assert.All(was.Zip(now), pair => Assert.InRange(Math.Abs((double)pair.First - pair.Second), 0, step));
                Assert.InRange(now.Distinct().Count(), 2, format is IntegerFormat.Q4_0 or IntegerFormat.Q4_1 ? 16 : 255);
            }
            float[] once = [.. row];
            IntegerRounding.Run(format, row, row.Length);
            Assert.Equal(once, row);
        }
    }

    [Fact]
    public void Rounding_OfNothingAndOfTooMuch_StaysAndIsRefused()
    {
        foreach (IntegerFormat format in Enum.GetValues<IntegerFormat>())
        {
            var zeros = new float[32];
            IntegerRounding.Run(format, zeros, 32);
            Assert.Equal(new float[32], zeros);
        }
        float[] large = [.. Enumerable.Repeat(1f, 31), 1e9f];
        Assert.Contains("expected at most 65500", Assert.Throws<ArgumentException>(() => IntegerRounding.Run(IntegerFormat.Q8_0, large, 32)).Message);
    }

    /// <summary>A row is what makes one output, also where GPT-2 stores it as a column: a large output takes no precision from the others.</summary>
    [Theory]
    [InlineData("gpt2", "h.0.mlp.c_fc.weight")]
    [InlineData("bert", "bert.encoder.layer.0.intermediate.dense.weight")]
    public void Rounding_ALargeOutput_LeavesTheErrorOfTheOthers(string family, string name)
    {
        using TextModel model = TransformTests.Random(family);
        LayerMatrix matrix = LayerMatrix.Of(model).Single(one => one.Name == name);
        float[] before = matrix.Read();
        int columns = (int)matrix.Inputs;
        Assert.Equal((16, 64), (columns, (int)matrix.Outputs));
        float[] rounded = Rounded();
        matrix.Write([.. before.Select((value, i) => i / columns == 7 ? 1000 * value : value)]);
        float[] withLarge = Rounded();
        Assert.Equal(rounded[..(7 * columns)], withLarge[..(7 * columns)]);
        Assert.Equal(rounded[(8 * columns)..], withLarge[(8 * columns)..]);

        float[] Rounded()
        {
            using TextModel made = Compression.Run(model, new WeightRounding(), new WeightRounding.Rounded()).Model;
            return LayerMatrix.Of(made).Single(one => one.Name == name).Read();
        }
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("bert")]
    [InlineData("bilstm")]
    public void Rounding_WithEmbeddings_CountsTheirBytes(string family)
    {
        using TextModel model = TransformTests.Random(family);
        TransformReport without = Report(false), with = Report(true);
        string tokens = LayerMatrix.OfTokens(model).Name;
        Assert.DoesNotContain(without.Matrices, matrix => matrix.Name == tokens);
        TransformedMatrix table = with.Matrices.Single(matrix => matrix.Name == tokens);
        Assert.Equal((40, 40), (table.Outputs, model.Architecture.VocabularySize));
        Assert.Equal(table.Outputs * (table.Inputs + 4), Figure(with, "integerBytes") - Figure(without, "integerBytes"));
        Assert.Equal(table.Outputs * (3 * table.Inputs - 4), Figure(without, "integerFileBytes") - Figure(with, "integerFileBytes"));
        Assert.Equal(without.Before.Bytes, without.After.Bytes);

        TransformReport Report(bool embeddings)
        {
            (TextModel made, TransformReport report) = Compression.Run(model, new WeightRounding(), new WeightRounding.Rounded { IncludesEmbeddings = embeddings });
            made.Dispose();
            return report;
        }

        static double Figure(TransformReport report, string name) => report.Figures.Single(figure => figure.Name == name).Value;
    }
}
