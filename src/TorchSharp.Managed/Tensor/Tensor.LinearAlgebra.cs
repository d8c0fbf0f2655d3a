using TorchSharp.Autograd;
using TorchSharp.Kernels;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>The matrix product; batches broadcast, vectors count as a row or a column.</summary>
        /// <exception cref="ArgumentException">The inner lengths differ, or the batches do not broadcast.</exception>
        public Tensor matmul(Tensor target)
        {
            MatrixProducts.RequireSameType(this, target, "matmul");
            if (Rank == 0 || target.Rank == 0)
            {
                throw new ArgumentException(
                    $"matmul: shapes {Shapes.Text(_shape)} and {Shapes.Text(target._shape)}: both operands need at least one dimension");
            }
            long innerLeft = _shape[^1];
            long innerRight = target._shape[target.Rank == 1 ? 0 : ^2];
            if (innerLeft != innerRight)
            {
                throw new ArgumentException(
                    $"matmul: shapes {Shapes.Text(_shape)} and {Shapes.Text(target._shape)} do not multiply: {innerLeft} is not " +
                        $"{innerRight}");
            }
            if (target.Rank == 1)
            {
                Tensor product = (Rank == 1 ? unsqueeze(0) : this).matmul(target.unsqueeze(1)).squeeze(-1);
                return Rank == 1 ? product.squeeze(0) : product;
            }
            if (Rank == 1)
            {
                return unsqueeze(0).matmul(target).squeeze(-2);
            }
            if (target.Rank == 2)
            {
                return MatrixProducts.Multiply(this, target, bias: null, weightIsTransposed: false, "matmul");
            }
            long[] batch = Shapes.Broadcast(_shape[..^2], target._shape[..^2],
                $"matmul: the batches of {Shapes.Text(_shape)} and {Shapes.Text(target._shape)}");
            Tensor left = expand([.. batch, .. _shape[^2..]]);
            Tensor right = target.expand([.. batch, .. target._shape[^2..]]);
            return MatrixProducts.MultiplyBatches(left, right);
        }

        public Tensor mm(Tensor target)
        {
            if (Rank != 2 || target.Rank != 2)
            {
                throw new ArgumentException($"mm: shapes {Shapes.Text(_shape)} and {Shapes.Text(target._shape)}: both must be matrices");
            }
            return matmul(target);
        }

        public Tensor bmm(Tensor batch2)
        {
            if (Rank != 3 || batch2.Rank != 3 || _shape[0] != batch2._shape[0])
            {
                throw new ArgumentException(
                    $"bmm: shapes {Shapes.Text(_shape)} and {Shapes.Text(batch2._shape)}: both must be batches of equally many matrices");
            }
            return matmul(batch2);
        }

        public Tensor mv(Tensor target) => matmul(target);

        public Tensor dot(Tensor target)
        {
            if (Rank != 1 || target.Rank != 1)
            {
                throw new ArgumentException(
                    $"dot: shapes {Shapes.Text(_shape)} and {Shapes.Text(target._shape)}: both must have one dimension");
            }
            return matmul(target);
        }

        public Tensor outer(Tensor vec2) => unsqueeze(1).mul(vec2.unsqueeze(0));

        /// <summary>beta * this + alpha * mat1 mat2. With factors of 1 and a row as this, the sum costs nothing extra.</summary>
        public Tensor addmm(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1)
        {
            if (mat1.Rank != 2 || mat2.Rank != 2 || mat1._shape[1] != mat2._shape[0])
            {
                throw new ArgumentException($"addmm: shapes {Shapes.Text(mat1._shape)} and {Shapes.Text(mat2._shape)} do not multiply");
            }
            if (beta == 1 && alpha == 1 && Rank == 1 && _shape[0] == mat2._shape[1] && _dtype == ScalarType.Float32)
            {
                return MatrixProducts.Multiply(mat1, mat2, this, weightIsTransposed: false, "addmm");
            }
            Tensor product = mat1.matmul(mat2);
            return (beta == 1 ? this : mul(beta)).add(alpha == 1 ? product : product.mul(alpha));
        }
    }

    public static Tensor matmul(Tensor input, Tensor target) => input.matmul(target);
    public static Tensor mm(Tensor input, Tensor target) => input.mm(target);
    public static Tensor bmm(Tensor input, Tensor batch2) => input.bmm(batch2);
}

/// <summary>
/// Matrix products and their derivatives on the GEMM kernel: operands are read as they lie, rows or columns first, without copies.
/// </summary>
internal static unsafe class MatrixProducts
{
    internal static void RequireSameType(torch.Tensor a, torch.Tensor b, string operation)
    {
        if (a.dtype != b.dtype)
        {
            throw new InvalidOperationException($"{operation}: both operands must have one dtype, these are {a.dtype} and {b.dtype}");
        }
        if (a.dtype != torch.ScalarType.Float32 && a.dtype != torch.ScalarType.Float64)
        {
            throw ScalarTypes.Unsupported(a.dtype, operation);
        }
    }

