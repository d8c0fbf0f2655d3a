using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

public sealed unsafe class HalfConversionTests : KernelTests
{
    [Fact]
    public void Float16_EveryBitPattern_GoesThereAndBack()
    {
        var bits = new ushort[65536];
        var back = new ushort[65536];
        float* values = Rent(65536);
        for (int i = 0; i < 65536; i++)
            bits[i] = (ushort)i;
        fixed (ushort* source = bits, target = back)
        {
            HalfConversion.Float16ToSingle(65536, source, values);
            HalfConversion.SingleToFloat16(65536, values, target);
            for (int i = 0; i < 65536; i++)
                Assert.True(float.IsNaN(values[i])
                    ? Half.IsNaN(BitConverter.UInt16BitsToHalf(back[i]))
                    : back[i] == i && values[i] == (float)BitConverter.UInt16BitsToHalf((ushort)i));
        }
    }

    [Fact]
    public void BFloat16_EveryBitPattern_GoesThereAndBack()
    {
        var bits = new ushort[65536];
        var back = new ushort[65536];
        float* values = Rent(65536);
        for (int i = 0; i < 65536; i++)
            bits[i] = (ushort)i;
        fixed (ushort* source = bits, target = back)
        {
            HalfConversion.BFloat16ToSingle(65536, source, values);
            HalfConversion.SingleToBFloat16(65536, values, target);
            for (int i = 0; i < 65536; i++)
            {
                Assert.Equal((uint)i << 16, BitConverter.SingleToUInt32Bits(values[i]));
                Assert.True(float.IsNaN(values[i]) ? (back[i] & 0x7F80) == 0x7F80 && (back[i] & 0x7F) != 0 : back[i] == i);
            }
        }
    }

    [Theory]
    [InlineData(1f, 0x3F80)]
    [InlineData(1.00390625f, 0x3F80)]
    [InlineData(1.01171875f, 0x3F82)]
    [InlineData(1.0040f, 0x3F81)]
    [InlineData(3.4028235e38f, 0x7F80)]
    public void SingleToBFloat16_BetweenTwoValues_RoundsToNearestTiesToEven(float value, int expected)
    {
        ushort bits;
        HalfConversion.SingleToBFloat16(1, &value, &bits);
        Assert.Equal(expected, bits);
    }
}
