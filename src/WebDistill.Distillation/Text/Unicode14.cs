using System.Globalization;
using System.Text;

namespace WebDistill.Distillation.Text;

/// <summary>
/// Unicode 14.0.0 as far as BERT's tokenizer asks for it: classes, lower case, the canonical forms NFC and NFD (Unicode Standard Annex 15). Of one
/// version, so that a text has the same ids on every machine and with every .NET, whose own data grow with each release and which does not
/// normalise at all with InvariantGlobalization. Characters that Unicode 14 does not know are of the class of controls.
/// </summary>
internal static class Unicode14
{
    // Unicode Standard, section 3.12: syllables of Hangul are computed.
    private const int SyllableBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7, LeadCount = 19, VowelCount = 21, TrailCount = 28;
    private const int SyllableCount = LeadCount * VowelCount * TrailCount;

    private const int PageBits = 8, PageSize = 1 << PageBits, Codes = 0x110000;

    private static readonly byte[]?[] s_classes = new byte[]?[Codes >> PageBits];
    private static readonly byte[]?[] s_orders = new byte[]?[Codes >> PageBits];
    private static readonly Dictionary<int, int[]> s_lower = [];
    private static readonly Dictionary<int, int[]> s_parts = [];
    private static readonly Dictionary<(int First, int Second), int> s_composed = [];

    static Unicode14()
    {
        using Stream stream = typeof(Unicode14).Assembly.GetManifestResourceStream("Unicode14.txt")
            ?? throw new InvalidOperationException("Unicode14.txt is not in the assembly.");
        using var reader = new StreamReader(stream, Encoding.ASCII);
        while (reader.ReadLine() is string line)
        {
            string[] words = line.Split(' ');
            switch (words[0])
            {
                case "control": Set(s_classes, words[1..], (byte)CharacterClass.Control); break;
                case "space": Set(s_classes, words[1..], (byte)CharacterClass.Space); break;
                case "punctuation": Set(s_classes, words[1..], (byte)CharacterClass.Punctuation); break;
                case "mark": Set(s_classes, words[1..], (byte)CharacterClass.Mark); break;
                case "order": Set(s_orders, words[2..], byte.Parse(words[1], CultureInfo.InvariantCulture)); break;
                case "lower": Map(words[1..], (code, lower) => s_lower.Add(code, lower)); break;
                case "decompose": Map(words[1..], (code, parts) => s_parts.Add(code, parts)); break;
                case "compose":
                    Map(words[1..], (code, parts) =>
                    {
                        s_parts.Add(code, parts);
                        s_composed.Add((parts[0], parts[1]), code);
                    });
                    break;
            }
        }
    }

    /// <summary>The class of a character.</summary>
    public static CharacterClass Class(int code) => (CharacterClass)At(s_classes, code);

    /// <summary>The canonical combining class; 0 for a character that nothing moves across.</summary>
    public static int Order(int code) => At(s_orders, code);

    /// <summary>The characters of its lower case, by itself and not by its place in a word; false where that is the character itself.</summary>
    public static bool TryLower(int code, out int[] lower) => s_lower.TryGetValue(code, out lower!);

    /// <summary>Whether its canonical decomposition is another text.</summary>
    public static bool HasParts(int code) => IsSyllable(code) || s_parts.ContainsKey(code);

    /// <summary>Decomposes canonically, as far as it goes, and puts marks into their order (NFD).</summary>
    public static void Decompose(List<SourceCharacter> text)
    {
        var whole = new List<SourceCharacter>(text.Count + 8);
        foreach (SourceCharacter character in text)
            AddParts(character, whole);
        // Marks in a row are ordered by their class, those of one class as they came.
        for (int i = 1; i < whole.Count; i++)
        {
            SourceCharacter moved = whole[i];
            int order = Order(moved.Code), place = i;
            for (; order > 0 && place > 0 && Order(whole[place - 1].Code) > order; place--)
                whole[place] = whole[place - 1];
            whole[place] = moved;
        }
        text.Clear();
        text.AddRange(whole);
    }

