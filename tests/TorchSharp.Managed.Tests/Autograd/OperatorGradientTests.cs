using static TorchSharp.torch;

namespace TorchSharp.Managed.Tests.Autograd;

/// <summary>Derivatives of the operations that also run in double precision, over random shapes, layouts and broadcasts.</summary>
public sealed class OperatorGradientTests : EngineTest
{
    private const double Step = 1e-5;
    private const double Tolerance = 1e-6;
    private const int CasesPerOperator = 15;

    private sealed record UnaryCase(Func<Tensor, Tensor> Apply, double Low = -2, double High = 2, int MinimumRank = 0);

    private static readonly Dictionary<string, UnaryCase> Unary = new()
    {
        ["neg"] = new(x => -x),
        ["abs"] = new(x => x.abs(), 0.1, 2),
        ["square"] = new(x => x.square()),
        ["sqrt"] = new(x => x.sqrt(), 0.2, 3),
        ["rsqrt"] = new(x => x.rsqrt(), 0.2, 3),
        ["reciprocal"] = new(x => x.reciprocal(), 0.3, 2),
        ["exp"] = new(x => x.exp()),
        ["log"] = new(x => x.log(), 0.2, 3),
        ["tanh"] = new(x => x.tanh()),
        ["sigmoid"] = new(x => x.sigmoid()),
        ["sin"] = new(x => x.sin()),
        ["cos"] = new(x => x.cos()),
        ["erf"] = new(x => x.erf()),
        ["pow 3"] = new(x => x.pow(3)),
        ["pow 2"] = new(x => x.pow(2)),
        ["pow 1.5"] = new(x => x.pow(1.5), 0.2, 2),
        ["clamp"] = new(x => x.clamp(-0.9999, 0.8001)),
        ["scalar sum"] = new(x => 2.5 + x * 3 - 1),
        ["scalar quotient"] = new(x => 2 / x, 0.3, 2),
        ["scalar difference"] = new(x => 1.5 - x),
        ["division by a number"] = new(x => x / 4),
        ["remainder"] = new(x => (x * 3) % 10, 0.1, 2),
        ["sum"] = new(x => x.sum()),
        ["mean"] = new(x => x.mean()),
        ["var"] = new(x => x.var(unbiased: false)),
        ["norm"] = new(x => x.norm()),
        ["norm 1"] = new(x => x.norm(1f), 0.1, 2),
        ["norm 3"] = new(x => x.norm(3f), 0.1, 2),
        ["sum of last"] = new(x => x.sum(-1), MinimumRank: 1),
        ["sum of first, kept"] = new(x => x.sum(0, keepdim: true), MinimumRank: 1),
        ["mean of two"] = new(x => x.mean([0, -1]), MinimumRank: 2),
        ["sum of outer two of three"] = new(x => x.sum([0, 2], keepdim: true), MinimumRank: 3),
        ["norm of last"] = new(x => x.norm(-1), MinimumRank: 1),
        ["max"] = new(x => x.max()),
        ["max of last"] = new(x => x.max(-1).values, MinimumRank: 1),
        ["min of first, kept"] = new(x => x.min(0, keepdim: true).values, MinimumRank: 1),
        ["logsumexp"] = new(x => x.logsumexp(-1), MinimumRank: 1),
        ["logsumexp of first, kept"] = new(x => x.logsumexp(0, keepdim: true), MinimumRank: 1),
        ["cumsum"] = new(x => x.cumsum(0), MinimumRank: 1),
        ["cumsum of last"] = new(x => x.cumsum(-1), MinimumRank: 1),
        ["sort"] = new(x => x.sort(0).Values, MinimumRank: 1),
        ["topk"] = new(x => x.topk(1, -1).values, MinimumRank: 1),
        ["transpose"] = new(x => x.transpose(0, -1) * 2, MinimumRank: 1),
        ["reshape"] = new(x => x.reshape(-1).square()),
        ["flatten"] = new(x => x.flatten().square()),
        ["squeeze"] = new(x => x.squeeze().square()),
        ["unsqueeze"] = new(x => x.unsqueeze(0).unsqueeze(-1).square()),
        ["select"] = new(x => x.select(0, -1).square(), MinimumRank: 1),
        ["index by number and range"] =
            new(x => x[TensorIndex.Single(0), TensorIndex.Ellipsis, TensorIndex.Slice(0, 1)].square(), MinimumRank: 2),
        ["repeat"] = new(x => x.repeat([2, .. Enumerable.Repeat(3L, (int)x.dim())]).square()),
        ["split"] = new(x => x.split([1, x.size(0) - 1])[0] * 2, MinimumRank: 1),
        ["chunk and cat"] = new(x => cat(x.chunk(2, -1).Reverse().ToArray(), -1).square(), MinimumRank: 1),
        ["stack"] = new(x => stack([x, x * 2, x.square()], -1)),
        ["unbind"] = new(x => x.unbind(0).Aggregate((a, b) => a * b), MinimumRank: 1),
        ["tril"] = new(x => x.tril().square(), MinimumRank: 2),
        ["triu"] = new(x => x.triu(1).square(), MinimumRank: 2),
        ["clone"] = new(x => x.clone() * x),
        ["alias"] = new(x => x.alias() * x),
        ["contiguous"] = new(x => x.contiguous() * x),
        ["to float64 and back"] = new(x => x.to(float64, copy: true).square()),
        ["masked_fill"] = new(x => x.masked_fill(x.gt(0), 7) * x),
        ["where"] = new(x => where(x.gt(0), x.square(), x * 3)),
        ["masked_select"] = new(x => x.masked_select(x.lt(100)).square()),
        ["in-place chain"] = new(x => (x * 1).add_(x).mul_(2).sub_(1).div_(3)),
        ["in-place square"] = new(x => { Tensor y = x * 2; return y.mul_(x); }),
        ["expand"] = new(x => x.unsqueeze(0).expand([3, .. x.shape]).square()),
        ["detached factor"] = new(x => x * x.detach().add(0), 0, 0),
    };

