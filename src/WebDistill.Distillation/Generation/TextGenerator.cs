using System.Diagnostics;
using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Generation;

/// <summary>One token that the model wrote.</summary>
/// <param name="Id">Token id.</param>
/// <param name="SecondsSinceStart">Time since generation began, the prompt's pass included.</param>
/// <param name="Text">Text that is complete now and was not before, up to a stop string; empty without a vocabulary. The end-of-text
/// token has none.</param>
public sealed record GeneratedToken(int Id, double SecondsSinceStart, string Text);

/// <summary>What the model thinks of one token as the next one.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Logit">Its logit: softmax over those of the whole vocabulary gives its probability.</param>
public sealed record TokenLogit(int Id, float Logit);

/// <summary>Why a generation ended.</summary>
public enum StopReason
{
    /// <summary>It is still running, or was abandoned.</summary>
    None,

    /// <summary><see cref="GenerationOptions.MaxNewTokens"/> tokens were written.</summary>
    MaxNewTokens,

    /// <summary>The model wrote its end-of-text id.</summary>
    EndOfText,

    /// <summary>Prompt and text fill the model's n_positions.</summary>
    ContextFull,

    /// <summary>The text contained one of <see cref="GenerationOptions.StopStrings"/>.</summary>
    StopString,
}

/// <summary>
/// Continues a prompt token by token with cached keys and values. One generation at a time; the model may be shared between generators.
/// </summary>
/// <param name="model">The model that writes.</param>
/// <param name="vocabulary">What its ids stand for; without it the tokens have no text, and stop strings are refused.</param>
public sealed class TextGenerator(TextModel model, Vocabulary? vocabulary = null)
{
    /// <summary>Why the last generation ended.</summary>
    public StopReason StopReason { get; private set; }

    /// <summary>
    /// Continues the prompt; every token is yielded as soon as it is chosen. The end-of-text id, if it ends the text, is yielded too, and
    /// so are the tokens of a stop string, whose text is not.
    /// </summary>
    /// <exception cref="ArgumentException">An option out of range, stop strings without a vocabulary, an empty prompt, an id outside the
    /// vocabulary, or a prompt longer than n_positions.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, between two tokens.</exception>
    public IEnumerable<GeneratedToken> Generate(IReadOnlyList<int> promptIds, GenerationOptions options, CancellationToken cancel = default)
    {
        if (options.Validate() is { Count: > 0 } problems)
            throw new ArgumentException(
                string.Join(" ", problems.Select(problem => $"{problem.Field}: {problem.Message}")), nameof(options));
        if (options.StopStrings.Count > 0 && vocabulary is null)
            throw new ArgumentException("Stop strings need a tokenizer, and this model came without one. Leave them out.", nameof(options));
        Check(promptIds);
        return Continue([.. promptIds.Select(id => (long)id)], options, cancel);
    }

    /// <summary>The likeliest next tokens after the prompt, in one forward pass; of equal ones the smaller id first.</summary>
    /// <param name="promptIds">The prompt, 1 to n_positions tokens.</param>
    /// <param name="count">How many; more than the vocabulary gives the whole of it.</param>
    /// <exception cref="ArgumentException">An empty prompt, an id outside the vocabulary, a prompt longer than n_positions,
    /// or a count below 1.</exception>
    public IReadOnlyList<TokenLogit> NextTokens(IReadOnlyList<int> promptIds, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Check(promptIds);
        model.eval();
        using var cache = model.CreateCache();
        float[] logits = NextLogits([.. promptIds.Select(id => (long)id)], cache);
        return [.. logits.Select((logit, id) => new TokenLogit(id, logit)).OrderByDescending(token => token.Logit).Take(count)];
    }

    // Without the parameter's name: people read these messages, beside the field that they typed the prompt into.
    private void Check(IReadOnlyList<int> promptIds)
    {
        model.RequireContinuing();
        if (promptIds.Count == 0)
            throw new ArgumentException("The prompt is empty. Start with some text or with the end-of-text id.");
        if (promptIds.Count > model.Architecture.Positions)
            throw new ArgumentException(
                $"The prompt has {promptIds.Count} tokens, the model has {model.Architecture.Positions} positions. Shorten the prompt.");
        foreach (int id in promptIds)
        {
            if (id < 0 || id >= model.Architecture.VocabularySize)
                throw new ArgumentException(
                    $"Token id {id} is outside the model's vocabulary of {model.Architecture.VocabularySize}. Tokenise with the model's own "
                    + "vocabulary.");
        }
    }

    private IEnumerable<GeneratedToken> Continue(long[] input, GenerationOptions options, CancellationToken cancel)
    {
        StopReason = StopReason.None;
        long started = Stopwatch.GetTimestamp();
        model.eval();
        using var cache = model.CreateCache();
        var sampler = new TokenSampler(options);
        foreach (long id in input)
            sampler.See((int)id);
        StreamingDecoder? decoder = vocabulary is null ? null : new StreamingDecoder(vocabulary);
        var search = new StopStringSearch(options.StopStrings);
        for (int written = 1; StopReason == StopReason.None; written++)
        {
            cancel.ThrowIfCancellationRequested();
            int id = sampler.Choose(NextLogits(input, cache));
            sampler.See(id);
            input = [id];
            string text = decoder is null || id == vocabulary!.EndOfTextId ? "" : search.Add(decoder.Add(id));
            if (search.IsFound)
                StopReason = StopReason.StopString;
            else if (options.StopAtEndOfText && id == model.Architecture.EndOfTextId)
                StopReason = StopReason.EndOfText;
            else if (written == options.MaxNewTokens)
                StopReason = StopReason.MaxNewTokens;
            else if (cache.Length == model.Architecture.Positions)
                StopReason = StopReason.ContextFull;
            // What was held back, in case more of a character or of a stop string came, belongs to the last token.
            if (StopReason is not (StopReason.None or StopReason.StopString) && decoder is not null)
            {
                text += search.Add(decoder.Flush());
                if (search.IsFound)
                    StopReason = StopReason.StopString;
                else
                    text += search.Flush();
            }
            yield return new GeneratedToken(id, Stopwatch.GetElapsedTime(started).TotalSeconds, text);
        }
    }

    /// <summary>Logits [V] after the last input token.</summary>
    private float[] NextLogits(long[] input, KeyValueCache cache)
    {
        // Dispose scopes and inference mode belong to a thread, and an iterator may be resumed on another: both stay inside this call.
        using DisposeScope scope = NewDisposeScope();
        using IDisposable inference = inference_mode(true);
        Tensor hidden = model.Hidden(new ModelInput(tensor(input, [1, input.Length], device: Engine.Device.Default)), cache);
        return ParameterData.ToArray(model.Logits(hidden.narrow(1, input.Length - 1, 1)));
    }
}
