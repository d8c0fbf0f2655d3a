using System.Numerics;
using TorchSharp.Kernels;

namespace TorchSharp;

internal enum BinaryKind { Add, Subtract, Multiply, Divide, TruncatedDivide, FloorDivide, Remainder, Maximum, Minimum, Power, And, Or, Xor }

internal enum UnaryKind
{
    Negate, Absolute, Sign, Square, SquareRoot, ReciprocalSquareRoot, Reciprocal, Exponential, Logarithm, TangentHyperbolic, Sine, Cosine,
        Sigmoid,
    ErrorFunction, Floor, Ceiling, Round,
}

internal enum ComparisonKind { Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual }

/// <summary>Element-wise operations by element type, on operands of one type; nothing here knows about gradients.</summary>
internal static unsafe class Pointwise
{
    internal static void Binary(BinaryKind kind, torch.Tensor output, torch.Tensor a, torch.Tensor b)
    {
        var plan = new LoopPlan(output, a, b);
        switch (output.dtype)
        {
            case torch.ScalarType.Float32: Floating<float>(kind, plan); break;
            case torch.ScalarType.Float64: Floating<double>(kind, plan); break;
            case torch.ScalarType.Int64: Integer<long>(kind, plan); break;
            case torch.ScalarType.Int32: Integer<int>(kind, plan); break;
            case torch.ScalarType.Int16: Integer<short>(kind, plan); break;
            case torch.ScalarType.Int8: Integer<sbyte>(kind, plan); break;
            case torch.ScalarType.Byte: Integer<byte>(kind, plan); break;
            case torch.ScalarType.Bool: Boolean(kind, plan); break;
            default: throw ScalarTypes.Unsupported(output.dtype, kind.ToString());
        }
        KeepAlive(output, a, b);
    }

    private static void Floating<T>(BinaryKind kind, LoopPlan plan) where T : unmanaged, INumber<T>
    {
        switch (kind)
        {
            case BinaryKind.Divide: plan.Run<BinaryLoop<T, DivideOperation<T>>>(); break;
            case BinaryKind.And or BinaryKind.Or or BinaryKind.Xor:
                throw new InvalidOperationException($"bitwise {kind} is defined for bool and integer tensors only");
            default: Number<T>(kind, plan); break;
        }
    }

    private static void Integer<T>(BinaryKind kind, LoopPlan plan) where T : unmanaged, IBinaryInteger<T>
    {
        switch (kind)
        {
            case BinaryKind.And: plan.Run<BinaryLoop<T, BitwiseAndOperation<T>>>(); break;
            case BinaryKind.Or: plan.Run<BinaryLoop<T, BitwiseOrOperation<T>>>(); break;
            case BinaryKind.Xor: plan.Run<BinaryLoop<T, BitwiseXorOperation<T>>>(); break;
            default: Number<T>(kind, plan); break;
        }
    }

    /// <summary>Booleans are bytes of 0 and 1: sum is or, product is and.</summary>
    private static void Boolean(BinaryKind kind, LoopPlan plan)
    {
        switch (kind)
        {
            case BinaryKind.And or BinaryKind.Multiply or BinaryKind.Minimum: plan.Run<BinaryLoop<byte,
                BitwiseAndOperation<byte>>>(); break;
            case BinaryKind.Or or BinaryKind.Add or BinaryKind.Maximum: plan.Run<BinaryLoop<byte, BitwiseOrOperation<byte>>>(); break;
            case BinaryKind.Xor: plan.Run<BinaryLoop<byte, BitwiseXorOperation<byte>>>(); break;
            default: throw new InvalidOperationException(
                $"{kind} is not defined for bool tensors; use logical_xor or convert to a number first");
        }
    }

