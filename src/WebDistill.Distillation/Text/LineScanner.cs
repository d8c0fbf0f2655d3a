namespace WebDistill.Distillation.Text;

/// <summary>One line of a chunk, without its line end.</summary>
/// <param name="Offset">In the chunk.</param>
internal readonly record struct Line(int Offset, int Length);

/// <summary>Walks over the lines of bytes; a line ends with LF, a CR before it belongs to the line end.</summary>
internal ref struct LineScanner(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _position;

    public bool TryNext(out Line line)
    {
        if (_position == _bytes.Length)
        {
            line = default;
            return false;
        }
        int start = _position;
        int length = _bytes[start..].IndexOf((byte)'\n');
        int end = length < 0 ? _bytes.Length : start + length;
        _position = length < 0 ? end : end + 1;
        if (end > start && _bytes[end - 1] == '\r')
            end--;
        line = new Line(start, end - start);
        return true;
    }

    /// <summary>Whether a line holds nothing but ASCII white space.</summary>
    public static bool IsBlank(ReadOnlySpan<byte> line) => line.IndexOfAnyExcept(" \t\r\f\v"u8) < 0;
}
