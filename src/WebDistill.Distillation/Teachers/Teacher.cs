using TorchSharp;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Teachers;

/// <summary>Somebody who knows more than the student and is asked about every batch: a model, several together, or what one said before.</summary>
public abstract class Teacher : IDisposable
{
    /// <summary>The shape of what it answers: vocabulary, width, layers.</summary>
    public abstract Architecture Architecture { get; }

    /// <summary>What it can be asked for.</summary>
    public abstract Wants Offers { get; }

    /// <summary>The one model that it is; null where it is not one.</summary>
    public abstract TextModel? Model { get; }

    /// <summary>In which numbers it computes.</summary>
    internal abstract Precision Precision { set; }

    /// <summary>Answers a batch, without gradients and without dropout.</summary>
    /// <param name="rows">Which places of the batch, counted row by row, are tokens and not padding: N of them.</param>
    /// <param name="targets">The token that follows each of the rows, <see cref="Kernels.LogitLosses.NoTarget"/> where none does; null where nobody knows.</param>
    /// <param name="wants">What is asked for; no more than it <see cref="Offers"/>.</param>
    /// <param name="isByRows">Nobody looks at more than one row at a time: the batch as a whole need not be kept.</param>
    internal abstract TeacherAnswer Answer(ModelInput input, long[] rows, long[]? targets, Wants wants, bool isByRows);

    /// <summary>Frees what it holds.</summary>
    public abstract void Dispose();
}

/// <summary>What a teacher says of a batch. N rows that are not padding, D its width; of one that sorts texts into classes a row is a text, whose vector has D numbers.</summary>
/// <param name="Logits">Those of the rows; null unless asked for.</param>
/// <param name="Hidden">[N, D], last hidden states of the rows; null unless asked for.</param>
/// <param name="Whole">Everything asked for of the batch as it is, padding included; null where nobody looks at it.</param>
internal sealed record TeacherAnswer(RowLogits? Logits, torch.Tensor? Hidden, Outputs? Whole);
