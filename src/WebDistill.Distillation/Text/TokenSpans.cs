using System.Buffers;
using System.Text;

namespace WebDistill.Distillation.Text;

/// <summary>
/// Which characters of a text its tokens came from, token after token. A token that holds only some bytes of a character covers the whole of
/// it, so that the ranges of neighbours overlap there: what the ranges cut out is always text.
/// </summary>
/// <remarks>A lone surrogate was encoded as U+FFFD, in three bytes.</remarks>
internal ref struct TokenSpans(ReadOnlySpan<char> text)
{
    private const int ReplacementBytes = 3;

    private readonly ReadOnlySpan<char> _text = text;
    private int _characterStart;    // of the character that holds the last byte
    private int _bytesLeft;         // of that character, after the last byte

    /// <summary>End (exclusive) of the character that holds the last byte so far.</summary>
    public int End { get; private set; }

    /// <summary>Whether the tokens so far end where a character does: the text can be cut here.</summary>
    public readonly bool IsBetweenCharacters => _bytesLeft == 0;

    /// <summary>The range of the next token.</summary>
    /// <param name="byteCount">Its bytes, at least one.</param>
    public Range Next(int byteCount)
    {
        int start = IsBetweenCharacters ? End : _characterStart;
        while (byteCount > _bytesLeft)
        {
            byteCount -= _bytesLeft;
            NextCharacter();
        }
        _bytesLeft -= byteCount;
        return start..End;
    }

    private void NextCharacter()
    {
        bool isScalar = Rune.DecodeFromUtf16(_text[End..], out Rune rune, out int width) == OperationStatus.Done;
        _bytesLeft = isScalar ? rune.Utf8SequenceLength : ReplacementBytes;
        _characterStart = End;
        End += width;
    }
}
