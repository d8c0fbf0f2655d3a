using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Evaluation;

/// <summary>Logits over the whole vocabulary at some positions of equally long rows.</summary>
internal static class NextTokenLogits
{
    /// <summary>Logits [positions, V], row-major, of the tokens that follow the named positions.</summary>
    /// <param name="ids">Rows of ids, one after the other; the end of a row may be filled with anything, for nothing looks ahead.</param>
    /// <param name="positions">Index into <paramref name="ids"/> of the token before each predicted one.</param>
    public static float[] At(TextModel model, ReadOnlySpan<int> ids, int rows, ReadOnlySpan<int> positions)
    {
        using DisposeScope scope = NewDisposeScope();
        return Of(model, EvaluationPass.Hidden(model, ids, rows).view(-1, model.Architecture.Width), positions);
    }

    /// <summary>Logits [positions, V], row-major, of some rows of hidden states [N, C].</summary>
    public static float[] Of(TextModel model, Tensor hidden, ReadOnlySpan<int> positions)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        var rows = new long[positions.Length];
        for (int i = 0; i < rows.Length; i++)
            rows[i] = positions[i];
        return ParameterData.ToArray(model.Logits(hidden.index_select(0, tensor(rows, [rows.Length], device: Engine.Device.Default))));
    }

    /// <summary>ln Σ exp(logit · <paramref name="factor"/>), with the largest logit taken out first.</summary>
    /// <param name="factor">1 / T of a softened distribution; above 0.</param>
    public static double LogSumExp(ReadOnlySpan<float> logits, double factor = 1)
    {
        float largest = float.NegativeInfinity;
        foreach (float logit in logits)
            largest = Math.Max(largest, logit);
        double sum = 0;
        foreach (float logit in logits)
            sum += Math.Exp((logit - largest) * factor);
        return largest * factor + Math.Log(sum);
    }

    /// <summary>Index of the largest; of equal ones the first.</summary>
    public static int Likeliest(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int i = 1; i < logits.Length; i++)
        {
            if (logits[i] > logits[best])
                best = i;
        }
        return best;
    }
}
