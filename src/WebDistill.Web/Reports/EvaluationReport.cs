using System.Text.Json.Serialization;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Models;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Reports;

/// <summary>A model that a report compares.</summary>
/// <param name="Id">The model's or checkpoint's id.</param>
/// <param name="Name">Its name.</param>
/// <param name="IsTeacher">Whether the others are compared with it.</param>
/// <param name="WeightsSha256">Hash of its weights.</param>
/// <param name="TokenizerSha256">Hash of its tokenizer.</param>
/// <param name="Layers">Transformer blocks.</param>
/// <param name="Width">Width of the residual stream.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="ContextLength">Positions.</param>
/// <param name="Parameters">Parameters, the tied head counted once.</param>
/// <param name="WeightBytes">Size of the weights on the disk.</param>
public sealed record ReportModel(
    Guid Id, string Name, bool IsTeacher, string WeightsSha256, string? TokenizerSha256, int Layers, int Width, int Heads, int ContextLength,
    long Parameters, long WeightBytes)
{
    /// <summary>What it makes of a text: evaluations are for those alone that continue it.</summary>
    public ModelHead Head { get; init; }
}

/// <summary>One figure of every model.</summary>
/// <param name="Figure">What it is.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Better">Which direction is the better one.</param>
/// <param name="Values">One for each model of the report; null where it was not measured.</param>
/// <param name="Nats">Of a perplexity, the mean of −ln p that each value is the exponential of; null elsewhere.</param>
public sealed record ReportRow(string Figure, string Unit, Better Better, IReadOnlyList<double?> Values, IReadOnlyList<double?> Nats)
{
    /// <summary>The figure as it is called: a perplexity by its protocol.</summary>
    public string Name { get; init; } = Figure;

    /// <summary>How it was measured, for a tooltip; empty where the section's protocol says all.</summary>
    public string What { get; init; } = "";

    /// <summary>Of each value that is the median of some repeats, from the lowest to the highest; null elsewhere.</summary>
    public IReadOnlyList<string?> Spreads { get; init; } = [.. Values.Select(_ => (string?)null)];

    /// <summary>Each value divided by the teacher's, which comes first; null without both. Of perplexities that are not both finite, exp of
    /// the difference of their mean losses.</summary>
    public IReadOnlyList<double?> Ratios => [.. Values.Select((value, i) => i == 0 || Values[0] is not double first || first == 0 ? null
        : value is double own && !(double.IsFinite(own) && double.IsFinite(first)) && Nats[i] - Nats[0] is double apart ? Math.Exp(apart)
        : value / first)];

    /// <summary>The best value among several different ones; null where there is none, or it is not finite.</summary>
    public double? Best()
    {
        double[] known = [.. Values.OfType<double>().Distinct()];
        double? best = known.Length < 2 ? null : Better switch
        {
            Better.Higher => known.Where(value => !double.IsNaN(value)).Max(),
            Better.Lower => known.Order(NotFinite.NaNLast).First(),
            _ => null,
        };
        return best is double found && double.IsFinite(found) ? found : null;
    }
}

/// <summary>A figure by groups of tokens, of one model.</summary>
/// <param name="Model">Index of the model in the report.</param>
/// <param name="Breakdown">The figure by groups.</param>
public sealed record ReportBreakdown(int Model, EvaluationBreakdown Breakdown);

/// <summary>What was measured under one protocol.</summary>
/// <param name="Set">Name of the evaluation set.</param>
/// <param name="Title">Its name for people.</param>
/// <param name="SourceName">The text.</param>
/// <param name="SourceSha256">Hash of the text, or of its tokens for a data set.</param>
/// <param name="ContextLength">Tokens of a window.</param>
/// <param name="Stride">Tokens from one window to the next.</param>
/// <param name="Protocol">How it was measured.</param>
/// <param name="Engine">On which engine and device.</param>
/// <param name="Version">By which version of WebDistill.</param>
/// <param name="Counts">What the figures rest on.</param>
/// <param name="Rows">The figures, the leading one first.</param>
/// <param name="Breakdowns">Figures by groups.</param>
/// <param name="Samples">Answers of each model that gave some.</param>
public sealed record ReportSection(
    string Set, string Title, string SourceName, string? SourceSha256, int ContextLength, int Stride, string Protocol, string Engine,
    string Version, IReadOnlyList<EvaluationCount> Counts, IReadOnlyList<ReportRow> Rows, IReadOnlyList<ReportBreakdown> Breakdowns,
    IReadOnlyList<ReportSamples> Samples)
{
    /// <summary>What else the machine did while it was measured; null where that changes nothing.</summary>
    public string? Disturbance { get; init; }
}

