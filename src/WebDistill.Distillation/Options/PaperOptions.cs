using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Options;

/// <summary>
/// Options as train.py of Hugging Face's distillation project names them, and as papers print them, with spaces in the place of underscores. They are read wherever somebody
/// writes options: requests, files of scripts, the form. Nothing writes them.
/// </summary>
/// <remarks>What is not said has the default of a run here; of the losses' weights, where one is said, those that are not are 0.</remarks>
public static class PaperOptions
{
    private const string Objective = "objective", Temperature = "temperature";

    /// <summary>The path of every option that there is here as well.</summary>
    public static IReadOnlyDictionary<string, string> Paths { get; } = new Dictionary<string, string>
    {
        ["alpha_ce"] = "objective.ce.weight",
        ["alpha_mlm"] = "objective.mlm.weight",
        ["alpha_clm"] = "objective.clm.weight",
        ["alpha_mse"] = "objective.mse.weight",
        ["alpha_cos"] = "objective.cos.weight",
        [Temperature] = "objective.ce.temperature",
        ["mlm_mask_prop"] = "masking.proportion",
        ["word_mask"] = "masking.maskShare",
        ["word_keep"] = "masking.keepShare",
        ["word_rand"] = "masking.randomShare",
        ["mlm_smoothing"] = "masking.smoothing",
        ["restrict_ce_to_mask"] = "masking.restrictToMask",
        ["student_type"] = "student.family",
        ["freeze_pos_embs"] = "student.freezePositionEmbeddings",
        ["freeze_token_type_embds"] = "student.freezeTokenTypeEmbeddings",
        ["initializer_range"] = "student.initialiserRange",
        ["group_by_size"] = "data.groupBySize",
        ["shuffle"] = "data.shuffle",
        ["n_epoch"] = "schedule.epochs",
        ["batch_size"] = "schedule.batchSize",
        ["gradient_accumulation_steps"] = "schedule.gradientAccumulation",
        ["warmup_prop"] = "schedule.warmupProportion",
        ["weight_decay"] = "optimiser.weightDecay",
        ["learning_rate"] = "optimiser.learningRate",
        ["adam_epsilon"] = "optimiser.adamEpsilon",
        ["max_grad_norm"] = "optimiser.maxGradientNorm",
    };

    /// <summary>
    /// Those that decide nothing here: files, which are chosen in the library; the machine; what is counted in micro-batches; the task, which follows from the student; and the
    /// counts of the tokens, which are made of the text.
    /// </summary>
    public static IReadOnlyList<string> WithoutMeaning { get; } =
    [
        "force", "dump_path", "data_file", "student_config", "student_pretrained_weights", "teacher_type", "teacher_name", "token_counts", "mlm", "fp16_opt_level", "n_gpu", "local_rank",
        "log_interval", "checkpoint_interval",
    ];

    // What would change a run, and cannot be had here, unless it is said to be as it is here.
    private static readonly (string Name, string Here, string Fix)[] s_asHere =
    [
        ("fp16", "false", "Numbers of 16 bits with mixed precision are not here: leave it out, and choose the precision by \"precision\"."),
        ("tokens_per_batch", "-1", "Batches are counted in sequences: leave it out, and give \"batch_size\"."),
    ];

    private static readonly IReadOnlyDictionary<string, ObjectiveTerm> s_defaults = new RunOptions().Objective;

