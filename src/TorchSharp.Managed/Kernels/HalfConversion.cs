namespace TorchSharp.Kernels;

/// <summary>
/// Conversions to float32 from the two 16-bit formats, IEEE binary16 (float16) and bfloat16; both are exact.
/// </summary>
internal static unsafe class HalfConversion
{
    private const long Grain = 1 << 16;

    /// <summary>float16 to float32, exact.</summary>
    public static void Float16ToSingle(long count, ushort* x, float* y) => WorkerPool.ForRange(count, Grain, (start, end, _) =>
    {
        for (long i = start; i < end; i++)
            y[i] = (float)BitConverter.UInt16BitsToHalf(x[i]);
    });

    /// <summary>bfloat16 to float32, exact.</summary>
    public static void BFloat16ToSingle(long count, ushort* x, float* y) => WorkerPool.ForRange(count, Grain, (start, end, _) =>
    {
        for (long i = start; i < end; i++)
            y[i] = BitConverter.UInt32BitsToSingle((uint)x[i] << 16);
    });
}
