using TorchSharp;

namespace WebDistill.GpuCheck;

/// <summary>In which numbers matrices are multiplied.</summary>
internal enum Numbers
{
    /// <summary>32 bits, by the units for 32 bits.</summary>
    Float32,

    /// <summary>32 bits, multiplied by tensor cores that read 19 of them.</summary>
    TensorFloat32,

    /// <summary>16 bits, 8 of mantissa.</summary>
    BFloat16,
}

internal static class NumbersSettings
{
    /// <summary>Lets libtorch use tensor cores for products of 32-bit matrices, or forbids it.</summary>
    public static void Apply(this Numbers numbers) => torch.backends.cuda.matmul.allow_tf32 = numbers == Numbers.TensorFloat32;
}
