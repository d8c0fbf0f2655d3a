using TorchSharp.Modules;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Models.Weights;

/// <summary>What a model folder holds, read without building the model.</summary>
/// <param name="Architecture">Out of config.json.</param>
/// <param name="ParameterCount">Number of trained numbers.</param>
/// <param name="WeightBytes">Size of the weight file or files.</param>
/// <param name="WeightsSha256">Hex SHA-256 of the weight file's bytes (of all shards, in order).</param>
/// <param name="DataType">How the numbers are stored: F32, F16 or BF16; several are listed.</param>
public sealed record CheckpointInfo(Architecture Architecture, long ParameterCount, long WeightBytes, string WeightsSha256, string DataType);

/// <summary>Hugging Face model folders: config.json and model.safetensors in and out.</summary>
public static class ModelFiles
{
    /// <summary>Name of the weight file.</summary>
    public const string WeightsFileName = "model.safetensors";

    /// <summary>Name of the configuration file.</summary>
    public const string ConfigFileName = "config.json";

    private const int InspectedElements = 1 << 16;

    private static readonly SafetensorsType[] s_types = [SafetensorsType.F32, SafetensorsType.F16, SafetensorsType.BF16];

    /// <summary>Reads a model folder: config.json and model.safetensors, or the shards of model.safetensors.index.json.</summary>
    /// <remarks>
    /// Which tensor is which weight, and which are none, the family says; one that is stored a second time must be the same in both places.
    /// </remarks>
    /// <exception cref="InvalidDataException">The folder is not a model of a known family; the message names the file or the tensor and both
    /// shapes.</exception>
    public static TextModel Load(string folder)
    {
        using StoredWeights weights = OpenWeights(folder);
        TextModel model = TextModel.Create(weights.Architecture);
        try
        {
            weights.ReadInto(model);
        }
        catch
        {
            model.Dispose();
            throw;
        }
        return model;
    }

    /// <summary>Opens a model folder whose weights are read more than once.</summary>
    /// <exception cref="InvalidDataException">As <see cref="Load"/>, but for the numbers themselves.</exception>
    public static StoredWeights OpenWeights(string folder) =>
        new(Open(folder, out Architecture architecture, out IReadOnlyDictionary<string, string> stored), architecture, stored);

    /// <summary>
    /// Writes config.json and model.safetensors (F32), each of which appears whole or not at all. The folder
    /// is created.
    /// </summary>
    /// <returns>What was written, as <see cref="Inspect"/> finds it.</returns>
    public static CheckpointInfo Save(TextModel model, string folder, FileLayer files)
    {
        files.CreateFolder(folder);
        string weights = Path.Combine(folder, WeightsFileName);
        string sha256 = SafetensorsWriter.Write(
            weights,
            [.. model.named_parameters().Select(
                pair => SafetensorsTensor.Single(
                    model.Architecture.Family.StoredName(pair.name), pair.parameter.shape, values => ParameterData.Read(pair.parameter, values)))],
            files, new Dictionary<string, string> { ["format"] = "pt" });
        // Last, so that a folder with a configuration has its weights.
        DurableFile.WriteText(Path.Combine(folder, ConfigFileName), model.Architecture.ToJson(), files);
        return new CheckpointInfo(
            model.Architecture, model.Architecture.ParameterCount, new FileInfo(weights).Length, sha256, SafetensorsType.F32.ToString());
    }

    /// <summary>
    /// Checks a model folder as completely as <see cref="Load"/>, hashes its weights and describes it, without building the model.
    /// </summary>
    /// <exception cref="InvalidDataException">As <see cref="Load"/>.</exception>
    public static CheckpointInfo Inspect(string folder)
    {
        using SafetensorsFile file = Open(folder, out Architecture architecture, out IReadOnlyDictionary<string, string> stored);
        // A piece at a time: the check takes no memory, however large a tensor is.
        var piece = new float[InspectedElements];
        foreach (string name in stored.Values)
        {
            long count = file.Find(name)!.ElementCount;
            for (long from = 0; from < count; from += piece.Length)
                ReadFinite(file, name, from, piece.AsSpan(0, (int)Math.Min(piece.Length, count - from)));
        }
        CheckCopies(file, architecture, stored);
        return Describe(file, architecture, stored, file.ComputeSha256());
    }

    /// <summary>
    /// Describes a model folder whose weights were hashed when they were written, without reading them: the configuration and the header of
    /// the weights are checked, no number is.
    /// </summary>
    /// <exception cref="InvalidDataException">A file is missing or cut short, or a weight is missing or of another shape.</exception>
    public static CheckpointInfo Describe(string folder, string weightsSha256)
    {
        using SafetensorsFile file = Open(folder, out Architecture architecture, out IReadOnlyDictionary<string, string> stored);
        return Describe(file, architecture, stored, weightsSha256);
    }