    private static void Number<T>(BinaryKind kind, LoopPlan plan) where T : unmanaged, INumber<T>
    {
        switch (kind)
        {
            case BinaryKind.Add: plan.Run<BinaryLoop<T, AddOperation<T>>>(); break;
            case BinaryKind.Subtract: plan.Run<BinaryLoop<T, SubtractOperation<T>>>(); break;
            case BinaryKind.Multiply: plan.Run<BinaryLoop<T, MultiplyOperation<T>>>(); break;
            case BinaryKind.TruncatedDivide: plan.Run<BinaryLoop<T, TruncatedDivideOperation<T>>>(); break;
            case BinaryKind.FloorDivide: plan.Run<BinaryLoop<T, FloorDivideOperation<T>>>(); break;
            case BinaryKind.Remainder: plan.Run<BinaryLoop<T, RemainderOperation<T>>>(); break;
            case BinaryKind.Maximum: plan.Run<BinaryLoop<T, MaximumOperation<T>>>(); break;
            case BinaryKind.Minimum: plan.Run<BinaryLoop<T, MinimumOperation<T>>>(); break;
            case BinaryKind.Power: plan.Run<BinaryLoop<T, PowerOperation<T>>>(); break;
            default: throw new InvalidOperationException($"{kind} is not defined for {typeof(T)} tensors");
        }
    }

    internal static void Compare(ComparisonKind kind, torch.Tensor output, torch.Tensor a, torch.Tensor b)
    {
        var plan = new LoopPlan(output, a, b);
        switch (a.dtype)
        {
            case torch.ScalarType.Float32: Compare<float>(kind, plan); break;
            case torch.ScalarType.Float64: Compare<double>(kind, plan); break;
            case torch.ScalarType.Int64: Compare<long>(kind, plan); break;
            case torch.ScalarType.Int32: Compare<int>(kind, plan); break;
            case torch.ScalarType.Int16: Compare<short>(kind, plan); break;
            case torch.ScalarType.Int8: Compare<sbyte>(kind, plan); break;
            case torch.ScalarType.Byte or torch.ScalarType.Bool: Compare<byte>(kind, plan); break;
            default: throw ScalarTypes.Unsupported(a.dtype, "comparison");
        }
        KeepAlive(output, a, b);
    }

    private static void Compare<T>(ComparisonKind kind, LoopPlan plan) where T : unmanaged, INumber<T>
    {
        switch (kind)
        {
            case ComparisonKind.Equal: plan.Run<ComparisonLoop<T, EqualComparison<T>>>(); break;
            case ComparisonKind.NotEqual: plan.Run<ComparisonLoop<T, NotEqualComparison<T>>>(); break;
            case ComparisonKind.Less: plan.Run<ComparisonLoop<T, LessComparison<T>>>(); break;
            case ComparisonKind.LessOrEqual: plan.Run<ComparisonLoop<T, LessOrEqualComparison<T>>>(); break;
            case ComparisonKind.Greater: plan.Run<ComparisonLoop<T, GreaterComparison<T>>>(); break;
            case ComparisonKind.GreaterOrEqual: plan.Run<ComparisonLoop<T, GreaterOrEqualComparison<T>>>(); break;
            default: throw new ArgumentOutOfRangeException(nameof(kind), kind, "an unknown comparison");
        }
    }

    internal static void Unary(UnaryKind kind, torch.Tensor output, torch.Tensor a)
    {
        var plan = new LoopPlan(output, a);
        switch (output.dtype)
        {
            case torch.ScalarType.Float32: Real<float>(kind, plan); break;
            case torch.ScalarType.Float64: Real<double>(kind, plan); break;
            case torch.ScalarType.Int64: Whole<long>(kind, plan); break;
            case torch.ScalarType.Int32: Whole<int>(kind, plan); break;
            case torch.ScalarType.Int16: Whole<short>(kind, plan); break;
            case torch.ScalarType.Int8: Whole<sbyte>(kind, plan); break;
            case torch.ScalarType.Byte: Whole<byte>(kind, plan); break;
            default: throw ScalarTypes.Unsupported(output.dtype, kind.ToString());
        }
        KeepAlive(output, a);
    }

