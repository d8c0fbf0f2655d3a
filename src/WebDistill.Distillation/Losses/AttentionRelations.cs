using System.Text.Json.Serialization;
using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Losses;

/// <summary>
/// MiniLM's relations of self-attention: for X of queries, keys and values KL(softmax(X_t X_tᵀ/√d_r) ‖ softmax(X_s X_sᵀ/√d_s)), of the student's last layer and one of the
/// teacher's, each split into as many relation heads; mean over relation heads and tokens.
/// </summary>
/// <remarks>
/// Wang et al. 2021 (MiniLMv2), after Wang et al. 2020. d is a model's width of attention over the relation heads, which need not be its heads: models of any width, depth
/// and number of heads can be compared, without a projection. In a model that looks back the relations do so as well.
/// </remarks>
public sealed class AttentionRelations : WholeLoss
{
    /// <summary>What is compared.</summary>
    [JsonNumberHandling(JsonNumberHandling.Strict)]
    public sealed record Compared
    {
        /// <summary>Parts that queries, keys and values are split into.</summary>
        [Option("Relations: heads", "Parts that queries, keys and values of both models are split into; must divide both widths of attention.",
            Usual = "48 for models that it divides (Wang et al. 2021).", Minimum = 1, Maximum = OptionLimits.Width, Advice = "relation heads")]
        public int RelationHeads { get; init; } = 4;

        /// <summary>The teacher's layer, counted from 0; null is the last one.</summary>
        [Option("Relations: teacher layer", "The teacher layer that is compared with the student's last, counted from 0. Blank takes the last.",
            Usual = "The last of 12; 20 of 24 for BERT-large, 18 of 24 for RoBERTa-large (Wang et al. 2021).", Minimum = 0, Maximum = OptionLimits.Layers, Advice = "counted from 0")]
        public int? TeacherLayer { get; init; }

        /// <summary>Weight of the relations between queries.</summary>
        [Option("Relations: queries", "Weight of the relations between queries.", Usual = "1 (Wang et al. 2021).", Minimum = 0, Maximum = 1000, Advice = "0 leaves them out", ZeroMeans = "off")]
        public double Queries { get; init; } = 1;

        /// <summary>Weight of the relations between keys.</summary>
        [Option("Relations: keys", "Weight of the relations between keys.", Usual = "1 (Wang et al. 2021).", Minimum = 0, Maximum = 1000, Advice = "0 leaves them out", ZeroMeans = "off")]
        public double Keys { get; init; } = 1;

        /// <summary>Weight of the relations between values.</summary>
        [Option("Relations: values", "Weight of the relations between values.", Usual = "1 (Wang et al. 2021).", Minimum = 0, Maximum = 1000, Advice = "0 leaves them out", ZeroMeans = "off")]
        public double Values { get; init; } = 1;
    }

    /// <inheritdoc/>
    public override string Name => "relations";

    /// <inheritdoc/>
    public override object? Parameters => new Compared();

    /// <inheritdoc/>
    public override string Title => "Relations of self-attention";

    /// <inheritdoc/>
    public override string Label => "Relations";

    /// <inheritdoc/>
    public override string Formula => "Σ KL(softmax(X Xᵀ/√d) of the teacher ‖ of the student), X = queries, keys, values of one layer; mean over relation heads and tokens";

    /// <inheritdoc/>
    public override string What => "Teaches how similar the teacher finds the tokens of a text, by the queries, keys and values of one layer: no layers to pair, no projection, any width and any number of heads. "
        + "For a student that is drawn afresh and trained on other losses later.";

    /// <inheritdoc/>
    public override string Source => "Wang et al. 2021 (MiniLMv2)";

    /// <inheritdoc/>
    public override string Unit => "nats/token";

    /// <inheritdoc/>
    public override string? UsualWeight => "1 (Wang et al. 2021).";

    /// <inheritdoc/>
    public override Wants OfStudent => Wants.AttentionInputs;

    /// <inheritdoc/>
    public override Wants OfTeacher => Wants.AttentionInputs;

    /// <inheritdoc/>
    public override double Divisor(LossCounts counts, object? parameters, int vocabularySize) => counts.Rows;

