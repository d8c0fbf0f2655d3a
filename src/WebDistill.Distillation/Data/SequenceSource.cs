using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data;

/// <summary>One training sequence: a part of the token stream, perhaps with the id that begins a text put before it, or the one that ends a text after it.</summary>
internal readonly record struct SequencePiece(long Offset, int Count, bool BeginBefore, bool EndAfter)
{
    /// <summary>Tokens.</summary>
    public int Length => Count + (BeginBefore ? 1 : 0) + (EndAfter ? 1 : 0);
}

/// <summary>Cuts a token file into sequences.</summary>
internal static class SequenceSource
{
    /// <summary>
    /// How many sequences <see cref="Cut"/> finds and how many tokens they have, from the lengths of the documents: no token is read, but those of a document that may hold
    /// the end-of-text id inside.
    /// </summary>
    /// <exception cref="InvalidDataException">As for <see cref="Cut"/>.</exception>
    public static EpochSize Count(TokenFile file, SequenceMode mode, int contextLength) => mode == SequenceMode.Packed
        ? Blocks(CountPacked(file, contextLength), contextLength)
        : CountHuggingFace(file, contextLength);

    /// <summary>Every sequence of a file.</summary>
    /// <exception cref="InvalidDataException">There is none; the message names the counts.</exception>
    public static IReadOnlyList<SequencePiece> Cut(TokenFile file, SequenceMode mode, int contextLength) => mode switch
    {
        SequenceMode.Packed => CutPacked(file, contextLength),
        SequenceMode.HuggingFace => CutHuggingFace(file, contextLength),
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "Expected Packed or HuggingFace."),
    };

    private static EpochSize Blocks(int count, int contextLength) => new(count, (long)count * contextLength);

    // Blocks that do not overlap; the tail of the stream that is shorter than a block is left out.
    private static IReadOnlyList<SequencePiece> CutPacked(TokenFile file, int contextLength)
    {
        var pieces = new SequencePiece[CountPacked(file, contextLength)];
        for (int block = 0; block < pieces.Length; block++)
            pieces[block] = new SequencePiece((long)block * contextLength, contextLength, BeginBefore: false, EndAfter: false);
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

    // LmSeqsDataset of the reference: every document between the ids that begin and end a text (of GPT-2 the end-of-text id twice); longer ones than M =
    // contextLength cut into pieces of M - 2 ids, to which those are added on each side where they are missing; then pieces that are too short or mostly
    // unknown (UNK is the end-of-text id of GPT-2) are dropped.
    private static IReadOnlyList<SequencePiece> CutHuggingFace(TokenFile file, int contextLength)
    {
        var cut = new HuggingFaceCut(file, contextLength);
        for (long index = 0; index < file.DocumentCount; index++)
            cut.Add(file.Document(index));
        List<SequencePiece> pieces = cut.Pieces;
        if (pieces.Count == 0)
            throw new InvalidDataException(
                $"No sequence is left of {file.DocumentCount} documents: of {cut.Total} pieces {cut.TooShort} have {SequenceModes.TooShort} tokens or "
                + $"fewer, {cut.MostlyUnknown} are mostly {(file.Roles.Unknown == file.EndOfTextId ? "end-of-text" : "unknown words")}; "
                + $"expected documents of at least {SequenceModes.TooShort - 1} tokens. Use packed sequences, which join short documents, or a context longer "
                + $"than {contextLength} if that cuts them up.");
        return pieces;
    }

    private static EpochSize CountHuggingFace(TokenFile file, int contextLength)
    {
        var cut = new HuggingFaceCut(file, contextLength);
        long plain = 0, tokens = 0;
        for (long index = 0; index < file.DocumentCount; index++)
        {
            TokenDocument document = file.Document(index);
            // An unknown word may stand anywhere.
            if (file.Roles.Unknown != file.EndOfTextId || file.HoldsEndOfText(document))
            {
                cut.Add(document);
                continue;
            }
            (long count, long length) = CountPlain(document.Length, contextLength);
            (plain, tokens) = (plain + count, tokens + length);
        }
        if (plain + cut.Pieces.Count > Array.MaxLength)
            throw new InvalidDataException($"The corpus has {plain + cut.Pieces.Count} sequences; expected at most {Array.MaxLength}. Lengthen the context.");
        // Cutting says why there is none.
        IReadOnlyList<SequencePiece> pieces = plain > 0 ? cut.Pieces : CutHuggingFace(file, contextLength);
        return new EpochSize((int)plain + pieces.Count, tokens + pieces.Sum(piece => (long)piece.Length));
    }

    /// <summary>Sequences of a document of <paramref name="length"/> ids, none of them the end-of-text id, and the tokens of these.</summary>
    private static (long Count, long Tokens) CountPlain(int length, int contextLength)
    {
        long whole = length + 2L, step = contextLength - 2;
        if (whole <= contextLength)
            return Of(1, whole);
        // The first piece has an end-of-text id of its own and gets one after it, each piece between gets two, and the last one has one of its
        // own and gets one before it, unless it is nothing else.
        long pieces = (whole + step - 1) / step, last = whole - (pieces - 1) * step;
        (long Count, long Tokens) first = Of(1, step + 1), between = Of(pieces - 2, step + 2), end = last > 1 ? Of(1, last + 1) : default;
        return (first.Count + between.Count + end.Count, first.Tokens + between.Tokens + end.Tokens);

        static (long, long) Of(long count, long length) => length > SequenceModes.TooShort ? (count, count * length) : default;
    }
}

