using System.Text.RegularExpressions;
using TorchSharp.Modules;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models.Weights;

namespace WebDistill.Distillation.Models;

/// <summary>What a model folder holds, read without building the model.</summary>
/// <param name="Config">Architecture out of config.json.</param>
/// <param name="ParameterCount">Number of trained numbers.</param>
/// <param name="WeightBytes">Size of the weight file or files.</param>
/// <param name="WeightsSha256">Hex SHA-256 of the weight file's bytes (of all shards, in order).</param>
/// <param name="DataType">How the numbers are stored: F32, F16 or BF16; several are listed.</param>
public sealed record CheckpointInfo(Gpt2Config Config, long ParameterCount, long WeightBytes, string WeightsSha256, string DataType);

/// <summary>Hugging Face model folders: config.json and model.safetensors in and out.</summary>
public static partial class Gpt2Checkpoint
{
    /// <summary>Name of the weight file.</summary>
    public const string WeightsFileName = "model.safetensors";

    /// <summary>Name of the configuration file.</summary>
    public const string ConfigFileName = "config.json";

    private const int InspectedElements = 1 << 16;

    private const string Prefix = "transformer.";
    private const string Head = "lm_head.weight";
    private const string TokenEmbedding = "wte.weight";

    private static readonly SafetensorsType[] s_types = [SafetensorsType.F32, SafetensorsType.F16, SafetensorsType.BF16];

    /// <summary>Reads a model folder: config.json and model.safetensors, or the shards of model.safetensors.index.json.</summary>
    /// <remarks>
    /// Keys with and without <c>transformer.</c>; the causal mask buffers of old checkpoints are ignored; a stored head must equal the
    /// token embedding.
    /// </remarks>
    /// <exception cref="InvalidDataException">The folder is not a GPT-2 model; the message names the file or the tensor and both
    /// shapes.</exception>
    public static Gpt2 Load(string folder)
    {
        using SafetensorsFile file = Open(folder, out Gpt2Config config, out IReadOnlyDictionary<string, string> stored);
        var model = new Gpt2(config);
        try
        {
            foreach ((string name, Parameter parameter) in model.named_parameters())
                ParameterData.Write(parameter, values => ReadFinite(file, stored[name], 0, values));
            CheckHead(file, stored[TokenEmbedding]);
        }
        catch
        {
            model.Dispose();
            throw;
        }
        return model;
    }

    /// <summary>
    /// Writes config.json and model.safetensors (F32, keys with <c>transformer.</c>), each of which appears whole or not at all. The folder
    /// is created.
    /// </summary>
    /// <returns>What was written, as <see cref="Inspect"/> finds it.</returns>
    public static CheckpointInfo Save(Gpt2 model, string folder, FileLayer files)
    {
        files.CreateFolder(folder);
        string weights = Path.Combine(folder, WeightsFileName);
        string sha256 = SafetensorsWriter.Write(
            weights,
            [.. model.named_parameters().Select(
                pair => SafetensorsTensor.Single(Prefix + pair.Item1, pair.Item2.shape, values => ParameterData.Read(pair.Item2, values)))],
            files, new Dictionary<string, string> { ["format"] = "pt" });
        // Last, so that a folder with a configuration has its weights.
        DurableFile.WriteText(Path.Combine(folder, ConfigFileName), model.Config.ToJson(), files);
        return new CheckpointInfo(
            model.Config, model.Config.ParameterCount, new FileInfo(weights).Length, sha256, SafetensorsType.F32.ToString());
    }

    /// <summary>
    /// Checks a model folder as completely as <see cref="Load"/>, hashes its weights and describes it, without building the model.
    /// </summary>
    /// <exception cref="InvalidDataException">As <see cref="Load"/>.</exception>
    public static CheckpointInfo Inspect(string folder)
    {
        using SafetensorsFile file = Open(folder, out Gpt2Config config, out IReadOnlyDictionary<string, string> stored);
        // A piece at a time: the check takes no memory, however large a tensor is.
        var piece = new float[InspectedElements];
        foreach (string name in stored.Values)
        {
            long count = file.Find(name)!.ElementCount;
            for (long from = 0; from < count; from += piece.Length)
                ReadFinite(file, name, from, piece.AsSpan(0, (int)Math.Min(piece.Length, count - from)));
        }
        CheckHead(file, stored[TokenEmbedding]);
        return Describe(file, config, stored, file.ComputeSha256());
    }

    /// <summary>
    /// Describes a model folder whose weights were hashed when they were written, without reading them: the configuration and the header of
    /// the weights are checked, no number is.
    /// </summary>
    /// <exception cref="InvalidDataException">A file is missing or cut short, or a weight is missing or of another shape.</exception>
    public static CheckpointInfo Describe(string folder, string weightsSha256)
    {
        using SafetensorsFile file = Open(folder, out Gpt2Config config, out IReadOnlyDictionary<string, string> stored);
        return Describe(file, config, stored, weightsSha256);
    }

