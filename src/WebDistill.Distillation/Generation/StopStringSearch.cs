namespace WebDistill.Distillation.Generation;

/// <summary>
/// Finds the first stop string in a text that comes in pieces. Text that may be the beginning of one is held back until more has come.
/// </summary>
/// <remarks>
/// Characters are compared as they stand (ordinal). The search ends as soon as one is complete; of several that are complete then, the one
/// that begins first counts.
/// </remarks>
internal sealed class StopStringSearch(IReadOnlyList<string> stopStrings)
{
    private string _held = "";

    /// <summary>Whether the text contained one. Nothing may be added afterwards.</summary>
    public bool IsFound { get; private set; }

    /// <summary>Takes the next piece and returns the text that certainly stands before every stop string and was not returned
    /// before.</summary>
    public string Add(string piece)
    {
        string text = _held + piece;
        int end = stopStrings.Select(stop => text.IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0)
            .DefaultIfEmpty(-1).Min();
        IsFound = end >= 0;
        if (!IsFound)
            end = text.Length - stopStrings.Select(stop => Overlap(text, stop)).DefaultIfEmpty().Max();
        _held = IsFound ? "" : text[end..];
        return text[..end];
    }

    /// <summary>Ends the text: what was held back is no stop string.</summary>
    public string Flush() => _held;

    /// <summary>Length of the longest end of the text that is a beginning of the stop string, the whole of it excluded.</summary>
    private static int Overlap(string text, string stop)
    {
        for (int length = Math.Min(text.Length, stop.Length - 1); length > 0; length--)
        {
            if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length)))
                return length;
        }
        return 0;
    }
}
