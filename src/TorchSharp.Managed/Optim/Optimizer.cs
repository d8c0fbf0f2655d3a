using TorchSharp.Modules;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class optim
        {
            /// <summary>A group of parameters whose learning rate a scheduler may set.</summary>
            public interface ILearningRateController
            {
                double LearningRate { get; set; }
                double InitialLearningRate { get; set; }
            }

            /// <summary>An optimiser whose two moment decays can be set.</summary>
            public interface IBetas
            {
                (double, double) Betas { get; set; }
            }

            public abstract class Optimizer : IDisposable
            {
                protected IList<ParamGroup> _parameter_groups = [];

                private protected Optimizer()
                {
                }

                /// <summary>Everything besides the parameters that the next step depends on: live references, not copies.</summary>
                public class StateDictionary
                {
                    internal StateDictionary()
                    {
                    }

                    /// <summary>Options of each group, in order.</summary>
                    public List<OptimizerOptions> Options { get; } = [];

                    /// <summary>State of each parameter that has been updated at least once.</summary>
                    public List<OptimizerState> State { get; } = [];

                    /// <summary>
                    /// For each group, the index of each parameter's state in <see cref="State"/>; -1 before its first update.
                    /// </summary>
                    public List<List<int>> StateIndexRef { get; } = [];
                }

                public virtual IEnumerable<ILearningRateController> ParamGroups => _parameter_groups;

                /// <summary>Updates every parameter that has a gradient.</summary>
                /// <param name="closure">Computes the loss anew before the update; its result is returned.</param>
                public virtual Tensor? step(Func<Tensor>? closure = null) =>
                    throw new NotSupportedException($"{GetType().Name} defines no step");

                /// <summary>Sets every gradient to zero; its memory stays.</summary>
                public virtual void zero_grad()
                {
                    foreach (Parameter parameter in parameters())
                    {
                        using Tensor? gradient = parameter.grad;
                        gradient?.zero_();
                    }
                }

                public virtual IEnumerable<Parameter> parameters() => _parameter_groups.SelectMany(group => group.Parameters);

                public virtual void add_param_group(ParamGroup param_group) => _parameter_groups.Add(param_group);

                public void Dispose()
                {
                    Dispose(disposing: true);
                    GC.SuppressFinalize(this);
                }

                protected virtual void Dispose(bool disposing)
                {
                    if (disposing)
                    {
                        ReleaseState();
                    }
                }

                private protected virtual void ReleaseState()
                {
                }
            }
        }
    }
}

namespace TorchSharp.Modules
{
    public class OptimizerOptions
    {
        public double? LearningRate { get; set; }
        public double InitialLearningRate { get; set; }

        public virtual void LoadStateDict(OptimizerOptions source)
        {
            InitialLearningRate = source.InitialLearningRate;
            LearningRate = source.LearningRate;
        }

        public virtual void LoadStateDict(BinaryReader reader)
        {
            InitialLearningRate = reader.ReadDouble();
            LearningRate = reader.ReadDouble();
        }

        public virtual void SaveStateDict(BinaryWriter writer)
        {
            writer.Write(InitialLearningRate);
            writer.Write(LearningRate ?? InitialLearningRate);
        }
    }

    public class ParamGroup : torch.optim.ILearningRateController
    {
        public IEnumerable<Parameter> Parameters { get; set; } = [];
        public OptimizerOptions Options { get; set; } = new();

        public double LearningRate
        {
            get => Options.LearningRate ?? Options.InitialLearningRate;
            set => Options.LearningRate = value;
        }

        public double InitialLearningRate
        {
            get => Options.InitialLearningRate;
            set => Options.InitialLearningRate = value;
        }
    }

    public class ParamGroup<TOptions> : ParamGroup
        where TOptions : OptimizerOptions
    {
        public ParamGroup()
        {
        }

        public ParamGroup(IEnumerable<Parameter> parameters, TOptions? options = null)
        {
            Parameters = [.. parameters];
            if (options is not null)
            {
                base.Options = options;
            }
        }

        public new TOptions Options
        {
            get => (TOptions)base.Options;
            set => base.Options = value;
        }
    }

    /// <summary>What an optimiser keeps for one parameter between two updates.</summary>
    public abstract class OptimizerState
    {
        protected Parameter _parameter;

        protected OptimizerState(Parameter parameter) => _parameter = parameter;

        public abstract void Initialize(OptimizerOptions options);
        public abstract void LoadStateDict(OptimizerState source);
        public abstract void LoadStateDict(BinaryReader reader);
        public abstract void SaveStateDict(BinaryWriter writer);

        public virtual bool ApproximatelyEquals(OptimizerState other) => false;