/// <summary>Answers of one model.</summary>
/// <param name="Model">Index of the model in the report.</param>
/// <param name="Samples">Some answers.</param>
public sealed record ReportSamples(int Model, IReadOnlyList<EvaluationSample> Samples);

/// <summary>The run that a report is about.</summary>
/// <param name="Id">Names it.</param>
/// <param name="Name">Its name.</param>
/// <param name="Status">Where it stands.</param>
/// <param name="Step">Updates done.</param>
/// <param name="TrainedSeconds">Time spent training.</param>
/// <param name="Options">Every option, by its label.</param>
/// <param name="DatasetSha256">Hash of the corpus.</param>
/// <param name="Engine">What trained it.</param>
/// <param name="Version">Version that trained it.</param>
/// <param name="ValidationPerplexity">Perplexity on the held-out split, as of the latest measurement during training.</param>
/// <param name="ValidationNatsPerToken">The mean loss that it is the exponential of.</param>
/// <param name="Validation">The perplexities, or accuracies, measured during training, by update.</param>
public sealed record ReportRun(
    Guid Id, string Name, RunStatus Status, int Step, double TrainedSeconds, IReadOnlyList<ReportOption> Options, string? DatasetSha256,
    string? Engine, string? Version, double? ValidationPerplexity, double? ValidationNatsPerToken, IReadOnlyList<ReportPoint> Validation)
{
    /// <summary>Its tags, by the alphabet.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>What was written about it, the oldest note first.</summary>
    public IReadOnlyList<NoteResponse> Notes { get; init; } = [];

    /// <summary>The teacher's perplexity on the same tokens.</summary>
    public double? TeacherPerplexity { get; init; }

    /// <summary>Held-out tokens that a measurement reads.</summary>
    public long ValidationTokens { get; init; }

    /// <summary>Whether its student fills masked words, and the perplexities are those of what was hidden from it.</summary>
    public bool FillsMasks { get; init; }

    /// <summary>What was measured on held-out labelled examples: then <see cref="Validation"/> has accuracies, of which more is better. Null in a run over texts.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ClassesResponse? Classes { get; init; }
}

/// <summary>An option of a run.</summary>
/// <param name="Label">What it is called.</param>
/// <param name="Value">Its value.</param>
/// <param name="IsDefault">Whether it is what a new run starts with.</param>
public sealed record ReportOption(string Label, string Value, bool IsDefault);

/// <summary>A point of a curve.</summary>
/// <param name="Step">The update.</param>
/// <param name="Value">The perplexity, or the accuracy.</param>
/// <param name="NatsPerToken">The mean loss that a perplexity is the exponential of; null of an accuracy.</param>
public sealed record ReportPoint(int Step, double Value, double? NatsPerToken);

/// <summary>Everything that was measured of some models, side by side.</summary>
/// <param name="Title">What it is about.</param>
/// <param name="CreatedAt">When it was put together, UTC.</param>
/// <param name="Models">The models, the teacher first.</param>
/// <param name="Summary">The leading figure of every section, with size and speed: the table of a paper.</param>
/// <param name="Sections">The figures under each protocol.</param>
/// <param name="Run">The run that it is about; null for a chosen set of models.</param>
public sealed record EvaluationReport(
    string Title, DateTime CreatedAt, IReadOnlyList<ReportModel> Models, IReadOnlyList<ReportRow> Summary,
    IReadOnlyList<ReportSection> Sections, ReportRun? Run)
{
    /// <summary>Why nothing more can be measured of them, and what is measured instead; null where evaluations can.</summary>
    [JsonIgnore]
    public string? Instead => Models.FirstOrDefault(model => model.Head != ModelHead.NextToken) is not { } other ? null
        : $"Evaluations are for models that continue texts, and {other.Name} {ModelHeads.Does(other.Head)}. {other.Head switch
        {
            ModelHead.Classes => "Measured instead are accuracy, macro F1, Matthews and the cross-entropy of the classes on held-out examples, by its run.",
            ModelHead.MaskedToken => "Measured instead is the masked perplexity of the held-out text, by its run.",
            _ => "Nothing else is measured of such a model.",
        }}";

    /// <summary>What came out, in a sentence; null without a student beside its teacher.</summary>
    public string? Headline => ReportScore.Headline(this);

    /// <summary>Size, speed, quality and agreement of the student beside its teacher.</summary>
    public IReadOnlyList<ReportScore> Scores => ReportScore.Of(this);
}
