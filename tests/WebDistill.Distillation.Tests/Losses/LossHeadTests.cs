using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Losses;

/// <summary>The engine's own head and the one composed of tensor operations are two ways to the same numbers.</summary>
public sealed class LossHeadTests
{
    private const int Vocabulary = 131, StudentWidth = 24, TeacherWidth = 24;

    public static TheoryData<string, int> Cases()
    {
        var cases = new TheoryData<string, int>();
        // Fewer rows than a chunk, exactly one, and one and a tail.
        foreach (int rows in new[] { 1, 7, LossHead.RowsPerChunk, LossHead.RowsPerChunk + 45 })
        {
            foreach (RowLoss loss in LossCatalogue.All.OfType<RowLoss>())
                cases.Add(loss.Name, rows);
            cases.Add("all", rows);
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Run_AnyLoss_EqualsTheComposedOne(string name, int rows)
    {
        LossTerm[] terms = [.. LossCatalogue.All.OfType<RowLoss>().Where(loss => name == "all" || loss.Name == name)
            .Select((loss, i) => Term(loss, (i + 1.0) / rows))];
        using var fused = new Problem(rows, seed: 3);
        using var composed = new Problem(rows, seed: 3);
        LossHeadResult actual = ProjectionHead.Run(fused.Input, terms, gradients: true);
        LossHeadResult expected = LossHead.Compose(composed.Input, terms, gradients: true);

        for (int i = 0; i < terms.Length; i++)
            GoldenFiles.AssertNear(expected.Sums[i], actual.Sums[i], 1e-5, 1e-5, terms[i].Loss.Name);
        AssertSame(expected.HiddenGradient!, actual.HiddenGradient!, "gradient of the hidden states");
        if (terms.Any(term => (term.Loss.Needs & LossInputs.StudentLogits) != 0))
            AssertSame(composed.Embedding.grad!, fused.Embedding.grad!, "gradient of the embedding");
        Assert.Contains(ParameterData.ToArray(actual.HiddenGradient!), value => value != 0);
    }

    [Fact]
    public void Run_WithoutGradients_GivesTheSameSumsAndTouchesNoGradient()
    {
        LossTerm[] terms = [.. LossCatalogue.All.OfType<RowLoss>().Select(loss => Term(loss, 1))];
        using var problem = new Problem(rows: 40, seed: 5);
        double[] sums = ProjectionHead.Run(problem.Input, terms, gradients: false).Sums;
        Assert.Null(problem.Embedding.grad);
        double[] again = ProjectionHead.Run(problem.Input, terms, gradients: true).Sums;
        for (int i = 0; i < sums.Length; i++)
            GoldenFiles.AssertNear(again[i], sums[i], 1e-6, 0, terms[i].Loss.Name);
    }

    [Fact]
    public void Run_NoRowHasATarget_CausalLossIsZeroAndSoIsItsGradient()
    {
        using var problem = new Problem(rows: 9, seed: 7);
        LossHeadInput input = problem.Input with { Targets = [.. Enumerable.Repeat(LogitLosses.NoTarget, 9)] };
        LossTerm[] terms = [new LossTerm(new CausalLanguageModel(), 1)];
        foreach (LossHeadResult result in new[] { ProjectionHead.Run(input, terms, gradients: true),
            LossHead.Compose(input, terms, gradients: true) })
        {
            Assert.Equal(0, result.Sums[0]);
            Assert.All(ParameterData.ToArray(result.HiddenGradient!), value => Assert.Equal(0, value));
            Assert.All(ParameterData.ToArray(problem.Embedding.grad!), value => Assert.Equal(0, value));
        }
    }

    /// <summary>Restricted to the guessed tokens a loss is that of those rows alone, whatever stands beside it.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(LossHead.RowsPerChunk)]
    public void Run_RestrictedToTargets_IsThatOfThoseRowsAlone(int withTarget)
    {
        const int rows = LossHead.RowsPerChunk + 45;
        long[] targets = [.. Enumerable.Range(0, rows).Select(row => row % 3 == 1 && row / 3 < withTarget ? (long)(row % Vocabulary) : LogitLosses.NoTarget)];
        long[] few = [.. targets.Index().Where(row => row.Item != LogitLosses.NoTarget).Select(row => (long)row.Index)];
        foreach (RowLoss[] beside in new RowLoss[][] { [], [new MaskedLanguageModel(), new HiddenCosine()], [new CentredLogits()] })
        {
            using var problem = new Problem(rows, seed: 15);
            using var alone = new Problem(rows, seed: 15);
            LossTerm ce = Term(new DistillationCrossEntropy(), 0.5) with { IsRestricted = true };
            LossHeadResult actual = ProjectionHead.Run(problem.Input with { Targets = targets }, [ce, .. beside.Select(loss => Term(loss, 0.25))], gradients: true);
            LossHeadResult rest = ProjectionHead.Run(alone.Input with { Targets = targets }, [.. beside.Select(loss => Term(loss, 0.25))], gradients: true);
            Tensor index = tensor(few, [few.Length], device: Distillation.Engine.Device.Default);
            LossHeadInput picked = alone.Input with
            {
                StudentHidden = alone.Input.StudentHidden.index_select(0, index), TeacherLogits = new HeadLogits(alone.Input.TeacherHidden!.index_select(0, index), alone.TeacherHead),
                Targets = [.. few.Select(row => targets[row])],
            };
            LossHeadResult ofFew = ProjectionHead.Run(picked, [ce with { IsRestricted = false }], gradients: true);
            GoldenFiles.AssertNear(ofFew.Sums[0], actual.Sums[0], 1e-5, 1e-5, "ce");
            Tensor expected = (rest.HiddenGradient ?? zeros_like(alone.Input.StudentHidden)).index_add(0, index, ofFew.HiddenGradient!, 1);
            AssertSame(expected, actual.HiddenGradient!, $"gradient of the hidden states beside {beside.Length} others");
            if (few.Length > 0)
                AssertSame(alone.Embedding.grad!, problem.Embedding.grad!, $"gradient of the embedding beside {beside.Length} others");
        }
    }

    [Fact]
    public void Run_SecondMicroBatch_AddsToTheEmbeddingsGradient()
    {
        LossTerm[] terms = [Term(new DistillationCrossEntropy(), 1)];
        using var problem = new Problem(rows: 12, seed: 9);
        ProjectionHead.Run(problem.Input, terms, gradients: true);
        float[] once = ParameterData.ToArray(problem.Embedding.grad!);
        ProjectionHead.Run(problem.Input, terms, gradients: true);
        GoldenFiles.AssertClose(
            [.. once.Select(value => 2 * value)], ParameterData.ToArray(problem.Embedding.grad!), 1e-5, "gradient after two batches");
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Run_DamagedTeacher_SumIsNotFinite(float value)
    {
        using var problem = new Problem(rows: 5, seed: 11);
        ParameterData.Write(problem.Input.TeacherHidden!, values => { Fill(values, 13); values[3] = value; });
        double sum = ProjectionHead.Run(problem.Input, [Term(new DistillationCrossEntropy(), 1)], gradients: true).Sums[0];
        Assert.False(double.IsFinite(sum));
    }

    /// <summary>Equal up to the rounding of sums whose terms have the size of the largest element.</summary>
    private static LossTerm Term(RowLoss loss, double scale) => new(
        loss, scale, loss is DistillationCrossEntropy ? new DistillationCrossEntropy.Softening { Temperature = 2.5 } : null);

    private static void AssertSame(Tensor expected, Tensor actual, string what)
    {
        float[] values = ParameterData.ToArray(expected);
        GoldenFiles.AssertClose(values, ParameterData.ToArray(actual), 2e-6 * Math.Max(1, values.Max(MathF.Abs)), what);
    }

    private static void Fill(Span<float> values, long seed) => new SeededRandom(seed).FillNormal(values, 0.7);

    private sealed class Problem : IDisposable
    {
        private readonly DisposeScope _scope = NewDisposeScope();

        public Problem(int rows, long seed)
        {
            Embedding = nn.Parameter(Normal(seed, Vocabulary, StudentWidth));
            long[] targets = [.. Enumerable.Range(0, rows).Select(row => row % 4 == 3 ? LogitLosses.NoTarget : (long)(row * 37 % Vocabulary))];
            Tensor teacher = Normal(seed + 2, rows, TeacherWidth);
            TeacherHead = Normal(seed + 3, Vocabulary, TeacherWidth);
            Input = new LossHeadInput(Normal(seed + 1, rows, StudentWidth), Embedding, teacher, new HeadLogits(teacher, TeacherHead), targets);
        }

        public Parameter Embedding { get; }

        public Tensor TeacherHead { get; }

        public LossHeadInput Input { get; }

        public void Dispose() => _scope.Dispose();

        private static Tensor Normal(long seed, long rows, long columns)
        {
            Tensor values = zeros(rows, columns, device: Distillation.Engine.Device.Default);
            ParameterData.Write(values, span => Fill(span, seed));
            return values;
        }
    }
}
