using System.Numerics;
using System.Runtime.Intrinsics;

namespace TorchSharp;

internal readonly struct AddOperation<T> : IBinaryOperation<T> where T : unmanaged, INumber<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T a, T b) => a + b;
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a + b;
}

internal readonly struct SubtractOperation<T> : IBinaryOperation<T> where T : unmanaged, INumber<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T a, T b) => a - b;
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a - b;
}

internal readonly struct MultiplyOperation<T> : IBinaryOperation<T> where T : unmanaged, INumber<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T a, T b) => a * b;
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a * b;
}

/// <summary>a / b of floating types.</summary>
internal readonly struct DivideOperation<T> : IBinaryOperation<T> where T : unmanaged, INumber<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T a, T b) => a / b;
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a / b;
}

/// <summary>Division rounded towards zero.</summary>
internal readonly struct TruncatedDivideOperation<T> : IBinaryOperation<T> where T : unmanaged, INumber<T>
{
    public static bool IsVectorised => false;
    public static T Apply(T a, T b) => typeof(T) == typeof(float) ? T.CreateTruncating(MathF.Truncate(float.CreateTruncating(a / b)))
        : typeof(T) == typeof(double) ? T.CreateTruncating(Math.Truncate(double.CreateTruncating(a / b))) : a / b;
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => throw new NotSupportedException();
}

/// <summary>Division rounded towards minus infinity.</summary>
internal readonly struct FloorDivideOperation<T> : IBinaryOperation<T> where T : unmanaged, INumber<T>
{
    public static bool IsVectorised => false;

    public static T Apply(T a, T b)
    {
        if (typeof(T) == typeof(float))
        {
            return T.CreateTruncating(MathF.Floor(float.CreateTruncating(a / b)));
        }
        if (typeof(T) == typeof(double))
        {
            return T.CreateTruncating(Math.Floor(double.CreateTruncating(a / b)));
        }
        T quotient = a / b;
        return quotient * b != a && T.IsNegative(a) != T.IsNegative(b) ? quotient - T.One : quotient;
    }

    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => throw new NotSupportedException();
}

/// <summary>The remainder with the sign of the divisor, as PyTorch's remainder and Python's %.</summary>
internal readonly struct RemainderOperation<T> : IBinaryOperation<T> where T : unmanaged, INumber<T>
{
    public static bool IsVectorised => false;

    public static T Apply(T a, T b)
    {
        T remainder = a % b;
        return remainder != T.Zero && T.IsNegative(remainder) != T.IsNegative(b) ? remainder + b : remainder;
    }

    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => throw new NotSupportedException();
}

/// <summary>The larger one; NaN when either is.</summary>
internal readonly struct MaximumOperation<T> : IBinaryOperation<T> where T : unmanaged, INumber<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T a, T b) => T.Max(a, b);
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.Max(a, b);
}

/// <summary>The smaller one; NaN when either is.</summary>
internal readonly struct MinimumOperation<T> : IBinaryOperation<T> where T : unmanaged, INumber<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T a, T b) => T.Min(a, b);
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => Vector512.Min(a, b);
}

internal readonly struct PowerOperation<T> : IBinaryOperation<T> where T : unmanaged, INumber<T>
{
    public static bool IsVectorised => false;

    public static T Apply(T a, T b) => typeof(T) == typeof(float)
        ? T.CreateTruncating(MathF.Pow(float.CreateTruncating(a), float.CreateTruncating(b)))
        : T.CreateTruncating(Math.Pow(double.CreateTruncating(a), double.CreateTruncating(b)));

    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => throw new NotSupportedException();
}

internal readonly struct BitwiseAndOperation<T> : IBinaryOperation<T> where T : unmanaged, IBinaryInteger<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T a, T b) => a & b;
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a & b;
}

internal readonly struct BitwiseOrOperation<T> : IBinaryOperation<T> where T : unmanaged, IBinaryInteger<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T a, T b) => a | b;
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a | b;
}

internal readonly struct BitwiseXorOperation<T> : IBinaryOperation<T> where T : unmanaged, IBinaryInteger<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T a, T b) => a ^ b;
    public static Vector512<T> Apply(Vector512<T> a, Vector512<T> b) => a ^ b;
}

internal readonly struct EqualComparison<T> : IComparison<T> where T : unmanaged, INumber<T>
{
    public static bool Apply(T a, T b) => a == b;
}

internal readonly struct NotEqualComparison<T> : IComparison<T> where T : unmanaged, INumber<T>
{
    public static bool Apply(T a, T b) => a != b;
}

internal readonly struct LessComparison<T> : IComparison<T> where T : unmanaged, INumber<T>
{
    public static bool Apply(T a, T b) => a < b;
}

internal readonly struct LessOrEqualComparison<T> : IComparison<T> where T : unmanaged, INumber<T>
{
    public static bool Apply(T a, T b) => a <= b;
}

