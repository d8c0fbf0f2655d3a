using System.IO.Compression;

namespace WebDistill.Web.Storage;

/// <summary>A folder of weights as one download.</summary>
internal static class FolderArchive
{
    private const int BufferBytes = 1 << 20;

    /// <summary>
    /// Writes a folder's files as a zip archive, one after the other; nothing is held in memory. They are stored, for weights do not
    /// compress.
    /// </summary>
    public static async Task WriteAsync(string folder, Stream destination, CancellationToken cancel)
    {
        await using ZipArchive zip =
            await ZipArchive.CreateAsync(destination, ZipArchiveMode.Create, leaveOpen: true, entryNameEncoding: null, cancel);
        foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal))
        {
            ZipArchiveEntry entry = zip.CreateEntry(file.Name, CompressionLevel.NoCompression);
            await using Stream target = await entry.OpenAsync(cancel);
            await using FileStream source = new(file.FullName, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes, useAsync: true);
            await source.CopyToAsync(target, BufferBytes, cancel);
        }
    }
}
