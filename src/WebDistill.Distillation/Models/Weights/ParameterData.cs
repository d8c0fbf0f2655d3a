using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Weights;

/// <summary>Float tensors to and from plain memory, on whatever device they live.</summary>
internal static class ParameterData
{
    /// <summary>Lets <paramref name="fill"/> write every element, row-major. The memory that it is given holds no values, not even the parameter's: what it does
    /// not write is undefined, and what it reads means nothing. <see cref="ToArray"/> says what they are.</summary>
    public static void Write(Tensor parameter, Action<Span<float>> fill)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Tensor host = empty(parameter.shape, dtype: ScalarType.Float32, device: CPU);
        fill(MemoryMarshal.Cast<byte, float>(host.bytes));
        parameter.copy_(host);
    }

    /// <summary>Copies every element, row-major.</summary>
    public static void Read(Tensor parameter, Span<float> destination)
    {
        using DisposeScope scope = NewDisposeScope();
        MemoryMarshal.Cast<byte, float>(parameter.detach().cpu().contiguous().bytes).CopyTo(destination);
    }

    /// <summary>Every element, row-major.</summary>
    public static float[] ToArray(Tensor parameter)
    {
        var values = new float[parameter.numel()];
        Read(parameter, values);
        return values;
    }
}
