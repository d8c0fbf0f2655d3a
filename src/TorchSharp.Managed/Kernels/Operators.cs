namespace TorchSharp.Kernels;

/// <summary>The operators of <see cref="Elementwise"/>: structs without state unless they name a factor.</summary>
internal static class Operators
{
    /// <summary>eˣ.</summary>
    public readonly struct Exponential : IUnaryOperator
    {
        public float Invoke(float x) => MathF.Exp(x);
    }

    /// <summary>Natural logarithm.</summary>
    public readonly struct Logarithm : IUnaryOperator
    {
        public float Invoke(float x) => MathF.Log(x);
    }

    /// <summary>tanh x.</summary>
    public readonly struct HyperbolicTangent : IUnaryOperator
    {
        public float Invoke(float x) => MathF.Tanh(x);
    }

    /// <summary>√x.</summary>
    public readonly struct SquareRoot : IUnaryOperator
    {
        public float Invoke(float x) => MathF.Sqrt(x);
    }

    /// <summary>1 / √x.</summary>
    public readonly struct ReciprocalSquareRoot : IUnaryOperator
    {
        public float Invoke(float x) => 1 / MathF.Sqrt(x);
    }

    /// <summary>1 / x.</summary>
    public readonly struct Reciprocal : IUnaryOperator
    {
        public float Invoke(float x) => 1 / x;
    }

    /// <summary>-x.</summary>
    public readonly struct Negate : IUnaryOperator
    {
        public float Invoke(float x) => -x;
    }

    /// <summary>|x|.</summary>
    public readonly struct Absolute : IUnaryOperator
    {
        public float Invoke(float x) => MathF.Abs(x);
    }

    /// <summary>x².</summary>
    public readonly struct Square : IUnaryOperator
    {
        public float Invoke(float x) => x * x;
    }

    /// <summary>1 / (1 + e⁻ˣ).</summary>
    public readonly struct Sigmoid : IUnaryOperator
    {
        public float Invoke(float x) => 1 / (1 + MathF.Exp(-x));
    }

    /// <summary>max(x, 0); NaN stays.</summary>
    public readonly struct Relu : IUnaryOperator
    {
        public float Invoke(float x) => x < 0 ? 0 : x;
    }

    /// <summary>Gauss error function.</summary>
    public readonly struct Erf : IUnaryOperator
    {
        public float Invoke(float x) => (float)ErrorFunction.Value(x);
    }

    /// <summary>sin x.</summary>
    public readonly struct Sine : IUnaryOperator
    {
        public float Invoke(float x) => MathF.Sin(x);
    }

    /// <summary>cos x.</summary>
    public readonly struct Cosine : IUnaryOperator
    {
        public float Invoke(float x) => MathF.Cos(x);
    }

    /// <summary>-1, 0 or 1.</summary>
    public readonly struct SignOf : IUnaryOperator
    {
        public float Invoke(float x) => float.IsNaN(x) ? x : MathF.Sign(x);
    }

    /// <summary>x limited to [minimum, maximum]; NaN stays.</summary>
    public readonly struct Clamp(float minimum, float maximum) : IUnaryOperator
    {
        public float Invoke(float x) => MathF.Min(MathF.Max(x, minimum), maximum);
    }

    /// <summary>a + b.</summary>
    public readonly struct Add : IBinaryOperator
    {
        public float Invoke(float a, float b) => a + b;
    }

    /// <summary>a - b.</summary>
    public readonly struct Subtract : IBinaryOperator
    {
        public float Invoke(float a, float b) => a - b;
    }

    /// <summary>a b.</summary>
    public readonly struct Multiply : IBinaryOperator
    {
        public float Invoke(float a, float b) => a * b;
    }

    /// <summary>a / b.</summary>
    public readonly struct Divide : IBinaryOperator
    {
        public float Invoke(float a, float b) => a / b;
    }

    /// <summary>The larger; NaN if either is.</summary>
    public readonly struct Maximum : IBinaryOperator
    {
        public float Invoke(float a, float b) => MathF.Max(a, b);
    }

    /// <summary>The smaller; NaN if either is.</summary>
    public readonly struct Minimum : IBinaryOperator
    {
        public float Invoke(float a, float b) => MathF.Min(a, b);
    }

    /// <summary>a to the power b.</summary>
    public readonly struct Power : IBinaryOperator
    {
        public float Invoke(float a, float b) => MathF.Pow(a, b);
    }

    /// <summary>a + factor * b.</summary>
    public readonly struct AddScaled(float factor) : IBinaryOperator
    {
        public float Invoke(float a, float b) => a + factor * b;
    }
}
