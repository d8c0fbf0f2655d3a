using System.Buffers.Binary;
using System.Text.Json;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Models.Weights;

/// <summary>Reads and checks the header of a safetensors file: 8 bytes little-endian length, then JSON, padded with spaces.</summary>
internal static class SafetensorsHeader
{
    /// <summary>The key of the header that holds text instead of a tensor.</summary>
    public const string MetadataKey = "__metadata__";

    /// <summary>Size of the field that says how long the JSON is.</summary>
    public const int LengthBytes = 8;

    private readonly record struct Range(SafetensorsEntry Entry, long Begin, long End);

    /// <summary>The tensors in the order of their data, which they fill without gap or overlap.</summary>
    /// <exception cref="InvalidDataException">Anything that is not so.</exception>
    public static IReadOnlyList<SafetensorsLocation> Read(MappedFile file, Dictionary<string, string> metadata)
    {
        if (file.Length < LengthBytes)
            throw new InvalidDataException($"{file.Name}: {file.Length} bytes; expected a safetensors file of at least {LengthBytes}. "
                + "The copy may be incomplete.");
        ulong declared = BinaryPrimitives.ReadUInt64LittleEndian(file.Span(0, LengthBytes));
        if (declared > FileLimits.SafetensorsHeaderBytes)
            throw new InvalidDataException($"{file.Name}: header length {declared}; expected at most {FileLimits.SafetensorsHeaderBytes} bytes. This is no "
                + "safetensors file, or a damaged one.");
        int jsonBytes = (int)declared;
        long dataStart = LengthBytes + jsonBytes;
        if (dataStart > file.Length)
            throw new InvalidDataException($"{file.Name}: the header says it is {jsonBytes} bytes long, the file has {file.Length}; "
                + "expected the whole header. Copy the file again.");

        List<Range> ranges = ReadJson(file.Name, file.Span(LengthBytes, jsonBytes).ToArray(), metadata);
        ranges.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        CheckCoverage(file.Name, ranges, file.Length - dataStart);
        return [.. ranges.Select(range => new SafetensorsLocation(range.Entry, file, dataStart + range.Begin))];
    }

    private static void CheckCoverage(string file, List<Range> ranges, long dataBytes)
    {
        long expected = 0;
        foreach (Range range in ranges)
        {
            string tensor = $"{file}: tensor '{ForeignText.Quote(range.Entry.Name)}' has data_offsets [{range.Begin}, {range.End}]";
            if (range.Begin != expected)
                throw new InvalidDataException(
                    $"{tensor}, which {(range.Begin < expected ? "overlaps the tensor before it" : "leaves a gap before it")}; expected "
                    + $"it to begin at {expected}.");
            if (range.End > dataBytes)
                throw new InvalidDataException($"{tensor}, but the file has {dataBytes} bytes of data; expected all of it. The file is "
                    + "truncated: copy it again.");
            expected = range.End;
        }
        if (expected != dataBytes)
            throw new InvalidDataException($"{file}: {dataBytes - expected} bytes follow the last tensor; expected the file to end with "
                + "it. Something was appended, or the header is damaged.");
    }

