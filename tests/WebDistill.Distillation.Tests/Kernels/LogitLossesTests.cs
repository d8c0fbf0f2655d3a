using TorchSharp;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Kernels;

public sealed unsafe class LogitLossesTests : KernelTests
{
    // What lies between two rows: neither read nor written.
    private const long Gap = 5;

    private static readonly float[] s_temperatures = [0.1f, 1, 2, 3.5f, 100];

    [Theory, MemberData(nameof(SetNames))]
    public void Run_EveryVocabularyTailAndTemperature_EqualsLibtorchIn64Bits(string set)
    {
        foreach (long vocabulary in TailLengths)
            foreach (float temperature in s_temperatures)
                Compare(set, new Problem(this, rows: 5, vocabulary), All(vocabulary, temperature), 3e-5);
    }

    [Theory, MemberData(nameof(SetNames))]
    public void Run_EverySelectionOfLosses_EqualsLibtorchIn64Bits(string set)
    {
        for (int bits = 1; bits < 8; bits++)
            Compare(set, new Problem(this, rows: 5, vocabulary: 71), All(71, 2) with
            {
                WantDistillation = (bits & 1) != 0, WantCausalLm = (bits & 2) != 0, WantMse = (bits & 4) != 0,
            }, 3e-5);
    }

    [Theory, MemberData(nameof(SetNames))]
    public void Run_ExtremeLogits_EqualsLibtorchIn64Bits(string set)
    {
        foreach (float temperature in s_temperatures)
            Compare(set, new Problem(this, rows: 4, vocabulary: 65, scale: 60), All(65, temperature) with { MseScale = 1e-6f }, 2e-4);
    }

    [Theory, MemberData(nameof(SetNames))]
    public void Run_LargeVocabulary_SumsWithinOneMillionthOfLibtorchIn64Bits(string set)
    {
        foreach (float temperature in new[] { 1f, 2, 10, 100 })
        {
            var problem = new Problem(this, rows: 3, vocabulary: 50257, scale: 3);
            LogitLossSettings settings = All(50257, temperature) with { WantGradient = false };
            using DisposeScope scope = NewDisposeScope();
            double[] expected = Oracle(problem, settings, out _);
            Use(set);
            LogitLossSums actual = problem.Run(settings);
            Assert.Equal(1, actual.Distillation / expected[0], 1e-6);
            Assert.Equal(1, actual.CausalLm / expected[1], 1e-6);
            Assert.Equal(1, actual.SquaredError / expected[2], 1e-6);
        }
    }

    [Theory, MemberData(nameof(SetNames))]
    public void Run_StudentNearTheTeacher_DivergenceHasNoCancellation(string set)
    {
        foreach (float distance in new[] { 1e-1f, 1e-2f, 1e-3f })
        {
            var problem = new Problem(this, rows: 3, vocabulary: 1031);
            float* noise = Random(3 * (1031 + Gap), 9, distance);
            for (long i = 0; i < 3 * (1031 + Gap); i++)
                problem.Teacher[i] = problem.Student[i] + noise[i];
            LogitLossSettings settings = All(1031, 2) with { WantGradient = false };
            double expected = Oracle(problem, settings, out _)[0];
            Use(set);
            Assert.Equal(1, problem.Run(settings).Distillation / expected, 1e-5);
        }
    }

    [Theory, MemberData(nameof(SetNames))]
    public void Run_SameLogits_NoDivergence(string set)
    {
        Use(set);
        var problem = new Problem(this, rows: 4, vocabulary: 333);
        Assert.Equal(0, LogitLosses.Run(All(333, 2) with { WantGradient = false }, 4, problem.Student, problem.Student, 333 + Gap, problem.Targets).Distillation, 1e-9);
    }

