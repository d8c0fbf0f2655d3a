using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace WebDistill.Distillation.Kernels;

/// <summary>Which losses of a row of logits are summed, and what a row of each counts in the total. V vocabulary.</summary>
internal struct LogitLossSettings
{
    public long VocabularySize;

    /// <summary>T &gt; 0 of the distillation loss.</summary>
    public float Temperature;

    /// <summary>Which sums to compute.</summary>
    public bool WantDistillation, WantCausalLm, WantMse;

    /// <summary>Whether the gradient replaces the student's logits.</summary>
    public bool WantGradient;

    /// <summary>Factor of one row's T² KL(teacher || student) in the total that is differentiated.</summary>
    public float DistillationScale;

    /// <summary>Factor of one target row's negative log-likelihood in the total.</summary>
    public float CausalLmScale;

    /// <summary>Factor of one row's sum of squared logit differences in the total.</summary>
    public float MseScale;

    /// <summary>Whether a loss looks at the teacher's logits.</summary>
    public readonly bool NeedsTeacher => WantDistillation || WantMse;
}

/// <summary>Unscaled sums over the rows, in double.</summary>
/// <param name="Distillation">Sum over rows of T² KL(softmax(teacher / T) || softmax(student / T)), in nats.</param>
/// <param name="CausalLm">Sum over target rows of -log softmax(student)[target], in nats.</param>
/// <param name="SquaredError">Sum over rows and vocabulary of (student - teacher)².</param>
internal readonly record struct LogitLossSums(double Distillation, double CausalLm, double SquaredError)
{
    public static LogitLossSums operator +(LogitLossSums a, LogitLossSums b) =>
        new(a.Distillation + b.Distillation, a.CausalLm + b.CausalLm, a.SquaredError + b.SquaredError);
}

/// <summary>
/// The losses on the logits and their gradient in one pass over each row, in place. Per row with student logits s, teacher logits t, target y:
/// <code>
/// kd  = T² Σ p (log p - log q),  p = softmax(t / T), q = softmax(s / T);   dkd/ds  = T (q - p)
/// clm = log Σ exp(s) - s[y];                                               dclm/ds = softmax(s) - onehot(y)
/// mse = Σ (s - t)²;                                                        dmse/ds = 2 (s - t)
/// </code>
/// Maxima are subtracted before every exponential; NaN or infinite logits come out as NaN or infinite sums and gradients.
/// </summary>
internal static unsafe class LogitLosses
{
    /// <summary>The target of a row without a next token.</summary>
    public const long NoTarget = -100;

    /// <summary>Nats below which the divergence is computed without cancellation.</summary>
    private const double SmallDivergence = 0.05;

    /// <summary>Elements summed in float before they go into a double.</summary>
    private const long SumBlock = 512;

    /// <summary>Sums over the rows; where a gradient is asked for, it replaces the student's logits.</summary>
    /// <param name="student">[rows, V], rows <paramref name="stride"/> floats apart; overwritten if a gradient is asked for.</param>
    /// <param name="teacher">As the student's; null where no loss needs it.</param>
    /// <param name="targets">The next token of each row, <see cref="NoTarget"/> for none; at least <paramref name="rows"/>.</param>
    /// <exception cref="ArgumentException">A loss needs the teacher or the targets and they are missing.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The temperature is not a positive finite number.</exception>
    /// <exception cref="IndexOutOfRangeException">A target is neither -100 nor in [0, V).</exception>
    public static LogitLossSums Run(LogitLossSettings settings, int rows, float* student, float* teacher, long stride, long* targets)
    {
        Check(settings, rows, teacher, targets);
        var sums = new LogitLossSums[rows];
        WorkerPool.For(rows, (row, _) => sums[row] = Row(settings, student + row * stride, teacher == null ? null : teacher + row * stride,
            targets == null ? NoTarget : targets[row]));
        return sums.Aggregate(default(LogitLossSums), (total, row) => total + row);
    }

