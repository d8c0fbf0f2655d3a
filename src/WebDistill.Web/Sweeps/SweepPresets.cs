using System.Text.Json;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Sweeps;

/// <summary>A dimension that is often asked for.</summary>
/// <param name="Description">What it tries and where it comes from.</param>
/// <param name="NeedsTeacher">Whether it means nothing to a model trained from scratch.</param>
/// <param name="Make">The dimension for runs with these options, whose teacher has so many layers (null without one).</param>
public sealed record SweepPreset(
    string Name, string Description, bool NeedsTeacher, Func<RunOptions, int?, SweepDimension> Make);

/// <summary>The catalogue of presets. To add one: one entry of <see cref="All"/>.</summary>
public static class SweepPresets
{
    private const int MostDepths = 6;

    /// <summary>Every preset, in the order in which the form shows them; the first that applies is preselected.</summary>
    public static IReadOnlyList<SweepPreset> All { get; } =
    [
        new("Hinton's temperatures", "1 to 20, the range that Hinton et al. (2015) tried.", true,
            (_, _) => Dimension("T", "objective.ce.temperature", 1.0, 2.0, 4.0, 8.0, 20.0)),
        new("Terms of the objective",
            "The distillation cross-entropy, the causal language-model loss and the cosine loss alone and together.", true, Terms),
        new("Learning rate", "1e-4 to 3e-3, about three per power of ten.", false,
            (_, _) => Dimension("learning rate", "optimiser.learningRate", 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 3e-3)),
        new("Student layers", "Depths up to the teacher's.", false, Depths),
        new("Initialisation", "Random weights against copied teacher layers (Sanh et al. 2019).", true, Initialisations),
        new("Three seeds", "Trains every point three times, for a mean with an interval.", false,
            (_, _) => Dimension("seed", "seed", 1L, 2L, 3L)),
    ];

    private static SweepDimension Dimension<T>(string name, string option, params T[] values) =>
        new() { Name = name, Values = [.. values.Select(value => SweepValue.Of(option, value))] };

    // The weights that the base run gives each term, and those of Sanh et al. (2019) where it gives none.
    private static SweepDimension Terms(RunOptions options, int? teacherLayers)
    {
        string text = options.Task() switch { ModelHead.Classes => "labels", ModelHead.MaskedToken => "mlm", _ => "clm" };
        double ce = Weight("ce", 5), own = Weight(text, 2), cos = Weight("cos", 1);
        return new SweepDimension
        {
            Name = "objective",
            Values =
            [
                Weights("ce", ce, 0, 0), Weights(text, 0, own, 0), Weights("cos", 0, 0, cos), Weights($"ce + {text}", ce, own, 0),
                Weights("ce + cos", ce, 0, cos), Weights($"{text} + cos", 0, own, cos), Weights($"ce + {text} + cos", ce, own, cos),
            ],
        };

        double Weight(string loss, double otherwise) => options.Objective.GetValueOrDefault(loss) is { Weight: > 0 } term ? term.Weight : otherwise;

        // Of the text the loss is given a weight that fits what the student does.
        SweepValue Weights(string label, double ce, double own, double cos) => Value(label,
            [.. LossCatalogue.All.Select(loss => (loss.Fields[0].Path, (object?)(loss.Name == "ce" ? ce : loss.Name == text ? own : loss.Name == "cos" ? cos : 0.0)))]);
    }

    // A list of copied layers would fix the depth, so it is left out with the count.
    private static SweepDimension Depths(RunOptions options, int? teacherLayers)
    {
        int deepest = teacherLayers ?? Math.Max(4, options.Student.LayerCount ?? 0);
        int count = Math.Min(deepest, MostDepths);
        return new SweepDimension
        {
            Name = "layers",
            Values = [.. Enumerable.Range(1, count).Select(i => deepest * i / count).Select(layers => Value(
                $"{layers}", ("student.layerCount", layers), ("student.teacherLayers", null)))],
        };
    }

    // Without the list of copied layers the random student would be half as deep as the teacher, whatever the other one is.
    private static SweepDimension Initialisations(RunOptions options, int? teacherLayers)
    {
        int? layers = options.Student.TeacherLayers?.Count ?? options.Student.LayerCount;
        return new SweepDimension
        {
            Name = "initialisation",
            Values =
            [
                Value("random", ("student.initialisation", "random"), ("student.layerCount", layers), ("student.teacherLayers", null)),
                Value("teacher layers", ("student.initialisation", "teacher-layers"), ("student.layerCount", layers),
                    ("student.teacherLayers", options.Student.TeacherLayers)),
            ],
        };
    }

    private static SweepValue Value(string label, params (string Option, object? Value)[] changes) => new()
    {
        Label = label,
        Changes = changes.ToDictionary(change => change.Option, change => JsonSerializer.SerializeToElement(change.Value, WebJson.Options)),
    };
}
