using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Losses;

/// <summary>The logits of N rows (tokens without padding) over V words, a chunk of rows at a time: a [N, V] matrix never exists.</summary>
internal abstract class RowLogits
{
    /// <summary>V.</summary>
    public abstract long VocabularySize { get; }

    /// <summary>Writes those of the rows from <paramref name="start"/> on into [n, V], whose rows may lie apart; in 32 bits.</summary>
    /// <param name="temperature">T of the softmax that is made of them: several distributions that are one only then are mixed at it.</param>
    public abstract void Write(long start, Tensor logits, double temperature);

    /// <summary>Those of <paramref name="count"/> rows from <paramref name="start"/> on, [count, V] in 32 bits, in the precision of the run.</summary>
    /// <param name="temperature">As for <see cref="Write"/>.</param>
    public abstract Tensor Of(long start, long count, Precision precision, double temperature);
}

/// <summary>Logits that are hidden states times an output projection: those of a model.</summary>
/// <param name="hidden">[N, C].</param>
/// <param name="head">[V, C].</param>
internal sealed class HeadLogits(Tensor hidden, Tensor head) : RowLogits
{
    private const long WordsPerProduct = 2048;

    public override long VocabularySize => head.shape[0];

    /// <remarks>A block of words at a time: over all words of GPT-2 at once libtorch's product takes a quarter longer.</remarks>
    public override void Write(long start, Tensor logits, double temperature)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = hidden.narrow(0, start, logits.shape[0]), weights = head.detach();
        for (long first = 0; first < VocabularySize; first += WordsPerProduct)
        {
            long count = Math.Min(WordsPerProduct, VocabularySize - first);
            logits.narrow(1, first, count).addmm_(rows, weights.narrow(0, first, count).t(), beta: 0, alpha: 1);
        }
    }

    public override Tensor Of(long start, long count, Precision precision, double temperature) => Product(hidden.narrow(0, start, count), head, precision);

    /// <summary>The product in the run's precision, its result in 32 bits, in which the losses are computed.</summary>
    public static Tensor Product(Tensor hidden, Tensor head, Precision precision) => precision == Precision.BFloat16
        ? nn.functional.linear(hidden.to(ScalarType.BFloat16), head.to(ScalarType.BFloat16)).to(ScalarType.Float32)
        : nn.functional.linear(hidden, head);
}

/// <summary>Logits that a model makes of its last hidden states itself, because they are more than a product with them; those of classes of the one vector of each text.</summary>
/// <param name="hidden">[N, C].</param>
internal sealed class ModelLogits(Tensor hidden, TextModel model) : RowLogits
{
    public override long VocabularySize => model.Architecture.LogitsPerRow;

    public override void Write(long start, Tensor logits, double temperature)
    {
        using Tensor made = Of(start, logits.shape[0], Precision.Float32, temperature);
        logits.copy_(made);
    }

    /// <remarks>In 32 bits whatever the precision: it is a small part of such a model.</remarks>
    public override Tensor Of(long start, long count, Precision precision, double temperature)
    {
        using IDisposable noGradient = no_grad();
        return model.LogitsOfRows(hidden.narrow(0, start, count));
    }
}
