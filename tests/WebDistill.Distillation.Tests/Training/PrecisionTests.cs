using WebDistill.Distillation.Data;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>What a run in bfloat16 shares with one in 32 bits, and what it does not.</summary>
public sealed class PrecisionTests
{
    private static readonly RunOptions s_options = new()
    {
        Epochs = 1, BatchSize = 4, ContextLength = 12, Dropout = 0, LearningRate = 1e-2, WarmupProportion = 0,
    };

    [Fact]
    public void Run_InBFloat16_FollowsTheOneInFloat32()
    {
        (double[] full, Dictionary<string, float[]> _) = Train(Precision.Float32);
        (double[] half, Dictionary<string, float[]> weights) = Train(Precision.BFloat16);

        Assert.NotEqual(full, half);
        for (int step = 0; step < full.Length; step++)
            Assert.InRange(half[step] / full[step], 0.95, 1.05);
        Assert.True(half[^1] < 0.7 * half[0], $"From {half[0]} to {half[^1]}: the run in bfloat16 does not learn.");
        // Master weights: some of them are no numbers of 8 bits.
        Assert.Contains(weights["h.0.attn.c_attn.weight"], weight => (BitConverter.SingleToUInt32Bits(weight) & 0xFFFF) != 0);
    }

    [Fact]
    public void Hidden_InBFloat16_IsNearThatInFloat32()
    {
        using TextModel model = SmallModels.Random(1, width: 32);
        model.eval();
        long[] ids = [.. Enumerable.Range(0, 24).Select(i => (long)(i * 7 % SmallModels.Vocabulary))];
        float[] full = Hidden(Precision.Float32), half = Hidden(Precision.BFloat16);
        double difference = full.Zip(half, (a, b) => Math.Pow(a - b, 2)).Sum(), size = full.Sum(a => (double)a * a);
        Assert.InRange(Math.Sqrt(difference / size), 1e-6, 0.02);

        float[] Hidden(Precision precision)
        {
            using TorchSharp.torch.Tensor input = TorchSharp.torch.tensor(ids, [1, ids.Length]);
            using IDisposable noGradient = TorchSharp.torch.no_grad();
            model.Precision = precision;
            using TorchSharp.torch.Tensor hidden = model.Hidden(new ModelInput(input));
            Assert.Equal(TorchSharp.torch.ScalarType.Float32, hidden.dtype);
            return ParameterData.ToArray(hidden);
        }
    }

    private static (double[] Losses, Dictionary<string, float[]> Weights) Train(Precision precision)
    {
        using TextModel teacher = SmallModels.Random(1), student = SmallModels.Random(2, layers: 1);
        TokenBatch batch = SmallModels.Batch(3, [12, 12, 9, 7]);
        using var trainer = Trainers.Create(s_options with { Precision = precision }, teacher, student, 30, () => batch, null);
        double[] losses = [.. Enumerable.Range(0, 30).Select(_ => trainer.Step().TotalLoss)];
        return (losses, SmallModels.Weights(student));
    }
}
