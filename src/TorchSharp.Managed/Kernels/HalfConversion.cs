namespace TorchSharp.Kernels;

/// <summary>
/// Conversions between float32 and the two 16-bit formats: IEEE binary16 (float16) and bfloat16. Rounding is to nearest, ties to even.
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

    /// <summary>float32 to float16; too large becomes infinite.</summary>
    public static void SingleToFloat16(long count, float* x, ushort* y) => WorkerPool.ForRange(count, Grain, (start, end, _) =>
    {
        for (long i = start; i < end; i++)
            y[i] = BitConverter.HalfToUInt16Bits((Half)x[i]);
    });

    /// <summary>bfloat16 to float32, exact.</summary>
    public static void BFloat16ToSingle(long count, ushort* x, float* y) => WorkerPool.ForRange(count, Grain, (start, end, _) =>
    {
        for (long i = start; i < end; i++)
            y[i] = BitConverter.UInt32BitsToSingle((uint)x[i] << 16);
    });

    /// <summary>float32 to bfloat16; NaN stays NaN.</summary>
    public static void SingleToBFloat16(long count, float* x, ushort* y) => WorkerPool.ForRange(count, Grain, (start, end, _) =>
    {
        for (long i = start; i < end; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(x[i]);
            y[i] = float.IsNaN(x[i]) ? (ushort)(bits >> 16 | 0x40) : (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
        }
    });
}
