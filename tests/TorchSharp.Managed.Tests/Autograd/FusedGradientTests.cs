using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Managed.Tests.Autograd;

/// <summary>Derivatives of the operations that run on fused single-precision kernels.</summary>
public sealed class FusedGradientTests : EngineTest
{
    private const double Step = 1e-2;
    private const double Tolerance = 3e-3;

    private static void Check(Operand[] operands, Func<Tensor[], Tensor> function) =>
        GradientCheck.Run(operands, function, Step, Tolerance);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Linear_RandomShapesAndLayouts_GradientMatchesDifferences(bool hasBias)
    {
        for (int seed = 0; seed < 15; seed++)
        {
            var check = new GradientCheck(seed);
            long inputs = check.Random.Next(1, 6), outputs = check.Random.Next(1, 6);
            Operand x = check.Operand([.. check.Shape(0, 2, 3), inputs], float32), w = check.Operand([outputs, inputs], float32);
            Operand[] operands = hasBias ? [x, w, check.Operand([outputs], float32)] : [x, w];
            Check(operands, given => nn.functional.linear(given[0], given[1], hasBias ? given[2] : null));
        }
    }

    [Fact]
    public void Matmul_SinglePrecisionLayouts_GradientMatchesDifferences()
    {
        for (int seed = 0; seed < 25; seed++)
        {
            var check = new GradientCheck(seed);
            long m = check.Random.Next(1, 5), k = check.Random.Next(1, 5), n = check.Random.Next(1, 5);
            long[] batch = check.Shape(0, 2, maximumLength: 3);
            Operand a = check.Operand([.. check.Broadcastable(batch), m, k], float32),
                b = check.Operand([.. check.Broadcastable(batch), k, n], float32);
            Check([a, b], given => given[0].matmul(given[1]));
        }
    }

    [Fact]
    public void Linear_TransposedParameter_GradientArrivesInOrder()
    {
        Tensor weight = randn(3, 5).requires_grad_(), x = randn(2, 4, 3);
        nn.functional.linear(x, weight.transpose(0, 1)).sum().backward();
        Assert.Equal([5, 1], weight.grad!.stride());
        Assert.True(weight.grad.allclose(x.sum([0, 1]).unsqueeze(1).expand(3, 5), atol: 1e-5));
    }

    [Fact]
    public void Addmm_BiasRow_GradientMatchesDifferences()
    {
        for (int seed = 0; seed < 10; seed++)
        {
            var check = new GradientCheck(seed);
            long m = check.Random.Next(1, 5), k = check.Random.Next(1, 5), n = check.Random.Next(1, 5);
            Check([check.Operand([n], float32), check.Operand([m, k], float32), check.Operand([k, n], float32)],
                given => given[0].addmm(given[1], given[2]));
        }
    }