    [Theory, MemberData(nameof(SetNames))]
    public void Run_NaNOrInfinityInStudent_ComesOut(string set)
    {
        Use(set);
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity })
            foreach (int word in new[] { 0, 40, 64 })
            {
                var problem = new Problem(this, rows: 1, vocabulary: 65);
                problem.Student[word] = bad;
                LogitLossSums sums = problem.Run(All(65, 2));
                Assert.False(double.IsFinite(sums.Distillation));
                Assert.False(double.IsFinite(sums.CausalLm));
                Assert.False(double.IsFinite(sums.SquaredError));
                Assert.False(float.IsFinite(problem.Student[word]));
            }
    }

    [Theory, MemberData(nameof(SetNames))]
    public void Run_RowsThatEndWhereMemoryEnds_ReadsNothingBeyond(string set)
    {
        if (!OperatingSystem.IsLinux())
            return;   // the guard below is made with Linux's calls
        Use(set);
        foreach (long vocabulary in TailLengths)
        {
            using MemoryEdge student = new(vocabulary), teacher = new(vocabulary);
            long target = vocabulary - 1;
            LogitLossSums sums = LogitLosses.Run(All(vocabulary, 2), 1, student.Data, teacher.Data, vocabulary, &target);
            Assert.Equal(Math.Log(vocabulary), sums.CausalLm, 1e-5);
        }
    }

    [Fact]
    public void Run_AnyThreadCount_SameBits()
    {
        Problem one = new(this, rows: 300, vocabulary: 70), many = new(this, rows: 300, vocabulary: 70);
        WorkerPool.ThreadCount = 1;
        LogitLossSums expected = one.Run(All(70, 2));
        WorkerPool.ThreadCount = 5;
        Assert.Equal(expected, many.Run(All(70, 2)));
        Assert.True(new ReadOnlySpan<byte>(one.Student, 300 * 75 * 4).SequenceEqual(new ReadOnlySpan<byte>(many.Student, 300 * 75 * 4)));
    }

    [Fact]
    public void Run_MissingOrInvalidOperands_Throws()
    {
        var problem = new Problem(this, rows: 2, vocabulary: 8);
        foreach (float temperature in new[] { 0, -1, float.NaN, float.PositiveInfinity })
            Assert.Throws<ArgumentOutOfRangeException>(() => problem.Run(All(8, temperature)));
        Assert.Throws<ArgumentException>(() => LogitLosses.Run(All(8, 1), 2, problem.Student, null, 8, problem.Targets));
        Assert.Throws<ArgumentException>(() => LogitLosses.Run(All(8, 1), 2, problem.Student, problem.Teacher, 8, null));
        foreach (long target in new[] { 8, -1 })
        {
            problem.Targets[1] = target;
            Assert.Throws<IndexOutOfRangeException>(() => problem.Run(All(8, 1)));
        }
    }

    private static LogitLossSettings All(long vocabulary, float temperature) => new()
    {
        VocabularySize = vocabulary, Temperature = temperature, WantDistillation = true, WantCausalLm = true, WantMse = true, WantGradient = true,
        DistillationScale = 0.5f, CausalLmScale = 0.25f, MseScale = 0.001f,
    };

    /// <summary>The three sums by libtorch's operators in 64 bits, and by its autograd the gradient of their weighted total.</summary>
    private static double[] Oracle(Problem problem, LogitLossSettings settings, out Tensor gradient)
    {
        (long rows, long vocabulary) = (problem.Rows, settings.VocabularySize);
        Tensor student = Exact(problem.Student, rows, vocabulary + Gap).narrow(1, 0, vocabulary).clone().requires_grad_();
        Tensor teacher = Exact(problem.Teacher, rows, vocabulary + Gap).narrow(1, 0, vocabulary);
        Tensor targets = tensor(new Span<long>(problem.Targets, (int)rows).ToArray());
        double temperature = settings.Temperature;
        Tensor distillation = nn.functional.kl_div(nn.functional.log_softmax(student / temperature, -1), nn.functional.log_softmax(teacher / temperature, -1),
            log_target: true, reduction: nn.Reduction.Sum) * (temperature * temperature);
        Tensor causal = nn.functional.cross_entropy(student, targets, ignore_index: LogitLosses.NoTarget, reduction: nn.Reduction.Sum);
        Tensor squares = nn.functional.mse_loss(student, teacher, reduction: nn.Reduction.Sum);
        Tensor[] sums = [distillation * (settings.WantDistillation ? 1 : 0), causal * (settings.WantCausalLm ? 1 : 0), squares * (settings.WantMse ? 1 : 0)];
        (sums[0] * settings.DistillationScale + sums[1] * settings.CausalLmScale + sums[2] * settings.MseScale).backward();
        gradient = student.grad!;
        return [.. sums.Select(sum => sum.item<double>())];
    }

    private static void Compare(string set, Problem problem, LogitLossSettings settings, double tolerance)
    {
        using DisposeScope scope = NewDisposeScope();
        double[] expected = Oracle(problem, settings, out Tensor gradient);
        Use(set);
        LogitLossSums actual = problem.Run(settings);
        string what = $"{set} V={settings.VocabularySize} T={settings.Temperature}";
        float[] values = gradient.to(ScalarType.Float32).contiguous().data<float>().ToArray();
        for (long row = 0; row < problem.Rows; row++)
            for (long word = 0; word < settings.VocabularySize; word++)
            {
                (float e, float a) = (values[row * settings.VocabularySize + word], problem.Student[row * (settings.VocabularySize + Gap) + word]);
                Assert.True(Math.Abs(e - a) <= tolerance * (1 + Math.Abs(e)), $"{what}: gradient of row {row}, word {word} is {a:R}, expected {e:R}.");
            }
        problem.AssertGapsUntouched(what);
        double[] sums = [actual.Distillation, actual.CausalLm, actual.SquaredError];
        for (int i = 0; i < 3; i++)
            Assert.True(Math.Abs(expected[i] - sums[i]) <= 1e-5 * (1 + expected[i]), $"{what}: sum {i} is {sums[i]:R}, expected {expected[i]:R}.");
    }

    private sealed class Problem
    {
        private readonly long _vocabulary;

        public Problem(LogitLossesTests tests, int rows, long vocabulary, float scale = 1)
        {
            (_vocabulary, Rows) = (vocabulary, rows);
            Student = tests.Random(rows * (vocabulary + Gap), 1, scale);
            Teacher = tests.Random(rows * (vocabulary + Gap), 2, scale);
            Targets = (long*)tests.Rent(2 * rows);
            for (long row = 0; row < rows; row++)
            {
                Targets[row] = row % 3 == 2 ? LogitLosses.NoTarget : row * 37 % vocabulary;
                new Span<float>(Student + row * (vocabulary + Gap) + vocabulary, (int)Gap).Fill(float.NaN);
                new Span<float>(Teacher + row * (vocabulary + Gap) + vocabulary, (int)Gap).Fill(float.NaN);
            }
        }

        public int Rows { get; }

        public float* Student { get; }

        public float* Teacher { get; }

        public long* Targets { get; }

        public LogitLossSums Run(LogitLossSettings settings) => LogitLosses.Run(settings, Rows, Student, Teacher, _vocabulary + Gap, Targets);

        public void AssertGapsUntouched(string what)
        {
            for (long row = 0; row < Rows; row++)
                foreach (float value in new ReadOnlySpan<float>(Student + row * (_vocabulary + Gap) + _vocabulary, (int)Gap))
                    Assert.True(float.IsNaN(value), $"{what}: wrote beyond row {row}.");
        }
    }
}
