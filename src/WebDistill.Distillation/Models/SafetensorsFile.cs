namespace WebDistill.Distillation.Models;

/// <summary>Element types of the safetensors format that take whole bytes.</summary>
public enum SafetensorsType { Bool, U8, I8, F8E4M3, F8E5M2, I16, U16, F16, BF16, I32, U32, F32, I64, U64, F64 }

/// <summary>One tensor of a file.</summary>
/// <param name="Shape">Dimensions, outermost first; empty for a scalar.</param>
/// <param name="ByteCount">Size of its little-endian, row-major data.</param>
public sealed record SafetensorsEntry(string Name, SafetensorsType Type, IReadOnlyList<long> Shape, long ByteCount)
{
    public long ElementCount => throw new NotSupportedException();
}

public sealed class SafetensorsFile : IDisposable
{
    /// <summary>Opens one file.</summary>
    public static SafetensorsFile Open(string path) => throw new NotSupportedException();

    /// <summary>Opens the weights of a model folder: model.safetensors, or the shards named by model.safetensors.index.json.</summary>
    public static SafetensorsFile OpenModel(string folder) => throw new NotSupportedException();

    public IReadOnlyList<SafetensorsEntry> Tensors => throw new NotSupportedException();

    public IReadOnlyDictionary<string, string> Metadata => throw new NotSupportedException();

    /// <summary>The entry of that name, or null.</summary>
    public SafetensorsEntry? Find(string name) => throw new NotSupportedException();

    /// <summary>Raw little-endian bytes, valid until Dispose.</summary>
    public ReadOnlySpan<byte> Bytes(string name) => throw new NotSupportedException();

    /// <summary>Reads F32, F16, BF16 or F64 as float.</summary>
    public void ReadSingles(string name, Span<float> destination) => throw new NotSupportedException();

    /// <summary>Reads BOOL or any integer type as long.</summary>
    public void ReadInt64s(string name, Span<long> destination) => throw new NotSupportedException();

    /// <summary>Size of the file or of all shards together.</summary>
    public long FileBytes => throw new NotSupportedException();

    /// <summary>SHA-256 of the file in lower-case hex; of several shards: over their contents in the order of their names.</summary>
    public string ComputeSha256(CancellationToken cancel = default) => throw new NotSupportedException();

    public void Dispose() => throw new NotSupportedException();
}
