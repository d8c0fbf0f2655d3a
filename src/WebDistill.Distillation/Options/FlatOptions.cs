using System.Buffers;
using System.Text.Json;

namespace WebDistill.Distillation.Options;

/// <summary>
/// Options of a run as versions of before November 28, 2026 wrote them: without groups. They are read wherever options are: rows, checkpoints,
/// plans of sweeps, requests and files of scripts. Nothing writes them.
/// </summary>
public static class FlatOptions
{
    private const string Objective = "objective";

    private static readonly IReadOnlyDictionary<string, ObjectiveTerm> s_defaults = new RunOptions().Objective;

    /// <summary>The path of every option whose name was another one.</summary>
    public static IReadOnlyDictionary<string, string> Paths { get; } = new Dictionary<string, string>
    {
        ["teacherId"] = "teacher.modelId",
        ["studentInitialisation"] = "student.initialisation",
        ["studentLayerCount"] = "student.layerCount",
        ["studentTeacherLayers"] = "student.teacherLayers",
        ["studentModelId"] = "student.modelId",
        ["studentWidth"] = "student.width",
        ["studentHeads"] = "student.heads",
        ["initialiserRange"] = "student.initialiserRange",
        ["dropout"] = "student.dropout",
        ["freezePositionEmbeddings"] = "student.freezePositionEmbeddings",
        ["datasetId"] = "data.datasetId",
        ["sequenceMode"] = "data.sequenceMode",
        ["contextLength"] = "data.contextLength",
        ["groupBySize"] = "data.groupBySize",
        ["shuffle"] = "data.shuffle",
        ["temperature"] = "objective.ce.temperature",
        ["alphaCe"] = "objective.ce.weight",
        ["alphaClm"] = "objective.clm.weight",
        ["alphaMse"] = "objective.mse.weight",
        ["alphaCos"] = "objective.cos.weight",
        ["mseReduction"] = "objective.mse.reduction",
        ["epochs"] = "schedule.epochs",
        ["batchSize"] = "schedule.batchSize",
        ["gradientAccumulation"] = "schedule.gradientAccumulation",
        ["warmupProportion"] = "schedule.warmupProportion",
        ["semantics"] = "schedule.semantics",
        ["validationIntervalSteps"] = "schedule.validationIntervalSteps",
        ["validationMaxTokens"] = "schedule.validationMaxTokens",
        ["learningRate"] = "optimiser.learningRate",
        ["weightDecay"] = "optimiser.weightDecay",
        ["adamBeta1"] = "optimiser.adamBeta1",
        ["adamBeta2"] = "optimiser.adamBeta2",
        ["adamEpsilon"] = "optimiser.adamEpsilon",
        ["maxGradientNorm"] = "optimiser.maxGradientNorm",
        ["checkpointIntervalSteps"] = "checkpoints.intervalSteps",
        ["checkpointIntervalMinutes"] = "checkpoints.intervalMinutes",
        ["keepLastCheckpoints"] = "checkpoints.keepLast",
        ["keepBestCheckpoint"] = "checkpoints.keepBest",
        ["keepCheckpointEverySteps"] = "checkpoints.keepEverySteps",
    };

    /// <summary>The path of an option that is named by it, or by its old name.</summary>
    public static string PathOf(string name) => Paths.GetValueOrDefault(name, name);

    /// <summary>The options with every old name at its place; as they are where there is none.</summary>
    /// <param name="problems">Options that are given by both names.</param>
    public static JsonElement Grouped(JsonElement options, out IReadOnlyList<OptionProblem> problems)
    {
        problems = [];
        if (options.ValueKind != JsonValueKind.Object || !options.EnumerateObject().Any(IsOld))
            return options;
        JsonProperty[] old = [.. options.EnumerateObject().Where(IsOld)];
        ILookup<bool, JsonProperty> isTwice = old.ToLookup(property => IsGiven(options, Given(Paths[property.Name])));
        problems = [.. isTwice[true].Select(property => new OptionProblem(Paths[property.Name],
            $"It is given here and as '{property.Name}', as it was called before options had groups. Leave '{property.Name}' out."))];

        var written = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(written))
            Write(writer, options.EnumerateObject().Where(property => !IsOld(property)), Complete(
                [.. isTwice[false].Select(property => (Paths[property.Name].Split('.'), property.Value))]));
        return JsonSerializer.Deserialize<JsonElement>(written.WrittenSpan);
    }

    /// <summary>The same for what was stored, where no option has two names.</summary>
    /// <exception cref="JsonException">One has.</exception>
    public static JsonElement Grouped(JsonElement options)
    {
        JsonElement grouped = Grouped(options, out IReadOnlyList<OptionProblem> problems);
        return problems.Count == 0 ? grouped : throw new JsonException($"{problems[0].Field}: {problems[0].Message}");
    }

    // Terms are given together: the ones that an objective does not name are off, and those that flat options did not name had their defaults.
    private static string[] Given(string path) => path.Split('.') is [Objective, ..] ? [Objective] : path.Split('.');

    private static (string[] Path, JsonElement Value)[] Complete((string[] Path, JsonElement Value)[] moved)
    {
        if (moved.All(one => one.Path[0] != Objective))
            return moved;
        HashSet<string> named = [.. moved.Select(one => string.Join('.', one.Path))];
        // A term of the flat options had a weight, and was off where it was not named.
        IEnumerable<(string, double)> weights = moved.Where(one => one.Path[0] == Objective).Select(one => (one.Path[1], 0.0)).Where(one => !s_defaults.ContainsKey(one.Item1))
            .Concat(s_defaults.Select(one => (one.Key, one.Value.Weight))).Distinct();
        return [.. moved, .. weights.Where(one => !named.Contains($"{Objective}.{one.Item1}.weight"))
            .Select(one => ((string[])[Objective, one.Item1, "weight"], JsonSerializer.SerializeToElement(one.Item2)))];
    }

    private static bool IsOld(JsonProperty property) => Paths.ContainsKey(property.Name);

    private static bool IsGiven(JsonElement options, ReadOnlySpan<string> path)
    {
        foreach (string name in path)
        {
            if (options.ValueKind != JsonValueKind.Object || !options.TryGetProperty(name, out options))
                return false;
        }
        return true;
    }

    // What is there twice stays there twice: whoever reads a request says so.
    private static void Write(
        Utf8JsonWriter writer, IEnumerable<JsonProperty> given, IReadOnlyList<(string[] Path, JsonElement Value)> moved)
    {
        HashSet<string> written = [];
        writer.WriteStartObject();
        foreach (JsonProperty property in given)
        {
            writer.WritePropertyName(property.Name);
            if (property.Value.ValueKind == JsonValueKind.Object && moved.Any(one => one.Path[0] == property.Name) && written.Add(property.Name))
                Write(writer, property.Value.EnumerateObject(), Inside(property.Name));
            else
                property.Value.WriteTo(writer);
        }
        foreach ((string[] path, JsonElement value) in moved.Where(one => one.Path.Length == 1))
        {
            writer.WritePropertyName(path[0]);
            value.WriteTo(writer);
        }
        foreach (string group in moved.Where(one => one.Path.Length > 1).Select(one => one.Path[0]).Distinct().Where(written.Add))
        {
            writer.WritePropertyName(group);
            Write(writer, [], Inside(group));
        }
        writer.WriteEndObject();

        (string[], JsonElement)[] Inside(string group) =>
            [.. moved.Where(one => one.Path.Length > 1 && one.Path[0] == group).Select(one => (one.Path[1..], one.Value))];
    }
}