    private static List<Range> ReadJson(string file, byte[] json, Dictionary<string, string> metadata)
    {
        if (json.Length == 0 || json[0] != (byte)'{')
            throw new InvalidDataException($"{file}: the header does not begin with '{{'; expected a JSON object. This is no "
                + "safetensors file, or a damaged one.");
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            var ranges = new List<Range>();
            var names = new HashSet<string>(StringComparer.Ordinal);
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                if (!names.Add(property.Name))
                    throw new InvalidDataException($"{file}: '{ForeignText.Quote(property.Name)}' occurs twice in the header; expected every name once.");
                if (property.Name == MetadataKey)
                    ReadMetadata(file, property.Value, metadata);
                else
                    ranges.Add(ReadTensor(file, property.Name, property.Value));
                if (ranges.Count > FileLimits.Tensors)
                    throw new InvalidDataException($"{file}: more than {FileLimits.Tensors} tensors, which is the limit. A model of the "
                        + "supported architectures has far fewer.");
            }
            return ranges;
        }
        catch (JsonException problem)
        {
            throw new InvalidDataException($"{file}: the header is not valid JSON ({problem.Message}).", problem);
        }
        catch (InvalidOperationException problem)   // text with a lone surrogate or invalid UTF-8
        {
            throw new InvalidDataException($"{file}: a name in the header is not valid text ({problem.Message}).", problem);
        }
    }

    private static void ReadMetadata(string file, JsonElement value, Dictionary<string, string> metadata)
    {
        if (value.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"{file}: {MetadataKey} is {value.ValueKind}; expected an object of texts.");
        foreach (JsonProperty property in value.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.String)
                throw new InvalidDataException($"{file}: {MetadataKey} '{ForeignText.Quote(property.Name)}' is {property.Value.ValueKind}; expected a text.");
            metadata[property.Name] = property.Value.GetString()!;
        }
    }

    private static Range ReadTensor(string file, string name, JsonElement value)
    {
        string tensor = $"{file}: tensor '{ForeignText.Quote(name)}'";
        const string expectation = "expected exactly dtype, shape and data_offsets";
        if (value.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"{tensor} is {value.ValueKind}; {expectation}.");
        SafetensorsType? type = null;
        long[]? shape = null;
        long[]? offsets = null;
        foreach (JsonProperty property in value.EnumerateObject())
        {
            bool first = property.Name switch
            {
                "dtype" => type is null,
                "shape" => shape is null,
                "data_offsets" => offsets is null,
                _ => throw new InvalidDataException($"{tensor} has an unknown key '{ForeignText.Quote(property.Name)}'; {expectation}."),
            };
            if (!first)
                throw new InvalidDataException($"{tensor} has {property.Name} twice; {expectation}.");
            if (property.Name == "dtype")
                type = ReadType(tensor, property.Value);
            else if (property.Name == "shape")
                shape = ReadNumbers(tensor, property);
            else
                offsets = ReadNumbers(tensor, property);
        }
        if (type is null || shape is null || offsets is null)
            throw new InvalidDataException($"{tensor} lacks {(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}; "
                + $"{expectation}.");
        if (offsets.Length != 2 || offsets[0] > offsets[1])
            throw new InvalidDataException($"{tensor} has data_offsets [{string.Join(", ", offsets)}]; expected [begin, end] with begin "
                + "<= end.");

        var entry = new SafetensorsEntry(name, type.Value, shape, offsets[1] - offsets[0]);
        if (ByteCount(type.Value, shape) is not { } bytes)
            throw new InvalidDataException($"{tensor} has the shape [{string.Join(", ", shape)}], whose size overflows 64 bits; "
                + "expected a shape that fits its data.");
        if (bytes != entry.ByteCount)
            throw new InvalidDataException($"{tensor} is {entry}, which takes {bytes} bytes, but its data_offsets [{offsets[0]}, "
                + $"{offsets[1]}] span {entry.ByteCount}; expected them to agree.");
        return new Range(entry, offsets[0], offsets[1]);
    }

    private static SafetensorsType ReadType(string tensor, JsonElement value)
    {
        string name = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
        return SafetensorsTypes.TryParse(name, out SafetensorsType type) ? type
            : throw new InvalidDataException($"{tensor} has the dtype '{ForeignText.Quote(name)}'; expected one of "
                + $"{string.Join(", ", SafetensorsTypes.Names)}.");
    }

    private static long[] ReadNumbers(string tensor, JsonProperty property)
    {
        if (property.Value.ValueKind != JsonValueKind.Array)
            throw new InvalidDataException($"{tensor} has {property.Name} {ForeignText.Quote(property.Value.GetRawText())}; expected a list of whole "
                + "numbers.");
        int length = property.Value.GetArrayLength();
        if (length > FileLimits.TensorDimensions)
            throw new InvalidDataException($"{tensor} has {length} numbers in its {property.Name}; expected at most "
                + $"{FileLimits.TensorDimensions}.");
        var numbers = new long[length];
        int count = 0;
        foreach (JsonElement element in property.Value.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt64(out long number) || number < 0)
                throw new InvalidDataException($"{tensor} has {ForeignText.Quote(element.GetRawText())} in its {property.Name}; expected whole numbers "
                    + $"from 0 to {long.MaxValue}.");
            numbers[count++] = number;
        }
        return numbers;
    }

    /// <summary>Bytes of a tensor, or null when that overflows.</summary>
    private static long? ByteCount(SafetensorsType type, long[] shape)
    {
        if (shape.Contains(0))
            return 0;
        Int128 bytes = SafetensorsTypes.ByteSize(type);
        foreach (long dimension in shape)
        {
            bytes *= dimension;
            if (bytes > long.MaxValue)
                return null;
        }
        return (long)bytes;
    }
}
