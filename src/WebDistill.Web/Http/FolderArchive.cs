using System.IO.Compression;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace WebDistill.Web.Http;

/// <summary>A folder of weights as one download.</summary>
internal static class FolderArchive
{
    private const int BufferBytes = 1 << 20;

    /// <summary>
    /// Answers with a folder's files as a zip archive, one after the other; nothing is held in memory. They are stored, for weights do not
    /// compress.
    /// </summary>
    public static IResult Download(HttpContext context, string folder, string fileName)
    {
        var attachment = new ContentDispositionHeaderValue("attachment");
        attachment.SetHttpFileName(fileName);
        context.Response.Headers.ContentDisposition = attachment.ToString();
        // ZipArchive writes the few bytes after each entry synchronously, also when everything else is asynchronous.
        if (context.Features.Get<IHttpBodyControlFeature>() is IHttpBodyControlFeature body)
            body.AllowSynchronousIO = true;
        return TypedResults.Stream(stream => WriteAsync(folder, stream, context.RequestAborted), "application/zip");
    }

    private static async Task WriteAsync(string folder, Stream destination, CancellationToken cancel)
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
