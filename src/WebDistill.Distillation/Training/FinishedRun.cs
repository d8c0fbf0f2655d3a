using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Training;

/// <summary>A run that made all its updates; its student is in memory as long as whoever is told of it.</summary>
public sealed class FinishedRun
{
    private readonly TextModel _student;
    private readonly TextTokenizer _tokenizer;

    internal FinishedRun(Trainer trainer, TextTokenizer tokenizer, string weightsSha256)
    {
        (_student, _tokenizer) = (trainer.Student, tokenizer);
        (Steps, WeightsSha256) = (trainer.CompletedSteps, weightsSha256);
        (Teacher, Student) = (trainer.TeacherValidation, trainer.LastValidation);
    }

    /// <summary>Updates made.</summary>
    public int Steps { get; }

    /// <summary>Hash of the student's weight file: that of the last checkpoint.</summary>
    public string WeightsSha256 { get; }

    /// <summary>What was measured of the teacher on the held-out split; null without a teacher or a split.</summary>
    public ValidationScore? Teacher { get; }

    /// <summary>What was measured last of the student on the held-out split; null without one.</summary>
    public ValidationScore? Student { get; }

    /// <summary>Numbers of the student.</summary>
    public long ParameterCount => _student.Architecture.ParameterCount;

    /// <summary>Hash of the tokenizer.</summary>
    public string TokenizerSha256 => _tokenizer.Vocabulary.Sha256;

    /// <summary>Writes the student with its tokenizer into an empty folder.</summary>
    public CheckpointInfo Save(string folder, FileLayer files)
    {
        CheckpointInfo info = ModelFiles.Save(_student, folder, files);
        _tokenizer.Save(folder, files);
        return info;
    }
}
