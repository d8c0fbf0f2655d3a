using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace WebDistill.Benchmarks.Fuzzing;

/// <summary>A part of a form.</summary>
/// <param name="FileName">Null for a field.</param>
internal sealed record FormPart(string Name, string? FileName, byte[] Content);

/// <summary>multipart/form-data with something wrong in its frame, in its parts or within a file.</summary>
internal sealed class FormFuzzer(Random random)
{
    private static readonly string[] s_names =
    [
        "", "unknown", "../x", "name\\\"", "files", "file", "\u0000", "n\u00e4me", "\u202e", "config.json", "__proto__", "a\r\n b",
    ];

    private static readonly string[] s_fileNames =
    [
        "../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd", "C:\\x.txt", "a/b/config.json", "", ".", "..", "con", "model.safetensors.exe",
        "config.json\u0000.txt", "model-00001-of-00000.safetensors", "model-99999-of-99999.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
        "tokenizer.json", "x.jsonl", "x.csv", "\u202egpj.txt", "=1+1.txt", new string('f', 5_000), "vocab.json",
    ];

    /// <summary>The form as it should be.</summary>
    public static (string ContentType, byte[] Bytes) Write(IReadOnlyList<FormPart> parts) =>
        ("multipart/form-data; boundary=fuzz", Write(parts, "fuzz", ending: true));

    /// <summary>The form with a mutation, and what that was.</summary>
    public (string ContentType, byte[] Bytes, string Mutation) Mutate(IReadOnlyList<FormPart> parts)
    {
        List<FormPart> changed = [.. parts];
        int at = random.Next(changed.Count);
        FormPart part = changed[at];
        string boundary = "fuzz", what;
        string? contentType = null;
        bool ending = true;
        switch (random.Next(14))
        {
            case 0:
                changed.RemoveAt(at);
                what = $"without '{part.FileName ?? part.Name}'";
                break;
            case 1:
                changed.Insert(random.Next(changed.Count), part);
                what = $"'{part.FileName ?? part.Name}' twice";
                break;
            case 2:
                changed[at] = part with { Name = s_names[random.Next(s_names.Length)] };
                what = $"'{part.Name}' is called '{changed[at].Name}'";
                break;
            case 3:
                changed[at] = part with { FileName = s_fileNames[random.Next(s_fileNames.Length)] };
                what = $"'{part.FileName ?? part.Name}' is the file '{Short(changed[at].FileName!)}'";
                break;
            case 4:
                int count = new[] { 1, 100, 10_000, 200_000 }[random.Next(4)];
                changed.AddRange(Enumerable.Range(0, count).Select(i => new FormPart($"f{i}", null, "1"u8.ToArray())));
                what = $"{count} unknown fields";
                break;
            case 5:
                boundary = new[] { new string('b', 5_000), new string('b', 71), "", "a b", "\u00e4", "'", "a\"b", "--", "fuzz\u0000" }[random.Next(9)];
                what = $"a boundary '{Short(boundary)}'";
                break;
            case 6:
                contentType = new[] { "multipart/form-data", "multipart/form-data; boundary=other", "multipart/mixed; boundary=fuzz", "text/plain",
                    "multipart/form-data; boundary=\"fuzz", "multipart/form-data; boundary=fuzz; boundary=fuzz2" }[random.Next(6)];
                what = contentType;
                break;
            case 7:
                ending = false;
                what = "no last boundary";
                break;
            case 8:
                int length = new[] { 5_000, 20_000, 1_000_000 }[random.Next(3)];
                changed[at] = part with { Name = new string('n', length) };
                what = $"a part's header of {length} characters";
                break;
            case 9:
                changed.Clear();
                what = "no part";
                break;
            default:
                (byte[] content, string mutation) = File(part);
                changed[at] = part with { Content = content };
                what = $"'{part.FileName ?? part.Name}': {mutation}";
                break;
        }
        byte[] bytes = Write(changed, boundary, ending);
        return (contentType ?? $"multipart/form-data; boundary={boundary}", bytes, what);
    }

