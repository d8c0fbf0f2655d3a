namespace WebDistill.Distillation.Models;

/// <summary>GPT-2 with a language-model head tied to the token embedding.</summary>
public sealed class Gpt2 : IDisposable
{
    internal Gpt2(Gpt2Config config, long seed) => throw new NotSupportedException($"{config} {seed}");

    /// <summary>The model's architecture.</summary>
    public Gpt2Config Config => throw new NotSupportedException();

    internal void CopyFrom(Gpt2 source, IReadOnlyList<int> layers) => throw new NotSupportedException($"{source} {layers}");

    /// <summary>Frees the weights.</summary>
    public void Dispose() => throw new NotSupportedException();
}
