using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;

namespace WebDistill.Distillation.Training;

/// <summary>How much of something a run needs. Bytes.</summary>
/// <param name="NeededBytes">What it needs, estimated.</param>
/// <param name="AvailableBytes">What there is.</param>
public readonly record struct Demand(long NeededBytes, long AvailableBytes)
{
    /// <summary>Share of what there is above which a run is called tight.</summary>
    public const double TightShare = 0.7;

    /// <summary>Needed / available; +∞ where there is nothing.</summary>
    public double Share => AvailableBytes > 0 ? (double)NeededBytes / AvailableBytes : double.PositiveInfinity;

    /// <summary>Whether it fits with little to spare.</summary>
    public bool IsTight => Share > TightShare;
}

/// <summary>Whether a planned run fits a machine: what cannot is refused with the arithmetic, what is tight is said.</summary>
/// <param name="Problems">Why it cannot be made here, by field; empty when it can.</param>
/// <param name="Warnings">What may go wrong or be unintended, by field.</param>
/// <param name="Memory">What the run needs of the memory that tensors can have.</param>
/// <param name="Disk">What it may write of what the data folder has room for.</param>
public sealed record RunFit(IReadOnlyList<OptionProblem> Problems, IReadOnlyList<OptionProblem> Warnings, Demand Memory, Demand Disk)
{

    /// <summary>The runtime and the server themselves, which share the processor's memory with the tensors.</summary>
    public const long ServerBytes = 300_000_000;

    /// <summary>Compares a plan with what the machine has at most: other work may be over when the run's turn comes.</summary>
    public static RunFit Of(RunPlan plan, RunOptions options, Machine machine)
    {
        var problems = new OptionProblems();
        var warnings = new OptionProblems();
        long server = machine.Gpu is null ? ServerBytes : 0;
        long usable = machine.TensorBytes - server;
        var memory = new Demand(plan.MemoryBytes, usable);
        var room = new Demand(plan.Disk.MostBytes, machine.FreeDiskBytes);
        string besides = server == 0 ? "" : $", of which {Machine.BytesInWords(server)} are the server's own";
        if (plan.MemoryBytes > usable)
        {
            (string field, string remedy) = Remedy(plan.Memory, options, usable);
            problems.Add(field, $"It needs {plan.Memory.InWords}, and the machine has {machine.TensorMemoryInWords}{besides}. {remedy}");
        }
        else if (memory.IsTight)
        {
            warnings.Add(Remedy(plan.Memory, options, usable).Field,
                $"Memory is tight: it needs {plan.Memory.InWords}, and the machine has {machine.TensorMemoryInWords}{besides}.");
        }
        else if (plan.MemoryBytes > machine.FreeTensorBytes)
        {
            warnings.Add(OptionPath.Of(options.Schedule.BatchSize), $"It needs {Machine.BytesInWords(plan.MemoryBytes)} of memory, and "
                + $"{Machine.BytesInWords(machine.FreeTensorBytes)} are free at this moment: it fails unless more is free when its turn comes.");
        }

        RunDisk disk = plan.Disk;
        if (disk.CertainBytes > machine.FreeDiskBytes)
            problems.Add(OptionPath.Of(options.Checkpoints.KeepLast), $"{DiskInWords(disk, disk.CertainCheckpoints, disk.CertainBytes)}, and "
                + $"{Machine.BytesInWords(machine.FreeDiskBytes)} of the disk are free. Keep fewer checkpoints, or make room.");
        else if (room.IsTight)
            warnings.Add(OptionPath.Of(options.Checkpoints.KeepLast), $"The disk is tight: {DiskInWords(disk, disk.MostCheckpoints, disk.MostBytes)} if all fall due that the rule "
                + $"keeps, and {Machine.BytesInWords(machine.FreeDiskBytes)} are free. A full disk pauses the run.");

        if (plan.BatchesPerEpoch == 1 && options.Schedule.BatchSize > plan.Sequences)
            warnings.Add(OptionPath.Of(options.Schedule.BatchSize), $"A batch may hold {options.Schedule.BatchSize:N0} sequences and the text has "
                + $"{plan.Sequences:N0}: every batch is the whole text.");
        return new RunFit(problems.Found, warnings.Found, memory, room);
    }

