namespace TorchSharp;

/// <summary>The kind of device a tensor lives on. This engine computes on <see cref="CPU"/> only.</summary>
public enum DeviceType
{
    CPU = 0,
    CUDA = 1,
    META = 14,
}

public static partial class torch
{
    /// <summary>The type of one element of a tensor.</summary>
    public enum ScalarType : sbyte
    {
        Byte = 0,
        Int8 = 1,
        Int16 = 2,
        Int32 = 3,
        Int64 = 4,
        Float16 = 5,
        Float32 = 6,
        Float64 = 7,
        Bool = 11,
        BFloat16 = 15,
    }

    /// <summary>How an element-wise division is rounded.</summary>
    public enum RoundingMode
    {
        None = 0,
        trunc = 1,
        floor = 2,
    }

    public static ScalarType uint8 = ScalarType.Byte;
    public static ScalarType int32 = ScalarType.Int32;
    public static ScalarType int64 = ScalarType.Int64;
    public static ScalarType @long = ScalarType.Int64;
    public static ScalarType float16 = ScalarType.Float16;
    public static ScalarType half = ScalarType.Float16;
    public static ScalarType bfloat16 = ScalarType.BFloat16;
    public static ScalarType float32 = ScalarType.Float32;
    public static ScalarType @float = ScalarType.Float32;
    public static ScalarType float64 = ScalarType.Float64;
    public static ScalarType @bool = ScalarType.Bool;
}

/// <summary>Facts about element types.</summary>
internal static class ScalarTypes
{
    internal static int Size(torch.ScalarType type) => type switch
    {
        torch.ScalarType.Byte or torch.ScalarType.Int8 or torch.ScalarType.Bool => 1,
        torch.ScalarType.Int16 or torch.ScalarType.Float16 or torch.ScalarType.BFloat16 => 2,
        torch.ScalarType.Int32 or torch.ScalarType.Float32 => 4,
        torch.ScalarType.Int64 or torch.ScalarType.Float64 => 8,
        _ => throw Unsupported(type, "any operation"),
    };

    internal static bool IsFloating(torch.ScalarType type) => type is torch.ScalarType.Float32 or torch.ScalarType.Float64
        or torch.ScalarType.Float16 or torch.ScalarType.BFloat16;

    /// <summary>Floating types of 16 bits are storage: they are computed in float32.</summary>
    internal static bool IsHalfWidth(torch.ScalarType type) => type is torch.ScalarType.Float16 or torch.ScalarType.BFloat16;

    private static int Category(torch.ScalarType type) => type == torch.ScalarType.Bool ? 0 : IsFloating(type) ? 2 : 1;

    /// <summary>The type two tensors are computed in. A tensor with no dimension only counts when its category (bool, integer, float) is
    /// higher than that of the other one, as PyTorch's promotion rules say.</summary>
    internal static torch.ScalarType Promote(torch.ScalarType a, bool aIsScalar, torch.ScalarType b, bool bIsScalar)
    {
        if (a == b)
        {
            return a;
        }
        if (aIsScalar != bIsScalar)
        {
            var (full, scalar) = aIsScalar ? (b, a) : (a, b);
            return Category(scalar) > Category(full) ? DefaultFor(scalar) : full;
        }
        return Promote(a, b);
    }

    internal static torch.ScalarType Promote(torch.ScalarType a, torch.ScalarType b)
    {
        if (a == b)
        {
            return a;
        }
        var (categoryA, categoryB) = (Category(a), Category(b));
        if (categoryA != categoryB)
        {
            return categoryA > categoryB ? a : b;
        }
        if (categoryA == 2)
        {
            // Half and bfloat16 have no common type of 16 bits.
            return Size(a) == Size(b) ? torch.ScalarType.Float32 : Size(a) > Size(b) ? a : b;
        }
        return (a, b) is (torch.ScalarType.Byte, torch.ScalarType.Int8) or (torch.ScalarType.Int8, torch.ScalarType.Byte)
            ? torch.ScalarType.Int16
            : Size(a) > Size(b) ? a : b;
    }

    private static torch.ScalarType DefaultFor(torch.ScalarType scalar) =>
        scalar == torch.ScalarType.Float64 ? torch.ScalarType.Float32 : scalar;

    internal static torch.ScalarType Of(Type elementType)
    {
        if (elementType == typeof(float)) return torch.ScalarType.Float32;
        if (elementType == typeof(double)) return torch.ScalarType.Float64;
        if (elementType == typeof(long)) return torch.ScalarType.Int64;
        if (elementType == typeof(int)) return torch.ScalarType.Int32;
        if (elementType == typeof(bool)) return torch.ScalarType.Bool;
        if (elementType == typeof(byte)) return torch.ScalarType.Byte;
        if (elementType == typeof(sbyte)) return torch.ScalarType.Int8;
        if (elementType == typeof(short)) return torch.ScalarType.Int16;
        if (elementType == typeof(Half)) return torch.ScalarType.Float16;
        if (elementType == typeof(BFloat16)) return torch.ScalarType.BFloat16;
        throw new NotSupportedException($"{elementType} is not an element type of this engine");
    }

    internal static NotSupportedException Unsupported(torch.ScalarType type, string operation) =>
        new($"{operation} is not available for {type} in the managed engine; convert with .to(...) to Float32, Float64, Int64 or Int32 " +
            $"first");
}
