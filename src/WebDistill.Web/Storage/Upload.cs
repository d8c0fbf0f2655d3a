using System.Security.Cryptography;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;

namespace WebDistill.Web.Storage;

/// <summary>One file of an upload.</summary>
/// <param name="Name">As the browser names it: data, never a path.</param>
/// <param name="Content">Read once, in order.</param>
/// <param name="Field">The part of the form that it came in.</param>
public sealed record UploadedFile(string Name, Stream Content, string Field = "");

/// <summary>Takes an uploaded file to the disk as it comes, a buffer at a time.</summary>
internal static class Upload
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Writes <paramref name="content"/> to a new file and returns its size and lower-case hex SHA-256.</summary>
    /// <param name="field">The field to name when the upload cannot be used.</param>
    /// <exception cref="OptionsInvalidException">The upload broke off.</exception>
    /// <exception cref="BadHttpRequestException">413: it is larger than <paramref name="maxBytes"/>.</exception>
    public static async Task<(long Bytes, string Sha256)> StoreAsync(
        Stream content, string path, FileLayer files, long maxBytes, string field, CancellationToken cancel)
    {
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using Stream file = files.Create(path);
        byte[] buffer = new byte[BufferBytes];
        long bytes = 0;
        for (int read; (read = await ReadAsync(content, buffer, bytes, field, cancel)) > 0; bytes += read)
        {
            if (bytes + read > maxBytes)
            {
                throw new BadHttpRequestException(
                    "The upload is larger than Storage:MaxUploadMegabytes allows. Upload less, or raise that setting.",
                        StatusCodes.Status413PayloadTooLarge);
            }
            sha256.AppendData(buffer, 0, read);
            await file.WriteAsync(buffer.AsMemory(0, read), cancel);
        }
        await file.FlushAsync(cancel);
        return (bytes, Convert.ToHexStringLower(sha256.GetHashAndReset()));
    }

    private static async Task<int> ReadAsync(Stream content, byte[] buffer, long bytesSoFar, string field, CancellationToken cancel)
    {
        try
        {
            return await content.ReadAsync(buffer, cancel);
        }
        catch (IOException e) when (e is not BadHttpRequestException)
        {
            throw new OptionsInvalidException(field, $"The upload broke off after {bytesSoFar} bytes: {e.Message} Nothing of it is kept; "
                + "upload it again.");
        }
    }
}