    /// <summary>Why a run cannot start at this moment, given the memory that is free now; null when it can.</summary>
    public static string? ProblemNow(RunPlan plan, Machine machine) => plan.MemoryBytes <= machine.FreeTensorBytes ? null
        : $"It needs {plan.Memory.InWords}, and {Machine.BytesInWords(machine.FreeTensorBytes)} of the {machine.TensorMemoryInWords} are "
            + "free. Let other work on this machine end and resume it, or clone it with a smaller batch, context or model.";

    /// <summary>What is to be said of the disk when a run starts; null when it has room. No reason to refuse: a full disk pauses a run, and it
    /// goes on by itself.</summary>
    /// <param name="ownCheckpointBytes">What its checkpoints take on the disk already.</param>
    public static string? ShortageOfDisk(RunPlan plan, Machine machine, long ownCheckpointBytes) =>
        plan.Disk.CertainBytes - ownCheckpointBytes <= machine.FreeDiskBytes ? null
            : $"{DiskInWords(plan.Disk, plan.Disk.CertainCheckpoints, plan.Disk.CertainBytes)}, and {Machine.BytesInWords(machine.FreeDiskBytes)} of "
                + $"the disk are free{(ownCheckpointBytes > 0 ? $" besides the {Machine.BytesInWords(ownCheckpointBytes)} of its checkpoints" : "")}: "
                + "make room, or the run will be paused.";

    /// <summary>Why a model cannot be loaded to answer at this moment; null when it can.</summary>
    public static string? ProblemOfLoading(Architecture model, Machine machine)
    {
        long needed = RunMemory.ToAnswer(model), weights = sizeof(float) * model.ParameterCount;
        return needed <= machine.FreeTensorBytes ? null
            : $"It needs weights {Machine.BytesInWords(weights)} + keys and values of a text {Machine.BytesInWords(needed - weights)} = "
                + $"{Machine.BytesInWords(needed)}, and {Machine.BytesInWords(machine.FreeTensorBytes)} of the {machine.TensorMemoryInWords} are free. "
                + "Wait until other work on this machine has ended, or choose a smaller model.";
    }

    private static string DiskInWords(RunDisk disk, long checkpoints, long bytes) => $"It writes {checkpoints:N0} "
        + $"{(checkpoints == 1 ? "checkpoint" : "checkpoints")} x {Machine.BytesInWords(disk.CheckpointBytes)} + model "
        + $"{Machine.BytesInWords(disk.ModelBytes)} + headroom {Machine.BytesInWords(RunDisk.HeadroomBytes)} = {Machine.BytesInWords(bytes)}";

    /// <summary>The field whose change helps most, and how.</summary>
    private static (string Field, string Remedy) Remedy(RunMemory memory, RunOptions options, long usable)
    {
        if (memory.TeacherBytes > usable)
            return (OptionPath.Of(options.Teacher.ModelId), "Choose a smaller teacher.");
        if (memory.ModelBytes > usable)
            return options.Student.Initialisation == CheckpointInit.InitName
                ? (OptionPath.Of(options.Student.ModelId), "Start from a smaller model.")
                : (OptionPath.Of(options.Student.LayerCount), "Choose fewer layers or a smaller width.");
        // A batch of one sequence cannot be made smaller, only shorter.
        return options.Schedule.BatchSize > 1
            ? (OptionPath.Of(options.Schedule.BatchSize), "Halve the batch size and double the gradient accumulation (the update stays the same), or shorten the context.")
            : (OptionPath.Of(options.Data.ContextLength), "Shorten the context.");
    }
}