    /// <summary>A matrix as the kernel reads it.</summary>
    private readonly struct Matrix(torch.Tensor owner, bool transposed, long leading) : IDisposable
    {
        internal readonly bool Transposed = transposed;
        internal readonly long Leading = leading;
        internal float* Data => owner.FloatData;
        public void Dispose() => owner.Dispose();
    }

    /// <summary>Rows or columns with unit stride are used in place; anything else is copied.</summary>
    private static Matrix Read(torch.Tensor matrix)
    {
        long rows = matrix.ShapeArray[^2];
        long columns = matrix.ShapeArray[^1];
        long rowStride = matrix.StrideArray[^2];
        long columnStride = matrix.StrideArray[^1];
        if ((columnStride == 1 || columns == 1) && (rowStride >= columns || rows == 1))
        {
            return new Matrix(matrix.Share(), false, rows == 1 ? Math.Max(columns, 1) : rowStride);
        }
        if ((rowStride == 1 || rows == 1) && (columnStride >= rows || columns == 1))
        {
            return new Matrix(matrix.Share(), true, columns == 1 ? Math.Max(rows, 1) : columnStride);
        }
        using torch.Tensor plain = matrix.detach();
        return new Matrix(plain.clone(), false, Math.Max(columns, 1));
    }

    /// <summary>output[m, n] = a b (+ output) (+ bias): a [m, k], b [k, n], output contiguous.</summary>
    private static void Gemm(torch.Tensor a, torch.Tensor b, torch.Tensor output, bool accumulate = false, torch.Tensor? bias = null)
    {
        long m = a.ShapeArray[0], k = a.ShapeArray[1], n = b.ShapeArray[1];
        if (a.dtype == torch.ScalarType.Float64)
        {
            GemmDouble(a, b, output, accumulate, bias);
            return;
        }
        using Matrix left = Read(a);
        using Matrix right = Read(b);
        using torch.Tensor? row = bias?.detach().contiguous();
        Kernels.Gemm.Run(left.Transposed, right.Transposed, m, n, k, left.Data, left.Leading, right.Data, right.Leading,
            output.FloatData, Math.Max(n, 1), accumulate, row is null ? null : row.FloatData);
        Pointwise.KeepAlive(output, row);
    }

    /// <summary>The same in double precision, for reference computations: one plain loop.</summary>
    private static void GemmDouble(torch.Tensor a, torch.Tensor b, torch.Tensor output, bool accumulate, torch.Tensor? bias)
    {
        long m = a.ShapeArray[0], k = a.ShapeArray[1], n = b.ShapeArray[1];
        using torch.Tensor left = a.detach().contiguous();
        using torch.Tensor right = b.detach().contiguous();
        using torch.Tensor? row = bias?.detach().contiguous();
        double* x = (double*)left.Data;
        double* y = (double*)right.Data;
        double* z = (double*)output.Data;
        double* r = row is null ? null : (double*)row.Data;
        WorkerPool.ForRange(m, 16, (start, end, _) =>
        {
            for (long i = start; i < end; i++)
            {
                for (long j = 0; j < n; j++)
                {
                    double sum = (accumulate ? z[i * n + j] : 0) + (r == null ? 0 : r[j]);
                    for (long l = 0; l < k; l++)
                    {
                        sum += x[i * k + l] * y[l * n + j];
                    }
                    z[i * n + j] = sum;
                }
            }
        });
        Pointwise.KeepAlive(left, right, output, row);
    }

    /// <summary>
    /// input [..., k] times a matrix, plus a bias row: one product over all leading dimensions. The weight is [k, n], or [n, k] when
    /// <paramref name="weightIsTransposed"/> (PyTorch's linear).
    /// </summary>
    internal static torch.Tensor Multiply(torch.Tensor input, torch.Tensor weight, torch.Tensor? bias, bool weightIsTransposed, string name)
    {
        long k = input.ShapeArray[^1];
        long n = weight.ShapeArray[weightIsTransposed ? 0 : 1];
        long rows = k == 0 ? Shapes.ElementCount(input.ShapeArray.AsSpan(0, input.Rank - 1)) : input.ElementCount / k;
        torch.Tensor result = torch.Tensor.Empty([.. input.ShapeArray[..^1], n], input.dtype);
        using (torch.no_grad())
        using (torch.Tensor flat = input.reshape(rows, k))
        using (torch.Tensor flatResult = result.view(rows, n))
        using (torch.Tensor matrix = weightIsTransposed ? weight.t() : weight.alias())
        {
            Gemm(flat, matrix, flatResult, bias: bias);
        }
        if (Graph.Record(name, result, input, weight, bias) is { } node)
        {
            SavedTensor? savedInput = node.Needs(1) ? node.Save(input) : null;
            SavedTensor? savedWeight = node.Needs(0) ? node.Save(weight) : null;
            long[] inputShape = input.ShapeArray;
            long[] weightShape = weight.ShapeArray, weightStrides = weight.StrideArray;
            node.Derivative = gradient =>
            {
                torch.Tensor flatGradient = gradient.reshape(rows, n);
                torch.Tensor? toInput = null, toWeight = null, toBias = null;
                if (savedWeight is not null)
                {
                    toInput = torch.Tensor.Empty(inputShape, gradient.dtype);
                    torch.Tensor matrix = weightIsTransposed ? savedWeight.Value : savedWeight.Value.t();
                    Gemm(flatGradient, matrix, toInput.view(rows, k));
                }
                if (savedInput is not null)
                {
                    torch.Tensor flatInput = savedInput.Value.reshape(rows, k);
                    // In the layout of the weight, even when that is a transposed view: the sums into its gradient then run over contiguous
                    // memory.
                    bool swapped = weightStrides[0] == 1 && weightStrides[1] != 1;
                    torch.Tensor? collected = Graph.CollectedGradient(node, 1);
                    toWeight = collected
                        ?? torch.Tensor.Empty(swapped ? [weightShape[1], weightShape[0]] : weightShape, gradient.dtype);
                    if (weightIsTransposed != (swapped && collected is null))
                    {
                        Gemm(flatGradient.t(), flatInput, toWeight, accumulate: collected is not null);
                    }
                    else
                    {
                        Gemm(flatInput.t(), flatGradient, toWeight, accumulate: collected is not null);
                    }
                    collected?.Storage.MarkChanged();
                    toWeight = collected is not null ? null : swapped ? toWeight.t() : toWeight;
                }
                if (bias is not null && node.Needs(2))
                {
                    toBias = flatGradient.sum(0L);
                }
                return [toInput, toWeight, toBias];
            };
        }
        return result;
    }

