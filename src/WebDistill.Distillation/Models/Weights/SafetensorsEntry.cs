using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Models.Weights;

/// <summary>One tensor of a file.</summary>
/// <param name="Shape">Dimensions, outermost first; empty for a scalar.</param>
/// <param name="ByteCount">Size of its little-endian, row-major data.</param>
public sealed record SafetensorsEntry(string Name, SafetensorsType Type, IReadOnlyList<long> Shape, long ByteCount)
{
    /// <summary>Product of the shape.</summary>
    public long ElementCount => ByteCount / SafetensorsTypes.ByteSize(Type);

    /// <summary>Type and shape, for messages: "F32[64, 192]".</summary>
    public override string ToString() => $"{SafetensorsTypes.Name(Type)}[{string.Join(", ", Shape)}]";
}

/// <summary>Where a tensor's data lie.</summary>
/// <param name="Offset">Of the data in the file, bytes.</param>
internal sealed record SafetensorsLocation(SafetensorsEntry Entry, MappedFile Part, long Offset);
