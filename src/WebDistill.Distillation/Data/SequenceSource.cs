using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data;

/// <summary>One training sequence: a part of the token stream, perhaps with an end-of-text id put before or after it.</summary>
internal readonly record struct SequencePiece(long Offset, int Count, bool EndOfTextBefore, bool EndOfTextAfter)
{
    /// <summary>Tokens.</summary>
    public int Length => Count + (EndOfTextBefore ? 1 : 0) + (EndOfTextAfter ? 1 : 0);
}

/// <summary>Cuts a token file into sequences.</summary>
internal static class SequenceSource
{
    /// <summary>
    /// How many sequences <see cref="Cut"/> finds, from the lengths of the documents: no token is read, but those of a document that may hold
    /// the end-of-text id inside.
    /// </summary>
    /// <exception cref="InvalidDataException">As for <see cref="Cut"/>.</exception>
    public static int Count(TokenFile file, SequenceMode mode, int contextLength) => mode == SequenceMode.Packed
        ? CountPacked(file, contextLength)
        : CountHuggingFace(file, contextLength);

    /// <summary>Every sequence of a file.</summary>
    /// <exception cref="InvalidDataException">There is none; the message names the counts.</exception>
    public static IReadOnlyList<SequencePiece> Cut(TokenFile file, SequenceMode mode, int contextLength) => mode switch
    {
        SequenceMode.Packed => CutPacked(file, contextLength),
        SequenceMode.HuggingFace => CutHuggingFace(file, contextLength),
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "Expected Packed or HuggingFace."),
    };

    // Blocks that do not overlap; the tail of the stream that is shorter than a block is left out.
    private static IReadOnlyList<SequencePiece> CutPacked(TokenFile file, int contextLength)
    {
        var pieces = new SequencePiece[CountPacked(file, contextLength)];
        for (int block = 0; block < pieces.Length; block++)
            pieces[block] = new SequencePiece((long)block * contextLength, contextLength, EndOfTextBefore: false, EndOfTextAfter: false);
        return pieces;
    }

    private static int CountPacked(TokenFile file, int contextLength)
    {
        long blocks = file.TokenCount / contextLength;
        if (blocks == 0)
            throw new InvalidDataException(
                $"The corpus has {file.TokenCount} tokens; expected at least one block of {contextLength}. Choose a context length of at most "
                + $"{file.TokenCount}, or a text with at least {contextLength - file.TokenCount} tokens more.");
        if (blocks > Array.MaxLength)
            throw new InvalidDataException($"The corpus has {blocks} blocks of {contextLength} tokens; expected at most "
                + $"{Array.MaxLength}. Lengthen the context.");
        return (int)blocks;
    }

    // LmSeqsDataset of the reference: every document between two end-of-text ids; longer ones than M = contextLength cut into pieces of M -
    // 2 ids, to which the end-of-text id is added on each side where it is missing; then pieces that are too short or mostly unknown (UNK
    // is the end-of-text id here) are dropped.
    private static IReadOnlyList<SequencePiece> CutHuggingFace(TokenFile file, int contextLength)
    {
        var cut = new HuggingFaceCut(file, contextLength);
        for (long index = 0; index < file.DocumentCount; index++)
            cut.Add(file.Document(index));
        List<SequencePiece> pieces = cut.Pieces;
        if (pieces.Count == 0)
            throw new InvalidDataException(
                $"No sequence is left of {file.DocumentCount} documents: of {cut.Total} pieces {cut.TooShort} have {SequenceModes.TooShort} tokens or "
                + $"fewer, {cut.MostlyUnknown} are mostly end-of-text; "
                + $"expected documents of at least {SequenceModes.TooShort - 1} tokens. Use packed sequences, which join short documents, or a context longer "
                + $"than {contextLength} if that cuts them up.");
        return pieces;
    }

    private static int CountHuggingFace(TokenFile file, int contextLength)
    {
        var cut = new HuggingFaceCut(file, contextLength);
        long plain = 0;
        for (long index = 0; index < file.DocumentCount; index++)
        {
            TokenDocument document = file.Document(index);
            if (file.HoldsEndOfText(document))
                cut.Add(document);
            else
                plain += CountPlain(document.Length, contextLength);
        }
        long count = plain + cut.Pieces.Count;
        if (count > Array.MaxLength)
            throw new InvalidDataException($"The corpus has {count} sequences; expected at most {Array.MaxLength}. Lengthen the context.");
        // Cutting says why there is none.
        return count > 0 ? (int)count : CutHuggingFace(file, contextLength).Count;
    }

    /// <summary>Sequences of a document of <paramref name="length"/> ids, none of them the end-of-text id.</summary>
    private static long CountPlain(int length, int contextLength)
    {
        long whole = length + 2L, step = contextLength - 2;
        if (whole <= contextLength)
            return whole > SequenceModes.TooShort ? 1 : 0;
        // The first piece has an end-of-text id of its own and gets one after it, each piece between gets two, and the last one has one of its
        // own and gets one before it, unless it is nothing else.
        long pieces = (whole + step - 1) / step, last = whole - (pieces - 1) * step;
        const int tooShort = SequenceModes.TooShort;
        return (step + 1 > tooShort ? 1 : 0) + (step + 2 > tooShort ? pieces - 2 : 0) + (last > 1 && last + 1 > tooShort ? 1 : 0);
    }
}