    /// <summary>The sums of one row; student is overwritten with the gradient if one is asked for.</summary>
    private static LogitLossSums Row(in LogitLossSettings settings, float* student, float* teacher, long target) =>
        Simd.Active switch
    {
        InstructionSet.Avx512 => RowFast<Simd512, Vector512<float>>(settings, student, teacher, target),
        InstructionSet.Avx2 => RowFast<Simd256, Vector256<float>>(settings, student, teacher, target),
        InstructionSet.Portable => RowFast<Simd128, Vector128<float>>(settings, student, teacher, target),
        _ => RowPlain(settings, student, teacher, target),
    };

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static LogitLossSums RowFast<S, V>(in LogitLossSettings settings, float* student, float* teacher, long target)
        where S : struct, ISimd<V>
    {
        long count = settings.VocabularySize;
        bool soft = settings.WantDistillation, hard = settings.WantCausalLm && target != NoTarget, squares = settings.WantMse;
        float temperature = settings.Temperature;
        float studentMaximum = VectorMath.Maximum<S, V>(count, student);
        float teacherMaximum = teacher == null ? 0 : VectorMath.Maximum<S, V>(count, teacher);
        var sums = new RowSums();
        V sMax = S.Create(studentMaximum), tMax = S.Create(teacherMaximum), inverseT = S.Create(1 / temperature);
        for (long start = 0; start < count; start += SumBlock)
        {
            long end = Math.Min(count, start + SumBlock);
            V studentSoft = S.Zero, teacherSoft = S.Zero, cross = S.Zero, studentHard = S.Zero, squared = S.Zero;
            for (long i = start; i < end; i += S.Count)
            {
                long lanes = end - i;
                V s = S.Subtract(VectorMath.Load<S, V>(student + i, lanes, float.NegativeInfinity), sMax);
                V softPower = S.Zero;
                if (soft)
                {
                    V sScaled = S.Multiply(s, inverseT);
                    V tScaled = S.Multiply(S.Subtract(VectorMath.Load<S, V>(teacher + i, lanes, float.NegativeInfinity), tMax), inverseT);
                    softPower = VectorMath.Exp<S, V>(sScaled);
                    V teacherPower = VectorMath.Exp<S, V>(tScaled);
                    studentSoft = S.Add(studentSoft, softPower);
                    teacherSoft = S.Add(teacherSoft, teacherPower);
                    V difference = S.Subtract(tScaled, sScaled);
                    // Lanes beyond the row hold -Inf minus -Inf: they must not count.
                    if (lanes < S.Count)
                        difference = S.Select(S.LessThan(LaneIndices<S, V>(), S.Create(lanes)), difference, S.Zero);
                    cross = S.MultiplyAdd(teacherPower, difference, cross);
                }
                if (hard)
                    studentHard = S.Add(studentHard, HardPower<S, V>(s, softPower, soft, temperature));
                if (squares)
                {
                    V difference = S.Subtract(VectorMath.Load<S, V>(student + i, lanes), VectorMath.Load<S, V>(teacher + i, lanes));
                    squared = S.MultiplyAdd(difference, difference, squared);
                }
            }
            sums.StudentSoft += S.SumInDouble(studentSoft);
            sums.TeacherSoft += S.SumInDouble(teacherSoft);
            sums.Cross += S.SumInDouble(cross);
            sums.StudentHard += S.SumInDouble(studentHard);
            sums.Squared += S.SumInDouble(squared);
        }
        double distillation = soft ? sums.Cross / sums.TeacherSoft - Math.Log(sums.TeacherSoft) + Math.Log(sums.StudentSoft) : 0;
        if (soft && distillation < SmallDivergence)
            distillation = SmallDivergenceOf<S, V>(count, student, teacher, studentMaximum, teacherMaximum, temperature, sums);
        double causal = hard ? Math.Log(sums.StudentHard) + studentMaximum - student[target] : 0;
        if (settings.WantGradient)
        {
            Gradient<S, V>(settings, student, teacher, studentMaximum, teacherMaximum, sums, hard);
            if (hard)
                student[target] -= settings.CausalLmScale;
        }
        return new((double)temperature * temperature * distillation, causal, sums.Squared);
    }