    /// <summary>Products of equally many matrices: a [..., m, k], b [..., k, n], the same leading dimensions.</summary>
    internal static torch.Tensor MultiplyBatches(torch.Tensor a, torch.Tensor b)
    {
        torch.Tensor result = torch.Tensor.Empty([.. a.ShapeArray[..^1], b.ShapeArray[^1]], a.dtype);
        using (torch.no_grad())
        {
            RunBatches(a, b, result);
        }
        if (Graph.Record("bmm", result, a, b) is { } node)
        {
            SavedTensor? savedA = node.Needs(1) ? node.Save(a) : null;
            SavedTensor? savedB = node.Needs(0) ? node.Save(b) : null;
            node.Derivative = gradient =>
            [
                savedB is null ? null : Product(gradient, savedB.Value.transpose(-2, -1)),
                savedA is null ? null : Product(savedA.Value.transpose(-2, -1), gradient),
            ];
        }
        return result;
    }

    private static torch.Tensor Product(torch.Tensor a, torch.Tensor b)
    {
        torch.Tensor result = torch.Tensor.Empty([.. a.ShapeArray[..^1], b.ShapeArray[^1]], a.dtype);
        RunBatches(a, b, result);
        return result;
    }

    private static void RunBatches(torch.Tensor a, torch.Tensor b, torch.Tensor result)
    {
        long[] batchShape = a.ShapeArray[..^2];
        long count = Shapes.ElementCount(batchShape);
        long m = a.ShapeArray[^2], k = a.ShapeArray[^1], n = b.ShapeArray[^1];
        if (count == 0 || m == 0 || n == 0)
        {
            return;
        }
        if (a.dtype == torch.ScalarType.Float32 && BatchStride(a) is { } strideA && BatchStride(b) is { } strideB)
        {
            using Matrix left = Read(FirstMatrix(a));
            using Matrix right = Read(FirstMatrix(b));
            if (left.Data == a.FloatData && right.Data == b.FloatData)
            {
                Kernels.Gemm.RunBatched(count, left.Transposed, right.Transposed, m, n, k, left.Data, left.Leading, strideA,
                    right.Data, right.Leading, strideB, result.FloatData, n, m * n);
                Pointwise.KeepAlive(a, b, result);
                return;
            }
        }
        using torch.Tensor lefts = a.reshape(count, m, k);
        using torch.Tensor rights = b.reshape(count, k, n);
        using torch.Tensor results = result.view(count, m, n);
        for (long i = 0; i < count; i++)
        {
            using torch.Tensor left = lefts.select(0, i);
            using torch.Tensor right = rights.select(0, i);
            using torch.Tensor output = results.select(0, i);
            Gemm(left, right, output);
        }
    }

    private static torch.Tensor FirstMatrix(torch.Tensor batches) =>
        batches.Reinterpret(batches.ShapeArray[^2..], batches.StrideArray[^2..], batches.Offset);

    /// <summary>The distance between consecutive matrices when it is the same for all of them, else null.</summary>
    private static long? BatchStride(torch.Tensor batches)
    {
        long? stride = null;
        long count = 1;
        for (int i = batches.Rank - 3; i >= 0; i--)
        {
            if (batches.ShapeArray[i] == 1)
            {
                continue;
            }
            if (stride is null)
            {
                stride = batches.StrideArray[i];
            }
            else if (batches.StrideArray[i] != stride * count)
            {
                return null;
            }
            count *= batches.ShapeArray[i];
        }
        return stride ?? 0;
    }
}
