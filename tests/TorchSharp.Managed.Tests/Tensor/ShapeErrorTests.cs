using static TorchSharp.torch;

namespace TorchSharp.Managed.Tests.TensorTests;

/// <summary>Wrong shapes, types and indices are exceptions that name what was given and what was expected.</summary>
public sealed class ShapeErrorTests : EngineTest
{
    public static TheoryData<string, string> Cases => new()
    {
        { "matmul", "matmul: shapes [2, 3] and [4, 5] do not multiply: 3 is not 4" },
        { "matmul batches", "[2, 2, 3]|[3, 3, 4]" },
        { "mm", "[2, 3]|[3]" },
        { "bmm", "[2, 3]|[3, 4]" },
        { "linear", "[2, 3]|[4, 5]" },
        { "linear bias", "[7]|[4, 3]" },
        { "add", "add: shapes [2, 3] and [2, 4]|3 is not 4" },
        { "view of a transpose", "[3, 2]|reshape" },
        { "reshape", "[4]|[2, 3]" },
        { "two unknown lengths", "-1" },
        { "expand", "[2, 3]|[4, 3]" },
        { "cat", "[2, 3]|[2, 4]" },
        { "stack", "[1, 2, 3]|[1, 2, 4]" },
        { "split", "[2, 2]|[2, 3]" },
        { "layer_norm", "[2, 3]|[4]" },
        { "cross_entropy", "[3]|[2, 3]" },
        { "attention", "[2, 3]|[2, 4]" },
        { "in-place growth", "[3]|[2, 3]" },
        { "copy_", "[4]|[2, 3]" },
        { "permute", "[0, 0]" },
        { "grad", "[4]|[2, 3]" },
    };

    private static readonly Dictionary<string, Action> Actions = new()
    {
        ["matmul"] = () => ones(2, 3).matmul(ones(4, 5)),
        ["matmul batches"] = () => ones(2, 2, 3).matmul(ones(3, 3, 4)),
        ["mm"] = () => ones(2, 3).mm(ones(3)),
        ["bmm"] = () => ones(2, 3).bmm(ones(3, 4)),
        ["linear"] = () => nn.functional.linear(ones(2, 3), ones(4, 5)),
        ["linear bias"] = () => nn.functional.linear(ones(2, 3), ones(4, 3), ones(7)),
        ["add"] = () => { _ = ones(2, 3) + ones(2, 4); },
        ["view of a transpose"] = () => ones(2, 3).t().view(6),
        ["reshape"] = () => ones(2, 3).reshape(4),
        ["two unknown lengths"] = () => ones(2, 3).reshape(-1, -1),
        ["expand"] = () => ones(2, 3).expand(4, 3),
        ["cat"] = () => cat([ones(2, 3), ones(2, 4)]),
        ["stack"] = () => stack([ones(2, 3), ones(2, 4)]),
        ["split"] = () => ones(2, 3).split([2, 2], 1),
        ["layer_norm"] = () => nn.functional.layer_norm(ones(2, 3), [4]),
        ["cross_entropy"] = () => nn.functional.cross_entropy(ones(2, 3), zeros(3, dtype: int64)),
        ["attention"] = () => nn.functional.scaled_dot_product_attention(ones(2, 3), ones(2, 4), ones(2, 4)),
        ["in-place growth"] = () => ones(3).add_(ones(2, 3)),
        ["copy_"] = () => ones(2, 3).copy_(ones(4)),
        ["permute"] = () => ones(2, 3).permute(0, 0),
        ["grad"] = () => ones(2, 3).grad = ones(4),
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Operation_ShapesDoNotFit_ThrowsNamingThem(string operation, string parts)
    {
        Exception error = Assert.ThrowsAny<Exception>(Actions[operation]);
        Assert.True(error is ArgumentException or InvalidOperationException, $"{error.GetType()}: {error.Message}");
        Assert.All(parts.Split('|'), part => Assert.Contains(part, error.Message));
    }

    [Fact]
    public void Index_OutOfBounds_Throws()
    {
        Tensor x = ones(2, 3);
        Assert.Throws<ArgumentOutOfRangeException>(() => x[2]);
        Assert.Throws<ArgumentOutOfRangeException>(() => x.narrow(1, 2, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.sum(dim: 2));
        Assert.Throws<IndexOutOfRangeException>(() => x[tensor(new long[] { 0, 2 })]);
        Assert.Throws<IndexOutOfRangeException>(() => nn.functional.cross_entropy(x, tensor(new long[] { 0, 3 })));
    }

    [Fact]
    public void Types_ThatDoNotFit_Throw()
    {
        Assert.Contains("Int64", Assert.Throws<InvalidOperationException>(() => ones(2, 2, dtype: int64).matmul(ones(2, 2))).Message);
        Assert.Throws<InvalidOperationException>(() => ones(2, dtype: int64).add_(ones(2)));
        Assert.Throws<InvalidOperationException>(() => ones(2, dtype: int64).mean());
        Assert.Throws<InvalidOperationException>(() => where(ones(2), ones(2), ones(2)));
        Assert.Throws<ArgumentException>(() => ones(1).item<double>());
        Assert.Throws<InvalidOperationException>(() => ones(2).item<float>());
    }

    [Fact]
    public void Writing_ToAnExpandedTensor_Throws() =>
        Assert.Contains("expanded", Assert.Throws<InvalidOperationException>(() => ones(1, 3).expand(2, 3).add_(1)).Message);
}