    /// <summary>The options with every name of the paper's at its place here; as they are where there is none.</summary>
    /// <param name="problems">Options that are given twice, and what cannot be had.</param>
    public static JsonElement Translated(JsonElement options, out IReadOnlyList<OptionProblem> problems)
    {
        problems = [];
        // A name of one word may be of another notation: it is read so beside one that is not.
        if (options.ValueKind != JsonValueKind.Object || !options.EnumerateObject().Any(property => Named(property.Name) is var name && name.Contains('_') && IsKnown(name)))
            return options;
        var found = new OptionProblems();
        var translated = new JsonObject();
        foreach (JsonProperty property in options.EnumerateObject().Where(property => !IsKnown(Named(property.Name))))
        {
            if (!translated.TryAdd(property.Name, Node(property.Value)))
                found.Add(ForeignText.Quote(property.Name), $"'{ForeignText.Quote(property.Name)}' is given twice.");
        }
        JsonProperty[] own = [.. options.EnumerateObject().Where(property => IsKnown(Named(property.Name)))];
        foreach (IGrouping<string, JsonProperty> twice in own.GroupBy(property => Named(property.Name)).Where(group => group.Count() > 1))
            found.Add(Paths.GetValueOrDefault(twice.Key, twice.Key), $"'{twice.Key}' is given {twice.Count()} times. Give it once.");
        foreach ((string name, string here, string fix) in s_asHere)
        {
            foreach (JsonProperty said in own.Where(property => Named(property.Name) == name && property.Value.GetRawText() != here))
                found.Add(name, $"The value is {ForeignText.Quote(said.Value.GetRawText())}, expected {here}. {fix}");
        }

        Dictionary<string, JsonElement> given = own.Where(property => Paths.ContainsKey(Named(property.Name))).DistinctBy(property => Named(property.Name))
            .ToDictionary(property => Paths[Named(property.Name)], property => property.Value);
        if (given.Keys.Any(path => path.StartsWith($"{Objective}.", StringComparison.Ordinal)))
        {
            if (translated.ContainsKey(Objective))
                found.Add(Objective, "The losses are given here and by the names of Hugging Face's distillation project (alpha_ce, temperature). Leave one of them out.");
            else
                translated[Objective] = Terms(given);
        }
        foreach ((string path, JsonElement value) in given.Where(one => !one.Key.StartsWith($"{Objective}.", StringComparison.Ordinal)))
        {
            if (path.Split('.') is not [string group, string option])
                throw new InvalidOperationException($"'{path}' is no option of a group.");
            if (translated[group] is not (null or JsonObject))
                continue;   // Whoever reads it says what is wrong with the group.
            var inGroup = (JsonObject)(translated[group] ??= new JsonObject());
            if (!inGroup.TryAdd(option, Node(value)))
                found.Add(path, $"It is given here and by the name of Hugging Face's distillation project ('{Paths.First(one => one.Value == path).Key}'). Leave one of them out.");
        }
        problems = found.Found;
        return JsonSerializer.SerializeToElement(translated);
    }

    private static JsonObject Terms(Dictionary<string, JsonElement> given)
    {
        var terms = new JsonObject();
        bool hasWeights = given.Keys.Any(path => path.StartsWith($"{Objective}.", StringComparison.Ordinal) && path.EndsWith(".weight", StringComparison.Ordinal));
        foreach ((string path, JsonElement value) in given.Where(one => one.Key.EndsWith(".weight", StringComparison.Ordinal)))
            terms[path.Split('.')[1]] = new JsonObject { ["weight"] = Node(value) };
        if (!hasWeights)
        {
            foreach ((string loss, ObjectiveTerm term) in s_defaults)
                terms[loss] = new JsonObject { ["weight"] = term.Weight };
        }
        // Of a loss that is off nothing else matters.
        if (given.TryGetValue(Paths[Temperature], out JsonElement temperature) && terms["ce"] is JsonObject softened)
            softened[Temperature] = Node(temperature);
        return terms;
    }

    /// <summary>As the project spells it: papers print "alpha ce", and a command line has "--alpha_ce".</summary>
    private static string Named(string written) => written.Trim().TrimStart('-').Replace(' ', '_').ToLowerInvariant();

    private static bool IsKnown(string name) => Paths.ContainsKey(name) || WithoutMeaning.Contains(name) || s_asHere.Any(one => one.Name == name);

    private static JsonNode? Node(JsonElement value) => JsonNode.Parse(value.GetRawText());
}