    private static void Whole<T>(UnaryKind kind, LoopPlan plan) where T : unmanaged, INumber<T>
    {
        switch (kind)
        {
            case UnaryKind.Negate: plan.Run<UnaryLoop<T, NegateOperation<T>>>(); break;
            case UnaryKind.Absolute: plan.Run<UnaryLoop<T, AbsoluteOperation<T>>>(); break;
            case UnaryKind.Sign: plan.Run<UnaryLoop<T, SignOperation<T>>>(); break;
            case UnaryKind.Square: plan.Run<UnaryLoop<T, SquareOperation<T>>>(); break;
            default: throw new InvalidOperationException($"{kind} is not defined for {typeof(T)} tensors");
        }
    }

    private static void Real<T>(UnaryKind kind, LoopPlan plan) where T : unmanaged, IFloatingPointIeee754<T>
    {
        switch (kind)
        {
            case UnaryKind.SquareRoot: plan.Run<UnaryLoop<T, SquareRootOperation<T>>>(); break;
            case UnaryKind.ReciprocalSquareRoot: plan.Run<UnaryLoop<T, ReciprocalSquareRootOperation<T>>>(); break;
            case UnaryKind.Reciprocal: plan.Run<UnaryLoop<T, ReciprocalOperation<T>>>(); break;
            case UnaryKind.Exponential: plan.Run<UnaryLoop<T, ExponentialOperation<T>>>(); break;
            case UnaryKind.Logarithm: plan.Run<UnaryLoop<T, LogarithmOperation<T>>>(); break;
            case UnaryKind.TangentHyperbolic: plan.Run<UnaryLoop<T, TangentHyperbolicOperation<T>>>(); break;
            case UnaryKind.Sine: plan.Run<UnaryLoop<T, SineOperation<T>>>(); break;
            case UnaryKind.Cosine: plan.Run<UnaryLoop<T, CosineOperation<T>>>(); break;
            case UnaryKind.Sigmoid: plan.Run<UnaryLoop<T, SigmoidOperation<T>>>(); break;
            case UnaryKind.ErrorFunction: plan.Run<UnaryLoop<T, ErrorFunctionOperation<T>>>(); break;
            case UnaryKind.Floor: plan.Run<UnaryLoop<T, FloorOperation<T>>>(); break;
            case UnaryKind.Ceiling: plan.Run<UnaryLoop<T, CeilingOperation<T>>>(); break;
            case UnaryKind.Round: plan.Run<UnaryLoop<T, RoundOperation<T>>>(); break;
            default: Whole<T>(kind, plan); break;
        }
    }

    /// <summary>output = a where condition, else b; all of one type but the condition, which is bool.</summary>
    internal static void Select(torch.Tensor output, torch.Tensor condition, torch.Tensor a, torch.Tensor b)
    {
        var plan = new LoopPlan(output, a, b, condition);
        switch (ScalarTypes.Size(output.dtype))
        {
            case 1: plan.Run<SelectLoop<byte>>(); break;
            case 2: plan.Run<SelectLoop<ushort>>(); break;
            case 4: plan.Run<SelectLoop<uint>>(); break;
            default: plan.Run<SelectLoop<ulong>>(); break;
        }
        KeepAlive(output, condition, a, b);
    }

    /// <summary>output = a, converted to the type of output and stretched to its shape.</summary>
    internal static void Copy(torch.Tensor output, torch.Tensor a)
    {
        if (output.dtype == a.dtype)
        {
            var plan = new LoopPlan(output, a);
            switch (ScalarTypes.Size(output.dtype))
            {
                case 1: plan.Run<CopyLoop<byte>>(); break;
                case 2: plan.Run<CopyLoop<ushort>>(); break;
                case 4: plan.Run<CopyLoop<uint>>(); break;
                default: plan.Run<CopyLoop<ulong>>(); break;
            }
        }
        else
        {
            Cast(output, a);
        }
        KeepAlive(output, a);
    }

