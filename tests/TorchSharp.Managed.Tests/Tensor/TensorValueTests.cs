using static TorchSharp.torch;

namespace TorchSharp.Managed.Tests.TensorTests;

/// <summary>Values of the operations against plain loops and hand-worked examples.</summary>
public sealed class TensorValueTests : EngineTest
{
    private static Tensor Counting(params long[] shape) =>
        arange(shape.Aggregate(1L, (product, length) => product * length), dtype: float32).reshape(shape);

    [Fact]
    public void Views_OfOneMemory_ShowTheSameElements()
    {
        Tensor x = Counting(2, 3);
        AssertValues(x.t(), 0, 3, 1, 4, 2, 5);
        AssertValues(x.select(1, 1), 1, 4);
        AssertValues(x.narrow(1, 1, 2), 1, 2, 4, 5);
        AssertValues(x.slice(1, 0, 3, 2), 0, 2, 3, 5);
        AssertValues(x.view(3, 2).permute(1, 0), 0, 2, 4, 1, 3, 5);
        x.t()[0].zero_();
        AssertValues(x, 0, 1, 2, 0, 4, 5);
    }

    [Fact]
    public void View_OfAPermutedTensor_WorksWhereStridesAllow()
    {
        Tensor x = Counting(2, 3, 4).permute(1, 0, 2);
        Assert.Throws<InvalidOperationException>(() => x.view(6, 4));
        Tensor split = x.view(3, 2, 2, 2);
        AssertValues(split.reshape(-1), Values(x.reshape(-1)));
        AssertValues(Counting(4, 6).narrow(1, 0, 4).view(2, 2, 2, 2).reshape(-1), 0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15, 18, 19, 20, 21);
    }

    [Fact]
    public void Reshape_ShapesWithOnes_KeepsTheElements()
    {
        Tensor x = Counting(3, 4).t();
        foreach (long[] shape in new long[][] { [4, 1, 3], [1, 4, 3, 1], [12], [2, 2, 3], [2, 6], [1, 12, 1] })
        {
            AssertValues(x.reshape(shape).reshape(-1), 0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11);
        }
    }

    [Fact]
    public void Indexing_MixedForms_MatchesNumPy()
    {
        Tensor x = Counting(2, 3, 4);
        AssertValues(x[1, 2], 20, 21, 22, 23);
        AssertValues(x[1, 2, 3].reshape(1), 23);
        AssertValues(x[TensorIndex.Ellipsis, TensorIndex.Single(0)], 0, 4, 8, 12, 16, 20);
        AssertValues(x[.., 1, 1..3], 5, 6, 17, 18);
        AssertValues(x[TensorIndex.Single(0), TensorIndex.Slice(0, 3, 2), TensorIndex.Single(-1)], 3, 11);
        Assert.Equal([2, 1, 3, 4], x[TensorIndex.Colon, TensorIndex.Null].shape);
        AssertValues(x[tensor(new long[] { 1, 0 }), tensor(new long[] { 2, 0 })], 20, 21, 22, 23, 0, 1, 2, 3);
        Assert.Equal([2, 5, 4], x[TensorIndex.Colon, TensorIndex.Tensor(zeros(5, dtype: int64))].shape);
        // Separated index tensors: their dimension moves to the front.
        Tensor ids = tensor(new long[] { 0, 1 });
        Assert.Equal([2, 3], x[TensorIndex.Tensor(ids), TensorIndex.Colon, TensorIndex.Tensor(ids)].shape);
        AssertValues(x[TensorIndex.Tensor(ids), TensorIndex.Colon, TensorIndex.Tensor(ids)], 0, 4, 8, 13, 17, 21);
        AssertValues(x[x.gt(20)], 21, 22, 23);
    }

