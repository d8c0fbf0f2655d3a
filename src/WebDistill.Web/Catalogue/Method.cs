using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Transforms.Learned;

namespace WebDistill.Web.Catalogue;

/// <summary>Who teaches in an example.</summary>
internal enum Teaching
{
    /// <summary>Nobody: the text alone is learned.</summary>
    None,

    /// <summary>One model.</summary>
    One,

    /// <summary>Two.</summary>
    Several,
}

/// <summary>What a run can be made of, before an example has a model and a text.</summary>
/// <param name="Knobs">Paths of its options.</param>
/// <param name="Teaching">Who teaches in its example.</param>
/// <param name="Sets">What its example says beyond that, by the paths of the options.</param>
internal sealed record Method(
    string Name, string Title, string Text, string? Formula, string Source, IReadOnlyList<string> Knobs, Teaching Teaching, params IReadOnlyList<(string Path, object Value)> Sets)
{
    /// <summary>What the student of its example does, which decides the data and the models that it is made with.</summary>
    public ModelHead Task { get; init; } = ModelHead.NextToken;

    private static readonly string[] s_together = ["teacher.modelId", "teacher.others", "teacher.combination", "teacher.weighting", "teacher.weights", "teacher.weightTemperature"];

    private static readonly (string, object)[] s_fromNothing =
        [("student.initialisation", "random"), ("student.layerCount", 2), ("student.width", 32), ("student.heads", 2), ("objective.clm.weight", 1)];

    private static readonly string[] s_masking =
        ["masking.proportion", "masking.maskShare", "masking.keepShare", "masking.randomShare", "masking.smoothing", "masking.restrictToMask"];

    private static (string, object)[] MaskedFromNothing(string family) => [.. FromNothing(family), ("objective.mlm.weight", 1)];

    private static (string, object)[] ClassesFromNothing(string family) => [.. FromNothing(family), ("objective.labels.weight", 1)];

    private static (string, object)[] FromNothing(string family) => [("student.initialisation", "random"), ("student.family", family), ("student.layerCount", 2), ("student.width", 32), ("student.heads", 2)];

    /// <summary>Of each family a run that trains a model that begins from nothing.</summary>
    public static IEnumerable<Method> Families => ModelFamilies.All.Select(family => new Method(
        family.Name, family.Title, family.What, null, family.Source, ["student.family", "student.layerCount", "student.width", "student.heads", "student.dropout", "student.initialiserRange"], Teaching.None,
        family.ContinuesTexts ? s_fromNothing : family.PredictsTokens ? MaskedFromNothing(family.Name) : ClassesFromNothing(family.Name))
        { Task = family.ContinuesTexts ? ModelHead.NextToken : family.PredictsTokens ? ModelHead.MaskedToken : ModelHead.Classes });

    /// <summary>What is learned of a text.</summary>
    public static IEnumerable<Method> Tasks =>
    [
        new("causal-lm", "Causal language modelling", "Predicts each token from those before it. Its figure is the perplexity on held-out text, and lower is better.",
            "perplexity = exp(mean of −ln p(next token))", "Radford et al. 2019", ["data.datasetId", "schedule.validationIntervalSteps", "schedule.validationMaxTokens"], Teaching.None, s_fromNothing),
        new("masked-lm", "Masked language modelling", "Guesses hidden tokens from both sides, with a student that fills masked words. Its figure is the masked perplexity: of tokens of the held-out text that are "
            + "always the same ones, and lower is better.", "masked perplexity = exp(mean of −ln p(hidden token))", "Devlin et al. 2018",
            ["data.datasetId", .. s_masking, "student.freezeTokenTypeEmbeddings", "schedule.validationIntervalSteps", "schedule.validationMaxTokens"], Teaching.One,
            ("objective.ce.weight", 5), ("objective.mlm.weight", 2), ("objective.cos.weight", 1)) { Task = ModelHead.MaskedToken },
        new("classification", "Classification", "Sorts whole texts, or pairs of texts, into the classes of a data set of labelled examples. Its figure is the accuracy on held-out examples, and higher is better; "
            + "macro F1, Matthews correlation and cross-entropy stand beside it.", "accuracy = texts whose class is told / texts", "Devlin et al. 2018; from logits Tang et al. 2019",
            ["data.datasetId", "data.contextLength", "data.groupBySize", "student.family", "schedule.validationIntervalSteps", "schedule.validationMaxTokens"], Teaching.None,
            ClassesFromNothing("bert")) { Task = ModelHead.Classes },
    ];

    /// <summary>Each loss alone, at a usual weight.</summary>
    public static IEnumerable<Method> Losses => LossCatalogue.All.Select(loss => new Method(
        loss.Name, loss.Title, loss.What, loss.Formula, loss.Source, [.. loss.Fields.Select(knob => knob.Path)], loss.NeedsTeacher ? Teaching.One : Teaching.None,
        // Summed over a vocabulary, squared logits are large.
        [.. loss.NeedsTeacher ? [] : TaskOf(loss) == ModelHead.NextToken ? s_fromNothing : FromNothing("bert"), (loss.Fields[0].Path, loss is LogitsSquaredError ? 1e-4 : 1.0)]) { Task = TaskOf(loss) });

    private static ModelHead TaskOf(Loss loss) => (loss as RowLoss)?.Predicts ?? ModelHead.NextToken;

    /// <summary>Who teaches, and what several teach together.</summary>
    public static IEnumerable<Method> Teachers =>
    [
        new("none", "No teacher", "A model learns the text alone: how a teacher is made, and the baseline that every student should beat.", "−ln p(next token)", "Radford et al. 2019",
            ["teacher.modelId"], Teaching.None, s_fromNothing),
        new("model", "One model", "The student learns what one larger model would have said of each token.", "T² · KL(softmax(z / T) ‖ q)", "Hinton, Vinyals and Dean 2015",
            ["teacher.modelId"], Teaching.One, ("objective.ce.weight", 1)),
        new("mean-of-probabilities", "Mean of probabilities", "Several teachers as one whose distribution is the mean of theirs: what each finds possible stays possible. The usual choice for teachers that "
            + "differ in their seed.", "T² · KL(Σ w softmax(z / T) ‖ q)", "Hinton, Vinyals and Dean 2015", s_together, Teaching.Several,
            ("objective.ce.weight", 1), ("teacher.combination", nameof(TeacherCombination.Probabilities))),
        new("mean-of-logits", "Mean of logits", "Several teachers as one whose logits are the mean of theirs, the normalised geometric mean of the distributions: sharper, and one that is sure can veto. For "
            + "teachers whose logits are of one scale, and the only one for losses that compare logits.", "T² · KL(softmax(Σ w z / T) ‖ q)", "the distribution of the least Σ w KL(· ‖ softmax(z / T))", s_together, Teaching.Several,
            ("objective.ce.weight", 1), ("objective.centred.weight", 1), ("teacher.combination", nameof(TeacherCombination.Logits))),
        new("mean-of-losses", "Mean of losses", "The mean of the losses towards each teacher. It teaches exactly what the mean of probabilities does; its value is larger by what the teachers disagree by, and "
            + "never reaches 0 where they do.", "Σ w T² · KL(softmax(z / T) ‖ q)", "the sum of Hinton, Vinyals and Dean 2015 over the teachers", s_together, Teaching.Several,
            ("objective.ce.weight", 1), ("teacher.combination", nameof(TeacherCombination.Losses)), ("teacher.weights", (double[])[0.7, 0.3])),
        new("by-validation-loss", "Weighted by validation loss", "Each of several teachers counts by how well it predicts the held-out text, measured once before the first update. For teachers of which some are "
            + "much worse.", "w = exp(−loss / τ), normalised", "a softmax over the teachers' mean losses", s_together, Teaching.Several,
            ("objective.ce.weight", 1), ("teacher.weighting", nameof(TeacherWeighting.ByValidationLoss)), ("teacher.weightTemperature", 0.5)),
        new("by-gold-token", "Weighted token by token", "At each token the teachers count in proportion to the probability that they give to the token the text has. For teachers that know different things.",
            "w = p(next token), normalised over the teachers", "a softmax over the teachers' losses of the token", s_together, Teaching.Several,
            ("objective.ce.weight", 1), ("teacher.weighting", nameof(TeacherWeighting.ByGoldToken))),
    ];

    /// <summary>What a student begins with.</summary>
    public static IEnumerable<Method> Students => StudentInits.All.Select(init => new Method(
        init.Name, init.Name, init.Description, null, init.Source, [.. init.Uses], init.NeedsTeacher || init.NeedsCheckpoint ? Teaching.One : Teaching.None,
        init.NeedsTeacher ? [("objective.ce.weight", 1)] : init.NeedsCheckpoint ? [("student.initialisation", init.Name), ("objective.ce.weight", 1)] : s_fromNothing));

    /// <summary>How a student is compressed while it trains.</summary>
    public static IEnumerable<Method> Compressions => LearnedCatalogue.All.Select(method => new Method(
        method.Name, method.Title, method.What, method.Formula, method.Source, [.. method.Fields.Select(knob => knob.Path)], Teaching.None, [.. s_fromNothing, (method.Fields[0].Path, method.Example)]));

    /// <summary>What is read, and how it is cut.</summary>
    public static IEnumerable<Method> BatchSources =>
    [
        new("packed", "Packed blocks", "The text as one stream of tokens, cut into blocks of equal length: nothing is computed for padding.", null, "Raffel et al. 2020",
            ["data.datasetId", "data.sequenceMode", "data.contextLength", "data.shuffle"], Teaching.None, [.. s_fromNothing, ("data.sequenceMode", nameof(SequenceMode.Packed))]),
        new("documents", "One document per row", "A document, or a piece of a long one, per row between two end-of-text tokens, padded at its end; rows of similar length go together. As the reference does it, "
            + "and for documents that must not see each other.", null, "Hugging Face's distillation project",
            ["data.datasetId", "data.sequenceMode", "data.contextLength", "data.shuffle", "data.groupBySize"], Teaching.None, [.. s_fromNothing, ("data.sequenceMode", nameof(SequenceMode.HuggingFace))]),
        new("masked", "Hidden tokens", "Either of them with tokens hidden to be guessed, others each time a sequence comes: what is learned of by a student that fills masked words. Rarer tokens are preferred.",
            "⌈share · tokens⌉ of a batch, without replacement, each in proportion to max(its count, 1)^−smoothing", "Sanh et al. 2019 (DistilBERT)", s_masking, Teaching.None, MaskedFromNothing("distilbert"))
            { Task = ModelHead.MaskedToken },
        new("labelled", "Labelled examples", "A text, or a pair, per row as [CLS] text [SEP], cut at its end where it is too long, with its class; rows of similar length may go together.", null, "Devlin et al. 2018",
            ["data.datasetId", "data.contextLength", "data.shuffle", "data.groupBySize"], Teaching.None, ClassesFromNothing("bert")) { Task = ModelHead.Classes },
    ];
}
