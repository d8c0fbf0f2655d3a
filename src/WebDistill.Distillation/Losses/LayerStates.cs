using System.Text.Json.Serialization;
using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Losses;

/// <summary>Where a learned projection stands between the student's states and the teacher's.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<StateProjection>))]
public enum StateProjection
{
    /// <summary>One for embeddings and all layers where the widths differ; none where they are equal.</summary>
    WhereWidthsDiffer,

    /// <summary>One for embeddings and all layers, of equal widths as well, as the authors' code has it.</summary>
    Shared,

    /// <summary>One for the embeddings and one for all layers, as the paper has it.</summary>
    EmbeddingsApart,
}

/// <summary>
/// TinyBERT's hidden states and embeddings: Σ over layers of the mean of (s Wᵀ + b − t)² over the teacher's width, W learned with the student.
/// </summary>
/// <remarks>
/// Jiao et al. 2020, equations 8 and 9, summed over layers. The authors' code averages over padding as well; here it adds nothing. Their paper has W without b, their code
/// with it. Of models with a final layer norm the last layer is after it.
/// </remarks>
public sealed class LayerStates : WholeLoss
{
    /// <summary>What is compared, and how.</summary>
    [JsonNumberHandling(JsonNumberHandling.Strict)]
    public sealed record Compared
    {
        /// <summary>Which teacher layers are learned from.</summary>
        [Option("States: layers", "Which teacher layers the student's are compared with: Skip spreads them over the whole depth, Last takes those at its end.",
            Usual = "Skip (Jiao et al. 2020: 75.6 on average against 70.9 for Last).")]
        public LayerMapping Mapping { get; init; }

        /// <summary>A teacher layer for each student layer; null follows the mapping.</summary>
        [Option("States: teacher layers", "A teacher layer, counted from 0, for each layer of the student. Blank takes those of the choice above.",
            Usual = "2, 5, 8, 11 for 12 to 4 layers is Skip (Jiao et al. 2020).")]
        public IReadOnlyList<int>? TeacherLayers { get; init; }

        /// <summary>Whether the embeddings are compared as well.</summary>
        [Option("States: embeddings", "Compares what goes into the first layer as well.", Usual = "On (Jiao et al. 2020).", IsFixedOnceBegun = true)]
        public bool Embeddings { get; init; } = true;

        /// <summary>Where a learned projection stands.</summary>
        [Option("States: projection", "Where a learned projection stands between the student's states and the teacher's. It is trained with the student and no part of it.",
            Usual = "Shared, of equal widths as well (Jiao et al. 2020, code); of copied layers it has first to become what no projection is.", IsFixedOnceBegun = true)]
        public StateProjection Projection { get; init; }

        /// <summary>Whether each vector is brought to mean 0 and variance 1 first.</summary>
        [Option("States: standardised", "Brings each vector of both models to mean 0 and variance 1 first, so that a few large channels do not decide alone.",
            Usual = "Off (Jiao et al. 2020); on for GPT-2, whose states grow with the depth.")]
        public bool IsStandardised { get; init; }
    }

    /// <inheritdoc/>
    public override string Name => "states";

    /// <inheritdoc/>
    public override object? Parameters => new Compared();

    /// <inheritdoc/>
    public override string Title => "Hidden states and embeddings";

    /// <inheritdoc/>
    public override string Label => "Layer states";

    /// <inheritdoc/>
    public override string Formula => "Σ mean (s Wᵀ + b − t)² over pairs of layers, mean over tokens";

    /// <inheritdoc/>
    public override string What => "Matches what every layer of the student says of each token with a layer of the teacher's, embeddings included, through a learned projection where the widths differ. "
        + "For a narrow student that is drawn afresh, before or beside a loss on the logits.";

    /// <inheritdoc/>
    public override string Source => "Jiao et al. 2020 (TinyBERT)";

    /// <inheritdoc/>
    public override string Unit => "squared activation";

    /// <inheritdoc/>
    public override string? UsualWeight => "1 (Jiao et al. 2020).";

    /// <inheritdoc/>
    public override Wants OfStudent => Wants.HiddenOfAllLayers;

    /// <inheritdoc/>
    public override Wants OfTeacher => Wants.HiddenOfAllLayers;

    /// <inheritdoc/>
    public override double Divisor(LossCounts counts, object? parameters, int vocabularySize) => counts.Rows;

    internal override string? Mismatch(RunOptions options, Architecture student, Architecture? teacher) =>
        base.Mismatch(options, student, teacher) is string unfit ? unfit : teacher is null ? null : LayerMap.Problem(Label, ((Compared)ParametersIn(options)!).TeacherLayers, student.Layers, teacher.Layers);

    internal override long ParameterCount(RunOptions options, Architecture student, Architecture? teacher) =>
        Projections((Compared)ParametersIn(options)!, student, teacher!) * WidthProjection.Count(student.Width, teacher!.Width);

    // Of each layer that is projected what comes out, or its difference that is wider than the student.
    internal override Int128 KeptPerToken(RunOptions options, Architecture student, Architecture? teacher, int context) =>
        Projections((Compared)ParametersIn(options)!, student, teacher!) == 0 ? 0 : (student.Layers + (Int128)1) * teacher!.Width;

    internal override WholeLossModule Bind(RunOptions options, Architecture student, Architecture? teacher) =>
        new Module((Compared)ParametersIn(options)!, student, teacher!);

    private static int Projections(Compared compared, Architecture student, Architecture teacher) => compared.Projection switch
    {
        StateProjection.EmbeddingsApart => compared.Embeddings ? 2 : 1,
        StateProjection.Shared => 1,
        _ => student.Width == teacher.Width ? 0 : 1,
    };

    private sealed class Module : WholeLossModule
    {
        private readonly WidthProjection? projection;
        private readonly WidthProjection? embeddings_projection;
        private readonly IReadOnlyList<LayerPair> _pairs;
        private readonly bool _isStandardised;

        public Module(Compared compared, Architecture student, Architecture teacher) : base(nameof(LayerStates))
        {
            IReadOnlyList<LayerPair> layers = LayerMap.Pairs(compared.Mapping, compared.TeacherLayers, student.Layers, teacher.Layers);
            _pairs = compared.Embeddings ? [new LayerPair(0, 0), .. layers] : layers;
            _isStandardised = compared.IsStandardised;
            int projections = Projections(compared, student, teacher);
            projection = projections > 0 ? new WidthProjection(student.Width, teacher.Width) : null;
            embeddings_projection = projections > 1 ? new WidthProjection(student.Width, teacher.Width) : null;
            RegisterComponents();
        }

        public override Tensor Sum(Outputs student, Outputs? teacher, WholeBatch batch)
        {
            Tensor? sum = null;
            foreach ((int ofStudent, int ofTeacher) in _pairs)
            {
                Tensor s = batch.OfTokens(student.Layers[ofStudent]), t = batch.OfTokens(teacher!.Layers[ofTeacher]);
                if ((ofStudent == 0 ? embeddings_projection ?? projection : projection) is WidthProjection projected)
                    s = projected.forward(s);
                Tensor error = (Standardised(s) - Standardised(t)).square().sum() / t.shape[^1];
                sum = sum is null ? error : sum + error;
            }
            return sum!;
        }

        private Tensor Standardised(Tensor vectors) => _isStandardised ? nn.functional.layer_norm(vectors, [vectors.shape[^1]]) : vectors;
    }
}
