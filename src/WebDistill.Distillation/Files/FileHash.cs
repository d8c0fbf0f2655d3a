using System.Security.Cryptography;
using System.Text;

namespace WebDistill.Distillation.Files;

/// <summary>Says by content which file one has.</summary>
public static class FileHash
{
    /// <summary>SHA-256 of a file's bytes, in lower-case hex; the file is read in pieces.</summary>
    public static string Sha256(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    /// <summary>The same of a text in UTF-8.</summary>
    public static string Sha256OfText(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
