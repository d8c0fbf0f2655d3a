using System.Reflection;
using System.Text.Json;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Losses;

/// <summary>What the tokens of an update offer to its losses.</summary>
/// <param name="Rows">Tokens that are not padding.</param>
/// <param name="Targets">Tokens that have something to predict: that another one follows in their sequence, or that are masked.</param>
/// <param name="Sequences">Sequences that they stand in.</param>
/// <param name="Pairs">Pairs of a token and one that it may attend to: n² of a sequence of n tokens that see each other.</param>
public readonly record struct LossCounts(long Rows, long Targets, long Sequences, long Pairs)
{
    /// <summary>The same for a model in which a token sees itself and those before it: n(n + 1)/2 pairs of a sequence.</summary>
    public LossCounts LookingBack() => this with { Pairs = (Pairs + Rows) / 2 };

    /// <summary>The same where whole texts are the rows, each with a class to predict.</summary>
    public LossCounts OfTexts() => this with { Rows = Sequences, Targets = Sequences };

    /// <summary>Counts of two batches together.</summary>
    public static LossCounts operator +(LossCounts left, LossCounts right) =>
        new(left.Rows + right.Rows, left.Targets + right.Targets, left.Sequences + right.Sequences, left.Pairs + right.Pairs);
}

/// <summary>One term of the objective: weight · (sum) / divisor.</summary>
/// <remarks>Of one of two kinds: <see cref="RowLoss"/> and <see cref="WholeLoss"/>.</remarks>
public abstract class Loss
{
    /// <summary>Short name, as used in messages and answers, and by which its means are recorded.</summary>
    public abstract string Name { get; }

    /// <summary>What it is called in the literature.</summary>
    public abstract string Title { get; }

    /// <summary>The same in a legend.</summary>
    public abstract string Label { get; }

    /// <summary>Formula, for people.</summary>
    public abstract string Formula { get; }

    /// <summary>What it teaches and when it is the right choice, in a sentence or two.</summary>
    public abstract string What { get; }

    /// <summary>Where it comes from.</summary>
    public abstract string Source { get; }

    /// <summary>Unit of its mean.</summary>
    public abstract string Unit { get; }

    /// <summary>What it asks the teacher for; <see cref="Wants.None"/> needs no teacher.</summary>
    public abstract Wants OfTeacher { get; }

    /// <summary>Whether it compares the student with a teacher.</summary>
    public bool NeedsTeacher => OfTeacher != Wants.None;

    /// <summary>A record of its parameters with their defaults, each property with its <see cref="OptionAttribute"/>; null where it has none.</summary>
    public virtual object? Parameters => null;

    /// <summary>Usual weights, and where they come from; null where there are none.</summary>
    public virtual string? UsualWeight => null;

    /// <summary>The weight at which a slider from 0 ends, and the distance of its numbers.</summary>
    public virtual (double Most, double Step) WeightSlider => (10, 0.5);

    /// <summary>Its options in an objective, the weight first: what form, API, validation, comparison and sweeps know of it.</summary>
    public IReadOnlyList<OptionField> Fields => field ??= [.. ReadFields()];

    /// <summary>Its weight in the objective; 0 where the options do not name it.</summary>
    public virtual double Weight(RunOptions options) => options.Objective.GetValueOrDefault(Name)?.Weight ?? 0;

    /// <summary>A record like <see cref="Parameters"/> with what the options say; null where it has none.</summary>
    /// <exception cref="JsonException">The options say something that is no value of a parameter.</exception>
    public object? ParametersIn(RunOptions options) =>
        Parameters is object defaults && options.Objective.GetValueOrDefault(Name)?.Parameters is { } written
            ? JsonSerializer.SerializeToElement(written).Deserialize(defaults.GetType(), JsonSerializerOptions.Web)
            : Parameters;

    /// <summary>The parameters that an update is made with: those of the options, unless the loss changes them over a run.</summary>
    /// <param name="parameters">As <see cref="ParametersIn"/> gives them.</param>
    /// <param name="update">From 1.</param>
    /// <param name="updates">Of the whole run.</param>
    internal virtual object? ParametersAt(object? parameters, int update, int updates) => parameters;

