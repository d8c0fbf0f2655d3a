namespace WebDistill.Distillation.Models;

/// <summary>One tensor to be written; its data is asked for when its turn comes, so that one tensor at a time is in memory.</summary>
public sealed record SafetensorsTensor
{
    /// <summary>A float tensor; <paramref name="fill"/> gets a span of all its elements, row-major.</summary>
    public static SafetensorsTensor Single(string name, IReadOnlyList<long> shape, Action<Span<float>> fill) => throw new NotSupportedException();

    /// <summary>An int64 tensor.</summary>
    public static SafetensorsTensor Int64(string name, IReadOnlyList<long> shape, Action<Span<long>> fill) => throw new NotSupportedException();

    /// <summary>A byte tensor.</summary>
    public static SafetensorsTensor Byte(string name, IReadOnlyList<long> shape, Action<Span<byte>> fill) => throw new NotSupportedException();
}

public static class SafetensorsWriter
{
    /// <summary>Writes a file (beside, fsynced, renamed) and returns its SHA-256 in lower-case hex.</summary>
    public static string Write(string path, IReadOnlyList<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        throw new NotSupportedException();
}
