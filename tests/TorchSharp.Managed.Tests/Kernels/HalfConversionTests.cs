using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

public sealed unsafe class HalfConversionTests : KernelTests
{
    [Fact]
    public void ToSingle_EveryBitPattern_IsExact()
    {
        const int count = 65536;
        ushort[] bits = [.. Enumerable.Range(0, count).Select(i => (ushort)i)];
        float* fromFloat16 = Rent(count), fromBFloat16 = Rent(count);
        fixed (ushort* source = bits)
        {
            HalfConversion.Float16ToSingle(count, source, fromFloat16);
            HalfConversion.BFloat16ToSingle(count, source, fromBFloat16);
        }
        for (int i = 0; i < count; i++)
        {
            // Sign, exponent and fraction of binary16, by its definition.
            int exponent = i >> 10 & 31, fraction = i & 1023;
            double magnitude = exponent == 31 ? (fraction == 0 ? double.PositiveInfinity : double.NaN)
                : exponent == 0 ? fraction * Math.Pow(2, -24)
                : (1024 + fraction) * Math.Pow(2, exponent - 25);
            Assert.Equal(i >> 15 == 0 ? magnitude : -magnitude, fromFloat16[i]);
            Assert.Equal((uint)i << 16, BitConverter.SingleToUInt32Bits(fromBFloat16[i]));
        }
    }
}
