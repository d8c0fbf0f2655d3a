namespace TorchSharp.Kernels;

/// <summary>Operands and options of <see cref="DistillationHead"/>. N rows, C student width, D teacher width, V vocabulary.</summary>
internal unsafe struct DistillationHeadArguments
{
    public long Rows, StudentWidth, TeacherWidth, VocabularySize;

    /// <summary>[N, C] contiguous: the student's hidden states after the last layer norm.</summary>
    public float* StudentHidden;

    /// <summary>[V, C] contiguous: the student's output embedding; logits are hidden times embedding transposed.</summary>
    public float* StudentEmbedding;

    /// <summary>[N, D] contiguous, or null without a teacher.</summary>
    public float* TeacherHidden;

    /// <summary>[V, D] contiguous, or null if <see cref="PackedTeacherEmbedding"/> is given or there is no teacher.</summary>
    public float* TeacherEmbedding;

    /// <summary>The teacher's embedding transposed and packed (K = D, N = V), used in place of <see cref="TeacherEmbedding"/>.</summary>
    public PackedMatrix? PackedTeacherEmbedding;

    /// <summary>int64[N]: the next token of each row, -100 for none; null if the causal loss is not asked for.</summary>
    public long* Targets;

    /// <summary>T &gt; 0 of the distillation loss.</summary>
    public float Temperature;

    /// <summary>Which sums to compute. A loss neither asked for nor scaled costs nothing.</summary>
    public bool WantDistillation, WantCausalLm, WantMse;

    /// <summary>Factor of one row's T² KL(teacher || student) in the total loss: weight / divisor.</summary>
    public float DistillationScale;

    /// <summary>Factor of one target row's negative log-likelihood in the total loss.</summary>
    public float CausalLmScale;

    /// <summary>Factor of one row's sum of squared logit differences in the total loss.</summary>
    public float MseScale;

    /// <summary>[N, C], overwritten with d(total)/d(StudentHidden); null: no gradients are computed.</summary>
    public float* StudentHiddenGradient;

    /// <summary>[V, C], d(total)/d(StudentEmbedding) is added to it; null: left out.</summary>
    public float* StudentEmbeddingGradient;

    public readonly bool NeedsDistillation => WantDistillation || DistillationScale != 0;
    public readonly bool NeedsCausalLm => WantCausalLm || CausalLmScale != 0;
    public readonly bool NeedsMse => WantMse || MseScale != 0;
    public readonly bool NeedsTeacher => NeedsDistillation || NeedsMse;
    public readonly bool NeedsGradient => StudentHiddenGradient != null || StudentEmbeddingGradient != null;
}

/// <summary>Unscaled sums over the rows, in double.</summary>
/// <param name="Distillation">Sum over rows of T² KL(softmax(teacher / T) || softmax(student / T)), in nats.</param>
/// <param name="CausalLm">Sum over target rows of -log softmax(student)[target], in nats.</param>
/// <param name="SquaredError">Sum over rows and vocabulary of (student - teacher)².</param>
/// <param name="TargetRows">Rows with a target.</param>
/// <param name="TopOneAgreements">Rows whose largest logit is at the same word for student and teacher; 0 without a teacher.</param>
internal readonly record struct DistillationHeadSums(double Distillation, double CausalLm, double SquaredError, long TargetRows, long TopOneAgreements);

/// <summary>
/// Output projections of student and teacher fused with the losses on their logits and with the gradient, in chunks of rows: the logits of the
/// whole batch never exist. Per row with student logits s, teacher logits t, target y:
/// <code>
/// kd  = T² Σ p (log p - log q),  p = softmax(t / T), q = softmax(s / T);   dkd/ds  = T (q - p)
/// clm = log Σ exp(s) - s[y];                                               dclm/ds = softmax(s) - onehot(y)
/// mse = Σ (s - t)²;                                                        dmse/ds = 2 (s - t)
/// </code>
/// Maxima are subtracted before every exponential; NaN or infinite logits come out as NaN or infinite sums and gradients.
/// </summary>
internal static unsafe class DistillationHead
{
    /// <summary>The target of a row without a next token.</summary>
    public const long NoTarget = -100;

    private const long RowsPerChunk = 256;

