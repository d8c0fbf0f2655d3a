using System.Text.Json.Serialization;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Options;

/// <summary>Whose predictions the student learns.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record TeacherOptions
{
    /// <summary>Most teachers of a run, the first one included.</summary>
    public const int MostTeachers = 16;

    /// <summary>How far the sum of the weights may be from 1: what is left by writing thirds with six digits.</summary>
    private const double SumTolerance = 1e-5;

    /// <summary>Id of the teacher model; null trains the student from scratch with the causal language-model loss alone.</summary>
    [Option("Teacher",
        "The model whose predictions the student learns to reproduce. Without one, a model is trained from scratch on the text alone.",
        IsChosen = true, IsFixedOnceBegun = true)]
    public string? ModelId { get; init; }

    /// <summary>Ids of more teachers of the same vocabulary, which teach together with <see cref="ModelId"/>; empty for one teacher alone.</summary>
    [Option("More teachers",
        "Models of the same vocabulary that teach together with the first. They are asked one after another, with the memory of one and the output projection of each. A student that copies "
        + "layers copies the first one's.",
        Usual = "2 to 10 that differ in their seed (Hinton et al. 2015), or checkpoints of one run.", IsChosen = true, IsOptional = true, IsFixedOnceBegun = true)]
    public IReadOnlyList<string> Others { get; init; } = [];

    /// <summary>What the student is taught by several teachers.</summary>
    [Option("Combined by",
        "What several teachers teach together. Probabilities: the mean of their softened distributions. Logits: the softmax of the mean of their logits, sharper, in which one that is sure can veto. "
        + "Losses: the mean of the losses towards each, with the gradient of Probabilities and a value that is larger by their disagreement.",
        Usual = "Probabilities (Hinton et al. 2015). Logits for losses that compare logits.")]
    public TeacherCombination Combination { get; init; }

    /// <summary>How much each of several teachers counts.</summary>
    [Option("Weighted by",
        "How much each of several teachers counts. Fixed: as the weights say. ByValidationLoss: exp(−loss / τ) of each one's loss on the held-out text, measured once before the first update. "
        + "ByGoldToken: at each token in proportion to the probability that each gives the text's next token.",
        Usual = "Fixed, all alike, for teachers of one kind; by validation loss where some are much worse.", IsFixedOnceBegun = true)]
    public TeacherWeighting Weighting { get; init; }

    /// <summary>Weights of the teachers, the first one's first, that sum to 1; empty weighs all alike.</summary>
    [Option("Weights", "A weight for each teacher in their order, the first one's first; they sum to 1. Blank weighs all alike.", Usual = "Blank.", IsOptional = true)]
    public IReadOnlyList<double> Weights { get; init; } = [];

    /// <summary>τ of exp(−loss / τ), nats per token.</summary>
    [Option("Weight temperature τ", "For weights by validation loss, exp(−loss / τ): a teacher whose loss is τ higher counts e times less. Large weighs all alike, small takes the best alone.",
        Usual = "0.1 to 1.", Unit = "nats", Minimum = 0, ExcludesMinimum = true, Maximum = 1000, Advice = "0.1 to 1 are usual")]
    public double WeightTemperature { get; init; } = 0.5;

    /// <summary>Those that teach beside the first one: none where that is missing.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> Beside => ModelId is null ? [] : Others;

    /// <summary>Whether more than one model teaches.</summary>
    [JsonIgnore]
    public bool HasSeveral => Beside.Count > 0;

    internal void Validate(OptionProblems problems)
    {
        if (ModelId is not null && string.IsNullOrWhiteSpace(ModelId))
            problems.Add(OptionPath.Of(ModelId), "The teacher's id is blank. Choose a teacher, or leave the field out to train from scratch.");
        if (Others.Count == 0)
            return;
        string[] all = [.. Others.Prepend(ModelId ?? "").Select(id => Guid.TryParse(id, out Guid known) ? known.ToString() : id?.Trim() ?? "")];
        if (ModelId is null)
            problems.Add(OptionPath.Of(Others), $"There are {Others.Count} more teachers and no first one. Choose the first one as the teacher.");
        else if (all.Skip(1).Any(string.IsNullOrWhiteSpace))
            problems.Add(OptionPath.Of(Others), "The id of a teacher is blank. Choose a model, or leave it out.");
        else if (all.Length > MostTeachers)
            problems.Add(OptionPath.Of(Others), $"There are {all.Length} teachers, expected at most {MostTeachers}. Leave some out.");
        else if (all.GroupBy(id => id).FirstOrDefault(same => same.Count() > 1) is { } twice)
            problems.Add(OptionPath.Of(Others), $"The teacher '{ForeignText.Quote(twice.Key)}' is named {twice.Count()} times, expected once. Give it a larger weight instead.");
        if (Weighting == TeacherWeighting.Fixed && WeightsProblem(all.Length) is string problem)
            problems.Add(OptionPath.Of(Weights), problem);
    }

    private string? WeightsProblem(int teachers)
    {
        if (Weights.Count == 0)
            return null;
        if (Weights.Count != teachers)
            return $"There are {Weights.Count} weights, expected {teachers}: one for each teacher, the first one's first. Leave them out to weigh all alike.";
        foreach (double weight in Weights)
        {
            if (!(weight >= 0) || !double.IsFinite(weight))
                return $"A weight is {FormattableString.Invariant($"{weight}")}, expected 0 to 1. Give each teacher a share of the whole.";
        }
        double sum = Weights.Sum();
        return Math.Abs(sum - 1) <= SumTolerance ? null
            : $"The weights sum to {FormattableString.Invariant($"{sum:0.######}")}, expected 1. Divide each by their sum.";
    }
}

/// <summary>What a student is taught by several teachers. z the logits of teacher m, w its weight, T the temperature, q the student's distribution.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TeacherCombination>))]
public enum TeacherCombination
{
    /// <summary>Towards Σ w softmax(z / T).</summary>
    Probabilities,

    /// <summary>Towards softmax(Σ w z / T): the normalised geometric mean of the distributions.</summary>
    Logits,

    /// <summary>Σ w T² KL(softmax(z / T) ‖ q).</summary>
    Losses,
}

/// <summary>How much each of several teachers counts.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TeacherWeighting>))]
public enum TeacherWeighting
{
    /// <summary>As the options say; all alike where they say nothing.</summary>
    Fixed,

    /// <summary>exp(−loss / τ) of the loss on the held-out text, normalised.</summary>
    ByValidationLoss,

    /// <summary>At each token in proportion to the probability that each gives to the token that follows; all alike where none does.</summary>
    ByGoldToken,
}