internal readonly struct GreaterComparison<T> : IComparison<T> where T : unmanaged, INumber<T>
{
    public static bool Apply(T a, T b) => a > b;
}

internal readonly struct GreaterOrEqualComparison<T> : IComparison<T> where T : unmanaged, INumber<T>
{
    public static bool Apply(T a, T b) => a >= b;
}

internal readonly struct NegateOperation<T> : IUnaryOperation<T> where T : unmanaged, INumber<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T x) => -x;
    public static Vector512<T> Apply(Vector512<T> x) => -x;
}

internal readonly struct AbsoluteOperation<T> : IUnaryOperation<T> where T : unmanaged, INumber<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T x) => T.Abs(x);
    public static Vector512<T> Apply(Vector512<T> x) => Vector512.Abs(x);
}

internal readonly struct SignOperation<T> : IUnaryOperation<T> where T : unmanaged, INumber<T>
{
    public static bool IsVectorised => false;
    public static T Apply(T x) => T.IsNaN(x) ? x : x > T.Zero ? T.One : x < T.Zero ? -T.One : T.Zero;
    public static Vector512<T> Apply(Vector512<T> x) => throw new NotSupportedException();
}

internal readonly struct SquareOperation<T> : IUnaryOperation<T> where T : unmanaged, INumber<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T x) => x * x;
    public static Vector512<T> Apply(Vector512<T> x) => x * x;
}

internal readonly struct SquareRootOperation<T> : IUnaryOperation<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T x) => T.Sqrt(x);
    public static Vector512<T> Apply(Vector512<T> x) => Vector512.Sqrt(x);
}

internal readonly struct ReciprocalSquareRootOperation<T> : IUnaryOperation<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T x) => T.One / T.Sqrt(x);
    public static Vector512<T> Apply(Vector512<T> x) => Vector512<T>.One / Vector512.Sqrt(x);
}

internal readonly struct ReciprocalOperation<T> : IUnaryOperation<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool IsVectorised => true;
    public static T Apply(T x) => T.One / x;
    public static Vector512<T> Apply(Vector512<T> x) => Vector512<T>.One / x;
}

internal readonly struct ExponentialOperation<T> : IUnaryOperation<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool IsVectorised => false;
    public static T Apply(T x) => T.Exp(x);
    public static Vector512<T> Apply(Vector512<T> x) => throw new NotSupportedException();
}

internal readonly struct LogarithmOperation<T> : IUnaryOperation<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool IsVectorised => false;
    public static T Apply(T x) => T.Log(x);
    public static Vector512<T> Apply(Vector512<T> x) => throw new NotSupportedException();
}

internal readonly struct TangentHyperbolicOperation<T> : IUnaryOperation<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool IsVectorised => false;
    public static T Apply(T x) => T.Tanh(x);
    public static Vector512<T> Apply(Vector512<T> x) => throw new NotSupportedException();
}

internal readonly struct SineOperation<T> : IUnaryOperation<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool IsVectorised => false;
    public static T Apply(T x) => T.Sin(x);
    public static Vector512<T> Apply(Vector512<T> x) => throw new NotSupportedException();
}

internal readonly struct CosineOperation<T> : IUnaryOperation<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool IsVectorised => false;
    public static T Apply(T x) => T.Cos(x);
    public static Vector512<T> Apply(Vector512<T> x) => throw new NotSupportedException();
}

internal readonly struct SigmoidOperation<T> : IUnaryOperation<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool IsVectorised => false;
    public static T Apply(T x) => T.One / (T.One + T.Exp(-x));
    public static Vector512<T> Apply(Vector512<T> x) => throw new NotSupportedException();
}

internal readonly struct ErrorFunctionOperation<T> : IUnaryOperation<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool IsVectorised => false;
    public static T Apply(T x) => T.CreateTruncating(Kernels.ErrorFunction.Value(double.CreateTruncating(x)));
    public static Vector512<T> Apply(Vector512<T> x) => throw new NotSupportedException();
}

internal readonly struct FloorOperation<T> : IUnaryOperation<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool IsVectorised => false;
    public static T Apply(T x) => T.Floor(x);
    public static Vector512<T> Apply(Vector512<T> x) => throw new NotSupportedException();
}

internal readonly struct CeilingOperation<T> : IUnaryOperation<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool IsVectorised => false;
    public static T Apply(T x) => T.Ceiling(x);
    public static Vector512<T> Apply(Vector512<T> x) => throw new NotSupportedException();
}

internal readonly struct RoundOperation<T> : IUnaryOperation<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static bool IsVectorised => false;
    public static T Apply(T x) => T.Round(x, MidpointRounding.ToEven);
    public static Vector512<T> Apply(Vector512<T> x) => throw new NotSupportedException();
}
