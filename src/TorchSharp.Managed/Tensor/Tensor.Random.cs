using TorchSharp.Autograd;
using TorchSharp.Kernels;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        private delegate void FloatFill(Tensor target, Generator generator);

        private Tensor FillRandom(string name, Generator? generator, FloatFill fill)
        {
            if (!is_floating_point())
            {
                throw new InvalidOperationException($"{name}: a floating point tensor is needed, this one is {_dtype}");
            }
            Generator source = generator ?? Generator.Default;
            return Overwrite(name, () =>
            {
                if (_dtype == ScalarType.Float32 && is_contiguous())
                {
                    fill(this, source);
                    return;
                }
                using Tensor values = Empty(_shape, ScalarType.Float32);
                fill(values, source);
                Pointwise.Copy(this, values);
            });
        }

        /// <summary>Replaces every element; a leaf that requires a gradient must not be replaced while operations are recorded.</summary>
        private Tensor Overwrite(string name, Action write)
        {
            if (Graph.Records(this))
            {
                throw new InvalidOperationException(
                    $"{name}: a tensor that requires grad is being overwritten in place; do it under no_grad()");
            }
            RequireWritable(name);
            write();
            Storage.MarkChanged();
            return this;
        }

        /// <summary>Independent normal values.</summary>
        public unsafe Tensor normal_(double mean = 0, double std = 1, Generator? generator = null)
        {
            if (!(std >= 0))
            {
                throw new ArgumentOutOfRangeException(nameof(std), $"normal_: the standard deviation is {std}, expected 0 or more");
            }
            return FillRandom("normal_", generator, (target, source) =>
            {
                var (seed, offset) = source.Reserve(target.ElementCount);
                Philox.FillNormal(target.ElementCount, target.FloatData, (float)mean, (float)std, seed, offset);
            });
        }

        /// <summary>Independent uniform values in [from, to).</summary>
        public unsafe Tensor uniform_(double from, double to, Generator? generator = null)
        {
            if (!(from <= to))
            {
                throw new ArgumentOutOfRangeException(nameof(to), $"uniform_: the interval [{from}, {to}) is empty");
            }
            return FillRandom("uniform_", generator, (target, source) =>
            {
                var (seed, offset) = source.Reserve(target.ElementCount);
                Philox.FillUniform(target.ElementCount, target.FloatData, (float)from, (float)to, seed, offset);
            });
        }

        /// <summary>1 with probability p, else 0.</summary>
        public Tensor bernoulli_(double p = 0.5, Generator? generator = null)
        {
            if (!(p >= 0 && p <= 1))
            {
                throw new ArgumentOutOfRangeException(nameof(p), $"bernoulli_: the probability is {p}, expected 0 to 1");
            }
            return Overwrite("bernoulli_", () =>
            {
                using Tensor uniform = torch.rand(_shape, generator: generator);
                using Tensor hits = uniform.lt((float)p);
                Pointwise.Copy(this, hits);
            });
        }

        /// <summary>
        /// Indices drawn from rows of weights (they need not sum to 1). With replacement by inversion of the running sums; without, the
        /// num_samples largest of weight / exponential, which has the distribution of successive draws.
        /// </summary>
        public unsafe Tensor multinomial(long num_samples, bool replacement = false, Generator? generator = null)
        {
            if (Rank is not (1 or 2) || !is_floating_point())
            {
                throw new InvalidOperationException(
                    $"multinomial: weights must be floats of shape [n] or [rows, n]; this is {_dtype} of shape {Shapes.Text(_shape)}");
            }
            long columns = _shape[^1];
            long rows = Rank == 1 ? 1 : _shape[0];
            if (num_samples <= 0 || (!replacement && num_samples > columns))
            {
                throw new ArgumentOutOfRangeException(nameof(num_samples),
                    $"multinomial: {num_samples} samples cannot be drawn from {columns} categories " +
                        $"{(replacement ? "" : "without replacement")}");
            }
            using Tensor plain = detach();
            using Tensor doubles = plain.to(ScalarType.Float64);
            using Tensor ordered = doubles.contiguous();
            double* weights = (double*)ordered.Data;
            Tensor result = Empty(Rank == 1 ? [num_samples] : [rows, num_samples], ScalarType.Int64);
            long* output = (long*)result.Data;
            var (seed, offset) = (generator ?? Generator.Default).ReserveCounters((ulong)(rows * (replacement ? num_samples : columns)));
            for (long row = 0; row < rows; row++)
            {
                var span = new ReadOnlySpan<double>(weights + row * columns, checked((int)columns));
                RequireWeights(span, replacement ? 1 : num_samples, row);
                ulong start = offset + (ulong)(row * (replacement ? num_samples : columns));
                var target = new Span<long>(output + row * num_samples, checked((int)num_samples));
                if (replacement)
                {
                    DrawWithReplacement(span, target, seed, start);
                }
                else
                {
                    DrawWithoutReplacement(span, target, seed, start);
                }
            }
            Pointwise.KeepAlive(ordered, result);
            return result;
        }

        private static void RequireWeights(ReadOnlySpan<double> weights, long needed, long row)
        {
            long positive = 0;
            foreach (double weight in weights)
            {
                if (!(weight >= 0) || double.IsInfinity(weight))
                {
                    throw new InvalidOperationException(
                        $"multinomial: row {row} holds the weight {weight}; weights must be finite and not negative");
                }
                positive += weight > 0 ? 1 : 0;
            }
            if (positive < needed)
            {
                throw new InvalidOperationException($"multinomial: row {row} has {positive} weights above zero, {needed} are needed");
            }
        }

        /// <summary>53 random bits in [0, 1).</summary>
        private static double Uniform(ulong seed, ulong counter)
        {
            var (high, low, _, _) = Philox.Block(seed, counter);
            return (((ulong)high << 32 | low) >> 11) * (1.0 / (1UL << 53));
        }

        private static void DrawWithReplacement(ReadOnlySpan<double> weights, Span<long> output, ulong seed, ulong offset)
        {
            var running = new double[weights.Length];
            double total = 0;
            int lastPositive = 0;
            for (int i = 0; i < running.Length; i++)
            {
                total += weights[i];
                running[i] = total;
                lastPositive = weights[i] > 0 ? i : lastPositive;
            }
            for (int s = 0; s < output.Length; s++)
            {
                double point = Uniform(seed, offset + (ulong)s) * total;
                int found = Array.BinarySearch(running, point);
                // The first running sum above the point; sums equal to it belong to the next category.
                int index = found < 0 ? ~found : found;
                while (index < running.Length && running[index] <= point)
                {
                    index++;
                }
                output[s] = Math.Min(index, lastPositive);
            }
        }

        private static void DrawWithoutReplacement(ReadOnlySpan<double> weights, Span<long> output, ulong seed, ulong offset)
        {
            var keys = new double[weights.Length];
            var order = new int[weights.Length];
            for (int i = 0; i < keys.Length; i++)
            {
                double exponential = -Math.Log(1 - Uniform(seed, offset + (ulong)i));
                keys[i] = weights[i] > 0 ? -weights[i] / Math.Max(exponential, double.Epsilon) : double.PositiveInfinity;
                order[i] = i;
            }
            Array.Sort(keys, order);
            for (int s = 0; s < output.Length; s++)
            {
                output[s] = order[s];
            }
        }
    }

    public static Tensor multinomial(Tensor input, long num_samples, bool replacement = false, Generator? generator = null) =>
        input.multinomial(num_samples, replacement, generator);
}
