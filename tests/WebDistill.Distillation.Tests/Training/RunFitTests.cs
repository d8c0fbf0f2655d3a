using WebDistill.Distillation.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>The finding "planned memory is never compared with the machine: 6.9 GB accepted in 1.2 GB".</summary>
public sealed class RunFitTests
{
    private static readonly Gpt2Config s_gpt2 = new() { VocabSize = 50257, NPositions = 1024, NEmbd = 768, NLayer = 12, NHead = 12 };

    private static readonly RunOptions s_options =
        new() { Teacher = new() { ModelId = "teacher" }, Data = new() { DatasetId = "text", ContextLength = 512 },
            Schedule = new() { BatchSize = 8, Epochs = 1 },
                Checkpoints = new() { IntervalMinutes = 0 } };
    private static readonly Machine s_large = new() { MemoryBytes = 64_000_000_000, FreeMemoryBytes = 60_000_000_000, FreeDiskBytes = 1_000_000_000_000 };

    [Fact]
    public void Of_MachineWithRoom_SaysNothing()
    {
        RunFit fit = RunFit.Of(Plan(s_options), s_options, s_large);
        Assert.Empty(fit.Problems);
        Assert.Empty(fit.Warnings);
    }

    [Fact]
    public void Of_MoreThanTheGroupsLimit_IsRefusedWithTheArithmetic()
    {
        RunPlan plan = Plan(s_options);
        Machine machine = s_large with { MemoryBytes = 3_000_000_000, FreeMemoryBytes = 1_000_000_000, IsLimitedByGroup = true };
        OptionProblem problem = Assert.Single(RunFit.Of(plan, s_options, machine).Problems);
        Assert.Equal("schedule.batchSize", problem.Field);
        Assert.Contains("teacher 498 MB + weights 328 MB + gradients 328 MB + Adam's moments 655 MB + activations of a batch", problem.Message);
        Assert.Contains($"= {Machine.BytesInWords(plan.MemoryBytes)}, and the machine has 3.0 GB of memory (the limit of its control group), "
            + "of which 300 MB are the server's own.", problem.Message);
        Assert.Contains("Halve the batch size", problem.Message);
    }

    [Theory]
    [InlineData(8, 700_000_000, "teacher.modelId")]
    [InlineData(8, 1_500_000_000, "student.layerCount")]
    [InlineData(8, 3_000_000_000, "schedule.batchSize")]
    [InlineData(1, 2_300_000_000, "data.contextLength")]
    public void Of_TooLittleMemory_NamesTheFieldThatHelps(int batch, long memory, string field)
    {
        RunOptions options = s_options with { Schedule = s_options.Schedule with { BatchSize = batch } };
        Assert.Equal(field, Assert.Single(RunFit.Of(Plan(options), options, s_large with { MemoryBytes = memory }).Problems).Field);
    }

    [Fact]
    public void Of_AGpu_IsComparedWithItsMemoryAndNotTheProcessors()
    {        Machine machine = s_large with { MemoryBytes = 2_000_000_000, FreeMemoryBytes = 1_000_000_000, Gpu = new GpuMemory(80_000_000_000, 79_000_000_000) };
        Assert.Empty(RunFit.Of(Plan(s_options), s_options, machine).Problems);
        machine = s_large with { Gpu = new GpuMemory(2_000_000_000, 1_900_000_000) };
        Assert.Contains("the machine has 2.0 GB of GPU memory.", Assert.Single(RunFit.Of(Plan(s_options), s_options, machine).Problems).Message);
    }

    [Fact]
    public void Of_MostOfTheMachine_IsTight()
    {
        RunPlan plan = Plan(s_options);
        Machine machine = s_large with { MemoryBytes = (long)(plan.MemoryBytes / 0.9) + RunFit.ServerBytes };
        RunFit fit = RunFit.Of(plan, s_options, machine);
        Assert.Empty(fit.Problems);
        Assert.StartsWith("Memory is tight: it needs teacher", Assert.Single(fit.Warnings).Message);
    }

