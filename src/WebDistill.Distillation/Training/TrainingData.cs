using WebDistill.Distillation.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Training;

/// <summary>The files that an attempt learns from and is measured on, open. Whether they are texts or labelled examples, they say themselves, and so whether classes are learned.</summary>
internal abstract class TrainingData : IDisposable
{
    /// <summary>Opens a training split and, where there is one, a held-out one of the same kind.</summary>
    /// <exception cref="InvalidDataException">A file is missing, damaged, or of the other kind.</exception>
    public static TrainingData Open(string train, string? heldOut) => LabelledFile.IsOne(train) ? new Examples(train, heldOut) : new Texts(train, heldOut);

    /// <summary>Number of ids of the tokenizer.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>The ids that stand for no text.</summary>
    public abstract TokenRoles Roles { get; }

    /// <summary>Hash of the tokenizer.</summary>
    public abstract string TokenizerSha256 { get; }

    /// <summary>Tokens of the training split.</summary>
    public abstract long TokenCount { get; }

    /// <summary>The classes that the examples have; null of texts.</summary>
    public abstract IReadOnlyList<string>? Classes { get; }

    /// <summary>The text that prompts are taken from, the held-out one where there is one; null of labelled examples.</summary>
    public abstract TokenFile? TextOfPrompts { get; }

    /// <summary>One pass over the training split.</summary>
    public abstract EpochSize Measure(RunOptions options, Architecture? teacher, Architecture student);

    /// <summary>The parts of a run over it.</summary>
    public abstract TrainingParts Parts(RunOptions options, Teacher? teacher, TextModel student);

    /// <summary>Closes the files.</summary>
    public abstract void Dispose();

    private sealed class Texts : TrainingData
    {
        private readonly TokenFile _train;
        private readonly TokenFile? _heldOut;

        public Texts(string train, string? heldOut)
        {
            _train = TokenFile.Open(train);
            _heldOut = OpenBeside(_train, heldOut, TokenFile.Open);
        }

        public override int VocabularySize => _train.VocabularySize;

        public override TokenRoles Roles => _train.Roles;

        public override string TokenizerSha256 => _train.TokenizerSha256;

        public override long TokenCount => _train.TokenCount;

        public override IReadOnlyList<string>? Classes => null;

        public override TokenFile TextOfPrompts => _heldOut ?? _train;

        public override EpochSize Measure(RunOptions options, Architecture? teacher, Architecture student) => RunPlan.MeasureEpoch(options, teacher, student, _train);

        public override TrainingParts Parts(RunOptions options, Teacher? teacher, TextModel student) => TrainingParts.Of(options, teacher, student, _train, _heldOut);

        public override void Dispose()
        {
            _train.Dispose();
            _heldOut?.Dispose();
        }
    }

    private sealed class Examples : TrainingData
    {
        private readonly LabelledFile _train;
        private readonly LabelledFile? _heldOut;

        public Examples(string train, string? heldOut)
        {
            _train = LabelledFile.Open(train);
            _heldOut = OpenBeside(_train, heldOut, LabelledFile.Open);
        }

        public override int VocabularySize => _train.VocabularySize;

        public override TokenRoles Roles => _train.Roles;

        public override string TokenizerSha256 => _train.TokenizerSha256;

        public override long TokenCount => _train.TokenCount;

        public override IReadOnlyList<string> Classes => _train.Classes;

        public override TokenFile? TextOfPrompts => null;

        public override EpochSize Measure(RunOptions options, Architecture? teacher, Architecture student) => RunPlan.MeasureEpoch(options, teacher, student, _train);

        public override TrainingParts Parts(RunOptions options, Teacher? teacher, TextModel student) => TrainingParts.Of(options, teacher, student, _train, _heldOut);

        public override void Dispose()
        {
            _train.Dispose();
            _heldOut?.Dispose();
        }
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
