using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Managed.Tests.Autograd;

/// <summary>An operand of a checked operation: a leaf in memory, and the view of it that the operation sees.</summary>
internal sealed record Operand(Tensor Leaf, Func<Tensor, Tensor> View);

/// <summary>Random shapes and layouts, and comparison of recorded derivatives with central differences.</summary>
internal sealed class GradientCheck(int seed)
{
    private readonly Random _random = new(seed);

    internal Random Random => _random;

    internal long[] Shape(int minimumRank, int maximumRank, int maximumLength = 4)
    {
        var shape = new long[_random.Next(minimumRank, maximumRank + 1)];
        for (int i = 0; i < shape.Length; i++)
        {
            shape[i] = _random.Next(1, maximumLength + 1);
        }
        return shape;
    }

    /// <summary>A shape that broadcasts to the given one: some lengths 1, some leading dimensions missing.</summary>
    internal long[] Broadcastable(long[] shape)
    {
        long[] part = shape[_random.Next(0, shape.Length + 1)..];
        return Array.ConvertAll(part, length => _random.Next(3) == 0 ? 1 : length);
    }

    /// <summary>A leaf that is seen contiguous, permuted, sliced with a step, from an offset, or expanded.</summary>
    internal Operand Operand(long[] shape, ScalarType type, double low = -2, double high = 2)
    {
        int kind = shape.Length == 0 ? 0 : _random.Next(5);
        int at = shape.Length == 0 ? 0 : _random.Next(shape.Length);
        switch (kind)
        {
            case 1:
            {
                long[] order = [.. Enumerable.Range(0, shape.Length).Select(i => (long)i).OrderBy(_ => _random.Next())];
                var stored = new long[shape.Length];
                for (int i = 0; i < order.Length; i++)
                {
                    stored[order[i]] = shape[i];
                }
                return new Operand(Leaf(stored, type, low, high), leaf => leaf.permute(order));
            }
            case 2:
            {
                var stored = (long[])shape.Clone();
                stored[at] = shape[at] * 2 + 1;
                return new Operand(Leaf(stored, type, low, high), leaf => leaf.slice(at, 1, 1 + (shape[at] * 2), 2));
            }
            case 3:
            {
                var stored = (long[])shape.Clone();
                stored[at] = shape[at] + 2;
                return new Operand(Leaf(stored, type, low, high), leaf => leaf.narrow(at, 1, shape[at]));
            }
            case 4:
            {
                var stored = (long[])shape.Clone();
                stored[at] = 1;
                return new Operand(Leaf(stored, type, low, high), leaf => leaf.expand(shape));
            }
            default:
                return new Operand(Leaf(shape, type, low, high), leaf => leaf);
        }
    }

    private Tensor Leaf(long[] shape, ScalarType type, double low, double high)
    {
        long count = shape.Aggregate(1L, (product, length) => product * length);
        var values = new double[count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = low + _random.NextDouble() * (high - low);
        }
        return tensor(values, shape).to(type).requires_grad_();
    }

    /// <summary>
    /// Compares d(sum(weights * f))/d(leaf) with (f(x + h) - f(x - h)) / 2h for every element of every leaf. Each case runs in a scope of
    /// its own.
    /// </summary>
    internal static void Run(Operand[] operands, Func<Tensor[], Tensor> function, double step, double tolerance)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] Views() => Array.ConvertAll(operands, operand => operand.View(operand.Leaf));
        Tensor result = function(Views());
        var random = new Random(99);
        Tensor weights = tensor(Enumerable.Range(0, (int)result.numel()).Select(_ => random.NextDouble() * 2 - 1).ToArray(), result.shape);
        Assert.True(result.requires_grad, "the result is not recorded");
        result.backward([weights.to(result.dtype)]);

        double Value()
        {
            using DisposeScope inner = NewDisposeScope();
            using IDisposable unrecorded = no_grad();
            return function(Views()).to(float64).mul(weights).sum().ToDouble();
        }

        for (int n = 0; n < operands.Length; n++)
        {
            Tensor leaf = operands[n].Leaf;
            Tensor? gradient = leaf.grad;
            Assert.NotNull(gradient);
            Assert.Equal(leaf.shape, gradient.shape);
            double[] recorded = gradient.to(float64).contiguous().data<double>().ToArray();
            for (int i = 0; i < recorded.Length; i++)
            {
                double original = Read(leaf, i);
                Write(leaf, i, original + step);
                double upperAt = Read(leaf, i), upper = Value();
                Write(leaf, i, original - step);
                double lowerAt = Read(leaf, i), lower = Value();
                Write(leaf, i, original);
                double numeric = (upper - lower) / (upperAt - lowerAt);
                Assert.True(Math.Abs(numeric - recorded[i]) <= tolerance * Math.Max(1, Math.Abs(numeric)),
                    $"operand {n}, element {i} of [{string.Join(", ", leaf.shape)}]: recorded derivative {recorded[i]}, by differences " +
                        $"{numeric}");
            }
        }
    }

    private static double Read(Tensor leaf, long i) =>
        leaf.dtype == float64 ? leaf.data<double>()[Position(leaf, i)] : leaf.data<float>()[Position(leaf, i)];

    private static void Write(Tensor leaf, long i, double value)
    {
        if (leaf.dtype == float64)
        {
            leaf.data<double>()[Position(leaf, i)] = value;
        }
        else
        {
            leaf.data<float>()[Position(leaf, i)] = (float)value;
        }
    }

    private static long[] Position(Tensor leaf, long i)
    {
        var position = new long[leaf.dim()];
        for (int d = position.Length - 1; d >= 0; d--)
        {
            position[d] = i % leaf.size(d);
            i /= leaf.size(d);
        }
        return position;
    }
}
