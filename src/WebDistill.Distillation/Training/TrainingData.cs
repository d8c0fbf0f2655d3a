using WebDistill.Distillation.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Training;

/// <summary>The files that an attempt learns from and is measured on, open. Whether they are texts or labelled examples, they say themselves, and so whether classes are learned.</summary>
public abstract class TrainingData(int vocabularySize, TokenRoles roles, string tokenizerSha256, long tokenCount, IDisposable train, IDisposable? heldOut) : IDisposable
{
    /// <summary>Opens a training split and, where there is one, a held-out one of the same kind.</summary>
    /// <exception cref="InvalidDataException">A file is missing, damaged, or of the other kind.</exception>
    public static TrainingData Open(string train, string? heldOut)
    {
        if (LabelledFile.IsOne(train))
        {
            LabelledFile examples = LabelledFile.Open(train);
            return new Examples(examples, OpenBeside(examples, heldOut, LabelledFile.Open));
        }
        TokenFile texts = TokenFile.Open(train);
        return new Texts(texts, OpenBeside(texts, heldOut, TokenFile.Open));
    }

    /// <summary>Number of ids of the tokenizer.</summary>
    public int VocabularySize => vocabularySize;

    /// <summary>The ids that stand for no text.</summary>
    public TokenRoles Roles => roles;

    /// <summary>Hash of the tokenizer.</summary>
    public string TokenizerSha256 => tokenizerSha256;

    /// <summary>Tokens of the training split.</summary>
    public long TokenCount => tokenCount;

    /// <summary>What the labelled examples are; null of texts.</summary>
    public abstract LabelledTask? Task { get; }

    /// <summary>Why nothing can be learned of the data, whatever the models are; empty when something can.</summary>
    public virtual IReadOnlyList<OptionProblem> Problems => [];

    /// <summary>What of a run over it does not fit; parameters as <see cref="RunPlan"/>'s. Whether a text can be masked is asked with its epoch: a loss of another task says more.</summary>
    public IReadOnlyList<OptionProblem> Check(RunOptions options, Architecture? teacher, Architecture? checkpoint, EpochSize? epoch, IReadOnlyList<Architecture> others) => Task is LabelledTask examples
        ? RunPlan.Check(options, examples, teacher, checkpoint, VocabularySize, epoch, others, Roles) : RunPlan.Check(options, teacher, checkpoint, VocabularySize, epoch, others, epoch is null ? null : Roles);

    /// <summary>The text that prompts are taken from, the held-out one where there is one; null of labelled examples.</summary>
    public abstract TokenFile? TextOfPrompts { get; }

    /// <summary>One pass over the training split.</summary>
    /// <exception cref="InvalidDataException">There is no sequence; the message names the counts.</exception>
    public abstract EpochSize Measure(RunOptions options, Architecture? teacher, Architecture student);

    /// <summary>The parts of a run over it.</summary>
    public abstract TrainingParts Parts(RunOptions options, Teacher? teacher, TextModel student);

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        train.Dispose();
        heldOut?.Dispose();
    }

    private sealed class Texts(TokenFile train, TokenFile? heldOut)
        : TrainingData(train.VocabularySize, train.Roles, train.TokenizerSha256, train.TokenCount, train, heldOut)
    {
        public override LabelledTask? Task => null;

        public override TokenFile TextOfPrompts => heldOut ?? train;

        public override EpochSize Measure(RunOptions options, Architecture? teacher, Architecture student) => RunPlan.MeasureEpoch(options, teacher, student, train);

        public override TrainingParts Parts(RunOptions options, Teacher? teacher, TextModel student) => TrainingParts.Of(options, teacher, student, train, heldOut);
    }

    private sealed class Examples(LabelledFile train, LabelledFile? heldOut)
        : TrainingData(train.VocabularySize, train.Roles, train.TokenizerSha256, train.TokenCount, train, heldOut)
    {
        public override LabelledTask Task => train.Task;

        public override IReadOnlyList<OptionProblem> Problems => TrainingParts.ProblemsOf(train, heldOut);

        public override TokenFile? TextOfPrompts => null;

        public override EpochSize Measure(RunOptions options, Architecture? teacher, Architecture student) => RunPlan.MeasureEpoch(options, teacher, student, train);

        public override TrainingParts Parts(RunOptions options, Teacher? teacher, TextModel student) => TrainingParts.Of(options, teacher, student, train, heldOut);
    }

    // Nobody else has the first one yet to close it.
    private static T? OpenBeside<T>(T train, string? heldOut, Func<string, T> open) where T : class, IDisposable
    {
        try
        {
            return heldOut is null ? null : open(heldOut);
        }
        catch
        {
            train.Dispose();
            throw;
        }
    }
}
