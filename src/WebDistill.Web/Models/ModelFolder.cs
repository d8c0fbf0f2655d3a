using System.Globalization;
using System.Text.RegularExpressions;
using WebDistill.Distillation.Text;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Models;

/// <summary>The files chosen for an import, before they are sent: what each one is, and what is missing.</summary>
public sealed partial class ModelFolder(IReadOnlyList<ChosenFile> files)
{
    private const string Weights = "model.safetensors";
    private const string Index = "model.safetensors.index.json";

    /// <summary>Every chosen file.</summary>
    public IReadOnlyList<ChosenFile> Files => files;

    /// <summary>The names of the files that are sent.</summary>
    public IReadOnlyList<string> Sent => [.. files.Where(file => Role(file.Name) is not null).Select(file => file.Name)];

    /// <summary>Bytes that are sent.</summary>
    public long Bytes => files.Where(file => Role(file.Name) is not null).Sum(file => file.Size);

    /// <summary>What is missing or does not go together; null when the folder is complete.</summary>
    public string? Problem
    {
        get
        {
            if (files.Count == 0)
                return "No file is chosen. Choose the files of a Hugging Face folder: config.json and model.safetensors at least.";
            List<string> missing = [];
            if (!Has("config.json"))
                missing.Add("config.json is missing: it says how the model is built.");
            missing.AddRange(MissingWeights());
            IReadOnlyList<TokenizerKind> begun = TokenizerKinds.Begun(Has);
            foreach (TokenizerKind kind in begun)
            {
                missing.AddRange(kind.Files.Where(name => !Has(name))
                    .Select(name => $"{name} is missing: a tokenizer needs both {kind.FilesInWords}. Add it, or leave both out."));
            }
            if (begun.Count > 1)
                missing.Add($"{string.Join(" and ", begun.Select(kind => kind.Files.First(Has)))} are files of several tokenizers: choose those of the one that the model was trained with.");
            missing.AddRange(files
                .Where(file => Role(file.Name) is not null && file.Size == 0)
                .Select(file => $"{file.Name} is empty. Download it again."));
            return missing.Count == 0 ? null : string.Join("\n", missing);
        }
    }

    /// <summary>A remark on what the model will lack, or null.</summary>
    public string? Remark => files.Count == 0 || TokenizerKinds.Begun(Has).Count > 0 ? null
        : $"Without the files of a tokenizer ({TokenizerKinds.FilesInWords}) the model cannot be used with text.";

    /// <summary>What a file is in a model folder; null when it is not read.</summary>
    public string? Role(string name) => name switch
    {
        "config.json" => "architecture",
        Weights => "weights",
        Index => "index of the weights",
        _ when TokenizerKinds.All.Any(kind => kind.Files.Contains(name)) => "tokenizer",
        _ when TokenizerKinds.Begun(Has).Any(kind => kind.Settings.Contains(name)) => "settings of the tokenizer",
        _ when Shard().Match(name) is { Success: true } match => $"weights, part {Number(match, 1)} of {Number(match, 2)}",
        _ => null,
    };

    /// <summary>Why a file is not read, when its name says so.</summary>
    public static string Reason(string name) => Path.GetExtension(name) switch
    {
        ".bin" or ".h5" or ".msgpack" or ".ot" or ".onnx" or ".pt" or ".ckpt" => "not sent: weights are read from safetensors only",
        ".safetensors" => "not sent: weights are named model.safetensors or model-00001-of-0000N.safetensors",
        _ => "not sent: not needed",
    };

    private bool Has(string name) => files.Any(file => file.Name == name);

    private IEnumerable<string> MissingWeights()
    {
        Match[] shards = [.. files.Select(file => Shard().Match(file.Name)).Where(match => match.Success)];
        if (Has(Weights))
            yield break;
        if (shards.Length == 0)
        {
            yield return Has(Index)
                ? "The parts that model.safetensors.index.json lists are missing."
                : "The weights are missing: model.safetensors, or its parts with model.safetensors.index.json.";
            yield break;
        }
        if (!Has(Index))
            yield return "model.safetensors.index.json is missing: it says which part holds which tensor.";
        int parts = Number(shards[0], 2);
        int[] absent = [.. Enumerable.Range(1, parts).Except(shards.Select(match => Number(match, 1)))];
        if (absent.Length > 0)
            yield return $"Of the {parts} parts of the weights these are missing: {string.Join(", ", absent)}.";
    }

    private static int Number(Match match, int group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^model-(\d{5})-of-(\d{5})\.safetensors\z")]
    private static partial Regex Shard();
}
