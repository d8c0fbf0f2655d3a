using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Kernels;

/// <summary>What AdamW keeps of one parameter between two updates.</summary>
internal sealed class Moments : IDisposable
{
    public Moments(string name, Parameter parameter, double weightDecay)
    {
        (Name, Parameter, WeightDecay) = (name, parameter, weightDecay);
        First = zeros_like(parameter).DetachFromDisposeScope();
        Second = zeros_like(parameter).DetachFromDisposeScope();
        First.requires_grad = Second.requires_grad = false;
    }

    /// <summary>The parameter's name in its model.</summary>
    public string Name { get; }

    /// <summary>What is trained.</summary>
    public Parameter Parameter { get; }

    /// <summary>Share of the parameter that an update takes off, before the learning rate.</summary>
    public double WeightDecay { get; }

    /// <summary>Name of the loss that the parameter belongs to, whose values are nowhere but here and in checkpoints; null for the student's.</summary>
    public string? Loss { get; init; }

    /// <summary>Name of the method of compression that the parameter belongs to, in the same way; null for any other.</summary>
    public string? Compression { get; init; }

    /// <summary>Whether it is no part of the student.</summary>
    public bool IsBesideStudent => Loss is not null || Compression is not null;

    /// <summary>What the learning rate is multiplied by for it.</summary>
    public double RateFactor { get; init; } = 1;

    /// <summary>Updates made.</summary>
    public long Steps { get; set; }

    /// <summary>Running mean of the gradient, of the parameter's shape.</summary>
    public Tensor First { get; }

    /// <summary>Running mean of its square.</summary>
    public Tensor Second { get; }

    /// <summary>Frees both.</summary>
    public void Dispose()
    {
        First.Dispose();
        Second.Dispose();
    }
}

/// <summary>What one update did to a parameter: sums of squares over its numbers.</summary>
/// <param name="Gradient">Of the gradient before clipping; 0 without one.</param>
/// <param name="Weights">Of the weights before the update.</param>
/// <param name="Change">Of the weights after it minus those before, weight decay included; 0 without a gradient.</param>
internal readonly record struct UpdateSquares(double Gradient, double Weights, double Change);

/// <summary>
/// AdamW (Loshchilov and Hutter 2019), with the gradients clipped to a global norm on the way: on the processor one pass for the norm and one for
/// everything else (<see cref="AdamW"/>), elsewhere libtorch's operators. TorchSharp's own makes about ten passes over every parameter.
/// </summary>
internal sealed class AdamWOptimiser(IReadOnlyList<Moments> moments, double beta1, double beta2, double epsilon) : IDisposable
{
    // PyTorch's, against a division by a norm of 0.
    private const double NormEpsilon = 1e-6;

    /// <summary>The state of every trained parameter, live.</summary>
    public IReadOnlyList<Moments> Moments => moments;

    /// <summary>Drops all gradients: the first that arrives is kept as it is, and until then its memory serves others.</summary>
    public void DropGradients()
    {
        foreach (Moments each in moments)
        {
            each.Parameter.grad?.Dispose();
            each.Parameter.grad = null;
        }
    }

    /// <summary>
    /// Scales all gradients by min(1, maxNorm / (norm + 1e-6)) and updates every parameter that has one; none if the norm is not finite.
    /// </summary>
    /// <param name="told">Told of every parameter what the update did to it, at the price of a copy of one parameter at a time; null tells nobody.</param>
    /// <returns>The norm of all gradients together, before scaling.</returns>
    public double Step(double learningRate, double maxNorm, Action<Moments, UpdateSquares>? told = null)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        List<(Moments Moments, Tensor Gradient)> all = [];
        foreach (Moments each in moments)
        {
            if (each.Parameter.grad is { } gradient)
                all.Add((each, gradient.contiguous()));
        }
        double norm = Math.Sqrt(SumOfSquares(all.ConvertAll(pair => pair.Gradient)));
        if (!double.IsFinite(norm))
            return norm;
        var scale = (float)Math.Min(1, maxNorm / (norm + NormEpsilon));
        foreach ((Moments each, Tensor gradient) in all)
        {
            each.Steps++;
            using Tensor? before = told is null ? null : each.Parameter.detach().clone();
            var settings = new AdamWSettings(learningRate * each.RateFactor, beta1, beta2, epsilon, each.WeightDecay, each.Steps, scale);
            if (each.Parameter.device_type == DeviceType.CPU)
                Update(each, gradient, settings);
            else
                Compose(each, gradient, settings);
            if (before is not null)
                told!(each, new UpdateSquares(SumOfSquares([gradient]), SumOfSquares([before]), SumOfSquares([before.sub_(each.Parameter)])));
        }
        if (told is not null)
        {
            foreach (Moments untouched in moments.Where(each => each.Parameter.grad is null))
                told(untouched, new UpdateSquares(0, SumOfSquares([untouched.Parameter.detach()]), 0));
        }
        return norm;
    }

    private static unsafe void Update(Moments moments, Tensor gradient, AdamWSettings settings) => AdamW.Update(
        gradient.numel(), TensorMemory.Of(moments.Parameter), TensorMemory.Of(gradient), TensorMemory.Of(moments.First),
        TensorMemory.Of(moments.Second), settings);

    /// <summary>The same composed of libtorch's operators, for other devices and as the measure of the kernel.</summary>
    internal static void Compose(Moments moments, Tensor gradient, AdamWSettings settings)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor scaled = gradient * settings.GradientScale;
        moments.Parameter.mul_(1 - settings.LearningRate * settings.WeightDecay);
        moments.First.lerp_(scaled, 1 - settings.Beta1);
        moments.Second.mul_(settings.Beta2).addcmul_(scaled, scaled, 1 - settings.Beta2);
        Tensor denominator = moments.Second.sqrt().div_(Math.Sqrt(1 - Math.Pow(settings.Beta2, settings.Step))).add_(settings.Epsilon);
        moments.Parameter.addcdiv_(moments.First, denominator, -settings.LearningRate / (1 - Math.Pow(settings.Beta1, settings.Step)));
    }

    private static unsafe double SumOfSquares(List<Tensor> all)
    {
        if (all.Count == 0)
            return 0;
        if (all[0].device_type != DeviceType.CPU)
            return stack([.. all.Select(one => one.square().sum().to(ScalarType.Float64))]).sum().cpu().item<double>();
        double squares = 0;
        foreach (Tensor one in all)
            squares += AdamW.SumOfSquares(one.numel(), TensorMemory.Of(one));
        return squares;
    }

    /// <summary>Frees the moments; the parameters belong to the model.</summary>
    public void Dispose()
    {
        foreach (Moments each in moments)
            each.Dispose();
    }
}
