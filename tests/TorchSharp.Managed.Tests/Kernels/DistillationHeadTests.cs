using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

public sealed unsafe class DistillationHeadTests : KernelTests
{
    public static TheoryData<string, float> SetsAndTemperatures
    {
        get
        {
            var data = new TheoryData<string, float>();
            foreach (InstructionSet set in FastSets)
                foreach (float temperature in new[] { 0.1f, 1, 2, 3.5f, 100 })
                    data.Add(set.ToString(), temperature);
            return data;
        }
    }

    [Theory, MemberData(nameof(SetsAndTemperatures))]
    public void Run_EveryVocabularyTail_EqualsPlain(string set, float temperature)
    {
        foreach (long vocabulary in TailLengths.Where(length => length > 0))
        {
            Problem problem = Create(rows: 9, vocabulary, scale: 1);
            problem.Arguments.Temperature = temperature;
            Compare(set, problem, 2e-5);
        }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_EverySelectionOfLosses_EqualsPlain(string set)
    {
        for (int bits = 1; bits < 8; bits++)
        {
            Problem problem = Create(rows: 5, vocabulary: 71, scale: 1);
            ref DistillationHeadArguments arguments = ref problem.Arguments;
            (arguments.DistillationScale, arguments.CausalLmScale, arguments.MseScale) =
                ((bits & 1) != 0 ? 0.7f : 0, (bits & 2) != 0 ? 0.4f : 0, (bits & 4) != 0 ? 0.01f : 0);
            arguments.WantDistillation = arguments.WantCausalLm = arguments.WantMse = false;
            Compare(set, problem, 2e-5);
        }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_GradientOfTotal_AgreesWithFiniteDifferences(string set)
    {
        Use(set);
        Problem problem = Create(rows: 3, vocabulary: 19, scale: 0.5f);
        problem.Arguments.Temperature = 2;
        _ = DistillationHead.Run(problem.Arguments);
        float* gradient = problem.Arguments.StudentHiddenGradient;
        DistillationHeadArguments probe = problem.Arguments;
        probe.StudentHiddenGradient = null;
        probe.StudentEmbeddingGradient = null;
        probe.WantDistillation = probe.WantCausalLm = probe.WantMse = true;
        Simd.Active = InstructionSet.Plain;
        for (long i = 0; i < 3 * Width; i++)
        {
            const float step = 1e-2f;
            float kept = probe.StudentHidden[i];
            probe.StudentHidden[i] = kept + step;
            double up = Total(probe, DistillationHead.Run(probe));
            probe.StudentHidden[i] = kept - step;
            double down = Total(probe, DistillationHead.Run(probe));
            probe.StudentHidden[i] = kept;
            double expected = (up - down) / (2 * step);
            Assert.True(Math.Abs(expected - gradient[i]) < 2e-3 * (1 + Math.Abs(expected)),
                $"element {i}: {gradient[i]}, finite difference {expected}");
        }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_LargeVocabulary_SumsWithinOneMillionthOfDouble(string set)
    {
        const long vocabulary = 50257, width = 4;
        foreach (float temperature in new[] { 1f, 2f, 4f, 10f, 30f, 100f })
        {
            Problem problem = Create(rows: 3, vocabulary, scale: 1.5f, width);
            problem.Arguments.Temperature = temperature;
            problem.Arguments.StudentHiddenGradient = problem.Arguments.StudentEmbeddingGradient = null;
            problem.Arguments.WantDistillation = problem.Arguments.WantCausalLm = problem.Arguments.WantMse = true;
            Simd.Active = InstructionSet.Plain;
            DistillationHeadSums expected = DistillationHead.Run(problem.Arguments);
            Use(set);
            DistillationHeadSums actual = DistillationHead.Run(problem.Arguments);
            Assert.Equal(1, actual.Distillation / expected.Distillation, 1e-6);
            Assert.Equal(1, actual.CausalLm / expected.CausalLm, 1e-6);
            Assert.Equal(1, actual.SquaredError / expected.SquaredError, 1e-6);
        }
    }

    [Theory, MemberData(nameof(SetsAndTemperatures))]
    public void Run_ExtremeLogits_StaysFiniteAndEqualsPlain(string set, float temperature)
    {
        Problem problem = Create(rows: 4, vocabulary: 65, scale: 60);
        problem.Arguments.Temperature = temperature;
        problem.Arguments.MseScale = 1e-6f;
        Compare(set, problem, 2e-4);
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_SameLogits_NoDivergence(string set)
    {
        Use(set);
        Problem problem = Create(rows: 4, vocabulary: 333, scale: 1);
        problem.Arguments.TeacherHidden = problem.Arguments.StudentHidden;
        problem.Arguments.TeacherEmbedding = problem.Arguments.StudentEmbedding;
        problem.Arguments.Temperature = 2;
        DistillationHeadSums sums = DistillationHead.Run(problem.Arguments);
        Assert.Equal(0, sums.Distillation, 1e-9);
        Assert.Equal(4, sums.TopOneAgreements);
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_NaNOrInfinityInStudent_ComesOut(string set)
    {
        Use(set);
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity })
            foreach (int row in new[] { 0, 40, 64 })
            {
                Problem problem = Create(rows: 1, vocabulary: 65, scale: 1, width: 1);
                problem.Arguments.StudentHidden[0] = 1;
                problem.Arguments.StudentEmbedding[row] = bad;
                problem.Arguments.Targets[0] = 2;
                DistillationHeadSums sums = DistillationHead.Run(problem.Arguments);
                Assert.False(double.IsFinite(sums.Distillation));
                Assert.False(double.IsFinite(sums.CausalLm));
                Assert.False(double.IsFinite(sums.SquaredError));
                Assert.False(float.IsFinite(problem.Arguments.StudentHiddenGradient[0]));
            }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_CausalLmOnly_NeedsNoTeacher(string set)
    {
        Problem problem = Create(rows: 300, vocabulary: 40, scale: 1);
        problem.Arguments.TeacherHidden = problem.Arguments.TeacherEmbedding = null;
        problem.Arguments.DistillationScale = problem.Arguments.MseScale = 0;
        problem.Arguments.WantDistillation = problem.Arguments.WantMse = false;
        Compare(set, problem, 2e-5);
    }

    [Fact]
    public void Run_AnyThreadCount_SameBits()
    {
        WorkerPool.ThreadCount = 1;
        Problem one = Create(rows: 300, vocabulary: 70, scale: 1), many = Create(rows: 300, vocabulary: 70, scale: 1);
        DistillationHeadSums expected = DistillationHead.Run(one.Arguments);
        WorkerPool.ThreadCount = 5;
        Assert.Equal(expected, DistillationHead.Run(many.Arguments));
        AssertClose(300 * Width, one.Arguments.StudentHiddenGradient, many.Arguments.StudentHiddenGradient, 0, "hidden gradient");
        AssertClose(70 * Width, one.Arguments.StudentEmbeddingGradient, many.Arguments.StudentEmbeddingGradient, 0, "embedding gradient");
    }

    [Fact]
    public void Run_OverwrittenEmbeddingGradient_EqualsOneAddedToZeros()
    {
        const long rows = 300, vocabulary = 50;
        Problem added = Create(rows, vocabulary, scale: 1), overwritten = Create(rows, vocabulary, scale: 1);
        new Span<float>(added.Arguments.StudentEmbeddingGradient, (int)(vocabulary * Width)).Clear();
        new Span<float>(overwritten.Arguments.StudentEmbeddingGradient, (int)(vocabulary * Width)).Fill(float.NaN);
        overwritten.Arguments.OverwriteEmbeddingGradient = true;
        _ = DistillationHead.Run(added.Arguments);
        _ = DistillationHead.Run(overwritten.Arguments);
        AssertClose(vocabulary * Width, added.Arguments.StudentEmbeddingGradient, overwritten.Arguments.StudentEmbeddingGradient, 0,
            "embedding gradient");
    }

    [Fact]
    public void Run_MissingOrInvalidOperands_Throws()
    {
        Problem problem = Create(rows: 2, vocabulary: 8, scale: 1);
        DistillationHeadArguments arguments = problem.Arguments;
        arguments.Temperature = 0;
        Assert.Throws<ArgumentOutOfRangeException>(() => DistillationHead.Run(arguments));
        arguments.Temperature = float.NaN;
        Assert.Throws<ArgumentOutOfRangeException>(() => DistillationHead.Run(arguments));
        arguments.Temperature = 1;
        arguments.TeacherHidden = null;
        Assert.Throws<ArgumentException>(() => DistillationHead.Run(arguments));
        arguments = problem.Arguments;
        arguments.Targets[1] = 8;
        Assert.Throws<IndexOutOfRangeException>(() => DistillationHead.Run(arguments));
        arguments.Targets = null;
        Assert.Throws<ArgumentException>(() => DistillationHead.Run(arguments));
    }

    private const long Width = 6;

    private sealed class Problem
    {
        public DistillationHeadArguments Arguments;
        public long Rows, Vocabulary;
    }

    private static double Total(in DistillationHeadArguments arguments, DistillationHeadSums sums) =>
        arguments.DistillationScale * sums.Distillation + arguments.CausalLmScale * sums.CausalLm + arguments.MseScale * sums.SquaredError;

    private Problem Create(long rows, long vocabulary, float scale, long width = Width)
    {
        long* targets = Indices(rows, vocabulary, 5);
        for (long i = 2; i < rows; i += 3)
            targets[i] = DistillationHead.NoTarget;
        return new Problem
        {
            Rows = rows,
            Vocabulary = vocabulary,
            Arguments = new DistillationHeadArguments
            {
                Rows = rows,
                StudentWidth = width,
                TeacherWidth = width,
                VocabularySize = vocabulary,
                StudentHidden = Random(rows * width, 1, scale),
                StudentEmbedding = Random(vocabulary * width, 2),
                TeacherHidden = Random(rows * width, 3, scale),
                TeacherEmbedding = Random(vocabulary * width, 4),
                Targets = targets,
                Temperature = 2,
                DistillationScale = 0.5f,
                CausalLmScale = 0.25f,
                MseScale = 0.001f,
                StudentHiddenGradient = Rent(rows * width),
                StudentEmbeddingGradient = Rent(vocabulary * width, 0.5f),
            },
        };
    }

    private void Compare(string set, Problem problem, double tolerance)
    {
        long hidden = problem.Rows * problem.Arguments.StudentWidth, embedding = problem.Vocabulary * problem.Arguments.StudentWidth;
        Simd.Active = InstructionSet.Plain;
        DistillationHeadSums expected = DistillationHead.Run(problem.Arguments);
        DistillationHeadArguments fast = problem.Arguments;
        fast.StudentHiddenGradient = Rent(hidden);
        fast.StudentEmbeddingGradient = Rent(embedding, 0.5f);
        Use(set);
        DistillationHeadSums actual = DistillationHead.Run(fast);
        string what = $"{set} V={problem.Vocabulary} T={fast.Temperature}";
        AssertClose(hidden, problem.Arguments.StudentHiddenGradient, fast.StudentHiddenGradient, tolerance, what + " hidden gradient");
        AssertClose(embedding, problem.Arguments.StudentEmbeddingGradient, fast.StudentEmbeddingGradient, tolerance * 10,
            what + " embedding gradient");
        Assert.Equal(expected.Distillation, actual.Distillation, 1e-5 * (1 + expected.Distillation));
        Assert.Equal(expected.CausalLm, actual.CausalLm, 1e-5 * (1 + expected.CausalLm));
        Assert.Equal(expected.SquaredError, actual.SquaredError, 1e-5 * (1 + expected.SquaredError));
        Assert.Equal((expected.TargetRows, expected.TopOneAgreements), (actual.TargetRows, actual.TopOneAgreements));
        Assert.True(double.IsFinite(actual.Distillation) && double.IsFinite(actual.CausalLm));
    }
}
