using System.Text.Json.Nodes;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Runs;

/// <summary>A named set of options to start from.</summary>
/// <param name="Icon">Key of an icon, each preset its own.</param>
/// <param name="Layers">The teacher layers copied from a teacher of that depth; others get half of their layers, evenly spaced.</param>
public sealed record Preset(string Name, string Icon, string Description, RunOptions Options, (int TeacherLayers, IReadOnlyList<int> Copied)? Layers = null)
{
    /// <summary>The preset of a kind of run from which some options depart least: which one a run was begun with is recorded nowhere.</summary>
    public static Preset Nearest(RunOptions options, RunKind kind)
    {
        JsonObject values = OptionTexts.Values(options);
        return All.Where(preset => (preset.Options.Objective.Keys.Any(name => LossCatalogue.All.Any(loss => loss.Name == name && loss.NeedsTeacher))) == (kind == RunKind.Distillation))
            .MinBy(preset => OptionTexts.Values(preset.Options) is var others ? LossCatalogue.RunSchema.Settings
                .Count(field => UsedOption.HasEffect(field.Path, options, options.Task()) && RunDraft.Write(field.In(values)) != RunDraft.Write(field.In(others))) : 0)!;
    }

    /// <summary>Every preset, the first one preselected.</summary>
    public static IReadOnlyList<Preset> All { get; } =
    [
        new("Small student", "branch", "Half of a teacher's layers, distilled in minutes on two cores: what the quick start does.", QuickStart.Student),
        new("Knowledge Distillation on GPT2", "report", "The settings of the paper's GPT-2 run: days on one GPU.", new RunOptions
        {
            Objective = new Dictionary<string, ObjectiveTerm> { ["ce"] = new(5, ("temperature", 2.0)), ["clm"] = new(2), ["cos"] = new(1) },
            Student = new() { FreezePositionEmbeddings = true },
            Schedule = new() { Epochs = 4, BatchSize = 1, GradientAccumulation = 500, WarmupProportion = 0.05 },
            Optimiser = new() { WeightDecay = 0, LearningRate = 2.5e-4, AdamEpsilon = 1e-6, MaxGradientNorm = 5 },
            Data = new() { ContextLength = 1024 },
        }, (12, [0, 2, 4, 7, 9, 11])),
        new("Train a teacher", "model", "A small GPT-2 from scratch, as the quick start trains its teacher.", QuickStart.Teacher),
    ];
}
