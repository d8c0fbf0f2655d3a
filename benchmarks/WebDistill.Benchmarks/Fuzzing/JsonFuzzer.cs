using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;

namespace WebDistill.Benchmarks.Fuzzing;

/// <summary>JSON with one thing wrong in it, or several: a value, a property or the text as a whole.</summary>
internal sealed class JsonFuzzer(Random random)
{
    // Literals that are no JSON, no text, out of range or of another kind than expected. Each is a seed of its own kind of trouble.
    private static readonly string[] s_values =
    [
        "null", "true", "0", "-1", "1", "7", "0.5", "-0.0", "1e400", "-1e400", "1e308", "1e-400", "NaN", "Infinity", "-Infinity", "0x10", "01", "+1", ".5",
        "2147483647", "2147483648", "-2147483648", "9223372036854775807", "9223372036854775808", "\"\"", "\" \"", "\"\\u0000\"", "\"\\ud800\"",
        "\"\\udc00\\ud800\"", "\"a\\r\\nb\"", "\"\\u202e\"", "\"\\uFFFE\"", "\"../../etc/passwd\"", "\"=1+1\"", "\"<script>\"", "\"0.5\"", "\"NaN\"", "[]", "{}",
        "[null]", "[{}]", "{\"\":0}", "[1,2,3]", "\"00000000-0000-0000-0000-000000000000\"", "\"0192f3a4-0000-7000-8000-000000000000\"", "'a'", "undefined",
        "\"random\"", "\"all\"", "\"\ud83d\udc26\"",
    ];

    private static readonly int[] s_sizes = [1_000, 10_000, 100_000, 1_000_000, 3_000_000];

    /// <summary>The bytes of <paramref name="node"/> with a mutation, and what that was.</summary>
    public (byte[] Bytes, string Mutation) Mutate(JsonNode? node)
    {
        int nodes = Count(node);
        switch (random.Next(10))
        {
            case < 4:
                (byte[] value, string what) = Value();
                return (Write(node, random.Next(nodes), value, null), $"a value becomes {what}");
            case < 7:
                (byte[] property, what) = Property(node as JsonObject);
                return (Write(node, -1, null, property), $"a property more: {what}");
            default:
                return Whole(Write(node, -1, null, null));
        }
    }

