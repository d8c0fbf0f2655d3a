using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>A small run with everything that has a state: teacher, dropout, validation, accumulation; made anew or out of a folder.</summary>
internal sealed class ResumableRun : IDisposable
{
    public static readonly TrainingProvenance Provenance = new("a", "b", "c", "d", "test", "1");
    private static readonly Lazy<Gpt2Tokenizer> s_tokenizer = new(() => Gpt2Tokenizer.Train(["one two three"], 258));

    /// <summary>One that a checkpoint can be saved with; nothing is read with it.</summary>
    public static TextTokenizer Tokenizer => s_tokenizer.Value;

    private readonly RunOptions _options;
    private readonly TextModel _teacher = SmallModels.Random(1);
    private readonly TextModel _student;

    public ResumableRun(RunOptions options, TokenFile tokens, TokenFile? validation, string? checkpoint = null, IReadOnlyList<Loss>? catalogue = null,
        SamplePrompts? prompts = null)
    {
        _options = options;
        if (checkpoint is null)
        {
            _student = StudentInits.Create(options, _teacher, tokens.VocabularySize);
        }
        else
        {
            using TextModel saved = ModelFiles.Load(checkpoint);
            RunOptions goesOn = options with { Student = options.Student with { Initialisation = CheckpointInit.InitName } };
            _student = StudentInits.Create(goesOn, _teacher, tokens.VocabularySize, saved);
        }
        Trainer = Trainers.Create(options, _teacher, _student, tokens, validation, catalogue, prompts);
        if (checkpoint is not null)
            Fresh = TrainingCheckpoint.Restore(checkpoint, Trainer);
    }

    public static RunOptions Options { get; } = new()
    {
        Data = new() { DatasetId = "d", ContextLength = 12 },
        Teacher = new() { ModelId = "t" },
        Student = new() { LayerCount = 1, Dropout = 0.1 },
        Schedule = new() { Epochs = 3, BatchSize = 2, GradientAccumulation = 3, WarmupProportion = 0.1, ValidationIntervalSteps = 4,
            ValidationMaxTokens = 500 },
        Optimiser = new() { LearningRate = 1e-2 },
        Diagnosis = new() { IntervalSteps = 5 },
    };

    public Trainer Trainer { get; }

    /// <summary>Losses whose state the checkpoint did not have.</summary>
    public IReadOnlyList<string> Fresh { get; } = [];

    public TextModel Teacher => _teacher;

    public Dictionary<string, float[]> Weights => SmallModels.Weights(_student);

    public CheckpointManifest Save(CheckpointStore store, FileLayer files) => store.Save(Trainer.CompletedSteps, Writer(files));

    public Func<string, CheckpointManifest> Writer(FileLayer files) =>
        folder => TrainingCheckpoint.Write(folder, Trainer, s_tokenizer.Value, _options, Provenance, files);

    public void Dispose()
    {
        Trainer.Dispose();
        _student.Dispose();
        _teacher.Dispose();
    }
}
