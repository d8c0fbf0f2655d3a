using TorchSharp.Autograd;
using TorchSharp.Kernels;
using TorchSharp.Modules;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            /// <summary>What becomes of the losses of the single elements.</summary>
            public enum Reduction : long
            {
                None = 0,
                Mean = 1,
                Sum = 2,
            }

            /// <summary>
            /// Functions without state. Float32 goes to the fused kernels; other types are composed from simpler operations.
            /// </summary>
            public static partial class functional
            {
                /// <summary>input Wᵀ + bias: input [..., k], weights [n, k], bias [n].</summary>
                public static Tensor linear(Tensor input, Tensor weights, Tensor? bias = null)
                {
                    MatrixProducts.RequireSameType(input, weights, "linear");
                    if (input.Rank == 0 || weights.Rank != 2 || input.ShapeArray[^1] != weights.ShapeArray[1])
                    {
                        throw new ArgumentException(
                            $"linear: an input of shape {Shapes.Text(input.ShapeArray)} does not fit weights of shape " +
                                $"{Shapes.Text(weights.ShapeArray)}; " +
                            $"the input's last length must be the weights' second");
                    }
                    if (bias is not null && (bias.Rank != 1 || bias.ShapeArray[0] != weights.ShapeArray[0]))
                    {
                        throw new ArgumentException(
                            $"linear: a bias of shape {Shapes.Text(bias.ShapeArray)} does not fit weights of shape " +
                                $"{Shapes.Text(weights.ShapeArray)}");
                    }
                    return MatrixProducts.Multiply(input, weights, bias, weightIsTransposed: true, "linear");
                }

                /// <summary>While training, zeroes each element with probability p and scales the others by 1 / (1 - p).</summary>
                public static unsafe Tensor dropout(Tensor input, double p = 0.5, bool training = true, bool inplace = false)
                {
                    if (!(p is >= 0 and <= 1))
                    {
                        throw new ArgumentException($"dropout: the probability is {p}, expected a number in [0, 1]", nameof(p));
                    }
                    if (!training || p == 0)
                    {
                        return inplace ? input : input.alias();
                    }
                    if (inplace)
                    {
                        using Tensor dropped = dropout(input, p, training: true);
                        return input.copy_(dropped);
                    }
                    RequireFloat32(input, "dropout");
                    (ulong seed, ulong offset) = Generator.Default.Reserve(input.ElementCount);
                    Tensor result = Run(input);
                    if (Graph.Record("dropout", result, input) is { } node)
                    {
                        // The mask is made again from seed and offset, so nothing has to be kept.
                        node.Derivative = gradient => [Run(gradient)];
                    }
                    return result;

                    Tensor Run(Tensor values)
                    {
                        using Tensor dense = Dense(values);
                        Tensor output = Tensor.Empty(values.ShapeArray, ScalarType.Float32);
                        Kernels.Dropout.Run(dense.ElementCount, dense.FloatData, (float)p, seed, offset, output.FloatData);
                        GC.KeepAlive(dense);
                        return output;
                    }
                }

                public static Tensor gelu(Tensor x) => gelu(x, GELU.Approximate.none);

                public static Tensor gelu(Tensor x, bool inplace) => gelu(x, GELU.Approximate.none, inplace);

                /// <summary>
                /// x Φ(x), or with <see cref="GELU.Approximate.tanh"/> x / 2 (1 + tanh(√(2/π) (x + 0.044715 x³))): GPT-2's gelu_new.
                /// </summary>
                public static unsafe Tensor gelu(Tensor x, GELU.Approximate approximate, bool inplace = false)
                {
                    if (inplace)
                    {
                        using Tensor value = gelu(x, approximate);
                        return x.copy_(value);
                    }
                    RequireFloat32(x, "gelu");
                    GeluApproximation kind = approximate == GELU.Approximate.tanh ? GeluApproximation.Tanh : GeluApproximation.None;
                    Tensor dense = Dense(x);
                    Tensor result = Tensor.Empty(x.ShapeArray, ScalarType.Float32);
                    Gelu.Forward(dense.ElementCount, dense.FloatData, result.FloatData, kind);
                    if (Graph.Record("gelu", result, x) is { } node)
                    {
                        SavedTensor input = node.Save(dense);
                        node.Derivative = gradient =>
                        {
                            using Tensor given = Dense(gradient);
                            Tensor wanted = Tensor.Empty(gradient.ShapeArray, ScalarType.Float32);
                            Gelu.Backward(given.ElementCount, input.Value.FloatData, given.FloatData, wanted.FloatData, kind);
                            GC.KeepAlive(given);
                            return [wanted];
                        };
                    }
                    dense.Dispose();
                    return result;
                }

                /// <summary>
                /// (x - mean) / √(variance + eps) · weight + bias, mean and variance over the last dimensions, which must be
                /// <paramref name="normalized_shape"/>.
                /// </summary>
                public static unsafe Tensor layer_norm(Tensor input, long[] normalized_shape, Tensor? weight = null, Tensor? bias = null,
                    double eps = 1e-5)
                {
                    RequireFloat32(input, "layer_norm");
                    int lead = input.Rank - normalized_shape.Length;
                    if (normalized_shape.Length == 0 || lead < 0 || !input.ShapeArray.AsSpan(lead).SequenceEqual(normalized_shape))
                    {
                        throw new ArgumentException(
                            $"layer_norm: an input of shape {Shapes.Text(input.ShapeArray)} does not end in the normalised shape " +
                                $"{Shapes.Text(normalized_shape)}");
                    }
                    foreach ((Tensor? factor, string name) in new[] { (weight, "weight"), (bias, "bias") })
                    {
                        if (factor is not null && !factor.ShapeArray.AsSpan().SequenceEqual(normalized_shape))
                        {
                            throw new ArgumentException(
                                $"layer_norm: the {name} has shape {Shapes.Text(factor.ShapeArray)}, the normalised shape is " +
                                    $"{Shapes.Text(normalized_shape)}");
                        }
                    }
                    long columns = Shapes.ElementCount(normalized_shape);
                    long rows = columns == 0 ? 0 : input.ElementCount / columns;
                    Tensor dense = Dense(input);
                    Tensor? scale = weight is null ? null : Dense(weight);
                    using Tensor? shift = bias is null ? null : Dense(bias);
                    Tensor result = Tensor.Empty(input.ShapeArray, ScalarType.Float32);
                    Tensor mean = Tensor.Empty([rows], ScalarType.Float32);
                    Tensor inverseDeviation = Tensor.Empty([rows], ScalarType.Float32);
                    Kernels.LayerNorm.Forward(rows, columns, dense.FloatData, Address(scale), Address(shift), (float)eps,
                        result.FloatData, mean.FloatData, inverseDeviation.FloatData);
                    GC.KeepAlive(shift);
                    if (Graph.Record("layer_norm", result, input, weight, bias) is { } node)
                    {
                        SavedTensor savedInput = node.Save(dense), savedMean = node.Save(mean),
                            savedDeviation = node.Save(inverseDeviation);
                        SavedTensor? savedScale = scale is null ? null : node.Save(scale);
                        node.Derivative = gradient =>
                        {
                            using Tensor given = Dense(gradient);
                            Tensor? toInput = node.Needs(0) ? Tensor.Empty(gradient.ShapeArray, ScalarType.Float32) : null;
                            Tensor? toWeight = node.Needs(1) ? Tensor.Empty(normalized_shape, ScalarType.Float32) : null;
                            Tensor? toBias = node.Needs(2) ? Tensor.Empty(normalized_shape, ScalarType.Float32) : null;
                            Kernels.LayerNorm.Backward(rows, columns, given.FloatData, savedInput.Value.FloatData,
                                Address(savedScale?.Value), savedMean.Value.FloatData,
                                savedDeviation.Value.FloatData, Address(toInput), Address(toWeight), Address(toBias));
                            GC.KeepAlive(given);
                            return [toInput, toWeight, toBias];
                        };
                    }
                    dense.Dispose();
                    scale?.Dispose();
                    mean.Dispose();
                    inverseDeviation.Dispose();
                    return result;
                }

                /// <summary>exp(x) / Σ exp(x) along a dimension.</summary>
                public static unsafe Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) =>
                    AlongRows(input.AsType(dtype ?? input.dtype), dim, "softmax", &Softmax.Forward, &Softmax.Backward);

                /// <summary>x - log Σ exp(x) along a dimension.</summary>
                public static unsafe Tensor log_softmax(Tensor x, long dim) =>
                    AlongRows(x, dim, "log_softmax", &Softmax.LogForward, &Softmax.LogBackward);

                /// <summary>
                /// -log softmax(input)[target]: input [N, C] or [N, C, ...], target class indices [N] or [N, ...]. Mean divides by the
                /// number of targets that are not <paramref name="ignore_index"/> (by their weights when given).
                /// </summary>
                /// <exception cref="IndexOutOfRangeException">A target is neither a class nor the ignored index.</exception>
                public static unsafe Tensor cross_entropy(Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100,
                    Reduction reduction = Reduction.Mean,
                    double label_smoothing = 0)
                {
                    if (target.dtype != ScalarType.Int64)
                    {
                        throw new ArgumentException($"cross_entropy: targets are class indices of type Int64, these are {target.dtype}",
                            nameof(target));
                    }
                    long[] expected = input.Rank switch
                    {
                        0 => throw new ArgumentException("cross_entropy: the input is a scalar, expected [classes], [N, classes] or [N, " +
                            "classes, ...]", nameof(input)),
                        1 => [],
                        _ => [input.ShapeArray[0], .. input.ShapeArray[2..]],
                    };
                    if (!target.ShapeArray.AsSpan().SequenceEqual(expected))
                    {
                        throw new ArgumentException(
                            $"cross_entropy: targets of shape {Shapes.Text(target.ShapeArray)} do not fit an input of shape " +
                                $"{Shapes.Text(input.ShapeArray)}, " +
                            $"expected {Shapes.Text(expected)}");
                    }
                    // Classes last: the kernel reads rows of logits.
                    Tensor logits = input.Rank > 2
                        ? input.permute([0, .. Enumerable.Range(2, input.Rank - 2).Select(i => (long)i), 1]) : input;
                    if (weight is not null || label_smoothing != 0)
                    {
                        return ComposedCrossEntropy(logits, target, weight, ignore_index, reduction, label_smoothing);
                    }

                    RequireFloat32(logits, "cross_entropy");
                    long columns = logits.ShapeArray[^1];
                    long rows = target.ElementCount;
                    Tensor dense = Dense(logits);
                    Tensor classes = Dense(target);
                    Tensor losses = Tensor.Empty(target.ShapeArray, ScalarType.Float32);
                    Tensor logSumExp = Tensor.Empty([rows], ScalarType.Float32);
                    CrossEntropy.Forward(rows, columns, dense.FloatData, (long*)classes.Data, ignore_index, losses.FloatData,
                        logSumExp.FloatData);
                    if (Graph.Record("cross_entropy", losses, logits) is { } node)
                    {
                        SavedTensor savedLogits = node.Save(dense), savedClasses = node.Save(classes), savedSum = node.Save(logSumExp);
                        node.Derivative = gradient =>
                        {
                            using Tensor given = Dense(gradient);
                            Tensor wanted = Tensor.Empty(savedLogits.Value.ShapeArray, ScalarType.Float32);
                            CrossEntropy.Backward(rows, columns, savedLogits.Value.FloatData, (long*)savedClasses.Value.Data,
                                ignore_index, savedSum.Value.FloatData,
                                given.FloatData, wanted.FloatData);
                            GC.KeepAlive(given);
                            return [wanted];
                        };
                    }
                    long counted = 0;
                    for (long i = 0; i < rows; i++)
                    {
                        counted += ((long*)classes.Data)[i] == ignore_index ? 0 : 1;
                    }
                    dense.Dispose();
                    classes.Dispose();
                    logSumExp.Dispose();
                    return reduction switch
                    {
                        Reduction.None => losses,
                        Reduction.Sum => losses.sum(),
                        _ => losses.sum().div((double)counted),
                    };
                }

                /// <summary>
                /// target · (log target - input) with the input given as log-probabilities. TorchSharp's defaults: the target is a
                /// logarithm too, and Mean divides by the number of all elements.
                /// </summary>
                public static Tensor kl_div(Tensor input, Tensor target, bool log_target = true, Reduction reduction = Reduction.Mean)
                {
                    if (log_target)
                    {
                        return Reduce(target.exp().mul(target.sub(input)), reduction);
                    }
                    // 0 log 0 is 0.
                    Tensor positive = target.gt(0);
                    Tensor logarithm = target.where(positive, ones_like(target)).log();
                    return Reduce(target.mul(logarithm.sub(input)).where(positive, zeros_like(target)), reduction);
                }

                /// <summary>(input - target)².</summary>
                public static Tensor mse_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) =>
                    Reduce(input.sub(target).square(), reduction);

                /// <summary>⟨a, b⟩ / (max(|a|, eps) max(|b|, eps)) along a dimension.</summary>
                public static Tensor cosine_similarity(Tensor x1, Tensor x2, long dim = 1, double eps = 1e-8)
                {
                    Tensor left = x1.norm((int)dim).clamp_min(eps);
                    Tensor right = x2.norm((int)dim).clamp_min(eps);
                    return x1.mul(x2).sum(dim).div(left.mul(right));
                }

                /// <summary>
                /// 1 - cos where target is 1, max(0, cos - margin) where it is -1; cos = ⟨a, b⟩ / √((|a|² + 1e-12)(|b|² + 1e-12)) over the
                /// last dimension, as PyTorch.
                /// </summary>
                public static Tensor cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, double margin = 0,
                    Reduction reduction = Reduction.Mean)
                {
                    const double Epsilon = 1e-12;
                    Tensor left = input1.square().sum(-1).add(Epsilon);
                    Tensor right = input2.square().sum(-1).add(Epsilon);
                    Tensor cosine = input1.mul(input2).sum(-1).div(left.mul(right).sqrt());
                    Tensor zero = zeros_like(cosine);
                    Tensor alike = cosine.neg().add(1).where(target.eq(1).expand(cosine.ShapeArray), zero);
                    Tensor apart = cosine.sub(margin).clamp_min(0).where(target.eq(-1).expand(cosine.ShapeArray), zero);
                    return Reduce(alike.add(apart), reduction);
                }

                /// <summary>
                /// dropout(softmax(query keyᵀ / √d + mask)) value: query [..., L, d], key and value [..., S, d] of one head size; the
                /// scores are never held whole.
                /// </summary>
                /// <param name="attn_mask">Broadcasts to [..., L, S]: booleans (true: may be seen) or floats added to the scores.</param>
                /// <param name="p">Dropout probability on the attention weights.</param>
                /// <param name="is_casual">Query i sees the keys j ≤ i only; not together with a mask.</param>
                public static unsafe Tensor scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask = null,
                    double p = 0, bool is_casual = false)
                {
                    RequireFloat32(query, "scaled_dot_product_attention");
                    if (is_casual && attn_mask is not null)
                    {
                        throw new ArgumentException("scaled_dot_product_attention: a mask was given together with is_casual; give one of " +
                            "the two");
                    }
                    long headSize = query.Rank >= 2 ? query.ShapeArray[^1] : 0;
                    if (query.Rank < 2 || query.Rank != key.Rank || !key.ShapeArray.AsSpan().SequenceEqual(value.ShapeArray)
                        || key.ShapeArray[^1] != headSize
                        || !query.ShapeArray.AsSpan(0, query.Rank - 2).SequenceEqual(key.ShapeArray.AsSpan(0, key.Rank - 2)))
                    {
                        throw new ArgumentException(
                            $"scaled_dot_product_attention: query {Shapes.Text(query.ShapeArray)}, key {Shapes.Text(key.ShapeArray)} and " +
                                $"value {Shapes.Text(value.ShapeArray)} " +
                            "do not fit: expected [..., L, d], [..., S, d] and [..., S, d]");
                    }
                    long queryLength = query.ShapeArray[^2], keyLength = key.ShapeArray[^2];
                    (long batch, long heads) = query.Rank switch
                    {
                        2 => (1, 1),
                        3 => (1, query.ShapeArray[0]),
                        4 => (query.ShapeArray[0], query.ShapeArray[1]),
                        _ => throw new ArgumentException(
                            $"scaled_dot_product_attention: a query of shape {Shapes.Text(query.ShapeArray)} has more than 4 dimensions"),
                    };
                    if (attn_mask is { requires_grad: true })
                    {
                        throw new NotSupportedException("scaled_dot_product_attention: the managed engine computes no gradient of the " +
                            "mask; pass mask.detach()");
                    }

                    Tensor q = UnitRows(query), k = UnitRows(key), v = UnitRows(value);
                    Tensor? mask = attn_mask?.expand([.. query.ShapeArray[..^2], queryLength, keyLength]);
                    var settings = new AttentionSettings
                    {
                        Batch = batch, Heads = heads, QueryLength = queryLength, KeyLength = keyLength, HeadSize = headSize,
                        Scale = 1f / MathF.Sqrt(headSize), Causal = is_casual, CausalOffset = 0, DropoutProbability = (float)p,
                    };
                    if (p > 0)
                    {
                        (settings.DropoutSeed, settings.DropoutOffset) = Generator.Default.ReserveCounters(settings.DropoutCounters);
                    }
                    // Heads side by side in a row, [batch, L, heads, d], so that joining them afterwards costs nothing.
                    Tensor result = HeadsInRows(query.ShapeArray, queryLength);
                    Tensor logSumExp = Tensor.Empty([batch * heads * queryLength], ScalarType.Float32);
                    AttentionSettings masked = settings;
                    masked.Mask = MaskOf(mask);
                    Attention.Forward(masked, Heads(q), Heads(k), Heads(v), Heads(result), logSumExp.FloatData);
                    GC.KeepAlive(mask);
                    if (Graph.Record("scaled_dot_product_attention", result, query, key, value) is { } node)
                    {
                        SavedTensor savedQuery = node.Save(q), savedKey = node.Save(k), savedValue = node.Save(v),
                            savedResult = node.Save(result), savedSum = node.Save(logSumExp);
                        SavedTensor? savedMask = mask is null ? null : node.Save(mask);
                        node.Derivative = gradient =>
                        {
                            using Tensor given = UnitRows(gradient);
                            Tensor toQuery = HeadsInRows(savedQuery.Value.ShapeArray, queryLength);
                            Tensor toKey = HeadsInRows(savedKey.Value.ShapeArray, keyLength);
                            Tensor toValue = HeadsInRows(savedValue.Value.ShapeArray, keyLength);
                            AttentionSettings again = settings;
                            again.Mask = MaskOf(savedMask?.Value);
                            Attention.Backward(again, Heads(savedQuery.Value), Heads(savedKey.Value), Heads(savedValue.Value),
                                Heads(savedResult.Value),
                                savedSum.Value.FloatData, Heads(given), Heads(toQuery), Heads(toKey), Heads(toValue));
                            GC.KeepAlive(given);
                            return [toQuery, toKey, toValue];
                        };
                    }
                    q.Dispose();
                    k.Dispose();
                    v.Dispose();
                    mask?.Dispose();
                    logSumExp.Dispose();
                    return result;
                }

                private static Tensor HeadsInRows(long[] shape, long length) => shape.Length < 4
                    ? Tensor.Empty([.. shape[..^2], length, shape[^1]], ScalarType.Float32)
                    : Tensor.Empty([shape[0], length, shape[1], shape[3]], ScalarType.Float32).transpose(1, 2);

                /// <summary>The tensor itself when its last dimension is dense and its rows do not overlap, otherwise a copy.</summary>
                private static Tensor UnitRows(Tensor tensor)
                {
                    long[] strides = tensor.StrideArray, shape = tensor.ShapeArray;
                    return (strides[^1] == 1 || shape[^1] == 1)
                        && (strides[^2] >= shape[^1] || shape[^2] == 1) ? tensor.Share() : Dense(tensor);
                }

                private static unsafe HeadView Heads(Tensor tensor)
                {
                    long[] strides = tensor.StrideArray;
                    return new HeadView(tensor.FloatData, strides.Length == 4 ? strides[0] : 0, strides.Length >= 3 ? strides[^3] : 0,
                        strides[^2]);
                }

                private static unsafe AttentionMask MaskOf(Tensor? mask)
                {
                    if (mask is null)
                    {
                        return default;
                    }
                    long[] strides = mask.StrideArray;
                    (long batch, long head) = (strides.Length == 4 ? strides[0] : 0, strides.Length >= 3 ? strides[^3] : 0);
                    return mask.dtype switch
                    {
                        ScalarType.Bool => new AttentionMask(null, mask.Data, batch, head, strides[^2], strides[^1]),
                        ScalarType.Float32 => new AttentionMask(mask.FloatData, null, batch, head, strides[^2], strides[^1]),
                        _ => throw new ArgumentException(
                            $"scaled_dot_product_attention: a mask is Bool or Float32, this one is {mask.dtype}"),
                    };
                }

                private static unsafe Tensor AlongRows(Tensor input, long dim, string name, delegate*<long, long, float*, float*,
                    void> forward,
                    delegate*<long, long, float*, float*, float*, void> backward)
                {
                    RequireFloat32(input, name);
                    int at = input.Rank == 0 ? 0 : Shapes.Dimension(dim, input.Rank, name);
                    if (input.Rank > 0 && at != input.Rank - 1)
                    {
                        return AlongRows(input.transpose(at, -1), -1, name, forward, backward).transpose(at, -1);
                    }
                    long columns = input.Rank == 0 ? 1 : input.ShapeArray[^1];
                    long rows = columns == 0 ? 0 : input.ElementCount / columns;
                    using Tensor dense = Dense(input);
                    Tensor result = Tensor.Empty(input.ShapeArray, ScalarType.Float32);
                    forward(rows, columns, dense.FloatData, result.FloatData);
                    GC.KeepAlive(dense);
                    if (Graph.Record(name, result, input) is { } node)
                    {
                        SavedTensor saved = node.Save(result);
                        // A lambda cannot hold a function pointer.
                        nint derivative = (nint)backward;
                        node.Derivative = gradient =>
                        {
                            using Tensor given = Dense(gradient);
                            Tensor wanted = Tensor.Empty(gradient.ShapeArray, ScalarType.Float32);
                            ((delegate*<long, long, float*, float*, float*, void>)derivative)(rows, columns, saved.Value.FloatData,
                                given.FloatData, wanted.FloatData);
                            GC.KeepAlive(given);
                            return [wanted];
                        };
                    }
                    return result;
                }

                private static Tensor ComposedCrossEntropy(Tensor logits, Tensor target, Tensor? weight, long ignoreIndex,
                    Reduction reduction, double smoothing)
                {
                    long classes = logits.ShapeArray[^1];
                    Tensor logProbabilities = log_softmax(logits.reshape(-1, classes), -1);
                    Tensor flat = target.reshape(-1);
                    Tensor counted = flat.ne(ignoreIndex);
                    Tensor index = flat.where(counted, zeros_like(flat));
                    Tensor factor = counted.to(logits.dtype);
                    Tensor perClass = weight ?? ones(classes, dtype: logits.dtype);
                    Tensor chosen = perClass[index].mul(factor);
                    Tensor losses = logProbabilities.gather(1, index.unsqueeze(1)).squeeze(1).neg().mul(chosen);
                    if (smoothing != 0)
                    {
                        Tensor spread = logProbabilities.mul(perClass).sum(1).neg().mul(factor).div((double)classes);
                        losses = losses.mul(1 - smoothing).add(spread.mul(smoothing));
                    }
                    return reduction switch
                    {
                        Reduction.None => losses.reshape(target.ShapeArray),
                        Reduction.Sum => losses.sum(),
                        _ => losses.sum().div(chosen.sum()),
                    };
                }

                private static Tensor Reduce(Tensor losses, Reduction reduction) => reduction switch
                {
                    Reduction.None => losses,
                    Reduction.Sum => losses.sum(),
                    _ => losses.mean(),
                };

                /// <summary>The values one after the other, outside the graph.</summary>
                private static Tensor Dense(Tensor tensor)
                {
                    using Tensor plain = tensor.detach();
                    return plain.contiguous();
                }

                private static unsafe float* Address(Tensor? tensor) => tensor is null ? null : tensor.FloatData;

                private static void RequireFloat32(Tensor tensor, string operation)
                {
                    if (tensor.dtype != ScalarType.Float32)
                    {
                        throw ScalarTypes.Unsupported(tensor.dtype, operation);
                    }
                }
            }
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>The Gaussian error linear unit as a module; see <see cref="torch.nn.functional.gelu(torch.Tensor)"/>.</summary>
    public sealed class GELU : torch.nn.Module<torch.Tensor, torch.Tensor>
    {
        private readonly Approximate _approximate;

        internal GELU(Approximate approximate)
            : base(nameof(GELU)) => _approximate = approximate;

        /// <summary>How Φ is computed.</summary>
        public enum Approximate
        {
            none = 0,
            tanh = 1,
        }

        public override torch.Tensor forward(torch.Tensor tensor) => torch.nn.functional.gelu(tensor, _approximate);
    }
}
