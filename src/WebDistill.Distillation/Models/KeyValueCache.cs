using TorchSharp;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models;

/// <summary>
/// Keys and values of the positions a model has already seen, for rows of equal length, so that each new token costs one position and not all.
/// </summary>
internal sealed class KeyValueCache : IDisposable
{
    private readonly Tensor[] _keys;
    private readonly Tensor[] _values;

    /// <param name="rows">Texts that are continued side by side.</param>
    /// <param name="heads">Heads that have keys and values of their own.</param>
    /// <param name="headWidth">C/H.</param>
    public KeyValueCache(int layers, int rows, int heads, int positions, int headWidth)
    {
        Tensor Buffer() => zeros(rows, heads, positions, headWidth, device: Engine.Device.Default).DetachFromDisposeScope();
        _keys = [.. Enumerable.Range(0, layers).Select(_ => Buffer())];
        _values = [.. Enumerable.Range(0, layers).Select(_ => Buffer())];
    }

    /// <summary>Positions held.</summary>
    public long Length { get; private set; }

    /// <summary>Adds the keys and values [rows, H, T, C/H] of one layer and returns all of that layer.</summary>
    /// <exception cref="InvalidOperationException">Several positions at once after the first pass: causality would need a mask.</exception>
    public (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values)
    {
        long added = keys.shape[2];
        if (Length > 0 && added > 1)
            throw new InvalidOperationException(
                $"{added} positions are added to a cache of {Length}, expected one at a time after the first pass.");
        _keys[layer].narrow(2, Length, added).copy_(keys);
        _values[layer].narrow(2, Length, added).copy_(values);
        return (_keys[layer].narrow(2, 0, Length + added), _values[layer].narrow(2, 0, Length + added));
    }

    /// <summary>Counts the positions that every layer has just added.</summary>
    public void Advance(long added) => Length += added;

    /// <summary>Frees the buffers.</summary>
    public void Dispose()
    {
        foreach (Tensor buffer in _keys.Concat(_values))
            buffer.Dispose();
    }
}
