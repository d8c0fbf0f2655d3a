using System.Text.Json;

namespace WebDistill.Distillation.Data;

/// <summary>One pass over what is learned from.</summary>
/// <param name="Sequences">S: sequences in it.</param>
/// <param name="Tokens">Tokens of them all, padding excluded.</param>
public readonly record struct EpochSize(int Sequences, long Tokens)
{
    /// <summary>Their mean length.</summary>
    public double TokensPerSequence => (double)Tokens / Sequences;
}

/// <summary>An endless stream of micro-batches, epoch after epoch. Not thread-safe.</summary>
public abstract class BatchSource : IDisposable
{
    /// <summary>L: micro-batches after which an epoch is over.</summary>
    public abstract int BatchesPerEpoch { get; }

    /// <summary>What an epoch is made of: L = ⌈S / batch size⌉.</summary>
    public abstract EpochSize Epoch { get; }

    /// <summary>Where the stream stands: small, and all that it takes to restore exactly what follows.</summary>
    /// <exception cref="ArgumentException">Set to a position that this source cannot have; says what was expected.</exception>
    public abstract JsonElement Position { get; set; }

    /// <summary>The next batch; after the last one of an epoch comes the first of the next.</summary>
    public abstract TokenBatch Next();

    /// <param name="what">What has what, for the message.</param>
    /// <exception cref="ArgumentException">It is no such position.</exception>
    internal static T ReadPosition<T>(JsonElement value, string what)
    {
        try
        {
            return value.Deserialize<T>(JsonSerializerOptions.Web) ?? throw new JsonException("It is null.");
        }
        catch (JsonException problem)
        {
            throw new ArgumentException($"A position of {what}, and this one does not: {problem.Message}", nameof(value), problem);
        }
    }

    /// <summary>Frees what it holds.</summary>
    public virtual void Dispose() => GC.SuppressFinalize(this);
}
