using TorchSharp.Kernels;
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class utils
        {
            /// <summary>
            /// Scales all gradients by max_norm / (total + 1e-6) when that is below 1, where total is the norm of all of them taken
            /// together.
            /// </summary>
            /// <param name="norm_type">Order of the norm; infinity takes the largest magnitude.</param>
            /// <returns>
            /// The norm before scaling. NaN or infinite when a gradient is; the gradients are then NaN or zero, as in PyTorch.
            /// </returns>
            public static double clip_grad_norm_(IEnumerable<Parameter> tensors, double max_norm, double norm_type = 2)
            {
                using DisposeScope scope = NewDisposeScope();
                using IDisposable unrecorded = no_grad();
                Tensor[] gradients = [.. tensors.Select(parameter => parameter.grad).OfType<Tensor>()];
                double total = GradientNorm(gradients, norm_type);
                double scale = ClippingScale(total, max_norm);
                if (scale != 1)
                {
                    foreach (Tensor gradient in gradients)
                    {
                        gradient.mul_(scale);
                    }
                }
                return total;
            }

            /// <summary>Factor that brings gradients of this norm down to max_norm; 1 where they are within it.</summary>
            internal static double ClippingScale(double norm, double maxNorm)
            {
                double scale = maxNorm / (norm + 1e-6);
                return scale >= 1 ? 1 : scale;
            }

            /// <summary>The norm of all gradients taken together.</summary>
            internal static unsafe double GradientNorm(IEnumerable<Tensor> gradients, double norm_type = 2)
            {
                double total = 0;
                foreach (Tensor gradient in gradients)
                {
                    if (norm_type == 2)
                    {
                        Tensor dense = gradient.contiguous();
                        total += Reduce.SumOfSquares(dense.ElementCount, dense.FloatData);
                    }
                    else if (double.IsPositiveInfinity(norm_type))
                    {
                        total = Math.Max(total, gradient.abs().max().ToDouble());
                    }
                    else
                    {
                        total += gradient.abs().pow(norm_type).sum().ToDouble();
                    }
                }
                if (!double.IsPositiveInfinity(norm_type))
                {
                    total = Math.Pow(total, 1 / norm_type);
                }
                return total;
            }
        }
    }
}
