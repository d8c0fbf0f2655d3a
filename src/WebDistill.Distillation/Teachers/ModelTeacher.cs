using TorchSharp;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Teachers;

/// <summary>One model. It belongs to the teacher from then on.</summary>
public sealed class ModelTeacher : Teacher
{
    private readonly TextModel _model;

    /// <param name="model">Its dropout is switched off.</param>
    public ModelTeacher(TextModel model)
    {
        _model = model;
        model.eval();
    }

    /// <inheritdoc/>
    public override Architecture Architecture => _model.Architecture;

    /// <inheritdoc/>
    public override Wants Offers => Wants.Hidden | Wants.Logits | Wants.HiddenOfAllLayers | Wants.Attentions | Wants.AttentionScores | Wants.AttentionInputs;

    /// <inheritdoc/>
    public override TextModel Model => _model;

    internal override Precision Precision
    {
        set => _model.Precision = value;
    }

    internal override TeacherAnswer Answer(ModelInput input, long[] rows, long[]? targets, Wants wants, bool isByRows)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        ModelHead task = Architecture.Head;
        Outputs answer = _model.Forward(input, wants | Wants.Hidden | (task == ModelHead.Classes ? Wants.Pooled : Wants.None));
        Tensor hidden = answer.RowsOf(rows, task).MoveToOuterDisposeScope();
        return new TeacherAnswer(_model.Head is Tensor head ? new HeadLogits(hidden, head) : new ModelLogits(hidden, _model), hidden, isByRows ? null : answer.MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public override void Dispose() => _model.Dispose();
}
