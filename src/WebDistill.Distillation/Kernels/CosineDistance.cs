using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// Sum over rows of 1 - c with c = ⟨s, t⟩ / √((|s|² + ε)(|t|² + ε)), and its gradient at s:
/// <code>
/// d(1 - c)/ds = c s / (|s|² + ε) - t / √((|s|² + ε)(|t|² + ε))
/// </code>
/// </summary>
internal static unsafe class CosineDistance
{
    private const long ElementsPerTask = 1 << 14;

    /// <summary>The sum over the rows, in double.</summary>
    /// <param name="student">[rows, columns] contiguous, as is <paramref name="teacher"/>.</param>
    /// <param name="scale">Factor of the sum in the total that is differentiated.</param>
    /// <param name="studentGradient">[rows, columns], scale times the gradient is added to it; null: left out.</param>
    public static double Run(long rows, long columns, float* student, float* teacher, double epsilon, float scale, float* studentGradient)
    {
        if (rows <= 0)
            return 0;
        double* distances = (double*)AlignedMemory.Bytes(rows * sizeof(double));
        try
        {
            WorkerPool.ForRange(rows, Math.Max(1, ElementsPerTask / Math.Max(1, columns)), (start, end, _) =>
            {
                for (long row = start; row < end; row++)
                {
                    float* s = student + row * columns, t = teacher + row * columns;
                    float* gradient = studentGradient == null ? null : studentGradient + row * columns;
                    distances[row] = Simd.Active switch
                    {
                        InstructionSet.Avx512 => RowFast<Simd512, Vector512<float>>(columns, s, t, epsilon, scale, gradient),
                        InstructionSet.Avx2 => RowFast<Simd256, Vector256<float>>(columns, s, t, epsilon, scale, gradient),
                        InstructionSet.Portable => RowFast<Simd128, Vector128<float>>(columns, s, t, epsilon, scale, gradient),
                        _ => RowPlain(columns, s, t, epsilon, scale, gradient),
                    };
                }
            });
            double sum = 0;
            for (long row = 0; row < rows; row++)
                sum += distances[row];
            return sum;
        }
        finally
        {
            AlignedMemory.Free(distances);
        }
    }

    private static double RowPlain(long columns, float* student, float* teacher, double epsilon, float scale, float* gradient)
    {
        double product = 0, studentSquare = epsilon, teacherSquare = epsilon;
        for (long i = 0; i < columns; i++)
        {
            product += (double)student[i] * teacher[i];
            studentSquare += (double)student[i] * student[i];
            teacherSquare += (double)teacher[i] * teacher[i];
        }
        double inverseNorms = 1 / Math.Sqrt(studentSquare * teacherSquare), cosine = product * inverseNorms;
        for (long i = 0; i < columns && gradient != null; i++)
            gradient[i] += (float)(scale * (cosine / studentSquare * student[i] - inverseNorms * teacher[i]));
        return 1 - cosine;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double RowFast<S, V>(long columns, float* student, float* teacher, double epsilon, float scale, float* gradient)
        where S : struct, ISimd<V>
    {
        double studentSquare = VectorMath.Dot<S, V>(columns, student, student) + epsilon;
        double teacherSquare = VectorMath.Dot<S, V>(columns, teacher, teacher) + epsilon;
        double inverseNorms = 1 / Math.Sqrt(studentSquare * teacherSquare);
        double cosine = VectorMath.Dot<S, V>(columns, student, teacher) * inverseNorms;
        if (gradient == null)
            return 1 - cosine;
        V alongStudent = S.Create((float)(scale * cosine / studentSquare)), alongTeacher = S.Create((float)(-scale * inverseNorms));
        for (long i = 0; i < columns; i += S.Count)
        {
            long lanes = columns - i;
            V sum = VectorMath.Load<S, V>(gradient + i, lanes);
            sum = S.MultiplyAdd(alongStudent, VectorMath.Load<S, V>(student + i, lanes), sum);
            sum = S.MultiplyAdd(alongTeacher, VectorMath.Load<S, V>(teacher + i, lanes), sum);
            VectorMath.Store<S, V>(sum, gradient + i, lanes);
        }
        return 1 - cosine;
    }
}
