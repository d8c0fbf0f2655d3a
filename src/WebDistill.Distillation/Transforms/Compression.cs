using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Transforms;

/// <summary>A model that a transform made, and what became of it.</summary>
/// <param name="Model">The caller's.</param>
public sealed record CompressedModel(TextModel Model, TransformReport Report);

/// <summary>Transforms applied and reported.</summary>
public static class Compression
{
    private const int MostContext = 1024;

    /// <summary>Applies a transform. The source is only read.</summary>
    /// <param name="parameters">As <see cref="ModelTransform.Read"/> gives them.</param>
    /// <param name="progress">Gets shares of the work, up to 1.</param>
    /// <exception cref="ArgumentException">It does not fit the model, or changes nothing in it, as when it is asked for twice; the message says what would.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static CompressedModel Run(TextModel source, ModelTransform transform, object parameters, IProgress<double>? progress = null, CancellationToken cancel = default)
    {
        if (transform.Mismatch(source.Architecture, parameters) is OptionProblem problem)
            throw new ArgumentException(problem.Message);
        var work = new TransformWork(progress, cancel);
        TextModel model = transform.Apply(source, parameters, work);
        try
        {
            bool isOther = source.Architecture != model.Architecture;
            List<TransformedMatrix> matrices = [.. isOther ? [] : Changed(source, model, work)];
            if (!isOther && matrices.Count == 0 && source.named_parameters().Zip(model.named_parameters())
                    .All(pair => ParameterData.ToArray(pair.First.parameter).SequenceEqual(ParameterData.ToArray(pair.Second.parameter))))
                throw new ArgumentException($"'{transform.Title}' with these parameters changes nothing in this model, expected one that it has not been applied to. "
                    + "Ask for more of it, choose another transform, or another model.");
            progress?.Report(1);
            int context = Math.Min(MostContext, source.Architecture.Positions);
            return new CompressedModel(model, new TransformReport(Size(source, context), Size(model, context), context, work.Figures, matrices));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static ModelSize Size(TextModel model, int context)
    {
        long count = 0, nonZero = 0;
        foreach ((_, var parameter) in model.named_parameters())
        {
            float[] values = ParameterData.ToArray(parameter);
            count += values.Length;
            nonZero += values.Length - values.LongCount(value => value == 0);
        }
        return new ModelSize(count, nonZero, count * sizeof(float), model.Architecture.ForwardFlopsPerToken(context));
    }

    private static IEnumerable<TransformedMatrix> Changed(TextModel before, TextModel after, TransformWork work)
    {
        foreach ((LayerMatrix old, LayerMatrix made) in Matrices(before).Zip(Matrices(after)))
        {
            float[] was = old.Read(), now = made.Read();
            if (was.AsSpan().SequenceEqual(now))
                continue;
            double error = 0, energy = 0;
            for (int i = 0; i < was.Length; i++)
            {
                double difference = (double)was[i] - now[i];
                (error, energy) = (error + difference * difference, energy + (double)was[i] * was[i]);
            }
            yield return new TransformedMatrix(made.Name, made.Outputs, made.Inputs, now.LongCount(value => value == 0), error, energy > 0 ? error / energy : 0,
                work.Ranks.TryGetValue(made.Name, out int rank) ? rank : null);
        }

        static IEnumerable<LayerMatrix> Matrices(TextModel model) => [.. LayerMatrix.Of(model), LayerMatrix.OfTokens(model)];
    }
}
