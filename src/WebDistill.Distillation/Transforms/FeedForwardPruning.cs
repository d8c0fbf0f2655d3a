using System.Text.Json.Serialization;
using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Transforms;

/// <summary>
/// Width pruning of the feed-forward parts: of W₂ act(W₁ x + b₁) + b₂ the neurons j with the largest |W₁[j, :]|·|W₂[:, j]| stay, in their order: rows of W₁ and b₁, columns of W₂.
/// </summary>
/// <remarks>
/// The product of both norms bounds what a neuron can pass on, up to b₁ and the slope of the activation, and does not change where one half is scaled up and the other down. It needs no text;
/// Muralidharan et al. 2024 rank by activations on one.
/// </remarks>
public sealed class FeedForwardPruning : ModelTransform
{
    /// <summary>How wide it becomes.</summary>
    [JsonNumberHandling(JsonNumberHandling.Strict)]
    public sealed record Narrowed
    {
        /// <summary>Neurons of each feed-forward part; null takes the share.</summary>
        [Option("Inner width", "Neurons of each feed-forward part of the new model. Blank takes the share below.", Minimum = 1, Maximum = 16 * OptionLimits.Width,
            Usual = "A multiple of 64 is fastest.", Advice = "the inner width of the new model")]
        public int? Width { get; init; }

        /// <summary>Share of the neurons that stays.</summary>
        [Option("Share that stays", "Share of the neurons of each feed-forward part that stays, where no inner width is given.", Minimum = 0, Maximum = 1, ExcludesMinimum = true, ExcludesMaximum = true,
            Usual = "At most a third of all parameters at once, then training (Muralidharan et al. 2024).", Advice = "0.5 keeps half of them", SliderMaximum = 0.95, SliderMinimum = 0.05, SliderStep = 0.05)]
        public double Share { get; init; } = 0.5;
    }

    /// <inheritdoc/>
    public override string Name => "feed-forward-pruning";

    /// <inheritdoc/>
    public override string Title => "Width pruning of feed-forward parts";

    /// <inheritdoc/>
    public override string What => "Leaves out the neurons of smallest weights between the two halves of each feed-forward part: a smaller and faster model of the same depth and width. Of what can be narrowed it costs least.";

    /// <inheritdoc/>
    public override string Formula => "keep the neurons j of largest |W₁[j, :]|·|W₂[:, j]|";

    /// <inheritdoc/>
    public override string Source => "Li et al. 2016; Muralidharan et al. 2024 (Minitron)";

    /// <inheritdoc/>
    public override object Parameters => new Narrowed();

    /// <inheritdoc/>
    public override OptionProblem? Mismatch(Architecture architecture, object parameters)
    {
        if (architecture.WithInnerWidth(architecture.InnerWidth) is null)
            return OfModel($"A {architecture.Family.Title} has no feed-forward parts in its layers that could become narrower, expected a transformer. Choose one.");
        var narrowed = (Narrowed)parameters;
        int width = Width(narrowed, architecture);
        return width < 1 || width >= architecture.InnerWidth ? At(narrowed.Width is null ? "share" : "width",
            $"The inner width would become {width} and is {architecture.InnerWidth}, expected 1 to {architecture.InnerWidth - 1}. "
            + (architecture.InnerWidth == 1 ? "There is nothing to leave out: choose another model." : "Choose one of those.")) : null;
    }

    internal override TextModel Apply(TextModel source, object parameters, TransformWork work)
    {
        int width = Width((Narrowed)parameters, source.Architecture);
        Dictionary<string, Parameter> weights = source.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter);
        Dictionary<string, LayerMatrix> matrices = LayerMatrix.Of(source).ToDictionary(matrix => matrix.Name);
        TextModel model = TextModel.Create(source.Architecture.WithInnerWidth(width)!);
        try
        {
            Dictionary<string, Parameter> made = model.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter);
            Dictionary<string, LayerMatrix> madeMatrices = LayerMatrix.Of(model).ToDictionary(matrix => matrix.Name);
            HashSet<string> cut = [];
            foreach (FeedForwardPart part in work.Through(source.FeedForwardParts))
            {
                (string inner, string bias, string outer) = ($"{part.Inner}.weight", $"{part.Inner}.bias", $"{part.Outer}.weight");
                float[] first = matrices[inner].Read(), second = matrices[outer].Read();
                int old = (int)matrices[inner].Outputs, inputs = (int)matrices[inner].Inputs, outputs = (int)matrices[outer].Outputs;
                int[] kept = Kept(Scores(first, second, old), width);
                madeMatrices[inner].Write([.. kept.SelectMany(neuron => first[(neuron * inputs)..((neuron + 1) * inputs)])]);
                madeMatrices[outer].Write([.. Enumerable.Range(0, outputs).SelectMany(row => kept.Select(neuron => second[row * old + neuron]))]);
                float[] biases = ParameterData.ToArray(weights[bias]);
                ParameterData.Write(made[bias], values => kept.Select(neuron => biases[neuron]).ToArray().CopyTo(values));
                cut.UnionWith([inner, bias, outer]);
            }
            using IDisposable noGradient = no_grad();
            foreach ((string name, Parameter parameter) in made.Where(pair => !cut.Contains(pair.Key)))
                parameter.copy_(weights[name]);
        }
        catch
        {
            model.Dispose();
            throw;
        }
        work.Figures.Add(new TransformFigure("innerWidth", "Inner width", width, "neurons"));
        return model;
    }

    /// <summary>|W₁[j, :]|·|W₂[:, j]| of each neuron.</summary>
    /// <param name="inner">W₁ [neurons, inputs], row by row.</param>
    /// <param name="outer">W₂ [outputs, neurons], row by row.</param>
    internal static double[] Scores(float[] inner, float[] outer, int neurons)
    {
        (double[] first, double[] second) = (new double[neurons], new double[neurons]);
        int inputs = inner.Length / neurons;
        for (int i = 0; i < inner.Length; i++)
            first[i / inputs] += (double)inner[i] * inner[i];
        for (int i = 0; i < outer.Length; i++)
            second[i % neurons] += (double)outer[i] * outer[i];
        return [.. first.Zip(second, (ofFirst, ofSecond) => Math.Sqrt(ofFirst * ofSecond))];
    }

    /// <summary>The places of the largest scores, ascending; of equal ones the first.</summary>
    internal static int[] Kept(double[] scores, int count) =>
        [.. Enumerable.Range(0, scores.Length).OrderByDescending(place => scores[place]).ThenBy(place => place).Take(count).Order()];

    private static int Width(Narrowed narrowed, Architecture architecture) =>
        narrowed.Width ?? Math.Max(1, (int)Math.Round(narrowed.Share * architecture.InnerWidth, MidpointRounding.AwayFromZero));
}
