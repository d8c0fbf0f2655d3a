using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            /// <inheritdoc cref="Modules.Linear"/>
            public static Linear Linear(long inputSize, long outputSize, bool hasBias = true, Device? device = null,
                ScalarType? dtype = null) =>
                new(inputSize, outputSize, hasBias, dtype);

            /// <inheritdoc cref="Modules.Embedding"/>
            public static Embedding Embedding(long num_embeddings, long embedding_dims, long? padding_idx = null, double? max_norm = null,
                double norm_type = 2,
                bool scale_grad_by_freq = false, bool sparse = false, Device? device = null, ScalarType? dtype = null)
            {
                if (padding_idx is not null || max_norm is not null || scale_grad_by_freq || sparse)
                {
                    throw new NotSupportedException("Embedding: padding_idx, max_norm, scale_grad_by_freq and sparse are not available in " +
                        "the managed engine; leave them out");
                }
                return new Embedding(num_embeddings, embedding_dims, dtype);
            }

            /// <summary>
            /// An embedding that uses the memory of a table [embeddings, dimensions] as its weight and draws no random numbers.
            /// </summary>
            public static Embedding Embedding_from_pretrained(Tensor embeddings, bool freeze = true, long? padding_idx = null,
                double? max_norm = null,
                double norm_type = 2, bool scale_grad_by_freq = false, bool sparse = false, Device? device = null, ScalarType? dtype = null)
            {
                if (padding_idx is not null || max_norm is not null || scale_grad_by_freq || sparse)
                {
                    throw new NotSupportedException(
                        "Embedding_from_pretrained: padding_idx, max_norm, scale_grad_by_freq and sparse are not available in the managed " +
                            "engine; leave them out");
                }
                if (embeddings.Rank != 2)
                    throw new ArgumentException(
                        $"Embedding_from_pretrained: the table has shape {Shapes.Text(embeddings.ShapeArray)}, expected two dimensions");
                return new Embedding(dtype is { } type ? embeddings.to(type) : embeddings.detach(), freeze);
            }

            /// <inheritdoc cref="Modules.LayerNorm"/>
            public static LayerNorm LayerNorm(long normalized_shape, double eps = 1e-5, bool elementwise_affine = true, bool bias = true,
                Device? device = null,
                ScalarType? dtype = null) =>
                new([normalized_shape], eps, elementwise_affine, bias, dtype);

            /// <inheritdoc cref="Modules.LayerNorm"/>
            public static LayerNorm LayerNorm(long[] normalized_shape, double eps = 1e-5, bool elementwise_affine = true,
                bool bias = true, Device? device = null,
                ScalarType? dtype = null) =>
                new(normalized_shape, eps, elementwise_affine, bias, dtype);

            /// <inheritdoc cref="Modules.Dropout"/>
            public static Dropout Dropout(double p = 0.5, bool inplace = false) => new(p, inplace);

            /// <inheritdoc cref="Modules.ModuleList{T}"/>
            public static ModuleList<T> ModuleList<T>(params T[] modules)
                where T : Module => new(modules);

            /// <summary>Fills tensors in place, outside the graph.</summary>
            public static partial class init
            {
                public static Tensor normal_(Tensor tensor, double mean = 0, double std = 1, Generator? generator = null)
                {
                    using IDisposable unrecorded = no_grad();
                    return tensor.normal_(mean, std, generator);
                }

                public static Tensor uniform_(Tensor tensor, double low = 0, double high = 1, Generator? generator = null)
                {
                    using IDisposable unrecorded = no_grad();
                    return tensor.uniform_(low, high, generator);
                }

                public static Tensor constant_(Tensor tensor, Scalar val)
                {
                    using IDisposable unrecorded = no_grad();
                    return tensor.fill_(val);
                }

                public static Tensor zeros_(Tensor tensor) => constant_(tensor, 0);

                public static Tensor ones_(Tensor tensor) => constant_(tensor, 1);
            }
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>y = x Wᵀ + b, with W [outputs, inputs] drawn from U(-1/√inputs, 1/√inputs).</summary>
    public sealed class Linear : nn.Module<Tensor, Tensor>
    {
        private readonly Parameter? _bias;
        private readonly Parameter _weight;

        internal Linear(long inputs, long outputs, bool hasBias, ScalarType? dtype)
            : base(nameof(Linear))
        {
            (in_features, out_features) = (inputs, outputs);
            double bound = 1 / Math.Sqrt(inputs);
            _weight = nn.Parameter(nn.init.uniform_(empty([outputs, inputs], dtype: dtype), -bound, bound));
            Own("weight", _weight);
            if (hasBias)
            {
                _bias = nn.Parameter(nn.init.uniform_(empty([outputs], dtype: dtype), -bound, bound));
                Own("bias", _bias);
            }
        }

        public long in_features { get; set; }
        public long out_features { get; set; }
        public Parameter weight => _weight;
        public Parameter? bias => _bias;

        public override Tensor forward(Tensor tensor) => nn.functional.linear(tensor, _weight, _bias);
    }

    /// <summary>Row i of a table [embeddings, dimensions] for each index i; the table is drawn from N(0, 1).</summary>
    public sealed class Embedding : nn.Module<Tensor, Tensor>
    {
        private readonly Parameter _weight;

        internal Embedding(long embeddings, long dimensions, ScalarType? dtype)
            : base(nameof(Embedding))
        {
            _weight = nn.Parameter(nn.init.normal_(empty([embeddings, dimensions], dtype: dtype)));
            Own("weight", _weight);
        }

        internal Embedding(Tensor table, bool freeze)
            : base(nameof(Embedding))
        {
            _weight = nn.Parameter(table, !freeze);
            register_parameter("weight", _weight);
        }

        public Parameter weight => _weight;

        public override Tensor forward(Tensor input) => _weight[input];
    }

    /// <summary>y = (x - mean) / √(variance + eps) · w + b over the last dimensions, the variance divided by their number.</summary>
    public sealed class LayerNorm : nn.Module<Tensor, Tensor>
    {
        private readonly Parameter? _weight;
        private readonly Parameter? _bias;

        internal LayerNorm(long[] shape, double epsilon, bool affine, bool hasBias, ScalarType? dtype)
            : base(nameof(LayerNorm))
        {
            (normalized_shape, eps, elementwise_affine) = (shape, epsilon, affine);
            if (affine)
            {
                _weight = nn.Parameter(ones(shape, dtype: dtype));
                Own("weight", _weight);
                if (hasBias)
                {
                    _bias = nn.Parameter(zeros(shape, dtype: dtype));
                    Own("bias", _bias);
                }
            }
        }

        public long[] normalized_shape { get; set; }
        public double eps { get; set; }
        public bool elementwise_affine { get; set; }
        public Parameter? weight => _weight;
        public Parameter? bias => _bias;

        public override Tensor forward(Tensor tensor) => nn.functional.layer_norm(tensor, normalized_shape, _weight, _bias, eps);

        public void reset_parameters()
        {
            if (_weight is not null)
            {
                nn.init.ones_(_weight);
            }
            if (_bias is not null)
            {
                nn.init.zeros_(_bias);
            }
        }
    }

    /// <summary>While training, zeroes each element with probability p and scales the others by 1 / (1 - p).</summary>
    public sealed class Dropout : nn.Module<Tensor, Tensor>
    {
        internal Dropout(double probability, bool inPlace)
            : base(nameof(Dropout)) => (p, inplace) = (probability, inPlace);

        public double p { get; set; }
        public bool inplace { get; set; }

        public override Tensor forward(Tensor tensor) => nn.functional.dropout(tensor, p, training, inplace);
    }
}
