using System.Text;

namespace WebDistill.Distillation.Text;

/// <summary>Turns ids into text as they come: a character whose bytes are spread over several tokens appears when it is complete.</summary>
/// <remarks>The pieces joined equal the bytes of all the ids, decoded together. Not thread-safe.</remarks>
public sealed class StreamingDecoder(Vocabulary vocabulary)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <summary>Takes the next id and returns the text that is complete now; may be empty.</summary>
    public string Add(int id) => Decode(vocabulary.TokenBytes(id).Span, flush: false);

    /// <summary>Ends the text: bytes of an unfinished character become U+FFFD. Afterwards a new text may begin.</summary>
    public string Flush() => Decode([], flush: true);

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        var text = new char[_decoder.GetCharCount(bytes, flush)];
        return new string(text, 0, _decoder.GetChars(bytes, text, flush));
    }
}