    private static CheckpointInfo Describe(
        SafetensorsFile file, Gpt2Config config, IReadOnlyDictionary<string, string> stored, string weightsSha256) => new(
        config, config.ParameterCount, file.FileBytes, weightsSha256,
        string.Join(", ", stored.Values.Select(name => file.Find(name)!.Type).Distinct().Order()));

    /// <summary>The weights of a folder, and under which name each of the configuration's is stored.</summary>
    private static SafetensorsFile Open(string folder, out Gpt2Config config, out IReadOnlyDictionary<string, string> stored)
    {
        config = Gpt2Config.Load(Path.Combine(folder, ConfigFileName));
        SafetensorsFile file = SafetensorsFile.OpenModel(folder);
        try
        {
            stored = Match(file, config);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Every weight's name, without prefix, and shape.</summary>
    internal static IEnumerable<(string Name, long[] Shape)> Weights(Gpt2Config config)
    {
        long c = config.NEmbd, inner = config.InnerWidth;
        yield return (TokenEmbedding, [config.VocabSize, c]);
        yield return ("wpe.weight", [config.NPositions, c]);
        for (int layer = 0; layer < config.NLayer; layer++)
        {
            yield return ($"h.{layer}.ln_1.weight", [c]);
            yield return ($"h.{layer}.ln_1.bias", [c]);
            yield return ($"h.{layer}.attn.c_attn.weight", [c, 3 * c]);
            yield return ($"h.{layer}.attn.c_attn.bias", [3 * c]);
            yield return ($"h.{layer}.attn.c_proj.weight", [c, c]);
            yield return ($"h.{layer}.attn.c_proj.bias", [c]);
            yield return ($"h.{layer}.ln_2.weight", [c]);
            yield return ($"h.{layer}.ln_2.bias", [c]);
            yield return ($"h.{layer}.mlp.c_fc.weight", [c, inner]);
            yield return ($"h.{layer}.mlp.c_fc.bias", [inner]);
            yield return ($"h.{layer}.mlp.c_proj.weight", [inner, c]);
            yield return ($"h.{layer}.mlp.c_proj.bias", [c]);
        }
        yield return ("ln_f.weight", [c]);
        yield return ("ln_f.bias", [c]);
    }

    /// <summary>Which stored tensor each weight is read from.</summary>
    private static Dictionary<string, string> Match(SafetensorsFile file, Gpt2Config config)
    {
        var stored = new Dictionary<string, string>();
        var unexpected = new List<string>();
        Dictionary<string, long[]> weights = Weights(config).ToDictionary(weight => weight.Name, weight => weight.Shape);
        foreach (SafetensorsEntry entry in file.Tensors)
        {
            if (entry.Name == Head || MaskBuffer().IsMatch(entry.Name))
                continue;
            string name = entry.Name.StartsWith(Prefix, StringComparison.Ordinal) ? entry.Name[Prefix.Length..] : entry.Name;
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
                $"{missing.Length} tensors are missing: {List(missing)}. config.json asks for {config.NLayer} layers of width "
                + $"{config.NEmbd}.");
        if (unexpected.Count > 0)
            throw new InvalidDataException(
                $"{unexpected.Count} tensors are not part of a GPT-2 of {config.NLayer} layers: {List(unexpected)}.");
        return stored;
    }

    private static void ReadFinite(SafetensorsFile file, string name, long from, Span<float> values)
    {
        file.ReadSingles(name, from, values);
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                throw new InvalidDataException(
                    $"Tensor '{name}' holds {values[i]} at element {from + i}, expected finite numbers. The model is damaged.");
        }
    }

    /// <summary>A head that is stored must be the token embedding: the two are one weight here.</summary>
    private static void CheckHead(SafetensorsFile file, string embedding)
    {
        if (file.Find(Head) is not { } head)
            return;
        SafetensorsEntry expected = file.Find(embedding)!;
        if (!head.Shape.SequenceEqual(expected.Shape))
            throw new InvalidDataException(
                $"Tensor '{Head}' has shape {Text(head.Shape)} and '{embedding}' {Text(expected.Shape)}. Only models with a tied head "
                + "are supported.");
        if (head.Type != expected.Type || !file.Bytes(Head).SequenceEqual(file.Bytes(embedding)))
            throw new InvalidDataException($"Tensor '{Head}' differs from '{embedding}'. Only models with a tied head are supported.");
    }

    private static string Text(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";

    private static string List(IReadOnlyList<string> names) =>
        string.Join(", ", names.Take(5).Select(name => $"'{ForeignText.Quote(name)}'")) + (names.Count > 5 ? " and others" : "");

    [GeneratedRegex(@"^(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)$")]
    private static partial Regex MaskBuffer();
}
