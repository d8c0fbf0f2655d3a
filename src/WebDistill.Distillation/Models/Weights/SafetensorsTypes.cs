namespace WebDistill.Distillation.Models.Weights;

/// <summary>Element types of the safetensors format that take whole bytes.</summary>
public enum SafetensorsType
{
    Bool,
    U8,
    I8,
    F8E4M3,
    F8E5M2,
    I16,
    U16,
    F16,
    BF16,
    I32,
    U32,
    F32,
    I64,
    U64,
    F64,
}

/// <summary>The types' names in the header and their sizes.</summary>
public static class SafetensorsTypes
{
    private static readonly Dictionary<string, SafetensorsType> s_typeOfName = new(StringComparer.Ordinal)
    {
        ["BOOL"] = SafetensorsType.Bool,
        ["U8"] = SafetensorsType.U8,
        ["I8"] = SafetensorsType.I8,
        ["F8_E4M3"] = SafetensorsType.F8E4M3,
        ["F8_E5M2"] = SafetensorsType.F8E5M2,
        ["I16"] = SafetensorsType.I16,
        ["U16"] = SafetensorsType.U16,
        ["F16"] = SafetensorsType.F16,
        ["BF16"] = SafetensorsType.BF16,
        ["I32"] = SafetensorsType.I32,
        ["U32"] = SafetensorsType.U32,
        ["F32"] = SafetensorsType.F32,
        ["I64"] = SafetensorsType.I64,
        ["U64"] = SafetensorsType.U64,
        ["F64"] = SafetensorsType.F64,
    };

    private static readonly Dictionary<SafetensorsType, string> s_nameOfType =
        s_typeOfName.ToDictionary(pair => pair.Value, pair => pair.Key);

    /// <summary>Every name, for messages.</summary>
    public static IReadOnlyCollection<string> Names => s_typeOfName.Keys;

    /// <summary>The name in a header, for example "BF16".</summary>
    public static string Name(SafetensorsType type) => s_nameOfType[type];

    /// <summary>Whether a header's name is known, and which type it is.</summary>
    public static bool TryParse(string name, out SafetensorsType type) => s_typeOfName.TryGetValue(name, out type);

    /// <summary>Bytes of one element.</summary>
    public static int ByteSize(SafetensorsType type) => type switch
    {
        SafetensorsType.Bool or SafetensorsType.U8 or SafetensorsType.I8 or SafetensorsType.F8E4M3 or SafetensorsType.F8E5M2 => 1,
        SafetensorsType.I16 or SafetensorsType.U16 or SafetensorsType.F16 or SafetensorsType.BF16 => 2,
        SafetensorsType.I32 or SafetensorsType.U32 or SafetensorsType.F32 => 4,
        SafetensorsType.I64 or SafetensorsType.U64 or SafetensorsType.F64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not a type of the safetensors format."),
    };
}