    internal override string? Mismatch(RunOptions options, Architecture student, Architecture? teacher)
    {
        if (base.Mismatch(options, student, teacher) is string unfit)
            return unfit;
        if (teacher is null)
            return null;
        var compared = (Compared)ParametersIn(options)!;
        if (compared is { Queries: 0, Keys: 0, Values: 0 })
            return $"The loss '{Label}' has weights of 0 for queries, keys and values, so that it compares nothing; expected one above 0. Give one of them a weight, or the loss itself 0.";
        if (compared.TeacherLayer >= teacher.Layers)
            return $"The loss '{Label}' is to compare the teacher layer {compared.TeacherLayer}; expected one from 0 to {teacher.Layers - 1}, which the teacher has. Name another, or leave it blank.";
        foreach ((string whose, Architecture model) in new[] { ("student", student), ("teacher", teacher) })
        {
            if (model.AttentionWidth % compared.RelationHeads != 0)
                return $"The loss '{Label}' splits {model.AttentionWidth} channels of the {whose}'s attention into {compared.RelationHeads} relation heads; expected a number that divides "
                    + $"{student.AttentionWidth} and {teacher.AttentionWidth}. Choose {GreatestDivisor(student.AttentionWidth, teacher.AttentionWidth, compared.RelationHeads)}.";
        }
        return AttentionScores.WaysOfAttending(Label, student, teacher);
    }

    // Of each kind of relations the teacher's distribution, the student's logarithms, and queries, keys or values head by head. In work: products and their gradient.
    internal override Int128 KeptPerToken(RunOptions options, Architecture student, Architecture? teacher, int context)
    {
        var compared = (Compared)ParametersIn(options)!;
        int kinds = new[] { compared.Queries, compared.Keys, compared.Values }.Count(weight => weight > 0);
        return (2 * kinds + 4) * (Int128)compared.RelationHeads * context + (Int128)kinds * student.AttentionWidth;
    }

    internal override WholeLossModule Bind(RunOptions options, Architecture student, Architecture? teacher) =>
        new Module((Compared)ParametersIn(options)!, student, teacher!);

    // The greatest number of relation heads, no more than were asked for, that fits both.
    private static int GreatestDivisor(int first, int second, int most) =>
        Enumerable.Range(1, Math.Min(most, Math.Min(first, second))).Last(heads => first % heads == 0 && second % heads == 0);

    private sealed class Module(Compared compared, Architecture student, Architecture teacher) : WholeLossModule(nameof(AttentionRelations))
    {
        private readonly int _ofTeacher = compared.TeacherLayer ?? teacher.Layers - 1;
        private readonly bool _looksBack = student.Family.ContinuesTexts;

        public override Tensor Sum(Outputs student, Outputs? teacher, WholeBatch batch)
        {
            Tensor unseen = batch.IsSeen(_looksBack).logical_not(), isNoToken = batch.IsToken.logical_not().unsqueeze(1).unsqueeze(3);
            AttentionInputs s = student.Inputs[^1], t = teacher!.Inputs[_ofTeacher];
            Tensor? sum = null;
            foreach ((double weight, Tensor ofStudent, Tensor ofTeacher) in new[] { (compared.Queries, s.Queries, t.Queries), (compared.Keys, s.Keys, t.Keys), (compared.Values, s.Values, t.Values) })
            {
                if (weight == 0)
                    continue;
                // What a kind of relations computes on the way is freed before the next one begins: it is several maps.
                using DisposeScope scope = NewDisposeScope();
                Tensor logP = LogRelations(ofTeacher), logQ = LogRelations(ofStudent);
                // What the teacher says of rows of padding is taken out, and their divergence with it.
                Tensor p = logP.exp().masked_fill_(isNoToken, 0);
                Tensor divergence = (p * (logP - logQ)).sum() * (weight / compared.RelationHeads);
                sum = (sum is null ? divergence : sum + divergence).MoveToOuterDisposeScope();
            }
            return sum!;

            // [B, R, T, T]: ln softmax(X Xᵀ/√d) over what each token attends to.
            Tensor LogRelations(Tensor inputs_BTA)
            {
                (long rows, long length, long width) = (inputs_BTA.shape[0], inputs_BTA.shape[1], inputs_BTA.shape[2]);
                Tensor x_BRTD = inputs_BTA.reshape(rows, length, compared.RelationHeads, width / compared.RelationHeads).transpose(1, 2);
                using Tensor products = (x_BRTD * (1 / Math.Sqrt((double)width / compared.RelationHeads))).matmul(x_BRTD.transpose(-2, -1));
                // Finite, so that what is not seen has a difference of 0 and not of NaN.
                return nn.functional.log_softmax(products.masked_fill_(unseen, -1e30f), dim: -1);
            }
        }
    }
}