    /// <summary>What its sum is divided by to give the mean that is charted; 0 if there is nothing to average. It knows no models: layers, widths
    /// and heads are divided by in the sum itself, and the counts are those of the student's way to attend.</summary>
    /// <param name="parameters">As <see cref="ParametersIn"/> gives them.</param>
    public abstract double Divisor(LossCounts counts, object? parameters, int vocabularySize);

    /// <summary>Whether a student with that head, of that family, has what it looks at; what depends on more than these, <see cref="Mismatch"/> says.</summary>
    public virtual bool IsFor(ModelHead head, ModelFamily family) => true;

    /// <summary>Why it cannot compare these two models, with what was expected and the fix; null when it can. Asked before a run is launched.</summary>
    /// <param name="teacher">Null without one.</param>
    internal virtual string? Mismatch(RunOptions options, Architecture student, Architecture? teacher) => null;

    /// <summary>Why several teachers cannot teach by it together, with what was expected and the fix; null when they can.</summary>
    internal string? ProblemWithSeveralTeachers(TeacherCombination combination) => (OfTeacher & ~Wants.Logits) != 0
        ? $"The loss '{Label}' compares {(OfTeacher.HasFlag(Wants.Hidden) ? "hidden states" : "layers")}, of which several teachers have no common ones; expected losses on predictions alone. Set its weight to 0, or choose one teacher."
        : this is RowLoss { ComparesProbabilities: false } && OfTeacher == Wants.Logits && combination != TeacherCombination.Logits
        ? $"The loss '{Label}' compares logits, and teachers that are combined by {combination} have none in common; expected {TeacherCombination.Logits}. Combine them so, or set its weight to 0."
        : null;

    // Places of the palette beside that of the total; where they run out, they begin anew.
    private const int Colours = 9;

    /// <summary>How its means are shown. Its colour is its place in the catalogue, so that a loss has the same one in every run.</summary>
    public StepSeries Series(RunOptions options) => new()
    {
        Name = Name, Title = Label, Unit = Unit, Chart = StepSeries.LossChart, Colour = 1 + LossCatalogue.Place(this) % Colours, Format = SeriesFormat.Loss,
        Weight = Weight(options), IsSmoothed = true, CanBeLogarithmic = true,
    };

    /// <summary>What of a term is no parameter of this loss, or no value of one; null where there is nothing.</summary>
    internal OptionProblem? Unreadable(ObjectiveTerm term)
    {
        OptionField[] known = [.. Fields.Skip(1)];
        foreach ((string name, JsonElement value) in term.Parameters ?? [])
        {
            string path = $"objective.{Name}.{ForeignText.Quote(name)}";
            if (known.FirstOrDefault(field => field.Path == path) is not OptionField own)
                return new OptionProblem(path, $"'{ForeignText.Quote(name)}' is no parameter of '{Label}'. "
                    + (known.Length == 0 ? "It has none: leave it out." : $"Known are: {string.Join(", ", known.Select(one => one.Path.Split('.')[^1]))}."));
            if (own.Unreadable(value) is string problem)
                return new OptionProblem(path, problem);
        }
        return null;
    }

    private IEnumerable<OptionField> ReadFields()
    {
        yield return new OptionField([nameof(RunOptions.Objective), Name, nameof(ObjectiveTerm.Weight)], typeof(double), isNullable: false,
            new OptionAttribute(Label, $"Weight of {Formula}. 0 switches it off.")
            {
                Usual = UsualWeight, Minimum = 0, Maximum = 1e6, Advice = "0 switches the loss off", ZeroMeans = "off", SliderMaximum = WeightSlider.Most,
                SliderStep = WeightSlider.Step,
            }, options => Weight((RunOptions)options));
        if (Parameters is not object defaults)
            yield break;
        foreach ((PropertyInfo property, OptionAttribute said) in OptionSchema.Declared(defaults.GetType()))
            yield return OptionField.Of([nameof(RunOptions.Objective), Name, property.Name], property, said, options => ParametersIn((RunOptions)options)!);
    }
}
