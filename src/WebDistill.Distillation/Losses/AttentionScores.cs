using System.Text.Json.Serialization;
using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Losses;

/// <summary>
/// TinyBERT's attention: Σ over layers of the mean over heads of (a − b)², a = q kᵀ/√D of the student and b of the teacher, before mask and softmax.
/// </summary>
/// <remarks>
/// Jiao et al. 2020, equation 7, summed over layers; the mean is over the pairs of tokens that attend to each other. The authors' code averages over all T² places, in which
/// masked keys are set to 0 and queries at padding are not; here nothing counts that stands at padding, or ahead in a model that looks back.
/// </remarks>
public sealed class AttentionScores : WholeLoss
{
    /// <summary>What is compared.</summary>
    [JsonNumberHandling(JsonNumberHandling.Strict)]
    public sealed record Compared
    {
        /// <summary>Which teacher layers are learned from.</summary>
        [Option("Scores: layers", "Which teacher layers the student's are compared with: Skip spreads them over the whole depth, Last takes those at its end.",
            Usual = "Skip (Jiao et al. 2020).")]
        public LayerMapping Mapping { get; init; }

        /// <summary>A teacher layer for each student layer; null follows the mapping.</summary>
        [Option("Scores: teacher layers", "A teacher layer, counted from 0, for each layer of the student. Blank takes those of the choice above.",
            Usual = "2, 5, 8, 11 for 12 to 4 layers is Skip (Jiao et al. 2020).")]
        public IReadOnlyList<int>? TeacherLayers { get; init; }
    }

    /// <inheritdoc/>
    public override string Name => "scores";

    /// <inheritdoc/>
    public override object? Parameters => new Compared();

    /// <inheritdoc/>
    public override string Title => "Attention before the softmax";

    /// <inheritdoc/>
    public override string Label => "Attention scores";

    /// <inheritdoc/>
    public override string Formula => "Σ mean (q kᵀ/√D of the student − of the teacher)² over heads, over pairs of layers, mean over pairs of tokens";

    /// <inheritdoc/>
    public override string What => "Matches which tokens each head looks at, layer by layer, for models with as many heads as each other. It costs both models the memory of all their attention maps. "
        + "Beside the layer states, for a student that is drawn afresh.";

    /// <inheritdoc/>
    public override string Source => "Jiao et al. 2020 (TinyBERT)";

    /// <inheritdoc/>
    public override string Unit => "squared score";

    /// <inheritdoc/>
    public override string? UsualWeight => "1 (Jiao et al. 2020).";

    /// <inheritdoc/>
    public override Wants OfStudent => Wants.AttentionScores;

    /// <inheritdoc/>
    public override Wants OfTeacher => Wants.AttentionScores;

    /// <inheritdoc/>
    public override double Divisor(LossCounts counts, object? parameters, int vocabularySize) => counts.Pairs;

    internal override string? Mismatch(RunOptions options, Architecture student, Architecture? teacher) => base.Mismatch(options, student, teacher) is string unfit ? unfit : teacher is null ? null
        : LayerMap.Problem(Label, ((Compared)ParametersIn(options)!).TeacherLayers, student.Layers, teacher.Layers)
        ?? WaysOfAttending(Label, student, teacher)
        ?? (student.Heads == teacher.Heads ? null
            : $"The loss '{Label}' compares head with head, and the student has {student.Heads} of them, the teacher {teacher.Heads}; expected as many. Choose a student of {teacher.Heads} heads, or a "
                + "loss to which their number does not matter: 'Layer states' or 'Relations'.");

    /// <summary>Why the pairs of tokens are not the same in both models; null where they are.</summary>
    internal static string? WaysOfAttending(string label, Architecture student, Architecture teacher) => student.Family.ContinuesTexts == teacher.Family.ContinuesTexts ? null
        : $"The loss '{label}' compares what tokens attend to, and {(student.Family.ContinuesTexts ? student : teacher).Family.Title} looks back only where "
            + $"{(student.Family.ContinuesTexts ? teacher : student).Family.Title} looks both ways; expected two models that do the same. Choose a teacher of the student's kind.";

    internal override WholeLossModule Bind(RunOptions options, Architecture student, Architecture? teacher)
    {
        var compared = (Compared)ParametersIn(options)!;
        return new Module(LayerMap.Pairs(compared.Mapping, compared.TeacherLayers, student.Layers, teacher!.Layers), student);
    }

    private sealed class Module(IReadOnlyList<LayerPair> pairs, Architecture student) : WholeLossModule(nameof(AttentionScores))
    {
        private readonly int _heads = student.Heads;
        private readonly bool _looksBack = student.Family.ContinuesTexts;

        public override Tensor Sum(Outputs student, Outputs? teacher, WholeBatch batch)
        {
            Tensor unseen = batch.IsSeen(_looksBack).logical_not();
            Tensor? sum = null;
            foreach ((int ofStudent, int ofTeacher) in pairs)
            {
                // Several maps are made on the way, and one is needed later.
                using DisposeScope scope = NewDisposeScope();
                Tensor error = (student.Scores[ofStudent - 1] - teacher!.Scores[ofTeacher - 1]).masked_fill(unseen, 0).square().sum();
                sum = (sum is null ? error : sum + error).MoveToOuterDisposeScope();
            }
            return sum! / _heads;
        }
    }
}
