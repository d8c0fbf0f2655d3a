using System.Buffers;
using System.Text;

namespace WebDistill.Distillation.Text;

/// <summary>What a WordPiece encoder looks up: the vocabulary by its words' beginnings and by their continuations.</summary>
internal sealed class WordPieceTable
{
    /// <param name="tokens">In order of id.</param>
    /// <param name="special">Tokens that are found in a text as they are written.</param>
    public WordPieceTable(IReadOnlyList<string> tokens, IReadOnlyList<string> special, int unknownId, BertWordPieceOptions options)
    {
        const string joint = "##";
        var continuations = new Dictionary<string, int>(StringComparer.Ordinal);
        var ids = new Dictionary<string, int>(tokens.Count, StringComparer.Ordinal);
        for (int id = 0; id < tokens.Count; id++)
        {
            ids.Add(tokens[id], id);
            if (tokens[id].StartsWith(joint, StringComparison.Ordinal))
                continuations.Add(tokens[id][joint.Length..], id);
        }
        (Ids, UnknownId, Options) = (ids, unknownId, options);
        Beginnings = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        Continuations = continuations.GetAlternateLookup<ReadOnlySpan<char>>();
        LongestToken = tokens.Max(token => token.Length);
        Special = [.. special.OrderByDescending(token => token.Length)];
        SpecialFound = SearchValues.Create([.. special], StringComparison.Ordinal);
    }

    public IReadOnlyDictionary<string, int> Ids { get; }

    public int UnknownId { get; }

    public BertWordPieceOptions Options { get; }

    /// <summary>Every token.</summary>
    public Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> Beginnings { get; }

    /// <summary>Those written with ## before them, without it.</summary>
    public Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> Continuations { get; }

    /// <summary>UTF-16 units.</summary>
    public int LongestToken { get; }

    /// <summary>The longest first: of two that begin at one place the longer one is meant.</summary>
    public IReadOnlyList<string> Special { get; }

    public SearchValues<string> SpecialFound { get; }
}

/// <summary>
/// From text to ids as BERT does it (Devlin et al. 2019; google-research/bert, tokenization.py, and Hugging Face's BertTokenizer): special tokens are
/// found first, as they are written; then characters are put into lower case, controls left out, Chinese ones set apart; each word between
/// white space is composed (NFC), loses its accents, and is cut at punctuation; and of every piece the longest token at its
/// beginning is taken, again and again. A piece that cannot be written so to its end, or is longer than <see cref="MostCharacters"/>, is unknown.
/// Its buffers are its own: not thread-safe.
/// </summary>
internal sealed class WordPieceEncoder(WordPieceTable table)
{
    /// <summary>Characters of the longest piece that is looked up.</summary>
    public const int MostCharacters = 100;

    private const int FirstThatComposes = 0x300, ReplacementCharacter = 0xFFFD;

    private readonly List<SourceCharacter> _word = [];
    private readonly char[] _letters = new char[2 * MostCharacters];
    private readonly int[] _characterOf = new int[2 * MostCharacters];
    private readonly bool _lowers = table.Options.LowerCase, _splitsChinese = table.Options.SplitChinese, _leavesOutAccents = table.Options.LeavesOutAccents;
    private int _highest;
    private List<int> _ids = [];
    private List<Range>? _ranges;

    /// <summary>Appends the ids of a text, up to the word with which there are <paramref name="enough"/> more.</summary>
    /// <param name="ranges">Takes the part of the text that each id stands for; null for none.</param>
    public void Encode(ReadOnlySpan<char> text, List<int> ids, List<Range>? ranges, int enough)
    {
        (_ids, _ranges) = (ids, ranges);
        int most = enough > int.MaxValue - ids.Count ? int.MaxValue : ids.Count + enough;
        int start = 0;
        while (start < text.Length && ids.Count < most)
        {
            int found = text[start..].IndexOfAny(table.SpecialFound);
            int end = found < 0 ? text.Length : start + found;
            AddText(text, start, end, most);
            if (found < 0)
                return;
            foreach (string token in table.Special)
            {
                if (!text[end..].StartsWith(token, StringComparison.Ordinal))
                    continue;
                if (ids.Count < most)
                    Add(table.Ids[token], end, end + token.Length);
                start = end + token.Length;
                break;
            }
        }
    }

    private void AddText(ReadOnlySpan<char> text, int from, int to, int most)
    {
        _word.Clear();
        _highest = 0;
        for (int i = from; i < to;)
        {
            int start = i, code = text[i];
            if (code < 0x80)
                i++;
            else
            {
                bool isWhole = Rune.DecodeFromUtf16(text[i..to], out Rune rune, out int units) == OperationStatus.Done;
                i += units;
                code = isWhole ? rune.Value : ReplacementCharacter;   // half of a surrogate pair is left out, as the replacement character is
            }
            if (_lowers && code < 0x80)
                AddCharacter(code is >= 'A' and <= 'Z' ? code | 0x20 : code, start, i);
            else if (_lowers && Unicode14.TryLower(code, out int[] lower))
            {
                foreach (int part in lower)
                    AddCharacter(part, start, i);
            }
            else
                AddCharacter(code, start, i);
            if (_ids.Count >= most)
                return;
        }
        EndWord();
    }

