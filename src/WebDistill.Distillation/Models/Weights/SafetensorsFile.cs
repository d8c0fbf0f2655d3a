using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Models.Weights;

/// <summary>
/// Weights in the safetensors format (github.com/huggingface/safetensors): 8 bytes little-endian header length, JSON header, data. One file
/// or all the shards of a model. Memory-mapped; everything the header says is checked before a byte of data is looked at. Values are not
/// checked: NaN is data here.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private const string WeightsFileName = "model.safetensors";
    private const string IndexFileName = "model.safetensors.index.json";

    private readonly List<MappedFile> _parts = [];
    private readonly List<SafetensorsEntry> _entries = [];
    private readonly Dictionary<string, SafetensorsLocation> _locations = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);

    private SafetensorsFile()
    {
    }

    /// <summary>Every tensor, in the order of the data; of several shards, in the order of their names.</summary>
    public IReadOnlyList<SafetensorsEntry> Tensors => _entries;

    /// <summary>The header's __metadata__; empty when there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>Size of the file, or of all shards together.</summary>
    public long FileBytes => _parts.Sum(part => part.Length);

    /// <summary>Opens one file.</summary>
    /// <exception cref="InvalidDataException">The file is missing, damaged or not of this format; the message names the file, the tensor
    /// and what was expected.</exception>
    public static SafetensorsFile Open(string path)
    {
        var file = new SafetensorsFile();
        try
        {
            file.AddPart(path);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens the weights of a model folder: model.safetensors, or else the shards that model.safetensors.index.json
    /// names.</summary>
    /// <exception cref="InvalidDataException">As for <see cref="Open"/>; also when index and shards disagree, or a name leads out of the
    /// folder.</exception>
    public static SafetensorsFile OpenModel(string folder)
    {
        string single = Path.Combine(folder, WeightsFileName);
        string index = Path.Combine(folder, IndexFileName);
        if (File.Exists(single))
            return Open(single);
        if (!File.Exists(index))
            throw new InvalidDataException($"Neither {WeightsFileName} nor {IndexFileName} is in the model folder; expected one of them. Pickle "
                + "weights (.bin, .pt) are not read: save the model as safetensors.");

        Dictionary<string, string> shardOfTensor = ReadIndex(index);
        var file = new SafetensorsFile();
        try
        {
            foreach (string shard in shardOfTensor.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            {
                int before = file._entries.Count;
                file.AddPart(Path.Combine(folder, shard));
                foreach (SafetensorsEntry entry in file._entries.Skip(before))
                    if (!shardOfTensor.TryGetValue(entry.Name, out string? expected) || expected != shard)
                        throw new InvalidDataException($"{IndexFileName}: tensor '{ForeignText.Quote(entry.Name)}' lies in "
                            + $"{ForeignText.Quote(shard)}, but the index says {ForeignText.Quote(expected ?? "nothing about it")}; expected index and shards of one model.");
            }
            foreach ((string name, string shard) in shardOfTensor)
                if (!file._locations.ContainsKey(name))
                    throw new InvalidDataException($"{IndexFileName}: tensor '{ForeignText.Quote(name)}' is not in "
                        + $"{ForeignText.Quote(shard)}; expected index and shards of one model.");
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The tensor of that name, or null.</summary>
    public SafetensorsEntry? Find(string name) => _locations.TryGetValue(name, out SafetensorsLocation? location) ? location.Entry : null;

    /// <summary>The tensor's raw little-endian bytes, valid until Dispose.</summary>
    /// <exception cref="KeyNotFoundException">There is no such tensor.</exception>
    /// <exception cref="InvalidDataException">The tensor is larger than one span can be.</exception>
    public ReadOnlySpan<byte> Bytes(string name)
    {
        SafetensorsLocation location = Locate(name);
        if (location.Entry.ByteCount > int.MaxValue)
            throw new InvalidDataException($"{location.Part.Name}: tensor '{name}' has {location.Entry.ByteCount} bytes; expected at "
                + $"most {int.MaxValue}.");
        return location.Part.Span(location.Offset, (int)location.Entry.ByteCount);
    }

    /// <summary>Reads F32, F16, BF16 or F64 as float, row-major; F64 is rounded.</summary>
    /// <param name="destination">As long as the tensor has elements.</param>
    public void ReadSingles(string name, Span<float> destination)
    {
        RequireAll(name, destination.Length);
        ReadSingles(name, 0, destination);
    }

    /// <summary>Reads a part of an F32, F16, BF16 or F64 tensor as float; F64 is rounded.</summary>
    /// <param name="from">Index of its first element, row-major.</param>
    /// <param name="destination">As long as the part.</param>
    public void ReadSingles(string name, long from, Span<float> destination)
    {
        SafetensorsLocation location = Locate(name);
        SafetensorsEntry entry = location.Entry;
        if (from < 0 || from > entry.ElementCount - destination.Length)
            throw new ArgumentOutOfRangeException(nameof(from), from,
                $"Tensor '{name}' has {entry.ElementCount} elements; {destination.Length} from {from} on are not all in it.");
        long bytesPerElement = entry.ElementCount == 0 ? 0 : entry.ByteCount / entry.ElementCount;
        ReadOnlySpan<byte> bytes = location.Part.Span(location.Offset + from * bytesPerElement, checked((int)(destination.Length * bytesPerElement)));
        switch (entry.Type)
        {
            case SafetensorsType.F32:
                bytes.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case SafetensorsType.BF16:
                ConvertAll<ushort, float>(bytes, destination, value => BitConverter.UInt32BitsToSingle((uint)value << 16));
                break;
            case SafetensorsType.F16:
                ConvertAll<ushort, float>(bytes, destination, value => (float)BitConverter.UInt16BitsToHalf(value));
                break;
            case SafetensorsType.F64:
                ConvertAll<ulong, float>(bytes, destination, value => (float)BitConverter.UInt64BitsToDouble(value));
                break;
            default:
                throw new InvalidDataException($"{Locate(name).Part.Name}: tensor '{name}' is {entry}; expected F32, F16, BF16 or F64.");
        }
    }

    /// <summary>Reads BOOL (as 0 or 1) or any integer type as long, row-major.</summary>
    /// <param name="destination">As long as the tensor has elements.</param>
    /// <exception cref="OverflowException">A U64 above the largest long.</exception>
    public void ReadInt64s(string name, Span<long> destination)
    {
        RequireAll(name, destination.Length);
        ReadOnlySpan<byte> bytes = Bytes(name);
        SafetensorsEntry entry = Locate(name).Entry;
        switch (entry.Type)
        {
            case SafetensorsType.Bool:
                ConvertAll<byte, long>(bytes, destination, value => value == 0 ? 0 : 1);
                break;
            case SafetensorsType.U8:
                ConvertAll<byte, long>(bytes, destination, value => value);
                break;
            case SafetensorsType.I8:
                ConvertAll<sbyte, long>(bytes, destination, value => value);
                break;
            case SafetensorsType.U16:
                ConvertAll<ushort, long>(bytes, destination, value => value);
                break;
            case SafetensorsType.I16:
                ConvertAll<short, long>(bytes, destination, value => value);
                break;
            case SafetensorsType.U32:
                ConvertAll<uint, long>(bytes, destination, value => value);
                break;
            case SafetensorsType.I32:
                ConvertAll<int, long>(bytes, destination, value => value);
                break;
            case SafetensorsType.U64:
                ConvertAll<ulong, long>(bytes, destination, value => checked((long)value));
                break;
            case SafetensorsType.I64:
                bytes.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            default:
                throw new InvalidDataException($"{Locate(name).Part.Name}: tensor '{name}' is {entry}; expected BOOL or an integer type.");
        }
    }

    /// <summary>SHA-256, in lower-case hex, of the file's content; of several shards: of their contents one after the other in the order of
    /// their names.</summary>
    public string ComputeSha256(CancellationToken cancel = default)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        foreach (MappedFile part in _parts)
        {
            using FileStream stream = File.OpenRead(part.Path);
            for (int count; (count = stream.Read(buffer)) > 0;)
            {
                cancel.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, count);
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public void Dispose()
    {
        foreach (MappedFile part in _parts)
            part.Dispose();
        _parts.Clear();
        _locations.Clear();
    }

    private SafetensorsLocation Locate(string name) => _locations.TryGetValue(name, out SafetensorsLocation? location) ? location
        : throw new KeyNotFoundException($"There is no tensor '{name}' in {string.Join(", ", _parts.Select(part => part.Name))}.");

    private void RequireAll(string name, int elements)
    {
        SafetensorsEntry entry = Locate(name).Entry;
        if (elements != entry.ElementCount)
            throw new ArgumentException($"Tensor '{name}' is {entry}, {entry.ElementCount} elements; the destination has {elements}.");
    }

    private static void ConvertAll<TFrom, TTo>(ReadOnlySpan<byte> bytes, Span<TTo> destination, Func<TFrom, TTo> convert)
        where TFrom : unmanaged
    {
        ReadOnlySpan<TFrom> values = MemoryMarshal.Cast<byte, TFrom>(bytes);
        for (int i = 0; i < values.Length; i++)
            destination[i] = convert(values[i]);
    }

    private static Dictionary<string, string> ReadIndex(string path)
    {
        long bytes = new FileInfo(path).Length;
        if (bytes > FileLimits.IndexBytes)
            throw new InvalidDataException($"{IndexFileName}: {bytes} bytes; expected at most {FileLimits.IndexBytes}.");
        var shardOfTensor = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            using JsonDocument index = JsonDocument.Parse(Utf8Text.WithoutMark(File.ReadAllBytes(path)));
            if (index.RootElement.ValueKind != JsonValueKind.Object
                || !index.RootElement.TryGetProperty("weight_map", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
                throw new InvalidDataException(
                    $"{IndexFileName}: no object 'weight_map'; expected {{\"weight_map\": {{tensor: shard file}}}}.");
            foreach (JsonProperty property in map.EnumerateObject())
            {
                string tensor = $"{IndexFileName}: tensor '{ForeignText.Quote(property.Name)}'";
                if (property.Value.ValueKind != JsonValueKind.String)
                    throw new InvalidDataException($"{tensor} maps to {ForeignText.Quote(property.Value.GetRawText())}; expected the name "
                        + "of a shard file.");
                string shard = property.Value.GetString()!;
                if (shard.AsSpan().IndexOfAny("/\\:\0") >= 0 || !shard.EndsWith(".safetensors", StringComparison.Ordinal))
                    throw new InvalidDataException($"{tensor} maps to '{ForeignText.Quote(shard)}'; expected the plain name of a "
                        + ".safetensors file beside the index.");
                if (!shardOfTensor.TryAdd(property.Name, shard))
                    throw new InvalidDataException($"{tensor} occurs twice; expected every name once.");
                if (shardOfTensor.Count > FileLimits.Tensors)
                    throw new InvalidDataException($"{IndexFileName}: more than {FileLimits.Tensors} tensors, which is the limit.");
            }
        }
        catch (JsonException problem)
        {
            throw new InvalidDataException($"{IndexFileName}, line {problem.LineNumber + 1}: not valid JSON ({problem.Message}).", problem);
        }
        catch (InvalidOperationException problem)   // text with a lone surrogate or invalid UTF-8
        {
            throw new InvalidDataException($"{IndexFileName}: a name is not valid text ({problem.Message}).", problem);
        }
        return shardOfTensor;
    }

    private void AddPart(string path)
    {
        if (!File.Exists(path))
            throw new InvalidDataException($"{Path.GetFileName(path)} is missing; expected a safetensors file.");
        var part = new MappedFile(path);
        _parts.Add(part);
        foreach (SafetensorsLocation location in SafetensorsHeader.Read(part, _metadata))
        {
            if (!_locations.TryAdd(location.Entry.Name, location))
                throw new InvalidDataException($"{part.Name}: tensor '{ForeignText.Quote(location.Entry.Name)}' occurs twice; expected every "
                    + "name once.");
            _entries.Add(location.Entry);
        }
        if (_entries.Count > FileLimits.Tensors)
            throw new InvalidDataException($"{part.Name}: more than {FileLimits.Tensors} tensors with the shards before it, which is the limit.");
    }
}