    /// <summary>A value that is wrong nearly everywhere.</summary>
    private (byte[], string) Value()
    {
        int size = s_sizes[random.Next(s_sizes.Length)];
        switch (random.Next(16))
        {
            case 0:
                return (Text($"\"{new string('a', size)}\""), $"a text of {size} characters");
            case 1:
                return (Text(new string('9', Math.Min(size, 100_000))), $"a number of {Math.Min(size, 100_000)} digits");
            case 2:
                int depth = Math.Min(size, 100_000);
                return (Text(new string('[', depth) + new string(']', depth)), $"{depth} nested lists");
            case 3:
                depth = Math.Min(size, 100_000);
                return (Text($"{string.Concat(Enumerable.Repeat("{\"a\":", depth))}1{new string('}', depth)}"), $"{depth} nested objects");
            case 4:
                int count = Math.Min(size, 300_000);
                return (Text($"[{string.Join(',', Enumerable.Range(0, count))}]"), $"a list of {count} numbers");
            case 5:
                return ([(byte)'"', 0xFF, 0xFE, (byte)'"'], "a text that is not UTF-8");
            case 6:
                return ([(byte)'"', 0xED, 0xA0, 0x80, (byte)'"'], "a surrogate in UTF-8");
            case 7:
                count = Math.Min(size, 100_000);
                return (Text($"[{string.Join(',', Enumerable.Repeat("\"x\"", count))}]"), $"a list of {count} texts");
            default:
                string literal = s_values[random.Next(s_values.Length)];
                return (Text(literal), literal);
        }
    }

    private (byte[], string) Property(JsonObject? of)
    {
        string known = of is { Count: > 0 } ? of.ElementAt(random.Next(of.Count)).Key : "name";
        switch (random.Next(9))
        {
            case 0:
                return (Text($"\"{known}\":1"), $"'{known}' again");
            case 1:
                return (Text("\"\\ud800\":1"), "a lone surrogate as a name");
            case 2:
                return ([(byte)'"', 0xFF, (byte)'"', (byte)':', (byte)'1'], "a name that is not UTF-8");
            case 3:
                int length = s_sizes[random.Next(s_sizes.Length)];
                return (Text($"\"{new string('n', length)}\":1"), $"a name of {length} characters");
            case 4:
                string name = new[] { "", "$type", "$id", "$ref", "__proto__", "Name", "\\u0000", "a.b", "a[0]" }[random.Next(9)];
                return (Text($"\"{name}\":1"), $"'{name}'");
            case 5:
                int count = s_sizes[random.Next(3)];
                return (Text(string.Join(',', Enumerable.Repeat($"\"{known}\":1", count))), $"'{known}' {count} times");
            default:
                count = new[] { 1, 100, 10_000, 400_000 }[random.Next(4)];
                return (Text(string.Join(',', Enumerable.Range(0, count).Select(i => $"\"{i}\":1"))), $"{count} unknown ones");
        }
    }

    private (byte[], string) Whole(byte[] text)
    {
        switch (random.Next(12))
        {
            case 0:
                return ([], "empty");
            case 1:
                return (text[..random.Next(text.Length)], "truncated");
            case 2:
                return ([0xEF, 0xBB, 0xBF, .. text], "a byte order mark");
            case 3:
                return (Encoding.Unicode.GetBytes(Encoding.UTF8.GetString(text)), "UTF-16");
            case 4:
                return ([(byte)'[', .. text, (byte)']'], "in a list");
            case 5:
                return ([.. text, .. text], "twice");
            case 6:
                return (Text(new string(' ', 9 << 20)), "9 MB of blanks");
            case 7:
                return ([.. text, 0], "a NUL behind");
            case 8:
                return (Text(s_values[random.Next(s_values.Length)]), "another kind of value");
            case 9:
                return ([.. "/* */"u8, .. text], "a comment");
            default:
                byte[] changed = [.. text];
                for (int i = random.Next(1, 4); i > 0 && changed.Length > 0; i--)
                    changed[random.Next(changed.Length)] = (byte)random.Next(256);
                return (changed, "other bytes");
        }
    }

    private static int Count(JsonNode? node) => 1 + node switch
    {
        JsonObject o => o.Sum(property => Count(property.Value)),
        JsonArray a => a.Sum(Count),
        _ => 0,
    };

    /// <summary>Writes the tree; the value at <paramref name="at"/>, counted in the order of writing, becomes <paramref name="value"/>.</summary>
    /// <param name="property">What is written at the end of the outermost object; null for nothing.</param>
    private static byte[] Write(JsonNode? node, int at, byte[]? value, byte[]? property)
    {
        var output = new ArrayBufferWriter<byte>();
        int place = 0;
        Write(node, isOutermost: true);
        return output.WrittenSpan.ToArray();

        void Write(JsonNode? node, bool isOutermost)
        {
            if (place++ == at)
            {
                output.Write(value);
                place += Count(node) - 1;
                return;
            }
            switch (node)
            {
                case JsonObject o:
                    output.Write("{"u8);
                    bool first = true;
                    foreach ((string name, JsonNode? child) in o)
                    {
                        output.Write(Text($"{(first ? "" : ",")}{JsonValue.Create(name).ToJsonString()}:"));
                        first = false;
                        Write(child, isOutermost: false);
                    }
                    if (isOutermost && property is not null)
                        output.Write([.. first ? ""u8 : ","u8, .. property]);
                    output.Write("}"u8);
                    break;
                case JsonArray a:
                    output.Write("["u8);
                    for (int i = 0; i < a.Count; i++)
                    {
                        if (i > 0)
                            output.Write(","u8);
                        Write(a[i], isOutermost: false);
                    }
                    output.Write("]"u8);
                    break;
                default:
                    output.Write(Text(node?.ToJsonString() ?? "null"));
                    break;
            }
        }
    }

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);
}
