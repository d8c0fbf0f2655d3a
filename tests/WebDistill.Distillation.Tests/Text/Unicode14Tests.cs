using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Text;

/// <summary>Against what Python 3.11 (Unicode 14.0.0) makes of every character: the hashes that <c>python3 src/WebDistill.Distillation/Text/Unicode14.py FILE</c> prints.</summary>
public sealed class Unicode14Tests
{
    private static readonly int[] s_all = [.. Enumerable.Range(0, 0x110000).Where(code => code is < 0xD800 or > 0xDFFF)];

    [Fact]
    public void Compose_EveryCharacter_IsPythonsNfc() => Assert.Equal("900f12a0fd5b368b56e972d9dcc9cc0584951930f9d9724d079e44f36f332796",
        Hash(s_all.Select(code => Normal(char.ConvertFromUtf32(code), Unicode14.Compose))));

    [Fact]
    public void Decompose_EveryCharacter_IsPythonsNfd() => Assert.Equal("45bfd20e6479fe62a36854d0251ce488f571162983f514e0bf9c6821f2e3fec3",
        Hash(s_all.Select(code => Normal(char.ConvertFromUtf32(code), Unicode14.Decompose))));

    [Fact]
    public void Compose_TextsRichInMarks_ArePythonsNfc() =>
        Assert.Equal("e988400b2fbea3d6f7c8a1fdef805c2182b26d8471b6728dc730d32d75dba770", Hash(Sequences().Select(text => Normal(text, Unicode14.Compose))));

    [Fact]
    public void Decompose_TextsRichInMarks_ArePythonsNfd() =>
        Assert.Equal("d013510474dab211594c6bcf320d24e9c2ad993090907b2b9c24b4153d156601", Hash(Sequences().Select(text => Normal(text, Unicode14.Decompose))));

    [Fact]
    public void Lower_EveryCharacter_IsPythons() => Assert.Equal("edca77a44be2b4e6ffdbe85bfd097ed3725757a3f23c5ab03b627eba66c8f0af", Hash(s_all.Select(code =>
        Unicode14.TryLower(code, out int[] lower) ? string.Concat(lower.Select(char.ConvertFromUtf32)) : char.ConvertFromUtf32(code))));

    [Fact]
    public void Class_EveryCharacter_IsPythons() => Assert.Equal("5621c271591d8576da6e6001090c8c0c6ccd01bd71739a37443edd4dfba7ca98", Hash(s_all.Select(code => Unicode14.Class(code) switch
    {
        CharacterClass.Control => "C", CharacterClass.Punctuation => "P", CharacterClass.Mark => "Mn", CharacterClass.Space => "Zs", _ => "-",
    })));

    /// <summary>What .NET says of characters that Unicode 14 knows is the same, but for the handful that later versions put into another category.</summary>
    [Fact]
    public void Class_OfWhatUnicode14Knows_IsDotnets()
    {
        int[] others = [.. s_all.Where(code => Unicode14.Class(code) != CharacterClass.Control && Unicode14.Class(code) != Of(CharUnicodeInfo.GetUnicodeCategory(code)))];
        Assert.True(others.Length <= 20, string.Join(' ', others.Select(code => code.ToString("X", CultureInfo.InvariantCulture))));

        static CharacterClass Of(UnicodeCategory category) => category switch
        {
            UnicodeCategory.SpaceSeparator => CharacterClass.Space,
            UnicodeCategory.NonSpacingMark => CharacterClass.Mark,
            >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation => CharacterClass.Punctuation,
            UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned => CharacterClass.Control,
            _ => CharacterClass.Other,
        };
    }

    [Theory]
    [InlineData("e\u0301", "\u00e9", 0, 2)]                    // one character out of two
    [InlineData("a\u0323\u0307", "\u1ea1\u0307", 0, 2)]        // the second mark stays behind the composed letter
    [InlineData("\u1112\u1161\u11ab", "\ud55c", 0, 3)]         // a syllable of Hangul
    public void Compose_KeepsWhereACharacterCameFrom(string text, string composed, int start, int end)
    {
        List<SourceCharacter> characters = Characters(text);
        Unicode14.Compose(characters);
        Assert.Equal(composed, Text(characters));
        Assert.Equal((start, end), (characters[0].Start, characters[0].End));
    }

    private static IEnumerable<string> Sequences()
    {
        int[] rich = [.. s_all.Where(code => Unicode14.Order(code) > 0), .. s_all.Where(code => (code is < 0xAC00 or > 0xD7A3) && Unicode14.HasParts(code)),
            .. Enumerable.Range(0x1100, 0x100), 0xAC00, 0xAC01, 0x61, 0x41];
        ulong state = 14;
        for (int i = 0; i < 20_000; i++)
        {
            var text = new StringBuilder();
            for (int k = 0; k < 6; k++)
            {
                state = unchecked(state * 6364136223846793005 + 1442695040888963407);
                text.Append(char.ConvertFromUtf32(rich[(state >> 33) % (ulong)rich.Length]));
            }
            yield return text.ToString();
        }
    }

    private static string Normal(string text, Action<List<SourceCharacter>> normalise)
    {
        List<SourceCharacter> characters = Characters(text);
        normalise(characters);
        return Text(characters);
    }

    private static List<SourceCharacter> Characters(string text)
    {
        List<SourceCharacter> characters = [];
        for (int i = 0; i < text.Length;)
        {
            Rune rune = Rune.GetRuneAt(text, i);
            characters.Add(new SourceCharacter(rune.Value, i, i += rune.Utf16SequenceLength));
        }
        return characters;
    }

    private static string Text(List<SourceCharacter> characters) => string.Concat(characters.Select(character => char.ConvertFromUtf32(character.Code)));

    private static string Hash(IEnumerable<string> texts) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', texts))));
}
