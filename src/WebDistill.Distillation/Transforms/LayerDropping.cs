using System.Text.Json.Serialization;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;

namespace WebDistill.Distillation.Transforms;

/// <summary>Which layers stay.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<KeptLayers>))]
public enum KeptLayers
{
    /// <summary>From the first to the last with even distances, as <see cref="TeacherLayersInit.EvenlySpaced"/>.</summary>
    EvenlySpaced,

    /// <summary>The first ones.</summary>
    First,

    /// <summary>The last ones.</summary>
    Last,

    /// <summary>As many at both ends, at the beginning one more of an odd number: the middle is left out.</summary>
    BothEnds,
}

/// <summary>Layer dropping: some layers stay, with new numbers in their old order; embeddings and head stay as they are.</summary>
/// <remarks>A layer adds something to what comes in, so that the others can do without it, up to a point. Static; LayerDrop (Fan et al. 2019) prepares a model for it while it is trained.</remarks>
public sealed class LayerDropping : ModelTransform
{
    /// <summary>How many stay, and which.</summary>
    [JsonNumberHandling(JsonNumberHandling.Strict)]
    public sealed record Kept
    {
        /// <summary>How many stay; null is half of them.</summary>
        [Option("Layers that stay", "How many layers stay. Blank is half of them, at least one.", Minimum = 1, Maximum = OptionLimits.Layers, Usual = "Half of them (Sanh et al. 2019).",
            Advice = "the number of layers of the new model")]
        public int? Count { get; init; }

        /// <summary>Which ones.</summary>
        [Option("Which layers", "Spread over the whole depth, the first ones, the last ones, or those at both ends.", Usual = "EvenlySpaced; 0, 2, 4, 7, 9, 11 of 12 (Sanh et al. 2019).")]
        public KeptLayers Which { get; init; }

        /// <summary>Those that stay, one by one; null follows the choice.</summary>
        [Option("Layers, one by one", "The numbers of the layers that stay, counted from 0, ascending. Blank takes those of the choice above.", Usual = "0, 2, 4 is every other one of six (Fan et al. 2019).")]
        public IReadOnlyList<int>? Layers { get; init; }
    }

    /// <inheritdoc/>
    public override string Name => "layer-dropping";

    /// <inheritdoc/>
    public override string Title => "Layer dropping";

    /// <inheritdoc/>
    public override string What => "Leaves out some of the layers: size and time shrink in proportion, and no other transform of a model makes it faster by as much. What was lost a distillation from the whole model "
        + "brings back.";

    /// <inheritdoc/>
    public override string Formula => "h = f_k(… f_2(f_1(x))) of the layers f that stay";

    /// <inheritdoc/>
    public override string Source => "Sanh et al. 2019; Fan et al. 2019; Sajjad et al. 2020";

    /// <inheritdoc/>
    public override object Parameters => new Kept();

    /// <summary>The numbers of the layers that stay, of a model of so many.</summary>
    internal static IReadOnlyList<int> Layers(Kept kept, int layers)
    {
        if (kept.Layers is { } listed)
            return listed;
        int count = kept.Count ?? Math.Max(1, layers / 2);
        return kept.Which switch
        {
            KeptLayers.First => [.. Enumerable.Range(0, count)],
            KeptLayers.Last => [.. Enumerable.Range(layers - count, count)],
            KeptLayers.BothEnds => [.. Enumerable.Range(0, (count + 1) / 2), .. Enumerable.Range(layers - count / 2, count / 2)],
            _ => TeacherLayersInit.EvenlySpaced(layers, count),
        };
    }

    private protected override void Check(object parameters, OptionProblems problems)
    {
        if (((Kept)parameters).Layers is not { } layers)
            return;
        if (layers.Count == 0 || layers.Zip(layers.Skip(1)).Any(pair => pair.First >= pair.Second))
            problems.Add("layers", $"The layers that stay are [{string.Join(", ", layers)}], expected at least one, ascending, each once. List them so, or leave the list out.");
        else if (((Kept)parameters).Count is int count && count != layers.Count)
            problems.Add("layers", $"{layers.Count} layers are listed and {count} are to stay. List as many, or leave the number out.");
    }

    /// <inheritdoc/>
    public override OptionProblem? Mismatch(Architecture architecture, object parameters)
    {
        var kept = (Kept)parameters;
        int layers = architecture.Layers;
        if (architecture.Heads == 0)
            return OfModel($"The first layer of a {architecture.Family.Title} reads word vectors and each other one the layer below it, so that none can take another's place; expected a transformer. Choose one.");
        if (kept.Layers?.Where(layer => layer < 0 || layer >= layers).ToArray() is [int missing, ..])
            return At("layers", $"Layer {missing} does not exist: the model's layers are 0 to {layers - 1}. List some of those.");
        if (kept.Layers?.Count == layers || kept.Layers is null && (kept.Count ?? Math.Max(1, layers / 2)) >= layers)
            return At(kept.Layers is null ? "count" : "layers", $"{(kept.Layers?.Count ?? kept.Count ?? 1) switch { 1 => "1 layer is", int some => $"{some} layers are" }} to stay and the model has {layers}, expected fewer. "
                + (layers == 1 ? "One that has a single layer has none to leave out: choose another model." : $"Choose 1 to {layers - 1}."));
        IReadOnlyList<int> staying = Layers(kept, layers);
        return architecture.WithLayers(staying.Count).ProblemOfCopying(architecture, staying) is string problem ? At("layers", problem) : null;
    }

    internal override TextModel Apply(TextModel source, object parameters, TransformWork work)
    {
        IReadOnlyList<int> layers = Layers((Kept)parameters, source.Architecture.Layers);
        work.Figures.Add(new TransformFigure("layers", "Layers", layers.Count, "layers"));
        return TextModel.CreateFrom(source.Architecture.WithLayers(layers.Count), source, layers);
    }
}