    private static void Cast(torch.Tensor output, torch.Tensor a)
    {
        if (ScalarTypes.IsHalfWidth(a.dtype) && output.dtype == torch.ScalarType.Float32)
        {
            FromHalfWidth(output, a);
            return;
        }
        if (ScalarTypes.IsHalfWidth(output.dtype) && a.dtype == torch.ScalarType.Float32)
        {
            ToHalfWidth(output, a);
            return;
        }
        if (ScalarTypes.IsHalfWidth(a.dtype) || ScalarTypes.IsHalfWidth(output.dtype))
        {
            using torch.Tensor single = torch.Tensor.Empty(a.ShapeArray, torch.ScalarType.Float32);
            Copy(single, a);
            Copy(output, single);
            return;
        }
        var plan = new LoopPlan(output, a);
        switch (a.dtype)
        {
            case torch.ScalarType.Float32: CastFrom<float>(output.dtype, plan); break;
            case torch.ScalarType.Float64: CastFrom<double>(output.dtype, plan); break;
            case torch.ScalarType.Int64: CastFrom<long>(output.dtype, plan); break;
            case torch.ScalarType.Int32: CastFrom<int>(output.dtype, plan); break;
            case torch.ScalarType.Int16: CastFrom<short>(output.dtype, plan); break;
            case torch.ScalarType.Int8: CastFrom<sbyte>(output.dtype, plan); break;
            case torch.ScalarType.Byte or torch.ScalarType.Bool: CastFrom<byte>(output.dtype, plan); break;
            default: throw ScalarTypes.Unsupported(a.dtype, "conversion");
        }
    }

    private static void CastFrom<T>(torch.ScalarType target, LoopPlan plan) where T : unmanaged, INumberBase<T>
    {
        switch (target)
        {
            case torch.ScalarType.Float32: plan.Run<CastLoop<T, float>>(); break;
            case torch.ScalarType.Float64: plan.Run<CastLoop<T, double>>(); break;
            case torch.ScalarType.Int64: plan.Run<CastLoop<T, long>>(); break;
            case torch.ScalarType.Int32: plan.Run<CastLoop<T, int>>(); break;
            case torch.ScalarType.Int16: plan.Run<CastLoop<T, short>>(); break;
            case torch.ScalarType.Int8: plan.Run<CastLoop<T, sbyte>>(); break;
            case torch.ScalarType.Byte: plan.Run<CastLoop<T, byte>>(); break;
            case torch.ScalarType.Bool: plan.Run<CastToBoolLoop<T>>(); break;
            default: throw ScalarTypes.Unsupported(target, "conversion");
        }
    }

    private static void FromHalfWidth(torch.Tensor output, torch.Tensor a)
    {
        var plan = new LoopPlan(output, a);
        if (plan.IsLinear && output.is_contiguous() && a.is_contiguous() && output.ElementCount == a.ElementCount)
        {
            if (a.dtype == torch.ScalarType.Float16)
            {
                HalfConversion.Float16ToSingle(plan.Count, (ushort*)a.Data, (float*)output.Data);
            }
            else
            {
                HalfConversion.BFloat16ToSingle(plan.Count, (ushort*)a.Data, (float*)output.Data);
            }
        }
        else if (a.dtype == torch.ScalarType.Float16)
        {
            plan.Run<CastLoop<Half, float>>();
        }
        else
        {
            plan.Run<FromBFloat16Loop>();
        }
    }

    private static void ToHalfWidth(torch.Tensor output, torch.Tensor a)
    {
        var plan = new LoopPlan(output, a);
        if (output.dtype == torch.ScalarType.Float16)
        {
            plan.Run<CastLoop<float, Half>>();
        }
        else
        {
            plan.Run<ToBFloat16Loop>();
        }
    }

    /// <summary>Tensors must outlive the loops over their memory: an unreferenced one could be finalized in the middle.</summary>
    internal static void KeepAlive(torch.Tensor a, torch.Tensor? b = null, torch.Tensor? c = null, torch.Tensor? d = null)
    {
        GC.KeepAlive(a);
        GC.KeepAlive(b);
        GC.KeepAlive(c);
        GC.KeepAlive(d);
    }
}