    /// <summary>
    /// The divergence when it is small (high temperature, student near teacher), where the difference of two logarithms would cancel. With
    /// d = log p - log q up to a constant and u = d - c, c near the mean of d under p: KL = log(1 + E[φ(u)] - E[u]) + E[u], φ(u) = e⁻ᵘ - 1
    /// + u. φ is never negative, and an error in c or E[u] changes the result in second order only.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double SmallDivergenceOf<S, V>(long count, float* student, float* teacher, float studentMaximum, float teacherMaximum,
        float temperature, in RowSums sums) where S : struct, ISimd<V>
    {
        float mean = (float)(sums.Cross / sums.TeacherSoft);
        V centre = S.Create((float)((double)mean * temperature + teacherMaximum - studentMaximum)),
            studentFactor = S.Create(MathF.Exp(mean));
        V sMax = S.Create(studentMaximum), tMax = S.Create(teacherMaximum), inverseT = S.Create(1 / temperature);
        double excess = 0, first = 0;
        for (long start = 0; start < count; start += SumBlock)
        {
            long end = Math.Min(count, start + SumBlock);
            V blockExcess = S.Zero, blockFirst = S.Zero;
            for (long i = start; i < end; i += S.Count)
            {
                // Missing lanes: probability 0 for both, difference 0.
                V s = VectorMath.Load<S, V>(student + i, end - i, float.MinValue),
                    t = VectorMath.Load<S, V>(teacher + i, end - i, float.MinValue);
                V studentPower = VectorMath.Exp<S, V>(S.Multiply(S.Subtract(s, sMax), inverseT));
                V teacherPower = VectorMath.Exp<S, V>(S.Multiply(S.Subtract(t, tMax), inverseT));
                V u = S.Multiply(S.Subtract(S.Subtract(t, s), centre), inverseT);
                V series = S.MultiplyAdd(u, S.Create(1f / 40320), S.Create(-1f / 5040));
                series = S.MultiplyAdd(series, u, S.Create(1f / 720));
                series = S.MultiplyAdd(series, u, S.Create(-1f / 120));
                series = S.MultiplyAdd(series, u, S.Create(1f / 24));
                series = S.MultiplyAdd(series, u, S.Create(-1f / 6));
                series = S.MultiplyAdd(series, u, S.Create(0.5f));
                V near = S.Multiply(teacherPower, S.Multiply(S.Multiply(u, u), series));
                // e^(t/T) e⁻ᵘ = e^(s/T) e^c, which does not overflow.
                V weighted = S.Multiply(teacherPower, u);
                V far = S.Add(S.Subtract(S.Multiply(studentPower, studentFactor), teacherPower), weighted);
                blockExcess = S.Add(blockExcess, S.Select(S.LessThan(S.Absolute(u), S.Create(0.5f)), near, far));
                blockFirst = S.Add(blockFirst, weighted);
            }
            excess += S.SumInDouble(blockExcess);
            first += S.SumInDouble(blockFirst);
        }
        excess /= sums.TeacherSoft;
        first /= sums.TeacherSoft;
        return LogOnePlus(excess - first) + first;
    }

    /// <summary>log(1 + x) without cancellation for small x (Kahan's quotient).</summary>
    private static double LogOnePlus(double x)
    {
        double y = 1 + x;
        return y == 1 ? x : Math.Log(y) * x / (y - 1);
    }

    /// <summary>Overwrites student with the gradient, but for the one-hot part of the causal loss.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gradient<S, V>(in LogitLossSettings settings, float* student, float* teacher, float studentMaximum,
        float teacherMaximum, in RowSums sums, bool hard) where S : struct, ISimd<V>
    {
        long count = settings.VocabularySize;
        bool soft = settings.WantDistillation && settings.DistillationScale != 0, squares = settings.WantMse && settings.MseScale != 0;
        hard &= settings.CausalLmScale != 0;
        float temperature = settings.Temperature;
        double softScale = (double)settings.DistillationScale * temperature;
        V q = S.Create((float)(softScale / sums.StudentSoft)), p = S.Create((float)(-softScale / sums.TeacherSoft));
        V h = S.Create((float)(settings.CausalLmScale / sums.StudentHard)), m = S.Create(2 * settings.MseScale);
        V sMax = S.Create(studentMaximum), tMax = S.Create(teacherMaximum), inverseT = S.Create(1 / temperature);
        for (long i = 0; i < count; i += S.Count)
        {
            long lanes = count - i;
            V value = VectorMath.Load<S, V>(student + i, lanes);
            V s = S.Subtract(value, sMax), softPower = S.Zero, gradient = S.Zero;
            if (soft)
            {
                softPower = VectorMath.Exp<S, V>(S.Multiply(s, inverseT));
                V t = S.Subtract(VectorMath.Load<S, V>(teacher + i, lanes), tMax);
                gradient = S.MultiplyAdd(q, softPower, S.Multiply(p, VectorMath.Exp<S, V>(S.Multiply(t, inverseT))));
            }
            if (hard)
                gradient = S.MultiplyAdd(h, HardPower<S, V>(s, softPower, soft, temperature), gradient);
            if (squares)
                gradient = S.MultiplyAdd(m, S.Subtract(value, VectorMath.Load<S, V>(teacher + i, lanes)), gradient);
            VectorMath.Store<S, V>(gradient, student + i, lanes);
        }
    }

    /// <summary>eˢ. At temperature 2, eˢ is the square of e^(s / 2), which is there already; at 1 it is that itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V HardPower<S, V>(V s, V softPower, bool soft, float temperature) where S : struct, ISimd<V> =>
        soft && temperature == 2 ? S.Multiply(softPower, softPower) : soft && temperature == 1 ? softPower : VectorMath.Exp<S, V>(s);

    private static V LaneIndices<S, V>() where S : struct, ISimd<V>
    {
        float* lanes = stackalloc float[S.Count];
        for (int i = 0; i < S.Count; i++)
            lanes[i] = i;
        return S.Load(lanes);
    }

    /// <summary>Sums over one row: Σ e^(s/T), Σ e^(t/T), Σ e^(t/T) (t - s)/T, Σ eˢ (maxima subtracted), Σ (s - t)².</summary>
    private struct RowSums
    {
        public double StudentSoft, TeacherSoft, Cross, StudentHard, Squared;
    }

    private static LogitLossSums RowPlain(in LogitLossSettings settings, float* student, float* teacher, long target)
    {
        long v = settings.VocabularySize;
        double inverseT = 1.0 / settings.Temperature;
        bool hasTarget = settings.WantCausalLm && target != NoTarget;
        double studentSoft = settings.WantDistillation ? LogSumExp(v, student, inverseT) : 0;
        double teacherSoft = settings.WantDistillation ? LogSumExp(v, teacher, inverseT) : 0;
        double studentHard = hasTarget ? LogSumExp(v, student, 1) : 0;
        double distillation = 0, squared = 0;
        double causal = hasTarget ? studentHard - student[target] : 0;
        for (long i = 0; i < v; i++)
        {
            double gradient = 0;
            if (settings.WantDistillation)
            {
                double logP = teacher[i] * inverseT - teacherSoft;
                double logQ = student[i] * inverseT - studentSoft;
                double p = Math.Exp(logP);
                distillation += p * (logP - logQ);
                gradient += settings.DistillationScale * settings.Temperature * (Math.Exp(logQ) - p);
            }
            if (hasTarget)
                gradient += settings.CausalLmScale * (Math.Exp(student[i] - studentHard) - (i == target ? 1 : 0));
            if (settings.WantMse)
            {
                double difference = (double)student[i] - teacher[i];
                squared += difference * difference;
                gradient += 2 * settings.MseScale * difference;
            }
            if (settings.WantGradient)
                student[i] = (float)gradient;
        }
        double t = settings.Temperature;
        return new(t * t * distillation, causal, squared);
    }

    private static double LogSumExp(long count, float* x, double factor)
    {
        double maximum = double.NegativeInfinity, sum = 0;
        for (long i = 0; i < count; i++)
            maximum = Math.Max(maximum, x[i] * factor);
        for (long i = 0; i < count; i++)
            sum += Math.Exp(x[i] * factor - maximum);
        return maximum + Math.Log(sum);
    }

    private static void Check(in LogitLossSettings settings, int rows, float* teacher, long* targets)
    {
        if (!(settings.Temperature > 0) || float.IsInfinity(settings.Temperature))
            throw new ArgumentOutOfRangeException(nameof(settings), settings.Temperature, "The temperature must be a positive finite number.");
        if (settings.NeedsTeacher && teacher == null)
            throw new ArgumentException("The distillation and MSE losses need the teacher's logits.", nameof(teacher));
        if (settings.WantCausalLm && targets == null)
            throw new ArgumentException("The causal language-model loss needs targets.", nameof(targets));
        for (int row = 0; settings.WantCausalLm && row < rows; row++)
        {
            if (targets[row] != NoTarget && (targets[row] < 0 || targets[row] >= settings.VocabularySize))
                throw new IndexOutOfRangeException(
                    $"Target {targets[row]} of row {row} is outside [0, {settings.VocabularySize}) and is not {NoTarget}, which stands for none.");
        }
    }
}
