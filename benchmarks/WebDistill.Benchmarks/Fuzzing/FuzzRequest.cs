using System.Text;

namespace WebDistill.Benchmarks.Fuzzing;

/// <summary>How the sending of a request ends.</summary>
internal enum FuzzCut
{
    /// <summary>All of it is sent.</summary>
    None,

    /// <summary>Less than was announced is sent, and the server is told that no more comes.</summary>
    HalfClose,

    /// <summary>The connection breaks.</summary>
    Abort,
}

/// <summary>A request, byte for byte.</summary>
/// <param name="Seed">Makes the same request again: --only.</param>
/// <param name="Method">As it is sent.</param>
/// <param name="Operation">The operation that it is made of.</param>
/// <param name="Mutations">What was done to it, for people; empty for a request as it should be.</param>
internal sealed record FuzzRequest(
    int Seed, string Method, ApiOperation Operation, IReadOnlyList<string> Mutations, byte[] Head, byte[] Body, FuzzCut Cut)
{
    private const int ShownBytes = 160;

    /// <summary>The request line.</summary>
    public string Line => Shown(Head.AsSpan(0, Math.Max(0, Head.AsSpan().IndexOf((byte)'\r'))));

    /// <summary>The first bytes of the body.</summary>
    public string BodyBeginning => Shown(Body);

    private static string Shown(ReadOnlySpan<byte> bytes) =>
        Encoding.Latin1.GetString(bytes[..Math.Min(bytes.Length, ShownBytes)]) + (bytes.Length > ShownBytes ? $"... ({bytes.Length} bytes)" : "");
}
