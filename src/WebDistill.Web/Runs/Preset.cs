using WebDistill.Distillation.Options;

namespace WebDistill.Web.Runs;

/// <summary>A named set of options to start from.</summary>
/// <param name="Layers">The teacher layers copied from a teacher of that depth; others get half of their layers, evenly spaced.</param>
public sealed record Preset(string Name, string Description, RunOptions Options, (int TeacherLayers, IReadOnlyList<int> Copied)? Layers = null)
{
    /// <summary>Every preset, the first one preselected.</summary>
    public static IReadOnlyList<Preset> All { get; } =
    [
        new("Quick start", "The student of the quick start: minutes on two cores.", QuickStart.Student),
        new("Knowledge Distillation on GPT2", "The settings of the paper's GPT-2 run: days on one GPU.", new RunOptions
        {
            Objective = new Dictionary<string, ObjectiveTerm> { ["ce"] = new(5, ("temperature", 2.0)), ["clm"] = new(2), ["cos"] = new(1) },
            Student = new() { FreezePositionEmbeddings = true },
            Schedule = new() { Epochs = 4, BatchSize = 1, GradientAccumulation = 500, WarmupProportion = 0.05 },
            Optimiser = new() { WeightDecay = 0, LearningRate = 2.5e-4, AdamEpsilon = 1e-6, MaxGradientNorm = 5 },
            Data = new() { ContextLength = 1024 },
        }, (12, [0, 2, 4, 7, 9, 11])),
        new("Train a teacher", "A small GPT-2 from scratch, as the quick start trains its teacher.", QuickStart.Teacher),
    ];
}
