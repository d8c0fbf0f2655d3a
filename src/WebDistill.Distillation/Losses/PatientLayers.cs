using System.Text.Json.Serialization;
using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Losses;

/// <summary>Which vectors of a sequence are compared.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PatientVectors>))]
public enum PatientVectors
{
    /// <summary>That of every token: for models of language.</summary>
    EveryToken,

    /// <summary>That of the last token that is no padding: the one that has seen the whole sequence in a model that looks back.</summary>
    LastToken,

    /// <summary>That of the first token, [CLS] of a BERT.</summary>
    FirstToken,
}

/// <summary>What the squared distances are divided by, besides the number of vectors.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PatientReduction>))]
public enum PatientReduction
{
    /// <summary>Summed over layers and channels, as the paper writes it.</summary>
    Summed,

    /// <summary>Divided by layers and channels, as the authors' code does: (M − 1) · d times smaller, for which their weights make up.</summary>
    PerElement,
}

/// <summary>
/// Patient distillation: Σ over layers |s / |s| − t / |t||², of the vectors of the student's intermediate layers and of those of the teacher that they are paired with.
/// </summary>
/// <remarks>
/// Sun et al. 2019 (PKD-Skip and PKD-Last). |s / |s| − t / |t||² = 2 (1 − cos(s, t)). The student's last layer is left out: logits are made of it. A student of another
/// width than the teacher's is projected first, which the paper does not need. Of models with a final layer norm the last layer is after it.
/// </remarks>
public sealed class PatientLayers : WholeLoss
{
    /// <summary>What is compared, and how.</summary>
    [JsonNumberHandling(JsonNumberHandling.Strict)]
    public sealed record Compared
    {
        /// <summary>Which teacher layers are learned from.</summary>
        [Option("Patient: layers", "Which teacher layers the student's layers but the last are compared with: Skip spreads them over the whole depth, Last takes those at its end.",
            Usual = "Skip, slightly better than Last (Sun et al. 2019).")]
        public LayerMapping Mapping { get; init; }

        /// <summary>A teacher layer for each student layer, or each but the last; null follows the mapping.</summary>
        [Option("Patient: teacher layers", "A teacher layer, counted from 0, for each layer of the student but the last, or for each. Blank takes those of the choice above.",
            Usual = "1, 3, 5, 7, 9 for 12 to 6 layers is Skip, 6, 7, 8, 9, 10 is Last (Sun et al. 2019).")]
        public IReadOnlyList<int>? TeacherLayers { get; init; }

        /// <summary>Which vectors of a sequence.</summary>
        [Option("Patient: vectors", "Which vectors of a sequence are compared: of every token, of the last one, or of the first, which is [CLS] of a BERT.",
            Usual = "FirstToken for classes (Sun et al. 2019); EveryToken for models of language.")]
        public PatientVectors Vectors { get; init; }

        /// <summary>What the sum is divided by.</summary>
        [Option("Patient: divided by", "Summed over layers and channels, or divided by their number.",
            Usual = "Summed in the paper; PerElement in the authors' code, with weights from 10 to 1000.")]
        public PatientReduction Reduction { get; init; }
    }

    /// <inheritdoc/>
    public override string Name => "patient";

    /// <inheritdoc/>
    public override object? Parameters => new Compared();

    /// <inheritdoc/>
    public override string Title => "Patient distillation of intermediate layers";

    /// <inheritdoc/>
    public override string Label => "Patient";

    /// <inheritdoc/>
    public override string Formula => "Σ |s / |s| − t / |t||² over pairs of layers, mean over vectors";

    /// <inheritdoc/>
    public override string What => "Turns the vectors of the student's layers, one after the other, into the directions of a teacher's that is deeper: the teacher's way to its answer, and not the answer alone. "
        + "Beside a loss on the logits, for a student that takes over some of the teacher's layers.";

    /// <inheritdoc/>
    public override string Source => "Sun et al. 2019 (Patient Knowledge Distillation)";

    /// <inheritdoc/>
    public override string Unit => "squared distance";

    /// <inheritdoc/>
    public override string? UsualWeight => "0.1 to 1 summed; 500 divided per element (Sun et al. 2019).";

    /// <inheritdoc/>
    public override Wants OfStudent => Wants.HiddenOfAllLayers;

    /// <inheritdoc/>
    public override Wants OfTeacher => Wants.HiddenOfAllLayers;

    /// <inheritdoc/>
    public override double Divisor(LossCounts counts, object? parameters, int vocabularySize) =>
        ((Compared)parameters!).Vectors == PatientVectors.EveryToken ? counts.Rows : counts.Sequences;

    internal override string? Mismatch(RunOptions options, Architecture student, Architecture? teacher)
    {
        var compared = (Compared)ParametersIn(options)!;
        return base.Mismatch(options, student, teacher) is string unfit ? unfit : teacher is null ? null
            : LayerMap.Problem(Label, compared.TeacherLayers, student.Layers, teacher.Layers, leavesLast: true)
            ?? (compared.Vectors == PatientVectors.FirstToken && student.Family.ContinuesTexts
                ? $"The loss '{Label}' is to compare the first token of each sequence, which in {student.Family.Title} has seen nothing but itself; expected {PatientVectors.LastToken} or "
                    + $"{PatientVectors.EveryToken}. Choose one of them." : null);
    }

    internal override long ParameterCount(RunOptions options, Architecture student, Architecture? teacher) =>
        student.Width == teacher!.Width ? 0 : WidthProjection.Count(student.Width, teacher.Width);

    // Of each layer that is projected, what comes out.
    internal override Int128 KeptPerToken(RunOptions options, Architecture student, Architecture? teacher, int context) =>
        student.Width == teacher!.Width ? 0 : (Int128)student.Layers * teacher.Width;

    internal override WholeLossModule Bind(RunOptions options, Architecture student, Architecture? teacher) =>
        new Module((Compared)ParametersIn(options)!, student, teacher!);

    private sealed class Module : WholeLossModule
    {
        private readonly WidthProjection? projection;
        private readonly IReadOnlyList<LayerPair> _pairs;
        private readonly PatientVectors _vectors;
        private readonly double _scale;

        public Module(Compared compared, Architecture student, Architecture teacher) : base(nameof(PatientLayers))
        {
            _pairs = LayerMap.Pairs(compared.Mapping, compared.TeacherLayers, student.Layers, teacher.Layers, leavesLast: true);
            _vectors = compared.Vectors;
            _scale = compared.Reduction == PatientReduction.PerElement ? 1.0 / _pairs.Count / teacher.Width : 1;
            projection = student.Width == teacher.Width ? null : new WidthProjection(student.Width, teacher.Width);
            RegisterComponents();
        }

        public override Tensor Sum(Outputs student, Outputs? teacher, WholeBatch batch)
        {
            Tensor? places = _vectors == PatientVectors.EveryToken ? null : batch.Ends(_vectors == PatientVectors.LastToken), sum = null;
            foreach ((int ofStudent, int ofTeacher) in _pairs)
            {
                Tensor s = Vectors(student.Layers[ofStudent]), t = Vectors(teacher!.Layers[ofTeacher]);
                Tensor distance = (Unit(projection is null ? s : projection.forward(s)) - Unit(t)).square().sum();
                sum = sum is null ? distance : sum + distance;
            }
            return sum! * _scale;

            Tensor Vectors(Tensor layer) => places is null ? batch.OfTokens(layer) : layer.reshape(-1, layer.shape[^1]).index_select(0, places);
        }

        private static Tensor Unit(Tensor vectors) => nn.functional.normalize(vectors, p: 2, dim: -1);
    }
}