    [Fact]
    public void IndexPut_FormsOfTarget_WritesOnlyThere()
    {
        Tensor x = zeros(3, 3);
        x[1] = ones(3);
        x[TensorIndex.Colon, TensorIndex.Single(0)] = tensor(5f);
        AssertValues(x, 5, 0, 0, 5, 1, 1, 5, 0, 0);
        Tensor ids = tensor(new long[] { 0, 0, 2 });
        x.index_put_(ones(3, 3), [ids], accumulate: true);
        AssertValues(x, 7, 2, 2, 5, 1, 1, 6, 1, 1);
        x.index_put_(9, TensorIndex.Tensor(x.gt(6)));
        AssertValues(x, 9, 2, 2, 5, 1, 1, 6, 1, 1);
    }

    [Fact]
    public void GatherAndScatter_AlongEachDimension_MatchesTheDefinition()
    {
        Tensor x = Counting(2, 3);
        AssertValues(x.gather(1, tensor(new long[] { 2, 0, 1, 1 }, [2, 2])), 2, 0, 4, 4);
        AssertValues(x.gather(0, tensor(new long[] { 1, 0, 1 }, [1, 3])), 3, 1, 5);
        AssertValues(zeros(2, 3).scatter(1, tensor(new long[] { 2, 0 }, [2, 1]), tensor(new float[] { 7, 8 }, [2, 1])), 0, 0, 7, 8, 0, 0);
        AssertValues(zeros(3).scatter_add(0, tensor(new long[] { 1, 1, 0 }), ones(3)), 1, 2, 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(16)]
    [InlineData(33)]
    [InlineData(1000)]
    [InlineData(40_000)]
    public void Arithmetic_LengthsAroundVectorsAndRanges_MatchesPlainLoops(int length)
    {
        Tensor a = randn(length), b = rand(length).add(0.5);
        float[] x = Values(a), y = Values(b);
        AssertValues(a + b, x.Zip(y, (p, q) => p + q).ToArray());
        AssertValues(a * b - 2, x.Zip(y, (p, q) => p * q - 2).ToArray());
        AssertValues(1 / b, y.Select(q => 1 / q).ToArray());
        AssertValues(maximum(a, b), x.Zip(y, Math.Max).ToArray());
        AssertValues(a.exp(), x.Select(MathF.Exp).ToArray());
        AssertValues(a.gt(0).to(float32), x.Select(p => p > 0 ? 1f : 0f).ToArray());
        AssertValues(a.to(int64).to(float32), x.Select(MathF.Truncate).ToArray());
        Assert.Equal(x.Sum(p => (double)p), a.sum().ToDouble(), 1e-4 * Math.Sqrt(length) + 1e-5);
        Tensor strided = stack([a, b], 1)[TensorIndex.Colon, TensorIndex.Single(0)];
        AssertValues(strided.neg(), x.Select(p => -p).ToArray());
    }

    [Fact]
    public void LargeStridedOperands_CutIntoRanges_MatchTheirCopies()
    {
        Tensor a = randn(60, 50, 23).permute(2, 0, 1), b = randn(60, 1, 46)[TensorIndex.Ellipsis, TensorIndex.Slice(0, 46, 2)].permute(2, 0, 1);
        Tensor plainA = a.contiguous(), plainB = b.contiguous().expand(23, 60, 50).contiguous();
        Assert.True((a * b).equal(plainA * plainB).ToBoolean());
        Assert.True(a.gt(b).equal(plainA.gt(plainB)).ToBoolean());
        Assert.True(where(a.gt(0), a, b).equal(where(plainA.gt(0), plainA, plainB)).ToBoolean());
        Assert.True(a.to(float64).to(float32).equal(plainA).ToBoolean());
        Assert.True(a.sum([0, 2]).allclose(plainA.sum([0, 2]), atol: 1e-4));
        Assert.True(a.max(1).values.equal(plainA.max(1).values).ToBoolean());
        Tensor target = zeros(60, 50, 23);
        target.permute(2, 0, 1).copy_(plainA).add_(b);
        Assert.True(target.permute(2, 0, 1).equal(plainA + plainB).ToBoolean());
    }

    [Fact]
    public void Broadcast_ThreeShapes_MatchesPlainLoops()
    {
        Tensor a = Counting(2, 1, 3), b = Counting(4, 1), c = a + b * 10;
        Assert.Equal([2, 4, 3], c.shape);
        float[] values = Values(c);
        for (int i = 0; i < 2; i++)
        {
            for (int j = 0; j < 4; j++)
            {
                for (int k = 0; k < 3; k++)
                {
                    Assert.Equal(i * 3 + k + j * 10, values[(i * 4 + j) * 3 + k]);
                }
            }
        }
    }

    [Fact]
    public void Promotion_OfTypes_FollowsPyTorch()
    {
        Tensor integers = ones(2, dtype: int64), floats = ones(2), doubles = ones(2, dtype: float64), flags = ones(2, dtype: @bool);
        Assert.Equal(float32, (integers + floats).dtype);
        Assert.Equal(float64, (floats + doubles).dtype);
        Assert.Equal(float32, (floats + tensor(2.0)).dtype);
        Assert.Equal(float32, (integers * 0.5).dtype);
        Assert.Equal(int64, (integers * 2).dtype);
        Assert.Equal(int64, (flags + 1).dtype);
        Assert.Equal(float32, (integers / integers).dtype);
        Assert.Equal(int64, flags.sum().dtype);
        Assert.Equal(int32, (ones(2, dtype: int32) + tensor(1L)).dtype);
    }

    [Fact]
    public void IntegerDivision_RoundingModes_MatchPyTorch()
    {
        Tensor a = tensor(new long[] { 7, -7, 7, -7 }), b = tensor(new long[] { 2, 2, -2, -2 });
        AssertValues(a.div(b, RoundingMode.floor).to(float32), 3, -4, -4, 3);
        AssertValues(a.div(b, RoundingMode.trunc).to(float32), 3, -3, -3, 3);
        AssertValues((a % b).to(float32), 1, 1, -1, -1);
        Assert.Throws<DivideByZeroException>(() => a % zeros(4, dtype: int64));
    }

    [Fact]
    public void Reductions_EverySetOfDimensions_MatchesPlainLoops()
    {
        Tensor x = randn(2, 3, 4).permute(2, 0, 1);
        Tensor ordered = x.contiguous();
        foreach (long[] dims in new long[][] { [0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2], [-1] })
        {
            Tensor fromView = x.sum(dims), fromCopy = ordered.sum(dims);
            Assert.True(fromView.allclose(fromCopy, atol: 1e-6));
            int[] reduced = dims.Select(dim => (int)(dim < 0 ? dim + 3 : dim)).ToArray();
            var expected = new Dictionary<string, double>();
            foreach (long[] position in Positions(4, 2, 3))
            {
                string key = string.Join(",", position.Where((_, dimension) => !reduced.Contains(dimension)));
                expected[key] = expected.GetValueOrDefault(key) + ordered.data<float>()[position];
            }
            AssertValues(fromView.reshape(-1), expected.Values.Select(value => (float)value).ToArray());
            Assert.Equal(3, x.sum(dims, keepdim: true).dim());
            Assert.True(x.mean(dims).allclose(x.sum(dims) / (24.0 / fromView.numel()), atol: 1e-6));
        }
    }

    private static IEnumerable<long[]> Positions(int a, int b, int c) =>
        from i in Enumerable.Range(0, a) from j in Enumerable.Range(0, b) from k in Enumerable.Range(0, c) select new long[] { i, j, k };

    [Fact]
    public void Extremes_TiesAndNaN_FollowPyTorch()
    {
        Tensor x = Floats([2, 3], 1, 5, 5, float.NaN, 2, 3);
        var (values, indexes) = x.max(1);
        Assert.Equal(5, Values(values)[0]);
        Assert.True(float.IsNaN(Values(values)[1]));
        Assert.Equal([1, 0], indexes.data<long>().ToArray());
        Assert.Equal(1, x[0].argmax().item<long>());
        Assert.Equal(0, x[0].argmin().item<long>());
        Assert.True(float.IsNaN(x.max().ToSingle()));
    }

    [Fact]
    public void Logsumexp_LargeAndInfiniteValues_DoesNotOverflow()
    {
        AssertValues(Floats([2, 2], 1000, 1000, float.NegativeInfinity, float.NegativeInfinity).logsumexp(-1),
            1000 + MathF.Log(2), float.NegativeInfinity);
    }

    [Fact]
    public void Cumsum_EachDimensionOfAView_MatchesPlainSums()
    {
        Tensor x = Counting(2, 3);
        AssertValues(x.cumsum(0), 0, 1, 2, 3, 5, 7);
        AssertValues(x.cumsum(1), 0, 1, 3, 3, 7, 12);
        AssertValues(x.t().cumsum(0), 0, 3, 1, 7, 3, 12);
        AssertValues(x.t().cumsum(1), 0, 3, 1, 5, 2, 7);
    }

    [Fact]
    public void SortAndTopk_OrderTiesAndNaN_AreStable()
    {
        Tensor x = Floats([5], 3, 1, float.NaN, 1, 2);
        var (values, indices) = x.sort();
        Assert.Equal([1, 3, 4, 0, 2], indices.data<long>().ToArray());
        Assert.Equal(1, Values(values)[0]);
        var (top, at) = Floats([2, 3], 1, 9, 5, 7, 7, 2).topk(2, -1);
        AssertValues(top, 9, 5, 7, 7);
        Assert.Equal([1, 2, 0, 1], at.data<long>().ToArray());
        var (columns, _) = Floats([2, 2], 4, 1, 2, 3).sort(0, descending: true);
        AssertValues(columns, 4, 3, 2, 1);
    }

    [Fact]
    public void MatmulForms_RandomSizes_MatchPlainLoops()
    {
        var random = new Random(5);
        for (int round = 0; round < 20; round++)
        {
            long m = random.Next(1, 40), k = random.Next(1, 40), n = random.Next(1, 40);
            Tensor a = randn(m, k), b = randn(k, n);
            Tensor expected = a.to(float64).matmul(b.to(float64));
            foreach (Tensor product in new[]
            {
                a.matmul(b), a.t().contiguous().t().matmul(b), a.matmul(b.t().contiguous().t()), b.t().matmul(a.t()).t(),
                    nn.functional.linear(a, b.t()),
                a.unsqueeze(0).matmul(b.unsqueeze(0)).squeeze(0), cat([a, a], 1).narrow(1, k, k).matmul(cat([b, b], 1).narrow(1, 0, n)),
            })
            {
                Assert.True(product.to(float64).allclose(expected, rtol: 1e-4, atol: 1e-4));
            }
        }
    }

    [Fact]
    public void MaskedOperations_BroadcastMasks_TouchOnlyTheirElements()
    {
        Tensor x = Counting(2, 3), mask = tensor(new[] { true, false, true });
        AssertValues(x.masked_fill(mask, -1), -1, 1, -1, -1, 4, -1);
        AssertValues(x.masked_select(mask), 0, 2, 3, 5);
        AssertValues(where(mask, x, tensor(9f)), 0, 9, 2, 3, 9, 5);
        x.masked_fill_(mask, 0);
        AssertValues(x, 0, 1, 0, 0, 4, 0);
        Assert.Equal([2, 2], x.nonzero().shape);
    }

    [Fact]
    public void InPlace_OnOverlappingViews_ReadsBeforeItWrites()
    {
        Tensor x = Counting(3, 3);
        x.add_(x.t());
        AssertValues(x, 0, 4, 8, 4, 8, 12, 8, 12, 16);
        Tensor line = Counting(5);
        line.narrow(0, 1, 4).copy_(line.narrow(0, 0, 4));
        AssertValues(line, 0, 0, 1, 2, 3);
    }

    [Fact]
    public void Conversions_BetweenAllTypes_KeepSmallIntegers()
    {
        ScalarType[] types = [float32, float64, int64, int32, uint8, float16, bfloat16];
        foreach (ScalarType from in types)
        {
            foreach (ScalarType to in types)
            {
                AssertValues(tensor(new float[] { 0, 1, 2, 100 }).to(from).to(to), 0, 1, 2, 100);
            }
        }
        AssertValues(tensor(new[] { 0f, -0.5f, float.NaN }).to(@bool).to(float32), 0, 1, 1);
    }

    [Fact]
    public void BFloat16_Rounding_IsToNearestEven()
    {
        AssertValues(tensor(new[] { 1 + 1f / 256, 1 + 3f / 256, float.PositiveInfinity }).to(bfloat16).to(float32), 1, 1 + 4f / 256,
            float.PositiveInfinity);
        Assert.True(float.IsNaN(Values(tensor(new[] { float.NaN }).to(bfloat16))[0]));
        AssertValues(tensor(new[] { 2f, 3f }).to(bfloat16) * tensor(new[] { 4f, 5f }).to(float16).to(bfloat16), 8, 15);
    }

    [Fact]
    public void Data_Accessor_ReadsAndWritesThroughStrides()
    {
        Tensor x = Counting(2, 3);
        Tensor transposed = x.t();
        Assert.Equal(3, transposed.data<float>()[0, 1]);
        transposed.data<float>()[2, 0] = 42;
        Assert.Equal([0, 3, 1, 4, 42, 5], transposed.data<float>().ToArray());
        Assert.Equal(42, x.data<float>()[0, 2]);
        Assert.Equal(24, x.bytes.Length);
        Assert.Throws<InvalidOperationException>(() => transposed.bytes.Length);
    }

    [Fact]
    public void FromArray_SharesMemory_TensorCopies()
    {
        float[] values = [1, 2, 3];
        Tensor shared = from_array(values), copied = tensor(values);
        values[0] = 9;
        AssertValues(shared, 9, 2, 3);
        AssertValues(copied, 1, 2, 3);
        AssertValues(from_array(new float[,] { { 1, 2 }, { 3, 4 } }).t(), 1, 3, 2, 4);
    }

    [Fact]
    public void Empty_Tensors_PassThroughEveryKindOfOperation()
    {
        Tensor x = zeros([0, 3]);
        Assert.Equal([0, 3], (x + 1).shape);
        AssertValues(x.sum(dim: 0L), 0, 0, 0);
        Assert.Equal(0, x.sum().ToSingle());
        Assert.Equal([0, 2], x.matmul(ones(3, 2)).shape);
        Assert.Equal([2, 3], cat([x, ones(2, 3)]).shape);
        AssertValues(ones([2, 0]).matmul(ones([0, 2])), 0, 0, 0, 0);
        Assert.Equal([0], x.masked_select(x.gt(0)).shape);
    }

    [Fact]
    public void FiniteChecks_SpecialValues_AreTold()
    {
        Tensor x = Floats([4], 1, float.NaN, float.PositiveInfinity, float.NegativeInfinity);
        AssertValues(x.isnan().to(float32), 0, 1, 0, 0);
        AssertValues(x.isfinite().to(float32), 1, 0, 0, 0);
        AssertValues(x.isinf().to(float32), 0, 0, 1, 1);
        Assert.True(x.allclose(x, equal_nan: true));
        Assert.False(x.allclose(x));
        Assert.False(x.equal(x).ToBoolean());
        Assert.True(ones(2).equal(ones(2)).ToBoolean());
        Assert.False(ones(2).equal(ones(3)).ToBoolean());
    }

    [Fact]
    public void Arange_BoundsAndSteps_MatchPyTorch()
    {
        Assert.Equal(int64, arange(3).dtype);
        Assert.Equal(float32, arange(3.0).dtype);
        AssertValues(arange(1, 2, 0.25), 1, 1.25f, 1.5f, 1.75f);
        AssertValues(arange(3, 0, -1).to(float32), 3, 2, 1);
    }
}