    private static readonly Dictionary<string, (Func<Tensor, Tensor, Tensor> Apply, double Low, double High)> Binary = new()
    {
        ["add"] = ((a, b) => a + b, -2, 2),
        ["add with factor"] = ((a, b) => a.add(b, 2.5), -2, 2),
        ["sub"] = ((a, b) => a - b, -2, 2),
        ["mul"] = ((a, b) => a * b, -2, 2),
        ["div"] = ((a, b) => a / b, 0.3, 2),
        ["pow"] = ((a, b) => a.pow(b), 0.3, 2),
        ["maximum"] = ((a, b) => maximum(a, b), -2, 2),
        ["minimum"] = ((a, b) => minimum(a, b), -2, 2),
        ["where"] = ((a, b) => where((a - b).gt(0), a.square(), b * 3), -2, 2),
        ["mse_loss"] = ((a, b) => nn.functional.mse_loss(a, b), -2, 2),
        ["kl_div of logarithms"] = ((a, b) => nn.functional.kl_div(a, b, log_target: true, reduction: nn.Reduction.Sum), -2, 0),
        ["kl_div of probabilities"] = ((a, b) => nn.functional.kl_div(a, b, log_target: false, reduction: nn.Reduction.Mean), 0.2, 1),
    };

    public static TheoryData<string> UnaryNames => [.. Unary.Keys];
    public static TheoryData<string> BinaryNames => [.. Binary.Keys];

    [Theory]
    [MemberData(nameof(UnaryNames))]
    public void Unary_RandomShapesAndLayouts_GradientMatchesDifferences(string name)
    {
        UnaryCase unary = Unary[name];
        for (int seed = 0; seed < CasesPerOperator; seed++)
        {
            var check = new GradientCheck(seed);
            Operand operand = check.Operand(check.Shape(unary.MinimumRank, 4, maximumLength: 3), float64, unary.Low, unary.High);
            if (name is "max" or "max of last" or "min of first, kept" or "sort" or "topk")
            {
                // Ties have no derivative: expanded operands repeat their elements.
                operand = operand with { View = _ => operand.Leaf };
                if (unary.MinimumRank > operand.Leaf.dim())
                {
                    continue;
                }
            }
            GradientCheck.Run([operand], inputs => unary.Apply(inputs[0]), Step, Tolerance);
        }
    }

    [Theory]
    [MemberData(nameof(BinaryNames))]
    public void Binary_RandomBroadcasts_GradientMatchesDifferences(string name)
    {
        var (apply, low, high) = Binary[name];
        for (int seed = 0; seed < CasesPerOperator; seed++)
        {
            var check = new GradientCheck(seed + 500);
            long[] shape = check.Shape(0, 4, maximumLength: 3);
            Operand a = check.Operand(shape, float64, low, high);
            Operand b = check.Operand(check.Broadcastable(shape), float64, low, high);
            GradientCheck.Run([a, b], inputs => apply(inputs[0], inputs[1]), Step, Tolerance);
            GradientCheck.Run([Fresh(b), Fresh(a)], inputs => apply(inputs[0], inputs[1]), Step, Tolerance);
        }
    }

    private static Operand Fresh(Operand operand) => operand with { Leaf = operand.Leaf.detach().clone().requires_grad_() };