    /// <summary>Sums of the losses, and the gradients asked for.</summary>
    /// <exception cref="ArgumentException">A loss needs the teacher or the targets and they are missing.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The temperature is not a positive finite number.</exception>
    /// <exception cref="IndexOutOfRangeException">A target is neither -100 nor in [0, V).</exception>
    public static DistillationHeadSums Run(in DistillationHeadArguments arguments)
    {
        Check(arguments);
        DistillationHeadSums total = default;
        long chunk = Math.Min(arguments.Rows, RowsPerChunk);
        long v = arguments.VocabularySize, c = arguments.StudentWidth;
        float* student = BufferPool.RentFloats(chunk * v);
        float* teacher = arguments.NeedsTeacher ? BufferPool.RentFloats(chunk * v) : null;
        try
        {
            for (long start = 0; start < arguments.Rows; start += chunk)
            {
                long rows = Math.Min(chunk, arguments.Rows - start);
                float* hidden = arguments.StudentHidden + start * c;
                Gemm.Run(false, true, rows, v, c, hidden, c, arguments.StudentEmbedding, c, student, v);
                if (teacher != null)
                    TeacherLogits(arguments, start, rows, teacher);
                for (long row = 0; row < rows; row++)
                {
                    long target = arguments.Targets == null ? NoTarget : arguments.Targets[start + row];
                    DistillationHeadSums sums = RowPlain(arguments, student + row * v, teacher == null ? null : teacher + row * v, target);
                    total = new(total.Distillation + sums.Distillation, total.CausalLm + sums.CausalLm, total.SquaredError + sums.SquaredError,
                        total.TargetRows + sums.TargetRows, total.TopOneAgreements + sums.TopOneAgreements);
                }
                if (arguments.StudentHiddenGradient != null)
                    Gemm.Run(false, false, rows, c, v, student, v, arguments.StudentEmbedding, c, arguments.StudentHiddenGradient + start * c, c);
                if (arguments.StudentEmbeddingGradient != null)
                    Gemm.Run(true, false, v, c, rows, student, v, hidden, c, arguments.StudentEmbeddingGradient, c, accumulate: true);
            }
        }
        finally
        {
            BufferPool.Return(student);
            BufferPool.Return(teacher);
        }
        return total;
    }

    private static void TeacherLogits(in DistillationHeadArguments arguments, long start, long rows, float* teacher)
    {
        long d = arguments.TeacherWidth, v = arguments.VocabularySize;
        float* hidden = arguments.TeacherHidden + start * d;
        if (arguments.PackedTeacherEmbedding is { } packed)
            Gemm.Run(false, rows, hidden, d, packed, teacher, v);
        else
            Gemm.Run(false, true, rows, v, d, hidden, d, arguments.TeacherEmbedding, d, teacher, v);
    }

    /// <summary>The sums of one row; student is overwritten with the gradient if one is asked for.</summary>
    private static DistillationHeadSums RowPlain(in DistillationHeadArguments arguments, float* student, float* teacher, long target)
    {
        long v = arguments.VocabularySize;
        double inverseT = 1.0 / arguments.Temperature;
        bool hasTarget = arguments.NeedsCausalLm && target != NoTarget;
        double studentSoft = arguments.NeedsDistillation ? LogSumExp(v, student, inverseT) : 0;
        double teacherSoft = arguments.NeedsDistillation ? LogSumExp(v, teacher, inverseT) : 0;
        double studentHard = hasTarget ? LogSumExp(v, student, 1) : 0;
        double distillation = 0, squared = 0;
        double causal = hasTarget ? studentHard - student[target] : 0;
        long agreements = teacher != null && ArgMax(v, student) == ArgMax(v, teacher) ? 1 : 0;
        for (long i = 0; i < v; i++)
        {
            double gradient = 0;
            if (arguments.NeedsDistillation)
            {
                double logP = teacher[i] * inverseT - teacherSoft;
                double logQ = student[i] * inverseT - studentSoft;
                double p = Math.Exp(logP);
                distillation += p * (logP - logQ);
                gradient += arguments.DistillationScale * arguments.Temperature * (Math.Exp(logQ) - p);
            }
            if (hasTarget)
                gradient += arguments.CausalLmScale * (Math.Exp(student[i] - studentHard) - (i == target ? 1 : 0));
            if (arguments.NeedsMse)
            {
                double difference = (double)student[i] - teacher[i];
                squared += difference * difference;
                gradient += 2 * arguments.MseScale * difference;
            }
            if (arguments.NeedsGradient)
                student[i] = (float)gradient;
        }
        double t = arguments.Temperature;
        return new(t * t * distillation, causal, squared, hasTarget ? 1 : 0, agreements);
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

    private static long ArgMax(long count, float* x)
    {
        long best = 0;
        for (long i = 1; i < count; i++)
            if (x[i] > x[best])
                best = i;
        return best;
    }

    private static void Check(in DistillationHeadArguments arguments)
    {
        if (!(arguments.Temperature > 0) || float.IsInfinity(arguments.Temperature))
            throw new ArgumentOutOfRangeException(nameof(arguments), arguments.Temperature, "The temperature must be a positive finite number.");
        if (arguments.NeedsTeacher && (arguments.TeacherHidden == null || (arguments.TeacherEmbedding == null && arguments.PackedTeacherEmbedding == null)))
            throw new ArgumentException("The distillation and MSE losses need the teacher's hidden states and embedding.", nameof(arguments));
        if (arguments.NeedsCausalLm && arguments.Targets == null)
            throw new ArgumentException("The causal language-model loss needs targets.", nameof(arguments));
        if (arguments.NeedsCausalLm)
            CrossEntropy.CheckTargets(arguments.Rows, arguments.VocabularySize, arguments.Targets, NoTarget);
    }
}
