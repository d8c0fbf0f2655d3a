using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Models.Weights;

/// <summary>One tensor to be written; its data are asked for when its turn comes, so that one tensor at a time is in memory.</summary>
public sealed record SafetensorsTensor
{
    private SafetensorsTensor(string name, SafetensorsType type, IReadOnlyList<long> shape, Action<byte[]> fill)
    {
        Name = name;
        Type = type;
        Shape = shape;
        Fill = fill;
        long elements = 1;
        foreach (long dimension in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(dimension, nameof(shape));
            elements = checked(elements * dimension);
        }
        long bytes = checked(elements * SafetensorsTypes.ByteSize(type));
        if (bytes > Array.MaxLength)
            throw new ArgumentException($"Tensor '{name}' of shape [{string.Join(", ", shape)}] takes {bytes} bytes; expected at most "
                + $"{Array.MaxLength}.", nameof(shape));
        ByteCount = (int)bytes;
    }

    public string Name { get; }

    public SafetensorsType Type { get; }

    /// <summary>Dimensions, outermost first; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape { get; }

    internal int ByteCount { get; }

    internal Action<byte[]> Fill { get; }

    /// <summary>An F32 tensor; <paramref name="fill"/> gets a zeroed span of all its elements, row-major.</summary>
    public static SafetensorsTensor Single(string name, IReadOnlyList<long> shape, Action<Span<float>> fill) =>
        new(name, SafetensorsType.F32, shape, bytes => fill(MemoryMarshal.Cast<byte, float>(bytes.AsSpan())));

    /// <summary>An I64 tensor; <paramref name="fill"/> gets a zeroed span of all its elements, row-major.</summary>
    public static SafetensorsTensor Int64(string name, IReadOnlyList<long> shape, Action<Span<long>> fill) =>
        new(name, SafetensorsType.I64, shape, bytes => fill(MemoryMarshal.Cast<byte, long>(bytes.AsSpan())));

    /// <summary>A U8 tensor; <paramref name="fill"/> gets a zeroed span of all its elements, row-major.</summary>
    public static SafetensorsTensor Byte(string name, IReadOnlyList<long> shape, Action<Span<byte>> fill) =>
        new(name, SafetensorsType.U8, shape, bytes => fill(bytes));
}

/// <summary>Writes safetensors files.</summary>
public static class SafetensorsWriter
{
    /// <summary>The format's readers expect the data to begin at a multiple of this.</summary>
    private const int AlignmentBytes = 8;

    /// <summary>Writes a file that appears whole or not at all, the tensors in the given order.</summary>
    /// <returns>SHA-256 of the file in lower-case hex, as <see cref="SafetensorsFile.ComputeSha256"/> finds it.</returns>
    /// <exception cref="ArgumentException">Two tensors have the same name, or one is named like the metadata.</exception>
    public static string Write(string path, IReadOnlyList<SafetensorsTensor> tensors, FileLayer files,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var file = new DurableFile(path, files);
        Append(Header(tensors, metadata));
        foreach (SafetensorsTensor tensor in tensors)
        {
            var data = new byte[tensor.ByteCount];
            tensor.Fill(data);
            Append(data);
        }
        file.Commit();
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Append(byte[] bytes)
        {
            file.Stream.Write(bytes);
            hash.AppendData(bytes);
        }
    }

    private static byte[] Header(IReadOnlyList<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        buffer.Write(stackalloc byte[SafetensorsHeader.LengthBytes]);
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject(SafetensorsHeader.MetadataKey);
                foreach ((string key, string value) in metadata)
                    json.WriteString(key, value);
                json.WriteEndObject();
            }
            var names = new HashSet<string>(StringComparer.Ordinal) { SafetensorsHeader.MetadataKey };
            long offset = 0;
            foreach (SafetensorsTensor tensor in tensors)
            {
                if (!names.Add(tensor.Name))
                    throw new ArgumentException($"The tensor name '{tensor.Name}' is taken; expected every name once, and none named "
                        + $"{SafetensorsHeader.MetadataKey}.", nameof(tensors));
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", SafetensorsTypes.Name(tensor.Type));
                WriteNumbers(json, "shape", tensor.Shape);
                WriteNumbers(json, "data_offsets", [offset, offset + tensor.ByteCount]);
                json.WriteEndObject();
                offset += tensor.ByteCount;
            }
            json.WriteEndObject();
        }
        while (buffer.Length % AlignmentBytes != 0)
            buffer.WriteByte((byte)' ');
        byte[] header = buffer.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)(header.Length - SafetensorsHeader.LengthBytes));
        return header;
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IReadOnlyList<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}
