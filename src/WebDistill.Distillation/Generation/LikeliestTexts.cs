using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Generation;

/// <summary>
/// Continues several prompts, always by the likeliest token, as <see cref="TextGenerator"/> does one: those of one length side by side, which takes hardly
/// longer than one of them.
/// </summary>
public static class LikeliestTexts
{
    /// <summary>What the model writes after each prompt; its end-of-text id, if it ends a text, is the last of its tokens.</summary>
    /// <param name="prompts">Each of at least one token and at most <paramref name="positions"/>.</param>
    /// <param name="maxNewTokens">Tokens to write at most.</param>
    /// <param name="positions">Tokens of a prompt and its continuation that are read at most, no more than the model's n_positions.</param>
    /// <exception cref="InvalidDataException">A logit is not finite: the model's weights are damaged.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, between two tokens.</exception>
    public static IReadOnlyList<int[]> Continue(
        TextModel model, IReadOnlyList<IReadOnlyList<int>> prompts, int maxNewTokens, int positions, CancellationToken cancel = default)
    {
        var written = new int[prompts.Count][];
        model.eval();
        foreach (IGrouping<int, int> alike in Enumerable.Range(0, prompts.Count).GroupBy(place => prompts[place].Count))
        {
            int[] places = [.. alike];
            List<int>[] texts = Continue(model, [.. places.Select(place => prompts[place])], Math.Min(maxNewTokens, positions + 1 - alike.Key), cancel);
            for (int row = 0; row < places.Length; row++)
                written[places[row]] = [.. texts[row]];
        }
        return written;
    }

    private static List<int>[] Continue(TextModel model, IReadOnlyList<int>[] prompts, int newTokens, CancellationToken cancel)
    {
        int rows = prompts.Length, length = prompts[0].Count;
        int? end = model.Architecture.EndOfTextId;
        List<int>[] texts = [.. prompts.Select(_ => new List<int>())];
        long[] input = [.. prompts.SelectMany(prompt => prompt).Select(id => (long)id)];
        var sampler = new TokenSampler(new GenerationOptions { Greedy = true });
        using var cache = model.CreateCache(rows, length + newTokens - 1);
        for (int written = 0; written < newTokens && texts.Any(IsOpen); written++)
        {
            cancel.ThrowIfCancellationRequested();
            float[] logits = NextLogits(model, input, rows, cache);
            input = new long[rows];
            for (int row = 0; row < rows; row++)
            {
                // A text that has ended is read on, and what would follow is left out.
                input[row] = sampler.Choose(logits.AsSpan(row * model.Architecture.VocabularySize, model.Architecture.VocabularySize));
                if (IsOpen(texts[row]))
                    texts[row].Add((int)input[row]);
            }
        }
        return texts;

        bool IsOpen(List<int> text) => text.Count == 0 || text[^1] != end;
    }

    /// <summary>Logits [rows, V] after the last token of each of equally long rows.</summary>
    private static float[] NextLogits(TextModel model, long[] input, int rows, KeyValueCache cache)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable inference = inference_mode(true);
        int columns = input.Length / rows;
        Tensor hidden = model.Hidden(new ModelInput(tensor(input, [rows, columns], device: Engine.Device.Default)), cache);
        return ParameterData.ToArray(model.Logits(hidden.narrow(1, columns - 1, 1)));
    }
}
