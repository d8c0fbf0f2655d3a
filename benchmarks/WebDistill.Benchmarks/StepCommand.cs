using System.CommandLine;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Benchmarks;

/// <summary>Options that name a step's size, common to the step alone and to the comparison with a peer.</summary>
internal sealed class StepOptions
{
    public Option<string> Teacher { get; } = new("--teacher")
    {
        Description = "gpt2 (12 layers, width 768, vocabulary 50257) or tiny (6, 256, 4096)", DefaultValueFactory = _ => "gpt2",
    };

    public Option<int?> StudentLayers { get; } = new("--student-layers") { Description = "layers of the student; half of the teacher's" };
    public Option<int> Batch { get; } = new("--batch") { Description = "rows", DefaultValueFactory = _ => 1 };
    public Option<int> Context { get; } = new("--context") { Description = "tokens per row", DefaultValueFactory = _ => 256 };

    public Option<int> Steps { get; } = new("--steps") { Description = "steps that are measured", DefaultValueFactory = _ => 5 };

    public Option<int> Warmup { get; } = new("--warmup") { Description = "steps before that", DefaultValueFactory = _ => 3 };

    public Option<bool> NoDropout { get; } = new("--no-dropout") { Description = "dropout 0 instead of 0.1" };

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { Teacher, StudentLayers, Batch, Context, Steps, Warmup, NoDropout })
            command.Add(option);
    }

    public (Gpt2Config Teacher, int Layers, int Batch, int Context, bool Dropout) Sizes(ParseResult result)
    {
        Gpt2Config teacher = StepWorkload.Teacher(result.GetValue(Teacher)!);
        return (teacher, result.GetValue(StudentLayers) ?? teacher.Layers / 2, result.GetValue(Batch), result.GetValue(Context),
            !result.GetValue(NoDropout));
    }
}

/// <summary><c>step</c>: the product's own training step.</summary>
internal static class StepCommand
{
    public static Command Create()
    {
        var options = new StepOptions();
        var command = new Command("step", "One distillation step of the product: tokens/s, where the time goes, memory.");
        options.AddTo(command);
        var serve = new Option<bool>("--serve") { Description = "make one step for each line of the input: what `paired --peer-command` talks to" };
        command.Add(serve);
        command.SetAction(result => StepWorkload.OnThreadOfItsOwn(() =>
        {
            if (result.GetValue(serve))
                Serve(options, result);
            else
                Run(options, result);
        }));
        return command;
    }

    private static void Serve(StepOptions options, ParseResult result)
    {
        (Gpt2Config teacher, int layers, int batch, int context, bool dropout) = options.Sizes(result);
        using var workload = new StepWorkload(teacher, layers, batch, context, dropout);
        StepServer.Run($"WebDistill, {Device.Name}", () => workload.Step().Values[LoopSeries.StepSeconds.Name]);
    }

    private static void Run(StepOptions options, ParseResult result)
    {
        (Gpt2Config teacher, int layers, int batch, int context, bool dropout) = options.Sizes(result);
        int steps = result.GetValue(options.Steps), warmup = result.GetValue(options.Warmup);
        using var workload = new StepWorkload(teacher, layers, batch, context, dropout);
        for (int i = 0; i < warmup; i++)
            workload.Step();

        var reports = new List<StepReport>(steps);
        var phases = new List<StepPhases>(steps);
        long faultsBefore = PageFaults(), managedBefore = GC.GetTotalAllocatedBytes(precise: true);
        int collectionsBefore = GC.CollectionCount(0);
        for (int i = 0; i < steps; i++)
        {
            reports.Add(workload.Step());
            phases.Add(workload.LastPhases);
        }
        long managed = GC.GetTotalAllocatedBytes(precise: true) - managedBefore, faults = PageFaults() - faultsBefore;

        double median = Report.Median(reports.Select(report => report.Values[LoopSeries.TokensPerSecond.Name]));
        double flops = StepWorkload.StepFlops(teacher, layers, batch, context);
        RunOptions planned = new() { Schedule = new() { BatchSize = batch }, Data = new() { ContextLength = context },
            Student = new() { Dropout = dropout ? 0.1 : 0 } };
        RunPlan plan = RunPlan.Compute(planned, teacher, teacher with { NLayer = layers }, new EpochSize(batch, (long)batch * context));
        Report.Line(new
        {
            Benchmark = "step", Teacher = result.GetValue(options.Teacher), StudentLayers = layers, batch, context, dropout, steps, warmup,
            Engine = Device.Name,
            TokensPerSecondMedian = Report.Rounded(median),
            TokensPerSecondBest = Report.Rounded(reports.Max(report => report.Values[LoopSeries.TokensPerSecond.Name])),
            GflopPerStep = Report.Rounded(flops / 1e9),
            GflopsPerSecondMedian = Report.Rounded(flops / 1e9 * median / (batch * context)),
            MillisecondsMedian = new
            {
                Step = Report.Rounded(1000 * Report.Median(reports.Select(report => report.Values[LoopSeries.StepSeconds.Name]))),
                TeacherForward = Phase(phase => phase.TeacherForwardSeconds),
                StudentForward = Phase(phase => phase.StudentForwardSeconds),
                HeadAndLosses = Phase(phase => phase.HeadAndLossesSeconds),
                Backward = Phase(phase => phase.BackwardSeconds),
                Optimiser = Phase(phase => phase.OptimiserSeconds),
            },
            // With all its digits: the same for any number of threads, or something is summed in another order.
            LastTotalLoss = reports[^1].TotalLoss,
            PeakResidentMebibytes = Report.PeakResidentBytes >> 20,
            PlannedMebibytes = plan.MemoryBytes >> 20,
            ManagedBytesAllocatedPerStep = managed / steps,
            // Pages that the kernel had to find: memory that was given back and taken again.
            PageFaultsPerStep = faults / steps,
            GarbageCollections = GC.CollectionCount(0) - collectionsBefore,
        });

        double Phase(Func<StepPhases, double> seconds) => Report.Rounded(1000 * Report.Median(phases.Select(seconds)));
    }

    private static long PageFaults()
    {
        string stat = File.ReadAllText("/proc/self/stat");
        return long.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[7], System.Globalization.CultureInfo.InvariantCulture);
    }
}
