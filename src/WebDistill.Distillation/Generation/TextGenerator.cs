using WebDistill.Distillation.Models;

namespace WebDistill.Distillation.Generation;

/// <summary>One token that the model wrote.</summary>
/// <param name="Id">Token id.</param>
/// <param name="SecondsSinceStart">Time since generation began, the prompt's pass included.</param>
public sealed record GeneratedToken(int Id, double SecondsSinceStart);

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
}

/// <summary>Continues a prompt token by token with cached keys and values. One generation at a time.</summary>
public sealed class TextGenerator(Gpt2 model)
{
    /// <summary>Why the last generation ended.</summary>
    public StopReason StopReason { get; private set; }

    /// <summary>Continues the prompt; every token is yielded as soon as it is chosen.</summary>
    /// <exception cref="ArgumentException">An option out of range, an empty prompt, an id outside the vocabulary, or a prompt longer than n_positions.</exception>
    public IEnumerable<GeneratedToken> Generate(IReadOnlyList<int> promptIds, GenerationOptions options, CancellationToken cancel = default)
    {
        StopReason = StopReason.None;
        throw new NotSupportedException($"{model} {promptIds} {options} {cancel}");
    }
}
