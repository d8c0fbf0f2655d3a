using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Kernels;

/// <summary>The memory of tensors on the processor, for kernels.</summary>
internal static unsafe class TensorMemory
{
    /// <summary>The first element of a contiguous float tensor; it stays where it is while the tensor lives.</summary>
    /// <exception cref="ArgumentException">Another type, another device or gaps between the elements.</exception>
    public static float* Of(Tensor tensor)
    {
        if (tensor.dtype != ScalarType.Float32 || tensor.device_type != TorchSharp.DeviceType.CPU || !tensor.is_contiguous())
            throw new ArgumentException(
                $"A kernel reads contiguous Float32 tensors on the processor, and this one is {tensor.dtype} on {tensor.device} of shape "
                + $"[{string.Join(", ", tensor.shape)}]{(tensor.is_contiguous() ? "" : ", with gaps")}.");
        if (tensor.numel() == 0)
            return null;
        // A view of one element: a span over the whole ends at 2 GiB.
        using Tensor first = tensor.view(-1).narrow(0, 0, 1);
        return (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }
}