    private (byte[], string) File(FormPart part)
    {
        string name = part.FileName ?? "";
        if (name.EndsWith(".safetensors", StringComparison.Ordinal) && random.Next(4) > 0)
            return Safetensors(part.Content);
        if (name.EndsWith(".json", StringComparison.Ordinal) && random.Next(4) > 0)
            return name == "vocab.json" && random.Next(2) == 0 ? Vocabulary() : new JsonFuzzer(random).Mutate(JsonNode.Parse(part.Content));
        byte[] content = part.Content;
        switch (random.Next(8))
        {
            case 0:
                return ([], "empty");
            case 1:
                return (content[..random.Next(content.Length + 1)], "truncated");
            case 2:
                byte[] noise = new byte[random.Next(1, 200_000)];
                random.NextBytes(noise);
                return (noise, "random bytes");
            case 3:
                return ([.. "\uFEFF"u8, .. content], "a byte order mark");
            case 4:
                return (Encoding.UTF8.GetBytes(new string('a', 3_000_000)), "one line of 3 MB");
            case 5:
                return ([.. content, 0xFF, 0xFE, 0, 0xED, 0xA0, 0x80], "bytes that are not UTF-8");
            case 6:
                return (Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("\r\n\r\n", 300_000))), "blank lines");
            default:
                byte[] changed = [.. content];
                for (int i = random.Next(1, 20); i > 0 && changed.Length > 0; i--)
                    changed[random.Next(changed.Length)] = (byte)random.Next(256);
                return (changed, "other bytes");
        }
    }

    // Eight bytes of length, a JSON header, data.
    private (byte[], string) Safetensors(byte[] content)
    {
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(content);
        byte[] header = content[8..(8 + length)], data = content[(8 + length)..];
        switch (random.Next(9))
        {
            case 0:
                long said = new[] { 0, 1, length - 1, length + 1, int.MaxValue, long.MaxValue, -1, long.MinValue, 100_000_000 }[random.Next(9)];
                return (With(said, header, data), $"a header of {said} bytes, it says");
            case 1:
                return (With(null, Encoding.UTF8.GetBytes($"{{\"a\":{{\"dtype\":\"F32\",\"shape\":\"{new string('9', 5_000_000)}\",\"data_offsets\":[0,4]}}}}"), data),
                    "a shape of 5 MB text");
            case 2:
                int count = new[] { 1_000, 100_000 }[random.Next(2)];
                return (With(null, Encoding.UTF8.GetBytes("{" + string.Join(',', Enumerable.Range(0, count)
                    .Select(i => $"\"t{i}\":{{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}")) + "}"), data), $"{count} tensors");
            case 3:
                return (With(null, header, data[..random.Next(data.Length)]), "less data");
            case 4:
                return (With(null, header, [.. data, .. new byte[100]]), "more data");
            case 5:
                (string from, string to) = new[] { ("\"F32\"", "\"F64\""), ("\"F32\"", "\"X\""), ("[0,", "[4,"), ("[0,", "[-4,"), ("\"shape\":[", "\"shape\":[0,"),
                    ("\"shape\":[", "\"shape\":[9223372036854775807,"), ("\"shape\":[", "\"shape\":[-1,"), ("h.0", "h.9"), ("weight", "") }[random.Next(9)];
                return (With(null, Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(header).Replace(from, to, StringComparison.Ordinal)), data),
                    $"{from} becomes {to}");
            case 6:
                byte[] infinite = [.. data];
                for (int i = 0; i + 4 <= infinite.Length; i += 4)
                    BinaryPrimitives.WriteSingleLittleEndian(infinite.AsSpan(i), random.Next(2) == 0 ? float.NaN : float.PositiveInfinity);
                return (With(null, header, infinite), "NaN and infinity");
            default:
                (byte[] bytes, string what) = new JsonFuzzer(random).Mutate(JsonNode.Parse(header));
                return (With(null, bytes, data), $"header: {what}");
        }
    }

    private (byte[], string) Vocabulary()
    {
        int count = new[] { 300, 60_000, 300_000 }[random.Next(3)];
        Func<int, string> entry = random.Next(6) switch
        {
            0 => i => $"\"t{i}\":{i}",
            1 => i => $"\"t\":{i}",
            2 => i => $"\"t{i}\":-{i}",
            3 => i => $"\"t{i}\":0",
            4 => i => $"\"t{i}\":{i}.5",
            _ => i => $"\"\\ud8{i % 100:00}\":{i}",
        };
        return (Encoding.UTF8.GetBytes($"{{{string.Join(',', Enumerable.Range(0, count).Select(entry))}}}"), $"{count} entries such as {entry(7)}");
    }

    private static byte[] With(long? said, byte[] header, byte[] data)
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, said ?? header.Length);
        return [.. length, .. header, .. data];
    }

    private static byte[] Write(IReadOnlyList<FormPart> parts, string boundary, bool ending)
    {
        using var bytes = new MemoryStream();
        foreach (FormPart part in parts)
        {
            string file = part.FileName is null ? "" : $"; filename=\"{part.FileName}\"\r\nContent-Type: application/octet-stream";
            bytes.Write(Encoding.UTF8.GetBytes($"--{boundary}\r\nContent-Disposition: form-data; name=\"{part.Name}\"{file}\r\n\r\n"));
            bytes.Write(part.Content);
            bytes.Write("\r\n"u8);
        }
        if (ending)
            bytes.Write(Encoding.UTF8.GetBytes($"--{boundary}--\r\n"));
        return bytes.ToArray();
    }

    private static string Short(string text) => text.Length <= 40 ? text : $"{text[..40]}... ({text.Length} characters)";
}