/// <summary>The sequences of documents, as LmSeqsDataset of the reference cuts and filters them.</summary>
internal sealed class HuggingFaceCut(TokenFile file, int contextLength)
{
    private int[] _buffer = [];

    /// <summary>Those that are kept.</summary>
    public List<SequencePiece> Pieces { get; } = [];

    /// <summary>All, the dropped ones included.</summary>
    public long Total { get; private set; }

    /// <summary>Dropped, because they have too few ids.</summary>
    public long TooShort { get; private set; }

    /// <summary>Dropped, because at least half of their ids are the end-of-text id.</summary>
    public long MostlyUnknown { get; private set; }

    /// <summary>Cuts one document.</summary>
    public void Add(TokenDocument document)
    {
        if (_buffer.Length < document.Length)
            _buffer = new int[Math.Max(document.Length, _buffer.Length * 2L > Array.MaxLength ? document.Length : _buffer.Length * 2)];
        Span<int> ids = _buffer.AsSpan(0, document.Length);
        file.Read(document.Offset, ids);
        long whole = document.Length + 2L;
        int step = whole <= contextLength ? (int)whole : contextLength - 2;
        for (long start = 0; start < whole; start += step)
        {
            long end = Math.Min(start + step, whole);
            // The first id of the whole is not in the file; the last one is, after the document.
            bool startsWithIt = IdAt(ids, start, file.EndOfTextId) == file.EndOfTextId;
            bool endsWithIt = IdAt(ids, end - 1, file.EndOfTextId) == file.EndOfTextId;
            long firstInFile = Math.Max(start, 1);
            var piece = new SequencePiece(
                document.Offset + firstInFile - 1, (int)(end - firstInFile), start == 0 || !startsWithIt, !endsWithIt);
            Total++;
            if (piece.Length <= SequenceModes.TooShort)
                TooShort++;
            else if (2L * CountEndOfText(ids, piece, document, file.EndOfTextId) >= piece.Length)
                MostlyUnknown++;
            else
                Pieces.Add(piece);
        }
    }

    private static int IdAt(ReadOnlySpan<int> document, long indexInWhole, int endOfTextId) =>
        indexInWhole == 0 || indexInWhole == document.Length + 1L ? endOfTextId : document[(int)(indexInWhole - 1)];

    private static int CountEndOfText(ReadOnlySpan<int> ids, SequencePiece piece, TokenDocument document, int endOfTextId)
    {
        int from = (int)(piece.Offset - document.Offset);
        int inDocument = Math.Min(piece.Count, document.Length - from);
        return ids.Slice(from, inDocument).Count(endOfTextId) + (piece.Length - inDocument);
    }
}