        internal abstract void Release();
    }

    /// <summary>What the optimisers have in common: groups, per-parameter state, saving and restoring both.</summary>
    public abstract class OptimizerHelper : torch.optim.Optimizer
    {
        protected OptimizerOptions _defaults = new();
        private readonly Dictionary<Parameter, OptimizerState> _stateOf = new(ReferenceEqualityComparer.Instance);

        internal abstract OptimizerState NewState(Parameter parameter);

        /// <summary>The state of a parameter, made and initialised at its first use.</summary>
        internal OptimizerState StateOf(Parameter parameter, OptimizerOptions options)
        {
            if (!_stateOf.TryGetValue(parameter, out OptimizerState? state))
            {
                state = NewState(parameter);
                state.Initialize(options);
                _stateOf.Add(parameter, state);
            }
            return state;
        }

        public virtual StateDictionary state_dict()
        {
            var dictionary = new StateDictionary();
            foreach (ParamGroup group in _parameter_groups)
            {
                dictionary.Options.Add(group.Options);
                var indices = new List<int>();
                foreach (Parameter parameter in group.Parameters)
                {
                    bool known = _stateOf.TryGetValue(parameter, out OptimizerState? state);
                    indices.Add(known ? dictionary.State.Count : -1);
                    if (known)
                    {
                        dictionary.State.Add(state!);
                    }
                }
                dictionary.StateIndexRef.Add(indices);
            }
            return dictionary;
        }

        /// <summary>Copies options and states of an optimiser over parameters of the same number, order and shapes.</summary>
        /// <exception cref="ArgumentException">The number of groups or parameters differs.</exception>
        public virtual void load_state_dict(StateDictionary state_dict)
        {
            RequireSame("parameter groups", state_dict.Options.Count, _parameter_groups.Count);
            for (int i = 0; i < _parameter_groups.Count; i++)
            {
                ParamGroup group = _parameter_groups[i];
                List<int> indices = state_dict.StateIndexRef[i];
                RequireSame($"parameters in group {i}", indices.Count, group.Parameters.Count());
                if (!ReferenceEquals(state_dict.Options[i], group.Options))
                {
                    group.Options.LoadStateDict(state_dict.Options[i]);
                }
                foreach ((Parameter parameter, int index) in group.Parameters.Zip(indices))
                {
                    if (index < 0)
                    {
                        Forget(parameter);
                    }
                    else if (StateOf(parameter, group.Options) is { } state && !ReferenceEquals(state, state_dict.State[index]))
                    {
                        state.LoadStateDict(state_dict.State[index]);
                    }
                }
            }
        }

        public void save_state_dict(BinaryWriter writer)
        {
            writer.Write(_parameter_groups.Count);
            foreach (ParamGroup group in _parameter_groups)
            {
                group.Options.SaveStateDict(writer);
                writer.Write(group.Parameters.Count());
                foreach (Parameter parameter in group.Parameters)
                {
                    bool known = _stateOf.TryGetValue(parameter, out OptimizerState? state);
                    writer.Write(known);
                    state?.SaveStateDict(writer);
                }
            }
        }

        public void load_state_dict(BinaryReader reader)
        {
            RequireSame("parameter groups", reader.ReadInt32(), _parameter_groups.Count);
            for (int i = 0; i < _parameter_groups.Count; i++)
            {
                ParamGroup group = _parameter_groups[i];
                group.Options.LoadStateDict(reader);
                RequireSame($"parameters in group {i}", reader.ReadInt32(), group.Parameters.Count());
                foreach (Parameter parameter in group.Parameters)
                {
                    if (reader.ReadBoolean())
                    {
                        StateOf(parameter, group.Options).LoadStateDict(reader);
                    }
                    else
                    {
                        Forget(parameter);
                    }
                }
            }
        }

        public void save_state_dict(string location)
        {
            using var writer = new BinaryWriter(File.Create(location));
            save_state_dict(writer);
        }

        public void load_state_dict(string location)
        {
            using var reader = new BinaryReader(File.OpenRead(location));
            load_state_dict(reader);
        }

        private protected override void ReleaseState()
        {
            foreach (OptimizerState state in _stateOf.Values)
            {
                state.Release();
            }
            _stateOf.Clear();
        }

        private void Forget(Parameter parameter)
        {
            if (_stateOf.Remove(parameter, out OptimizerState? state))
            {
                state.Release();
            }
        }

        private static void RequireSame(string what, int found, int expected)
        {
            if (found != expected)
            {
                throw new ArgumentException(
                    $"load_state_dict: the saved state has {found} {what}, this optimizer has {expected}; both must be built over the " +
                    $"same model");
            }
        }
    }
}
