using System.Text.Json;
using System.Text.Json.Serialization;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Evaluation;

/// <summary>What an evaluation reads besides the model.</summary>
public enum EvaluationSource
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>One file of its own, which the user puts where <see cref="EvaluationSet.Files"/> says.</summary>
    File,

    /// <summary>Any text file or the tokens of a data set: whichever of <see cref="EvaluationInput.File"/> and <see cref="EvaluationInput.Tokens"/> is given.
    /// It is measured on every text that is chosen.</summary>
    AnyText,
}

/// <summary>What one evaluation works on. The caller owns everything in it and keeps it until the task is done.</summary>
public sealed record EvaluationInput
{
    /// <summary>The model that is measured.</summary>
    public required TextModel Model { get; init; }

    /// <summary>Its tokenizer; null when it came without one, and then no text can be read.</summary>
    public required TextTokenizer? Tokenizer { get; init; }

    /// <summary>The model that it is compared with, for a set that compares two.</summary>
    public TextModel? Reference { get; init; }

    /// <summary>Path of the file.</summary>
    public string? File { get; init; }

    /// <summary>The tokens of a data set, instead of a file.</summary>
    public TokenFile? Tokens { get; init; }

    /// <summary>Tokens that a window holds: 2 to the model's n_positions.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Tokens from the start of one window to the start of the next: 1 to the context length.</summary>
    public required int Stride { get; init; }

    /// <summary>What an earlier task of the same input had reached; null begins.</summary>
    public JsonElement? State { get; init; }

    /// <summary><see cref="State"/> as the task that wrote it knows it; null begins.</summary>
    internal T? Reached<T>() where T : class => State?.Deserialize<T>(EvaluationTask.StateJson);
}

/// <summary>One evaluation in progress. Used by one thread at a time.</summary>
public abstract class EvaluationTask
{
    /// <summary>How states are written: sums of what a model says can be infinite or not a number.</summary>
    internal static JsonSerializerOptions StateJson { get; } =
        new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>Units of work done.</summary>
    public abstract long Done { get; }

    /// <summary>Units of work in all.</summary>
    public abstract long Total { get; }

    /// <summary>Does a part of the work that takes seconds at most.</summary>
    public abstract void Advance();

    /// <summary>What the work done so far came to: given back as <see cref="EvaluationInput.State"/> it goes on from there, with the same
    /// result to the last bit.</summary>
    public abstract JsonElement State();

    /// <summary>The figures, once all is done.</summary>
    public abstract EvaluationResult Result();

    /// <summary>What was reached, as <see cref="EvaluationInput.Reached{T}"/> reads it.</summary>
    protected static JsonElement Json<T>(T reached) => JsonSerializer.SerializeToElement(reached, StateJson);
}

/// <summary>Something that models are measured on: which text, which protocol, which figures.</summary>
public abstract class EvaluationSet
{
    /// <summary>Short name, as used in the API and in stored results.</summary>
    public abstract string Name { get; }

    /// <summary>Name for people.</summary>
    public abstract string Title { get; }

    /// <summary>What it tells, in one sentence.</summary>
    public abstract string Purpose { get; }

    /// <summary>What it reads.</summary>
    public abstract EvaluationSource Source { get; }

    /// <summary>Where its file may stand below the evaluation folder, the first that exists is taken.</summary>
    public virtual IReadOnlyList<string> Files => [];

    /// <summary>Where the file comes from; empty for a set without one.</summary>
    public virtual string Origin => "";

    /// <summary>The licence of the text; empty for a set without one.</summary>
    public virtual string Licence => "";

    /// <summary>Whether it compares the model with a second one that has the same vocabulary.</summary>
    public virtual bool ComparesTwo => false;

    /// <summary>Whether the stride changes its figures.</summary>
    public virtual bool UsesStride => false;

    /// <summary>Counted up when a change of the protocol changes figures: old results are then measured anew.</summary>
    public virtual int ProtocolVersion => 1;

    /// <summary>Whether the figures depend on the machine as much as on the model.</summary>
    public virtual bool DependsOnMachine => false;

    /// <summary>Reads a file as an evaluation would, without a model: whether it is the one that is expected.</summary>
    /// <exception cref="InvalidDataException">It is not; says what was expected and names the line.</exception>
    public virtual void CheckFile(string path) => throw new InvalidOperationException($"{Title} reads no file of its own.");

    /// <summary>Begins an evaluation, or goes on with one.</summary>
    /// <exception cref="InvalidDataException">The text cannot be read, or does not fit the model; says what was expected.</exception>
    public abstract EvaluationTask Open(EvaluationInput input);

    /// <summary>The tokenizer of the input.</summary>
    /// <exception cref="InvalidDataException">The model came without one.</exception>
    protected static TextTokenizer RequireTokenizer(EvaluationInput input) => input.Tokenizer
        ?? throw new InvalidDataException($"The model came without the files of a tokenizer: it cannot read text. Import it again with them ({TokenizerKinds.FilesInWords}).");

    /// <summary>The file of the input.</summary>
    protected static string RequireFile(EvaluationInput input) => input.File
        ?? throw new InvalidDataException("No file was named, expected the file of the evaluation set.");
}