    [Fact]
    public void Matmul_RandomBatchesAndLayouts_GradientMatchesDifferences()
    {
        for (int seed = 0; seed < 40; seed++)
        {
            var check = new GradientCheck(seed);
            long m = check.Random.Next(1, 4), k = check.Random.Next(1, 4), n = check.Random.Next(1, 4);
            long[] batch = check.Shape(0, 2, maximumLength: 3);
            long[] left = check.Random.Next(4) == 0 ? [k] : [.. check.Broadcastable(batch), m, k];
            long[] right = check.Random.Next(4) == 0 ? [k] : [.. check.Broadcastable(batch), k, n];
            Operand a = check.Operand(left, float64), b = check.Operand(right, float64);
            GradientCheck.Run([a, b], inputs => inputs[0].matmul(inputs[1]), Step, Tolerance);
        }
    }

    [Fact]
    public void Addmm_RandomFactors_GradientMatchesDifferences()
    {
        for (int seed = 0; seed < 20; seed++)
        {
            var check = new GradientCheck(seed);
            long m = check.Random.Next(1, 4), k = check.Random.Next(1, 4), n = check.Random.Next(1, 4);
            float beta = seed % 2 == 0 ? 1 : 0.5f, alpha = seed % 3 == 0 ? 1 : 2;
            Operand c = check.Operand(check.Random.Next(2) == 0 ? [n] : [m, n], float64);
            Operand a = check.Operand([m, k], float64), b = check.Operand([k, n], float64);
            GradientCheck.Run([c, a, b], inputs => inputs[0].addmm(inputs[1], inputs[2], beta, alpha), Step, Tolerance);
        }
    }

    [Fact]
    public void Indexing_TensorsOfIndices_GradientMatchesDifferences()
    {
        for (int seed = 0; seed < 30; seed++)
        {
            var check = new GradientCheck(seed);
            Operand source = check.Operand([3, 4, 2], float64);
            Tensor first = randint(0, 3, [2, 2]), second = randint(-4, 4, [2]);
            Func<Tensor, Tensor>[] forms =
            [
                x => x[first],
                x => x[first, second],
                x => x[TensorIndex.Colon, TensorIndex.Tensor(second)],
                x => x[TensorIndex.Tensor(second.remainder3()), TensorIndex.Colon, TensorIndex.Single(1)],
                x => x[TensorIndex.Tensor(first), TensorIndex.Colon, TensorIndex.Tensor(second % 2)],
                x => x.index_select(1, second.add(4) % 4),
                x => x[x.sum(2).gt(-100)],
            ];
            foreach (Func<Tensor, Tensor> form in forms)
            {
                GradientCheck.Run([Fresh(source)], inputs => form(inputs[0]).square(), Step, Tolerance);
            }
        }
    }

    [Fact]
    public void GatherAndScatter_RandomIndices_GradientMatchesDifferences()
    {
        for (int seed = 0; seed < 20; seed++)
        {
            var check = new GradientCheck(seed);
            int dim = check.Random.Next(2);
            Operand source = check.Operand([3, 4], float64), other = check.Operand([2, 3], float64);
            Tensor index = randint(0, dim == 0 ? 3 : 4, [2, 3]);
            // Two writes to one place would leave the derivative to the order of writing.
            Tensor distinct = dim == 0 ? tensor(new long[] { 0, 1, 2, 2, 0, 1 }, [2, 3]) : tensor(new long[] { 0, 3, 1, 2, 1, 0 }, [2, 3]);
            GradientCheck.Run([Fresh(source)], inputs => inputs[0].gather(dim, index).square(), Step, Tolerance);
            GradientCheck.Run([Fresh(source), Fresh(other)], inputs => inputs[0].scatter_add(dim, index, inputs[1]).square(), Step,
                Tolerance);
            GradientCheck.Run([Fresh(source), Fresh(other)], inputs => inputs[0].scatter(dim, distinct, inputs[1]).square(), Step,
                Tolerance);
        }
    }

    [Fact]
    public void CosineLosses_RandomRows_GradientMatchesDifferences()
    {
        for (int seed = 0; seed < 10; seed++)
        {
            var check = new GradientCheck(seed);
            Operand a = check.Operand([4, 3], float64), b = check.Operand([4, 3], float64);
            Tensor target = tensor(new long[] { 1, -1, 1, -1 });
            GradientCheck.Run([a, b], inputs => nn.functional.cosine_embedding_loss(inputs[0], inputs[1], target, margin: 0.1), Step,
                Tolerance);
            GradientCheck.Run([Fresh(a), Fresh(b)], inputs => nn.functional.cosine_similarity(inputs[0], inputs[1], dim: 1), Step,
                Tolerance);
        }
    }
}

internal static class IndexArithmetic
{
    /// <summary>Indices in [0, 3) from any integers.</summary>
    internal static Tensor remainder3(this Tensor indices) => indices % 3;
}
