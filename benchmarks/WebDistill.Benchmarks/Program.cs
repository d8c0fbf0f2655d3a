using System.CommandLine;
using WebDistill.Benchmarks;

// What is measured, one command each; docs/performance.md says how to read it.
var root = new RootCommand("Measures WebDistill: each command prints JSON lines, units in the names.")
{
    StepCommand.Create(),
    PairedCommand.Create(),
    LibTorchStepCommand.Create(),
    LossCompareCommand.CreateLosses(),
    LossCompareCommand.Create(),
    GenerateCommand.Create(),
    TokenizeCommand.Create(),
    WatchCommand.Create(),
    PixelsCommand.Create(),
    PagesCommand.Create(),
    LongRunsCommand.Create(),
    EvaluateCommand.Create(),
    FuzzCommand.Create(),
    MemoryCommand.Create(),
    GuardsCommand.Create(),
    DiagnosisCommand.Create(),
    SamplesCommand.Create(),
};
return root.Parse(args).Invoke();
