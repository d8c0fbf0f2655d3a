using System.Text.Json.Nodes;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Optimisation;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Training;
using WebDistill.Distillation.Transforms.Learned;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Runs;

/// <summary>What the options of a run are compared with.</summary>
/// <param name="Title">What kind of thing it is: "Baseline"; unique among those of a run.</param>
/// <param name="Name">What it is, in a sentence: "the preset “Distil”".</param>
/// <param name="Options">Every option that had an effect.</param>
public sealed record OptionBasis(string Title, string Name, IReadOnlyList<UsedOption> Options);

/// <summary>An option as a run used it; one that changed nothing of it is none.</summary>
/// <param name="Group">The heading that it stands under.</param>
/// <param name="Value">The value really used, in words.</param>
/// <param name="IsAutomatic">Whether nobody gave it: it follows from the teacher, or from the plan.</param>
/// <param name="Differs">Whether it is another one than that of what the options are compared with.</param>
/// <param name="Basis">The value there, in words.</param>
public sealed record UsedOption(OptionField Field, string Group, string Value, bool IsAutomatic, bool Differs, string Basis)
{
    // What every run has its own of says nothing about how it departs from a preset, which names none.
    private static readonly HashSet<string> _own = ["data.datasetId", "teacher.modelId", "teacher.others", "student.modelId"];

    /// <summary>The options of a run, in the order of the form.</summary>
    /// <param name="teacher">The teacher's model; null where there is none or it is gone.</param>
    /// <param name="basis">What they are compared with.</param>
    /// <param name="isRun">Whether those are another run's: then its text and its models differ or not as every option does.</param>
    public static IReadOnlyList<UsedOption> All(RunOptions options, Run run, Model? teacher, OptionTexts texts, RunOptions basis, bool isRun)
    {
        ModelHead task = run.Task() is ModelHead.Classes ? ModelHead.Classes : options.Task(teacher);
        JsonObject given = OptionTexts.Values(options), used = OptionTexts.Values(Resolved(options, run, teacher)), others = OptionTexts.Values(basis);
        return [.. LossCatalogue.RunSchema.Settings.Where(field => HasEffect(field.Path, options, task)).Select(field =>
        {
            string before = texts.Of(field, field.In(others));
            return new UsedOption(field, GroupOf(field), texts.Of(field, field.In(used)), field.In(given) is null && field.In(used) is not null,
                (isRun || !_own.Contains(field.Path)) && RunDraft.Write(field.In(given)) != RunDraft.Write(field.In(others)), before);
        })];
    }

    /// <summary>The options with what follows from the teacher and the plan in the place of what was left blank; what cannot be known any more stays blank.</summary>
    private static RunOptions Resolved(RunOptions options, Run run, Model? teacher)
    {
        int? layers = options.Student.LayerCount ?? run.StudentLayers ?? (teacher is null ? null : Math.Max(1, teacher.Layers / 2));
        IReadOnlyList<int>? copied = options.Student.TeacherLayers
            ?? ((run.TeacherLayers ?? teacher?.Layers) is int from && layers is int to && to <= from ? TeacherLayersInit.EvenlySpaced(from, to) : null);
        int? context = options.Data.ContextLength ?? teacher?.ContextLength;
        return options with
        {
            Student = options.Student with { LayerCount = layers, TeacherLayers = copied },
            Data = options.Data with { ContextLength = context },
            Diagnosis = context is int length && run.TotalSteps > 0 ? new() { IntervalSteps = Diagnosis.IntervalSteps(options, length, run.TotalSteps) } : options.Diagnosis,
        };
    }

    /// <summary>Whether a run with these options would be another one with another value of that option.</summary>
    /// <param name="task">What its student does.</param>
    internal static bool HasEffect(string path, RunOptions options, ModelHead task)
    {
        if (path.StartsWith("masking.", StringComparison.Ordinal))
            return task == ModelHead.MaskedToken;
        if (LearnedCatalogue.All.FirstOrDefault(method => method.Fields.Any(field => field.Path == path)) is LearnedCompression compression)
            return compression.IsOn(options) || path == compression.Fields[0].Path;
        bool taught = options.Teacher.ModelId is not null;
        if (path.StartsWith("objective.", StringComparison.Ordinal))
        {
            Loss loss = LossCatalogue.All.First(one => one.Fields.Any(field => field.Path == path));
            return (taught || !loss.NeedsTeacher) && (loss.Weight(options) > 0 || path == loss.Fields[0].Path)
                && (path != "objective.ce.lastTemperature" || loss.ParametersIn(options) is DistillationCrossEntropy.Softening { TemperatureSchedule: not TemperatureSchedule.Constant });
        }
        StudentInit init = StudentInits.Find(options.Student.Initialisation);
        return path switch
        {
            "teacher.modelId" => taught,
            "teacher.others" or "teacher.combination" or "teacher.weighting" => options.Teacher.HasSeveral,
            "teacher.weights" => options.Teacher is { HasSeveral: true, Weighting: TeacherWeighting.Fixed },
            "teacher.weightTemperature" => options.Teacher is { HasSeveral: true, Weighting: TeacherWeighting.ByValidationLoss },
            "student.modelId" => init.NeedsCheckpoint,
            "student.teacherLayers" => init.NeedsTeacher,
            "student.layerCount" => !init.NeedsCheckpoint,
            "student.family" => !init.NeedsCheckpoint,
            "student.freezeTokenTypeEmbeddings" => task != ModelHead.NextToken,
            "samples.intervalSteps" or "samples.prompts" or "samples.maxNewTokens" when task != ModelHead.NextToken => false,
            "data.sequenceMode" => task != ModelHead.Classes,
            "student.width" or "student.heads" => !taught && !init.NeedsTeacher && !init.NeedsCheckpoint,
            "student.initialiserRange" => !init.NeedsTeacher && !init.NeedsCheckpoint,
            "schedule.decayProportion" => options.Schedule.Shape == WarmupStableDecay.ScheduleName,
            "samples.prompts" or "samples.maxNewTokens" => options.Samples.IntervalSteps != 0,
            "data.groupBySize" => task == ModelHead.Classes || options.Data.SequenceMode != SequenceMode.Packed,
            _ => true,
        };
    }

    // The group that its path names, by the words of its declaration.
    private static string GroupOf(OptionField field) => field.Path.Contains('.')
        ? OptionSchema.GroupLabel<RunOptions>(field.Path.Split('.')[0])
        : "Reproducibility";
}