    private void AddCharacter(int code, int start, int end)
    {
        if (code is ' ' or '\t' or '\n' or '\r' or 0x2028 or 0x2029)
            EndWord();
        else if (code < 0x80 ? code is < ' ' or 0x7F : code == ReplacementCharacter)
            return;
        else
        {
            CharacterClass kind = code < 0x80 ? CharacterClass.Other : Unicode14.Class(code);
            if (kind == CharacterClass.Control)
                return;
            if (kind == CharacterClass.Space)
            {
                EndWord();
                return;
            }
            bool isChinese = code >= 0x3400 && _splitsChinese && IsChinese(code);
            if (isChinese)
                EndWord();
            _word.Add(new SourceCharacter(code, start, end));
            _highest = Math.Max(_highest, code);
            if (isChinese)
                EndWord();
        }
    }

    private void EndWord()
    {
        if (_word.Count == 0)
            return;
        if (_highest >= FirstThatComposes)
            Unicode14.Compose(_word);
        if (IsSpecial(out int id))
            Add(id, Whole(0, _word.Count));
        else
        {
            if (_leavesOutAccents && _highest >= 0x80)
            {
                Unicode14.Decompose(_word);
                _word.RemoveAll(character => Unicode14.Class(character.Code) == CharacterClass.Mark);
            }
            int first = 0;
            for (int i = 0; i < _word.Count; i++)
            {
                if (!IsPunctuation(_word[i].Code))
                    continue;
                AddPiece(first, i - first);
                AddPiece(i, 1);
                first = i + 1;
            }
            AddPiece(first, _word.Count - first);
        }
        _word.Clear();
        _highest = 0;
    }

    // What is written as a special token only once controls are left out is one as well where it is a word by itself.
    private bool IsSpecial(out int id)
    {
        foreach (string token in table.Special)
        {
            if (_word[0].Code != token[0] && !char.IsSurrogate(token[0]))
                continue;
            if (string.Concat(_word.Select(character => char.ConvertFromUtf32(character.Code))) != token)
                continue;
            id = table.Ids[token];
            return true;
        }
        id = 0;
        return false;
    }

    private void AddPiece(int first, int count)
    {
        if (count == 0)
            return;
        if (count > MostCharacters)
        {
            Add(table.UnknownId, Whole(first, count));
            return;
        }
        int length = 0;
        for (int i = first; i < first + count; i++)
        {
            _characterOf[length] = i;
            if (_word[i].Code <= char.MaxValue)
                _letters[length++] = (char)_word[i].Code;
            else
            {
                _characterOf[length + 1] = i;
                length += new Rune(_word[i].Code).EncodeToUtf16(_letters.AsSpan(length));
            }
        }
        int before = _ids.Count, rangesBefore = _ranges?.Count ?? 0;
        for (int start = 0, end; start < length; start = end)
        {
            Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> tokens = start == 0 ? table.Beginnings : table.Continuations;
            int id = 0;
            end = Math.Min(length, start + table.LongestToken);
            while (end > start && !tokens.TryGetValue(_letters.AsSpan(start, end - start), out id))
                end--;
            if (end == start)
            {
                _ids.RemoveRange(before, _ids.Count - before);
                _ranges?.RemoveRange(rangesBefore, _ranges.Count - rangesBefore);
                Add(table.UnknownId, Whole(first, count));
                return;
            }
            int from = _characterOf[start];
            Add(id, Whole(from, _characterOf[end - 1] - from + 1));
        }
    }

    private Range Whole(int first, int count)
    {
        if (_ranges is null)
            return default;
        (int start, int end) = (_word[first].Start, _word[first].End);
        for (int i = first + 1; i < first + count; i++)
            (start, end) = (Math.Min(start, _word[i].Start), Math.Max(end, _word[i].End));
        return start..end;
    }

    private void Add(int id, int start, int end) => Add(id, start..end);

    private void Add(int id, Range range)
    {
        _ids.Add(id);
        _ranges?.Add(range);
    }

    // The signs of ASCII are punctuation here, whatever Unicode calls them.
    private static bool IsPunctuation(int code) => code < 0x80
        ? code is >= '!' and <= '/' or >= ':' and <= '@' or >= '[' and <= '`' or >= '{' and <= '~'
        : Unicode14.Class(code) == CharacterClass.Punctuation;

    private static bool IsChinese(int code) => code is >= 0x4E00 and <= 0x9FFF or >= 0x3400 and <= 0x4DBF or >= 0x20000 and <= 0x2A6DF
        or >= 0x2A700 and <= 0x2B73F or >= 0x2B740 and <= 0x2B81F or >= 0x2B820 and <= 0x2CEAF or >= 0xF900 and <= 0xFAFF or >= 0x2F800 and <= 0x2FA1F;
}
