namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            /// <summary>
            /// The rate of each group is its initial rate times <paramref name="lr_lambda"/>(k) after k calls of step(); k = 0 is applied
            /// at once.
            /// </summary>
            public static LRScheduler LambdaLR(Optimizer optimizer, Func<int, double> lr_lambda, int last_epoch = -1,
                bool verbose = false) =>
                new impl.LambdaLR(optimizer, lr_lambda, last_epoch, verbose);

            /// <summary>Sets the learning rates of an optimiser's groups between updates.</summary>
            public abstract class LRScheduler
            {
                protected int _step_count;
                internal readonly Optimizer _optimizer;
                internal int _last_epoch;
                private readonly bool _verbose;

                protected LRScheduler(Optimizer optimizer, int last_epoch = -1, bool verbose = false)
                {
                    _optimizer = optimizer;
                    _last_epoch = last_epoch;
                    _verbose = verbose;
                }

                /// <summary>
                /// To be called once, by the constructor of the derived class, when it is ready to answer <see cref="get_lr"/>.
                /// </summary>
                internal void Begin() => step();

                public virtual void step() => step(epoch: null);

                public virtual void step(int? epoch)
                {
                    _step_count++;
                    _last_epoch = epoch ?? _last_epoch + 1;
                    int group = 0;
                    foreach ((ILearningRateController controller, double rate) in _optimizer.ParamGroups.Zip(get_lr()))
                    {
                        controller.LearningRate = rate;
                        if (_verbose)
                        {
                            Console.WriteLine($"Adjusting learning rate of group {group} to {rate}");
                        }
                        group++;
                    }
                }

                public IEnumerable<double> get_last_lr() => _optimizer.ParamGroups.Select(group => group.LearningRate);

                protected virtual IEnumerable<double> get_lr() => _optimizer.ParamGroups.Select(group => group.InitialLearningRate);
            }

            public static partial class impl
            {
                /// <inheritdoc cref="lr_scheduler.LambdaLR"/>
                public class LambdaLR : LRScheduler
                {
                    private readonly Func<int, double>[] _factors;

                    public LambdaLR(Optimizer optimizer, Func<int, double> lr_lambda, int last_epoch = -1, bool verbose = false)
                        : this(optimizer, optimizer.ParamGroups.Select(_ => lr_lambda), last_epoch, verbose)
                    {
                    }

                    public LambdaLR(Optimizer optimizer, IEnumerable<Func<int, double>> lr_lambdas, int last_epoch = -1,
                        bool verbose = false)
                        : base(optimizer, last_epoch, verbose)
                    {
                        _factors = [.. lr_lambdas];
                        int groups = optimizer.ParamGroups.Count();
                        if (_factors.Length != groups)
                        {
                            throw new ArgumentException(
                                $"LambdaLR: {_factors.Length} functions were given, the optimizer has {groups} parameter groups; give one " +
                                $"for each");
                        }
                        Begin();
                    }

                    protected override IEnumerable<double> get_lr() =>
                        _optimizer.ParamGroups.Zip(_factors, (group, factor) => group.InitialLearningRate * factor(_last_epoch));
                }
            }
        }
    }
}