    /// <summary>Decomposes, and composes what can be (NFC).</summary>
    public static void Compose(List<SourceCharacter> text)
    {
        Decompose(text);
        int starter = -1, written = 0, orderBefore = 0;
        for (int i = 0; i < text.Count; i++)
        {
            SourceCharacter next = text[i];
            int order = Order(next.Code);
            // Nothing that stands between may be of the same class or a starter.
            bool canReach = starter >= 0 && (written == starter + 1 || orderBefore < order && orderBefore > 0);
            if (canReach && Composed(text[starter].Code, next.Code) is int composed)
            {
                text[starter] = text[starter].Joined(composed, next);
                continue;
            }
            if (order == 0)
                starter = written;
            orderBefore = order;
            text[written++] = next;
        }
        text.RemoveRange(written, text.Count - written);
    }

    private static int? Composed(int first, int second)
    {
        if (first - LeadBase is >= 0 and < LeadCount && second - VowelBase is >= 0 and < VowelCount)
            return SyllableBase + ((first - LeadBase) * VowelCount + second - VowelBase) * TrailCount;
        if (IsSyllable(first) && (first - SyllableBase) % TrailCount == 0 && second - TrailBase is > 0 and < TrailCount)
            return first + second - TrailBase;
        return s_composed.TryGetValue((first, second), out int composed) ? composed : null;
    }

    private static bool IsSyllable(int code) => code - SyllableBase is >= 0 and < SyllableCount;

    private static void AddParts(SourceCharacter character, List<SourceCharacter> whole)
    {
        int code = character.Code;
        if (IsSyllable(code))
        {
            int index = code - SyllableBase, trail = index % TrailCount;
            whole.Add(character with { Code = LeadBase + index / (VowelCount * TrailCount) });
            whole.Add(character with { Code = VowelBase + index / TrailCount % VowelCount });
            if (trail > 0)
                whole.Add(character with { Code = TrailBase + trail });
        }
        else if (s_parts.TryGetValue(code, out int[]? parts))
        {
            foreach (int part in parts)
                AddParts(character with { Code = part }, whole);
        }
        else
            whole.Add(character);
    }

    private static byte At(byte[]?[] pages, int code) => pages[code >> PageBits] is byte[] page ? page[code & (PageSize - 1)] : (byte)0;

    private static void Set(byte[]?[] pages, string[] ranges, byte value)
    {
        foreach (string range in ranges)
        {
            int dash = range.IndexOf('-', StringComparison.Ordinal);
            int first = Code(dash < 0 ? range : range.AsSpan(0, dash)), last = Code(range.AsSpan(dash + 1));
            for (int code = first; code <= last; code++)
                (pages[code >> PageBits] ??= new byte[PageSize])[code & (PageSize - 1)] = value;
        }
    }

    private static void Map(string[] words, Action<int, int[]> add)
    {
        foreach (string word in words)
        {
            string[] sides = word.Split('=');
            add(Code(sides[0]), [.. sides[1].Split('+').Select(part => Code(part))]);
        }
    }

    private static int Code(ReadOnlySpan<char> hexadecimal) => int.Parse(hexadecimal, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}

/// <summary>What BERT's tokenizer tells characters apart by.</summary>
internal enum CharacterClass : byte
{
    /// <summary>Letters, digits, symbols: what words are made of.</summary>
    Other,

    /// <summary>Any of the categories C: controls, formats, private use, and what is not assigned.</summary>
    Control,

    /// <summary>Zs.</summary>
    Space,

    /// <summary>Any of the categories P.</summary>
    Punctuation,

    /// <summary>Mn: accents, once a text is decomposed.</summary>
    Mark,
}

/// <summary>A character of a normalised text and where in the text it came from.</summary>
/// <param name="Code">Code point.</param>
/// <param name="Start">First UTF-16 unit.</param>
/// <param name="End">The unit after its last one.</param>
internal readonly record struct SourceCharacter(int Code, int Start, int End)
{
    /// <summary>The character that this one and a later one become.</summary>
    public SourceCharacter Joined(int code, SourceCharacter later) => new(code, Math.Min(Start, later.Start), Math.Max(End, later.End));
}