    [Theory]
    [InlineData(GELU.Approximate.none)]
    [InlineData(GELU.Approximate.tanh)]
    public void Gelu_RandomShapesAndLayouts_GradientMatchesDifferences(GELU.Approximate approximate)
    {
        for (int seed = 0; seed < 15; seed++)
        {
            var check = new GradientCheck(seed);
            Check([check.Operand(check.Shape(0, 3), float32, -3, 3)], given => nn.functional.gelu(given[0], approximate));
        }
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public void LayerNorm_RandomShapesAndLayouts_GradientMatchesDifferences(bool hasWeight, bool hasBias)
    {
        for (int seed = 0; seed < 15; seed++)
        {
            var check = new GradientCheck(seed);
            long[] normalised = [check.Random.Next(3, 7)];
            Operand x = check.Operand([.. check.Shape(0, 2, 3), .. normalised], float32);
            if (x.Leaf.size(-1) != normalised[0])
            {
                // A row of equal values has no variance: its derivative is all rounding.
                x = new Operand(rand([2, .. normalised]).mul(4).requires_grad_(), leaf => leaf);
            }
            List<Operand> operands = [x];
            if (hasWeight)
            {
                operands.Add(check.Operand(normalised, float32));
            }
            if (hasBias)
            {
                operands.Add(check.Operand(normalised, float32));
            }
            // A larger epsilon keeps the curvature within what differences of this step can follow.
            Check([.. operands],
                given => nn.functional.layer_norm(given[0], normalised, hasWeight ? given[1] : null, hasBias ? given[2] : null, eps: 0.5));
        }
    }

    [Fact]
    public void SoftmaxAndLogSoftmax_EveryDimension_GradientMatchesDifferences()
    {
        for (int seed = 0; seed < 20; seed++)
        {
            var check = new GradientCheck(seed);
            long[] shape = check.Shape(1, 3);
            int dim = check.Random.Next(shape.Length);
            Operand x = check.Operand(shape, float32);
            Check([x], given => nn.functional.softmax(given[0], dim));
            Check([x with { Leaf = x.Leaf.detach().clone().requires_grad_() }],
                given => nn.functional.log_softmax(given[0], dim - shape.Length));
        }
    }

    [Theory]
    [InlineData(nn.Reduction.None, 0, false)]
    [InlineData(nn.Reduction.Mean, 0, false)]
    [InlineData(nn.Reduction.Sum, 0, false)]
    [InlineData(nn.Reduction.Mean, 0.2, false)]
    [InlineData(nn.Reduction.Mean, 0, true)]
    [InlineData(nn.Reduction.None, 0.1, true)]
    public void CrossEntropy_ReductionsAndSmoothing_GradientMatchesDifferences(nn.Reduction reduction, double smoothing, bool weighted)
    {
        for (int seed = 0; seed < 8; seed++)
        {
            var check = new GradientCheck(seed);
            long rows = check.Random.Next(2, 5), classes = check.Random.Next(2, 6);
            Operand logits = check.Operand([rows, classes], float32);
            Tensor target = randint(0, classes, [rows]);
            target[0] = tensor(-100L);
            Tensor? weight = weighted ? rand(classes).add(0.5) : null;
            Check([logits], given => nn.functional.cross_entropy(given[0], target, weight: weight, reduction: reduction,
                label_smoothing: smoothing));
        }
    }

    [Fact]
    public void CrossEntropy_ClassesInSecondDimension_EqualsRowsOfClasses()
    {
        Tensor logits = randn(2, 5, 3).requires_grad_();
        Tensor target = randint(0, 5, [2, 3]);
        Tensor direct = nn.functional.cross_entropy(logits, target);
        Tensor rows = nn.functional.cross_entropy(logits.transpose(1, 2).reshape(-1, 5), target.reshape(-1));
        Assert.Equal(rows.ToDouble(), direct.ToDouble(), 6);
        direct.backward();
        Assert.Equal(logits.shape, logits.grad!.shape);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("causal")]
    [InlineData("bool mask")]
    [InlineData("additive mask")]
    public void Attention_RandomSizes_GradientMatchesDifferences(string kind)
    {
        for (int seed = 0; seed < 8; seed++)
        {
            var check = new GradientCheck(seed);
            long[] lead = seed % 3 == 0 ? [] : seed % 3 == 1 ? [2] : [2, 3];
            long length = check.Random.Next(1, 5), keys = kind == "causal"
                ? length : check.Random.Next(1, 5), size = check.Random.Next(1, 5);
            Operand q = check.Operand([.. lead, length, size], float32, -1, 1);
            Operand k = check.Operand([.. lead, keys, size], float32, -1, 1);
            Operand v = check.Operand([.. lead, keys, size], float32, -1, 1);
            Tensor? mask = null;
            if (kind == "bool mask")
            {
                mask = rand(length, keys).gt(0.4);
                mask[TensorIndex.Colon, TensorIndex.Single(0)] = tensor(true);
            }
            else if (kind == "additive mask")
            {
                mask = randn(length, keys);
            }
            Check([q, k, v], given => nn.functional.scaled_dot_product_attention(given[0], given[1], given[2], attn_mask: mask,
                is_casual: kind == "causal"));
        }
    }

    [Fact]
    public void Attention_ViewsOfOneProjection_EqualsComposedForm()
    {
        const int Batch = 2, Length = 5, Heads = 3, Size = 4;
        Tensor projected = randn(Batch, Length, 3 * Heads * Size).requires_grad_();
        Tensor[] parts = projected.split(Heads * Size, 2).Select(part => part.view(Batch, Length, Heads, Size).transpose(1, 2)).ToArray();
        Tensor fused = nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_casual: true);
        Tensor scores = parts[0].matmul(parts[1].transpose(-2, -1)) / Math.Sqrt(Size);
        scores = scores.masked_fill(ones(Length, Length, dtype: @bool).triu(1), double.NegativeInfinity);
        Tensor composed = scores.softmax(-1).matmul(parts[2]);
        Assert.True(fused.allclose(composed, rtol: 1e-4, atol: 1e-5));
        Tensor upstream = randn(fused.shape);
        Tensor one = autograd.grad([fused], [projected], [upstream], retain_graph: true)[0];
        Tensor other = autograd.grad([composed], [projected], [upstream])[0];
        Assert.True(one.allclose(other, rtol: 1e-3, atol: 1e-5));
    }

    [Fact]
    public void Attention_HeadsJoined_NeedsNoCopy()
    {
        Tensor q = randn(2, 3, 5, 4);
        Tensor joined = nn.functional.scaled_dot_product_attention(q, q, q, is_casual: true).transpose(1, 2);
        Assert.True(joined.is_contiguous());
    }

    [Fact]
    public void Embedding_RepeatedIndices_GradientMatchesDifferences()
    {
        for (int seed = 0; seed < 10; seed++)
        {
            var check = new GradientCheck(seed);
            Operand table = check.Operand([5, 3], float32);
            Tensor ids = tensor(new long[] { 0, 4, 0, -1, 2, 0 }, [2, 3]);
            Check([table], given => given[0][ids].square());
        }
    }

    [Fact]
    public void EmbeddingFromPretrained_Table_IsTheWeightAndDrawsNothing()
    {
        Tensor table = rand(4, 3);
        byte[] before = get_rng_state().bytes.ToArray();
        using var embedding = nn.Embedding_from_pretrained(table, freeze: false);
        Assert.Equal(before, get_rng_state().bytes.ToArray());
        Assert.True(embedding.weight.requires_grad);
        table.fill_(2);
        AssertValues(embedding.weight.detach(), Values(table));
        using var frozen = nn.Embedding_from_pretrained(table);
        Assert.False(frozen.weight.requires_grad);
        Assert.Contains("[4]", Assert.Throws<ArgumentException>(() => nn.Embedding_from_pretrained(rand(4))).Message);
    }

    [Fact]
    public void Dropout_Backward_UsesTheMaskOfForward()
    {
        Tensor x = rand(1000).add(1).requires_grad_();
        Tensor y = nn.functional.dropout(x, p: 0.3, training: true);
        y.sum().backward();
        AssertValues((y / x).detach(), Values(x.grad!));
        double kept = y.ne(0).to(float32).mean().ToDouble();
        Assert.InRange(kept, 0.6, 0.8);
        AssertValues(nn.functional.dropout(x, p: 0.3, training: false), Values(x));
    }
}
