using TorchSharp.Kernels;
using static TorchSharp.torch;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class optim
        {
            /// <inheritdoc cref="Modules.AdamW"/>
            public static Modules.AdamW AdamW(IEnumerable<Modules.Parameter> parameters, double lr = 1e-3, double beta1 = 0.9,
                double beta2 = 0.999, double eps = 1e-8,
                double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);

            /// <inheritdoc cref="Modules.AdamW"/>
            public static Modules.AdamW AdamW(IEnumerable<(string name, Modules.Parameter parameter)> parameters, double lr = 1e-3,
                double beta1 = 0.9,
                double beta2 = 0.999, double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters.Select(entry => entry.parameter), lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);

            /// <inheritdoc cref="Modules.AdamW"/>
            public static Modules.AdamW AdamW(IEnumerable<Modules.AdamW.ParamGroup> parameters, double lr = 1e-3, double beta1 = 0.9,
                double beta2 = 0.999,
                double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>
    /// AdamW (Loshchilov and Hutter, 2019): Adam with decoupled weight decay, the epsilon outside the root, both moments bias-corrected.
    /// </summary>
    public class AdamW : OptimizerHelper, optim.IBetas
    {
        public AdamW(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
            double weight_decay = 0,
            bool amsgrad = false, bool maximize = false)
            : this([new ParamGroup { Parameters = [.. parameters] }], lr, beta1, beta2, eps, weight_decay, amsgrad, maximize)
        {
        }

        /// <summary>One optimiser over several groups; what a group leaves open is taken from the arguments.</summary>
        public AdamW(IEnumerable<ParamGroup> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
            double weight_decay = 0,
            bool amsgrad = false, bool maximize = false)
        {
            Check(lr >= 0, nameof(lr), lr, "at least 0");
            Check(beta1 is >= 0 and < 1, nameof(beta1), beta1, "in [0, 1)");
            Check(beta2 is >= 0 and < 1, nameof(beta2), beta2, "in [0, 1)");
            Check(eps >= 0, nameof(eps), eps, "at least 0");
            Check(weight_decay >= 0, nameof(weight_decay), weight_decay, "at least 0");
            _defaults = new Options
            {
                LearningRate = lr, InitialLearningRate = lr, beta1 = beta1, beta2 = beta2, eps = eps, weight_decay = weight_decay,
                    amsgrad = amsgrad, maximize = maximize,
            };
            foreach (ParamGroup group in parameters)
            {
                add_param_group(group);
            }
        }

        public (double, double) Betas
        {
            get => ((Options)_defaults) is { } options ? (options.beta1!.Value, options.beta2!.Value) : default;
            set
            {
                foreach (ParamGroup group in _parameter_groups.Cast<ParamGroup>())
                {
                    group.Betas = value;
                }
                ((Options)_defaults).beta1 = value.Item1;
                ((Options)_defaults).beta2 = value.Item2;
            }
        }

        public override void add_param_group(Modules.ParamGroup param_group)
        {
            var defaults = (Options)_defaults;
            Options options = param_group.Options as Options ?? new Options();
            param_group.Options = options;
            options.LearningRate ??= defaults.LearningRate;
            options.beta1 ??= defaults.beta1;
            options.beta2 ??= defaults.beta2;
            options.eps ??= defaults.eps;
            options.weight_decay ??= defaults.weight_decay;
            options.amsgrad ??= defaults.amsgrad;
            options.maximize ??= defaults.maximize;
            options.InitialLearningRate = options.LearningRate!.Value;
            base.add_param_group(param_group);
        }

        /// <summary>
        /// Factor on every gradient in the next <see cref="step"/>, which sets it back to 1: clipping without a pass of its own over the
        /// gradients.
        /// </summary>
        internal float GradientScale { get; set; } = 1;

        public override Tensor? step(Func<Tensor>? closure = null)
        {
            Tensor? loss = closure?.Invoke();
            using IDisposable unrecorded = no_grad();
            foreach (Modules.ParamGroup group in _parameter_groups)
            {
                var options = (Options)group.Options;
                foreach (Parameter parameter in group.Parameters)
                {
                    using Tensor? gradient = parameter.grad;
                    if (gradient is not null)
                    {
                        Update(parameter, gradient, (State)StateOf(parameter, options), options, group.LearningRate);
                    }
                }
            }
            GradientScale = 1;
            return loss;
        }

        internal override OptimizerState NewState(Parameter parameter) => new State(parameter);

        private unsafe void Update(Parameter parameter, Tensor gradient, State state, Options options, double learningRate)
        {
            if (!parameter.is_contiguous())
            {
                throw new InvalidOperationException("AdamW: a parameter is not contiguous; build the optimizer over contiguous parameters");
            }
            using Tensor dense = gradient.contiguous();
            state.step++;
            var settings = new AdamWSettings(learningRate, options.beta1!.Value, options.beta2!.Value, options.eps!.Value,
                options.weight_decay!.Value, state.step,
                GradientScale: options.maximize == true ? -GradientScale : GradientScale);
            Kernels.AdamW.Update(parameter.ElementCount, parameter.FloatData, dense.FloatData, state.exp_avg.FloatData,
                state.exp_avg_sq.FloatData, settings,
                state.max_exp_avg_sq is { } maximum ? maximum.FloatData : null);
            parameter.Storage.MarkChanged();
        }

        private static void Check(bool holds, string name, double value, string expected)
        {
            if (!holds)
            {
                throw new ArgumentException($"AdamW: {name} is {value}, expected {expected}", name);
            }
        }

        public class ParamGroup : ParamGroup<Options>, optim.IBetas
        {
            public ParamGroup()
            {
                Options = new Options();
            }

            public ParamGroup(IEnumerable<Parameter> parameters, Options options)
                : base(parameters, options)
            {
            }

            public ParamGroup(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999,
                double eps = 1e-8,
                double weight_decay = 0, bool amsgrad = false, bool maximize = false)
                : base(parameters, new Options
                {
                    LearningRate = lr, beta1 = beta1, beta2 = beta2, eps = eps, weight_decay = weight_decay, amsgrad = amsgrad,
                        maximize = maximize,
                })
            {
            }

            public (double, double) Betas
            {
                get => (Options.beta1 ?? 0.9, Options.beta2 ?? 0.999);
                set => (Options.beta1, Options.beta2) = (value.Item1, value.Item2);
            }
        }

        /// <summary>What may differ between groups; null takes the optimiser's value.</summary>
        public class Options : OptimizerOptions
        {
            public double? beta1;
            public double? beta2;
            public double? weight_decay;
            public double? eps;
            public bool? amsgrad;
            public bool? maximize;

            public override void LoadStateDict(OptimizerOptions source)
            {
                base.LoadStateDict(source);
                var other = (Options)source;
                (beta1, beta2, weight_decay, eps, amsgrad, maximize) =
                    (other.beta1, other.beta2, other.weight_decay, other.eps, other.amsgrad, other.maximize);
            }

            public override void LoadStateDict(BinaryReader reader)
            {
                base.LoadStateDict(reader);
                beta1 = reader.ReadDouble();
                beta2 = reader.ReadDouble();
                eps = reader.ReadDouble();
                weight_decay = reader.ReadDouble();
                amsgrad = reader.ReadBoolean();
                maximize = reader.ReadBoolean();
            }

            public override void SaveStateDict(BinaryWriter writer)
            {
                base.SaveStateDict(writer);
                writer.Write(beta1!.Value);
                writer.Write(beta2!.Value);
                writer.Write(eps!.Value);
                writer.Write(weight_decay!.Value);
                writer.Write(amsgrad!.Value);
                writer.Write(maximize!.Value);
            }
        }

        /// <summary>Both moments of one parameter and the number of updates made.</summary>
        public sealed class State : OptimizerState, IDisposable
        {
            public long step;
            public Tensor exp_avg = null!;
            public Tensor exp_avg_sq = null!;
            public Tensor? max_exp_avg_sq;

            public State(Parameter parameter)
                : base(parameter)
            {
            }

            /// <summary>Starts at zero, outside every dispose scope.</summary>
            public override void Initialize(OptimizerOptions options)
            {
                Dispose();
                step = 0;
                exp_avg = zeros_like(_parameter).DetachFromDisposeScope();
                exp_avg_sq = zeros_like(_parameter).DetachFromDisposeScope();
                max_exp_avg_sq = ((Options)options).amsgrad == true ? zeros_like(_parameter).DetachFromDisposeScope() : null;
            }

            public override void LoadStateDict(OptimizerState source)
            {
                var other = (State)source;
                using IDisposable unrecorded = no_grad();
                step = other.step;
                exp_avg.copy_(other.exp_avg);
                exp_avg_sq.copy_(other.exp_avg_sq);
                if (other.max_exp_avg_sq is { } maximum)
                {
                    max_exp_avg_sq ??= zeros_like(_parameter).DetachFromDisposeScope();
                    max_exp_avg_sq.copy_(maximum);
                }
            }

            public override void LoadStateDict(BinaryReader reader)
            {
                step = reader.ReadInt64();
                Read(reader, exp_avg);
                Read(reader, exp_avg_sq);
                if (reader.ReadBoolean())
                {
                    max_exp_avg_sq ??= zeros_like(_parameter).DetachFromDisposeScope();
                    Read(reader, max_exp_avg_sq);
                }
            }

            public override void SaveStateDict(BinaryWriter writer)
            {
                writer.Write(step);
                writer.Write(exp_avg.bytes);
                writer.Write(exp_avg_sq.bytes);
                writer.Write(max_exp_avg_sq is not null);
                if (max_exp_avg_sq is not null)
                {
                    writer.Write(max_exp_avg_sq.bytes);
                }
            }

            public override bool ApproximatelyEquals(OptimizerState other) =>
                other is State state && step == state.step && exp_avg.allclose(state.exp_avg) && exp_avg_sq.allclose(state.exp_avg_sq);

            public void Dispose()
            {
                exp_avg?.Dispose();
                exp_avg_sq?.Dispose();
                max_exp_avg_sq?.Dispose();
            }

            internal override void Release() => Dispose();

            private static void Read(BinaryReader reader, Tensor target)
            {
                reader.BaseStream.ReadExactly(target.bytes);
                target.Storage.MarkChanged();
            }
        }
    }
}
