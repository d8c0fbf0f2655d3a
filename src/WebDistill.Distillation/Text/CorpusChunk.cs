namespace WebDistill.Distillation.Text;

/// <summary>A part of a corpus file that begins and ends between two documents; its bytes are valid UTF-8.</summary>
/// <param name="FileName">For messages.</param>
/// <param name="ByteOffset">Where the part begins in the file.</param>
/// <param name="FirstLine">Number of its first line, from 1.</param>
internal sealed record CorpusChunk(string FileName, ReadOnlyMemory<byte> Bytes, long ByteOffset, long FirstLine);
