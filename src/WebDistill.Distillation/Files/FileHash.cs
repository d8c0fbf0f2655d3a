using System.Security.Cryptography;

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
}
