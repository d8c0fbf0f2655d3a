using System.Text.Json.Serialization;
using TorchSharp.Modules;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Transforms;

/// <summary>Which parts of the layers are shared.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SharedParts>))]
public enum SharedParts
{
    /// <summary>The whole layer.</summary>
    All,

    /// <summary>Attention and the norm before or behind it.</summary>
    Attention,

    /// <summary>The feed-forward part and the norm before or behind it.</summary>
    FeedForward,
}

/// <summary>Which layers share with each other.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SharingOrder>))]
public enum SharingOrder
{
    /// <summary>Neighbours: layer i of L is of group ⌊i·G/L⌋, as ALBERT has it.</summary>
    Sequence,

    /// <summary>Layer i is of group i mod G.</summary>
    Cycle,
}

/// <summary>Layer sharing: each weight of the layers of a group becomes the mean of theirs, w′ = (1/n) Σ w_i.</summary>
/// <remarks>Every layer gets a copy of its own, so that the model is a plain one of its family; a file that held each weight once would have the numbers that the report tells.</remarks>
public sealed class LayerSharing : WeightTransform
{
    /// <summary>What is shared by whom.</summary>
    [JsonNumberHandling(JsonNumberHandling.Strict)]
    public sealed record Shared
    {
        /// <summary>G.</summary>
        [Option("Groups", "Groups of layers that share their weights; 1 shares all layers.", Minimum = 1, Maximum = OptionLimits.Layers, Usual = "1 (Lan et al. 2019).", Advice = "1 shares all layers")]
        public int Groups { get; init; } = 1;

        /// <summary>Who is in a group.</summary>
        [Option("Order", "Whether neighbours share, or layers at equal distances.", Usual = "Sequence (Lan et al. 2019).")]
        public SharingOrder Order { get; init; }

        /// <summary>What they share.</summary>
        [Option("What is shared", "The whole layer, its attention, or its feed-forward part.", Usual = "Attention costs least, FeedForward most (Lan et al. 2019).")]
        public SharedParts Parts { get; init; }

        /// <summary>Whether norms are left as they are.</summary>
        [Option("Norms of their own", "Each layer keeps the norms that it has; they are few numbers.", Usual = "Off: ALBERT shares them too.")]
        public bool KeepsNorms { get; init; }
    }

    /// <inheritdoc/>
    public override string Name => "layer-sharing";

    /// <inheritdoc/>
    public override string Title => "Sharing of layers by their mean";

    /// <inheritdoc/>
    public override string What => "Gives the layers of a group the mean of their weights: where a student that shares its layers begins. Every layer is written out, so that the model is a plain one, neither smaller nor faster; "
        + "unless it is trained afterwards it loses much.";

    /// <inheritdoc/>
    public override string Formula => "w′ = (1/n) Σ w_i over the n layers of a group";

    /// <inheritdoc/>
    public override string Source => "Lan et al. 2019 (ALBERT)";

    /// <inheritdoc/>
    public override object Parameters => new Shared();

    /// <summary>The group of a layer.</summary>
    internal static int GroupOf(Shared shared, int layer, int layers) =>
        shared.Order == SharingOrder.Cycle ? layer % shared.Groups : (int)((long)layer * shared.Groups / layers);

    /// <summary>Numbers that a file would hold that has each shared weight once.</summary>
    internal static long DistinctNumbers(TextModel model, Shared shared)
    {
        Dictionary<string, (int, string)> places = Places(model, shared);
        HashSet<(int, string)> seen = [];
        return model.named_parameters().Where(pair => !places.TryGetValue(pair.name, out (int, string) place) || seen.Add(place)).Sum(pair => pair.parameter.numel());
    }

    /// <inheritdoc/>
    public override OptionProblem? Mismatch(Architecture architecture, object parameters)
    {
        int groups = ((Shared)parameters).Groups, layers = architecture.Layers;
        string title = ModelHeads.WithArticle(architecture.Family.Title);
        if (architecture.Heads == 0)
            return OfModel($"The layers of {title} are of different shapes, which have no mean; expected a transformer. Choose one.");
        if (architecture.AttentionWidth != architecture.Width)
            return OfModel($"The layers of this model ({architecture.Family.Title}) stand between bottlenecks, each with a basis of its own, of which a mean means nothing; expected layers that are as wide inside as outside. Choose a model without bottlenecks.");
        if (LayerMatrix.Described(architecture, model => model.named_parameters().Select(pair => model.BlockOf(pair.name)?.Number).OfType<int>().Distinct().Count()) != layers)
            return OfModel($"The {layers} layers of this model ({architecture.Family.Title}) share their weights already, expected layers with weights of their own. Choose a model that has them.");
        return groups < layers ? null : At("groups", $"{groups} groups of {layers} layers share nothing, expected fewer groups than layers. "
            + (layers == 1 ? "A single layer has none to share with: choose another model." : $"Choose 1 to {layers - 1}."));
    }

    private protected override void Change(TextModel model, object parameters, TransformWork work)
    {
        var shared = (Shared)parameters;
        Dictionary<string, (int, string)> places = Places(model, shared);
        List<IGrouping<(int, string), Parameter>> alike =
            [.. model.named_parameters().Where(pair => places.ContainsKey(pair.name)).GroupBy(pair => places[pair.name], pair => pair.parameter)];
        foreach (IGrouping<(int, string), Parameter> weights in work.Through(alike))
        {
            var sum = new double[weights.First().numel()];
            foreach (Parameter parameter in weights)
            {
                float[] values = ParameterData.ToArray(parameter);
                for (int i = 0; i < sum.Length; i++)
                    sum[i] += values[i];
            }
            int count = weights.Count();
            foreach (Parameter parameter in weights)
            {
                ParameterData.Write(parameter, values =>
                {
                    for (int i = 0; i < sum.Length; i++)
                        values[i] = (float)(sum[i] / count);
                });
            }
        }
        work.Figures.Add(new TransformFigure("distinctNumbers", "Numbers, each shared weight once", DistinctNumbers(model, shared), "numbers"));
    }

    /// <summary>Of each shared weight, by its name, the group that shares it and its name within the layer.</summary>
    private static Dictionary<string, (int Group, string Within)> Places(TextModel model, Shared shared)
    {
        string[] ofFeedForward = [.. model.FeedForwardParts.SelectMany(part => new[] { part.Inner, part.Outer, part.Norm })];
        // The factors of a norm are a vector, where those of everything else are a matrix.
        string[] norms = [.. model.named_parameters().Where(pair => pair.parameter.shape.Length == 1 && pair.name.EndsWith(".weight", StringComparison.Ordinal)).Select(pair => Path(pair.name))];
        var places = new Dictionary<string, (int, string)>();
        foreach ((string name, _) in model.named_parameters())
        {
            bool isShared = shared.Parts == SharedParts.All || ofFeedForward.Contains(Path(name)) == (shared.Parts == SharedParts.FeedForward);
            if (model.BlockOf(name) is var (block, within) && isShared && !(shared.KeepsNorms && norms.Contains(Path(name))))
                places.Add(name, (GroupOf(shared, block, model.Architecture.Layers), within));
        }
        return places;

        static string Path(string name) => name[..name.LastIndexOf('.')];
    }
}
