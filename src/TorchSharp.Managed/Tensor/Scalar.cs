namespace TorchSharp;

/// <summary>One number that is not a tensor; it takes part in type promotion with its category only.</summary>
public sealed class Scalar : IDisposable
{
    private readonly double _real;
    private readonly long _integer;

    private Scalar(torch.ScalarType type, double real, long integer) => (Type, _real, _integer) = (type, real, integer);

    public torch.ScalarType Type { get; }

    internal double Real => _real;
    internal long Integer => _integer;
    internal bool IsReal => ScalarTypes.IsFloating(Type);

    private static Scalar OfInteger(torch.ScalarType type, long value) => new(type, value, value);
    private static Scalar OfReal(torch.ScalarType type, double value) => new(type, value, (long)value);

    public static implicit operator Scalar(byte value) => OfInteger(torch.ScalarType.Byte, value);
    public static implicit operator Scalar(sbyte value) => OfInteger(torch.ScalarType.Int8, value);
    public static implicit operator Scalar(short value) => OfInteger(torch.ScalarType.Int16, value);
    public static implicit operator Scalar(int value) => OfInteger(torch.ScalarType.Int32, value);
    public static implicit operator Scalar(long value) => OfInteger(torch.ScalarType.Int64, value);
    public static implicit operator Scalar(bool value) => OfInteger(torch.ScalarType.Bool, value ? 1 : 0);
    public static implicit operator Scalar(float value) => OfReal(torch.ScalarType.Float32, value);
    public static implicit operator Scalar(double value) => OfReal(torch.ScalarType.Float64, value);
    public static implicit operator Scalar(Half value) => OfReal(torch.ScalarType.Float16, (double)value);
    public static implicit operator Scalar(BFloat16 value) => OfReal(torch.ScalarType.BFloat16, value.ToSingle());

    /// <summary>A scalar holds no native resource here; the method exists for sources written against TorchSharp.</summary>
    public void Dispose()
    {
    }

    internal string Text => IsReal ? _real.ToString("R", System.Globalization.CultureInfo.InvariantCulture) : _integer.ToString();
}

/// <summary>Conversions from and to <see cref="Scalar"/>.</summary>
public static class ScalarExtensionMethods
{
    public static Scalar ToScalar(this byte value) => value;
    public static Scalar ToScalar(this short value) => value;
    public static Scalar ToScalar(this int value) => value;
    public static Scalar ToScalar(this long value) => value;
    public static Scalar ToScalar(this float value) => value;
    public static Scalar ToScalar(this double value) => value;
    public static Scalar ToScalar(this bool value) => value;
    public static float ToSingle(this Scalar value) => (float)value.Real;
    public static double ToDouble(this Scalar value) => value.Real;
    public static int ToInt32(this Scalar value) => (int)value.Integer;
    public static long ToInt64(this Scalar value) => value.Integer;
    public static bool ToBoolean(this Scalar value) => value.Real != 0;
}