    /// <summary>What a page draws: amber begins where it is called tight, red where it is refused.</summary>
    [Theory]
    [InlineData(1.02, true, true)]
    [InlineData(0.98, true, false)]
    [InlineData(0.72, true, false)]
    [InlineData(0.68, false, false)]
    public void Of_ShareOfTheMachine_IsTightAboveSeventyPercentAndRefusedAboveAll(double share, bool isTight, bool isRefused)
    {
        RunPlan plan = Plan(s_options);
        RunFit fit = RunFit.Of(plan, s_options, s_large with { MemoryBytes = (long)(plan.MemoryBytes / share) + RunFit.ServerBytes });
        Assert.Equal(share, fit.Memory.Share, 1e-3);
        Assert.Equal((isTight, isRefused), (fit.Memory.IsTight, fit.Problems.Count > 0));
        Assert.Equal(isTight && !isRefused, fit.Warnings.Count > 0);
        Assert.Equal((plan.Disk.MostBytes, s_large.FreeDiskBytes), (fit.Disk.NeededBytes, fit.Disk.AvailableBytes));
    }

    [Fact]
    public void Of_OtherWorkHasTheMemory_Warns()
    {
        RunFit fit = RunFit.Of(Plan(s_options), s_options, s_large with { FreeMemoryBytes = 1_000_000_000 });
        Assert.Empty(fit.Problems);
        Assert.Contains("1.0 GB are free at this moment", Assert.Single(fit.Warnings).Message);
    }

    [Theory]
    [InlineData(1, 1_000_000_000, "It writes 2 checkpoints x 983 MB + model 328 MB + headroom 100 MB = 2.4 GB, and 1.0 GB of the disk are free.")]
    [InlineData(9, 10_000_000_000, "It writes 11 checkpoints x 983 MB")]
    public void Of_DiskTooSmallForTheRuleOfRetention_IsRefused(int kept, long free, string message)
    {
        RunOptions options = s_options with { Checkpoints = s_options.Checkpoints with { KeepLast = kept, KeepBest = kept > 1, IntervalSteps = 1 } };
        OptionProblem problem = Assert.Single(RunFit.Of(Plan(options), options, s_large with { FreeDiskBytes = free }).Problems);
        Assert.Equal("checkpoints.keepLast", problem.Field);
        Assert.StartsWith(message, problem.Message);
    }

    [Fact]
    public void Of_CheckpointsByTheClock_AreWarnedOf()
    {
        RunOptions options = s_options with { Checkpoints = s_options.Checkpoints with { KeepLast = 9, IntervalMinutes = 1, IntervalSteps = 0 } };
        RunFit fit = RunFit.Of(Plan(options), options, s_large with { FreeDiskBytes = 10_000_000_000 });
        Assert.Empty(fit.Problems);
        Assert.StartsWith("The disk is tight: It writes 11 checkpoints", Assert.Single(fit.Warnings).Message);
    }

    [Fact]
    public void Of_BatchLargerThanTheText_Warns()
    {
        RunOptions options = s_options with { Schedule = s_options.Schedule with { BatchSize = 65_536 },
            Data = s_options.Data with { ContextLength = 64 } };
        RunFit fit = RunFit.Of(RunPlan.Compute(options, null, SmallModels.Config(positions: 64), new EpochSize(100, 6400)), options, s_large);
        Assert.Contains("may hold 65,536 sequences and the text has 100", Assert.Single(fit.Warnings).Message);
    }

    [Fact]
    public void ProblemNow_WhatIsFreeNow_Decides()
    {
        RunPlan plan = Plan(s_options);
        Assert.Null(RunFit.ProblemNow(plan, s_large with { FreeMemoryBytes = plan.MemoryBytes }));
        Assert.Contains("999 MB of the 64.0 GB of memory are free", RunFit.ProblemNow(plan, s_large with { FreeMemoryBytes = 999_000_000 }));
        Machine full = s_large with { FreeDiskBytes = 1_000_000_000 };
        Assert.Contains("of the disk are free: make room", RunFit.ShortageOfDisk(plan, full, 0));
        // What it has already is not needed again.
        Assert.Null(RunFit.ShortageOfDisk(plan, full, plan.Disk.CertainCheckpoints * plan.Disk.CheckpointBytes));
    }

    [Fact]
    public void ProblemOfLoading_LargerThanWhatIsFree_SaysTheArithmetic()
    {
        Assert.Null(RunFit.ProblemOfLoading(s_gpt2, s_large));
        Assert.StartsWith("It needs weights 498 MB + keys and values of a text 75 MB = 573 MB, and 500 MB of the 64.0 GB of memory are free.",
            RunFit.ProblemOfLoading(s_gpt2, s_large with { FreeMemoryBytes = 500_000_000 }));
    }

    private static RunPlan Plan(RunOptions options) =>
        RunPlan.Compute(options, s_gpt2, s_gpt2 with { NLayer = 6 }, new EpochSize(10_000_000 / options.Data.ContextLength!.Value, 10_000_000));
}