/// <summary>The sequences of documents, as LmSeqsDataset of the reference cuts and filters them.</summary>
internal sealed class HuggingFaceCut(TokenFile file, int contextLength)
{
    private readonly TokenRoles _roles = file.Roles;

    // Where one id is everything, a document begins with the one that ended the document before; otherwise its own first id begins it.
    private readonly int _before = file.Roles.BeginsDocuments ? 0 : 1;
    private int[] _buffer = [];

    /// <summary>Those that are kept.</summary>
    public List<SequencePiece> Pieces { get; } = [];

    /// <summary>All, the dropped ones included.</summary>
    public long Total { get; private set; }

    /// <summary>Dropped, because they have too few ids.</summary>
    public long TooShort { get; private set; }

    /// <summary>Dropped, because at least half of their ids are unknown.</summary>
    public long MostlyUnknown { get; private set; }

    /// <summary>Cuts one document.</summary>
    public void Add(TokenDocument document)
    {
        if (_buffer.Length < document.Length)
            _buffer = new int[Math.Max(document.Length, _buffer.Length * 2L > Array.MaxLength ? document.Length : _buffer.Length * 2)];
        Span<int> ids = _buffer.AsSpan(0, document.Length);
        file.Read(document.Offset, ids);
        long whole = document.Length + 1L + _before;
        int step = whole <= contextLength ? (int)whole : contextLength - 2;
        for (long start = 0; start < whole; start += step)
        {
            long end = Math.Min(start + step, whole);
            // An id before the document is not in the file; the one after it is.
            bool begins = IdAt(ids, start) == _roles.BeginOfText, ends = IdAt(ids, end - 1) == _roles.EndOfText;
            long firstInFile = Math.Max(start, _before);
            var piece = new SequencePiece(
                document.Offset + firstInFile - _before, (int)(end - firstInFile), start < _before || !begins, !ends);
            Total++;
            if (piece.Length <= SequenceModes.TooShort)
                TooShort++;
            else if (2L * CountUnknown(ids, piece, document) >= piece.Length)
                MostlyUnknown++;
            else
                Pieces.Add(piece);
        }
    }

    private int IdAt(ReadOnlySpan<int> document, long indexInWhole)
    {
        long index = indexInWhole - _before;
        return index < 0 ? _roles.BeginOfText : index == document.Length ? _roles.EndOfText : document[(int)index];
    }

    private int CountUnknown(ReadOnlySpan<int> ids, SequencePiece piece, TokenDocument document)
    {
        int from = (int)(piece.Offset - document.Offset);
        int inDocument = Math.Min(piece.Count, document.Length - from);
        return ids.Slice(from, inDocument).Count(_roles.Unknown) + (_roles.Unknown == _roles.EndOfText ? piece.Length - inDocument : 0);
    }
}
