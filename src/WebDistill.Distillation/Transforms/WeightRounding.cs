using System.Text.Json.Serialization;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Transforms;

/// <summary>
/// Rounding of weights to integers (quantisation of weights alone): w′ = s·q, or s·q + m, with one scale s per row or per group of 32 weights of a row, a row being the weights that make one output.
/// </summary>
/// <remarks>
/// The model that comes out holds the values that the integers stand for, as floats: its file is as large and it is as fast as before, and it answers as one of integers would whose products are
/// of floats. The report tells the bytes that the integers and their scales would take.
/// </remarks>
public sealed class WeightRounding : WeightTransform
{
    /// <summary>To which integers, and which weights.</summary>
    [JsonNumberHandling(JsonNumberHandling.Strict)]
    public sealed record Rounded
    {
        /// <summary>Integers and scales.</summary>
        [Option("Integers", "8 bits with a scale per row, or 8 or 4 bits with a scale per group of 32 weights, as llama.cpp's Q8_0, Q4_0 and Q4_1 have them.",
            Usual = "Int8PerRow and Q8_0 lose next to nothing; of 4 bits Q4_1 loses less than Q4_0 and takes half a bit more.")]
        public IntegerFormat Format { get; init; }

        /// <summary>Whether the token embeddings are rounded too.</summary>
        [Option("Token embeddings too", "Rounds the table of the token embeddings as well, a row being a token; where it is the output projection too, that is rounded with it.",
            Usual = "Off; on with 8 bits, where they are a large part of a small model.")]
        public bool IncludesEmbeddings { get; init; }
    }

    /// <inheritdoc/>
    public override string Name => "weight-rounding";

    /// <inheritdoc/>
    public override string Title => "Weights rounded to integers";

    /// <inheritdoc/>
    public override string What => "Rounds the matrices of the layers to 8 or 4 bits and writes what the integers stand for: it shows what a model loses by integers before one is built. The file stays one of floats, as large as before.";

    /// <inheritdoc/>
    public override string Formula => "w′ = s·q, q = round(w / s), s = max |w| / 127 of a row";

    /// <inheritdoc/>
    public override string Source => "Zafrir et al. 2019 (Q8BERT) for rows; GGUF's blocks (llama.cpp) for groups";

    /// <inheritdoc/>
    public override object Parameters => new Rounded();

    /// <inheritdoc/>
    public override OptionProblem? Mismatch(Architecture architecture, object parameters)
    {
        var rounded = (Rounded)parameters;
        if (IntegerRounding.GroupOf(rounded.Format) is not int group)
            return null;
        return LayerMatrix.Described(architecture, model => Matrices(model, rounded).FirstOrDefault(matrix => matrix.Inputs % group != 0)) is { } uneven
            ? At("format", $"{rounded.Format} has groups of {group} weights, and a row of '{uneven.Name}' has {uneven.Inputs}, expected a multiple of {group}. Choose {IntegerFormat.Int8PerRow}, or a model of such widths.") : null;
    }

    private protected override void Change(TextModel model, object parameters, TransformWork work)
    {
        var rounded = (Rounded)parameters;
        double noise = 0, signal = 0;
        long numbers = 0, bytes = 0;
        foreach (LayerMatrix matrix in work.Through(Matrices(model, rounded)))
        {
            float[] values = matrix.Read();
            float[] before = [.. values];
            IntegerRounding.Run(rounded.Format, values, (int)matrix.Inputs);
            for (int i = 0; i < values.Length; i++)
            {
                double difference = (double)values[i] - before[i];
                (noise, signal) = (noise + difference * difference, signal + (double)before[i] * before[i]);
            }
            matrix.Write(values);
            numbers += matrix.Count;
            bytes += IntegerRounding.Bytes(rounded.Format, matrix.Outputs, matrix.Inputs);
        }
        long others = model.named_parameters().Sum(pair => pair.parameter.numel()) - numbers;
        work.Figures.Add(new TransformFigure("integerBytes", "Bytes of the rounded weights as integers with their scales", bytes, "bytes"));
        work.Figures.Add(new TransformFigure("bitsPerWeight", "Of each rounded weight", 8.0 * bytes / numbers, "bits"));
        work.Figures.Add(new TransformFigure("integerFileBytes", "Bytes of all weights, the others as 32-bit floats", bytes + sizeof(float) * others, "bytes"));
        work.Figures.Add(new TransformFigure("relativeSquaredError", "Squared error of the rounded weights, of their sum of squares", signal > 0 ? noise / signal : 0, "share"));
    }

    private static IReadOnlyList<LayerMatrix> Matrices(TextModel model, Rounded rounded) =>
        rounded.IncludesEmbeddings ? [.. LayerMatrix.Of(model), LayerMatrix.OfTokens(model)] : LayerMatrix.Of(model);
}