    private static CheckpointInfo Describe(
        SafetensorsFile file, Architecture architecture, IReadOnlyDictionary<string, string> stored, string weightsSha256) => new(
        architecture, architecture.ParameterCount, file.FileBytes, weightsSha256,
        string.Join(", ", stored.Values.Select(name => file.Find(name)!.Type).Distinct().Order()));

    /// <summary>The weights of a folder, and under which name each of the configuration's is stored.</summary>
    private static SafetensorsFile Open(string folder, out Architecture architecture, out IReadOnlyDictionary<string, string> stored)
    {
        architecture = Architecture.Load(Path.Combine(folder, ConfigFileName));
        SafetensorsFile file = SafetensorsFile.OpenModel(folder);
        try
        {
            stored = Match(file, architecture);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Which stored tensor each weight is read from.</summary>
    private static Dictionary<string, string> Match(SafetensorsFile file, Architecture architecture)
    {
        var stored = new Dictionary<string, string>();
        var unexpected = new List<string>();
        ModelFamily family = architecture.Family;
        Dictionary<string, long[]> weights = family.Weights(architecture).ToDictionary(weight => weight.Name, weight => weight.Shape);
        foreach (SafetensorsEntry entry in file.Tensors)
        {
            if (family.TiedCopies.TryGetValue(entry.Name, out string? copied) && weights.ContainsKey(copied)
                || family.WeightName(entry.Name, architecture) is not string name)
                continue;
            if (!weights.TryGetValue(name, out long[]? shape))
            {
                unexpected.Add(entry.Name);
                continue;
            }
            if (!entry.Shape.SequenceEqual(shape))
                throw new InvalidDataException(
                    $"Tensor '{ForeignText.Quote(entry.Name)}' has shape {Text(entry.Shape)}, config.json asks for {Text(shape)}. Weights and "
                    + "configuration belong to different models.");
            if (entry.ElementCount > int.MaxValue / sizeof(float))
                throw new InvalidDataException($"Tensor '{entry.Name}' has {entry.ElementCount} elements, expected at most "
                    + $"{int.MaxValue / sizeof(float)}. Models with larger tensors are not supported.");
            if (!s_types.Contains(entry.Type))
                throw new InvalidDataException(
                    $"Tensor '{ForeignText.Quote(entry.Name)}' is stored as {entry.Type}, expected one of: {string.Join(", ", s_types)}.");
            if (!stored.TryAdd(name, entry.Name))
                throw new InvalidDataException($"Tensors '{stored[name]}' and '{ForeignText.Quote(entry.Name)}' are the same weight. Keep one of them.");
        }

        string[] missing = [.. weights.Keys.Where(name => !stored.ContainsKey(name))];
        if (missing.Length > 0)
            throw new InvalidDataException(
                $"{missing.Length} tensors are missing: {List(missing)}. config.json asks for {architecture.Layers} layers of width "
                + $"{architecture.Width}.");
        if (unexpected.Count > 0)
            throw new InvalidDataException(
                $"{unexpected.Count} tensors are not part of a {family.Title} of {architecture.Layers} layers: {List(unexpected)}.");
        return stored;
    }

    internal static void ReadFinite(SafetensorsFile file, string name, long from, Span<float> values)
    {
        file.ReadSingles(name, from, values);
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                throw new InvalidDataException(
                    $"Tensor '{name}' holds {values[i]} at element {from + i}, expected finite numbers. The model is damaged.");
        }
    }

    /// <summary>What is stored a second time is one weight here: both must be the same.</summary>
    internal static void CheckCopies(SafetensorsFile file, Architecture architecture, IReadOnlyDictionary<string, string> stored)
    {
        foreach ((string copy, string weight) in architecture.Family.TiedCopies)
        {
            if (file.Find(copy) is not { } found || !stored.TryGetValue(weight, out string? name))
                continue;
            SafetensorsEntry expected = file.Find(name)!;
            if (!found.Shape.SequenceEqual(expected.Shape))
                throw new InvalidDataException(
                    $"Tensor '{copy}' has shape {Text(found.Shape)} and '{expected.Name}' {Text(expected.Shape)}. Only models with a tied head "
                    + "are supported.");
            if (found.Type != expected.Type || !file.Bytes(copy).SequenceEqual(file.Bytes(expected.Name)))
                throw new InvalidDataException($"Tensor '{copy}' differs from '{expected.Name}'. Only models with a tied head are supported.");
        }
    }

    private static string Text(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";

    private static string List(IReadOnlyList<string> names) =>
        string.Join(", ", names.Take(5).Select(name => $"'{ForeignText.Quote(name)}'")) + (names.Count > 5 ? " and others" : "");
}
