using System.CommandLine;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using TorchSharp.Kernels;

namespace WebDistill.Benchmarks.Kernels;

/// <summary><c>compare</c>: each kernel in every form the processor has, with BenchmarkDotNet.</summary>
internal static class CompareCommand
{
    public static Command Create()
    {
        var command = new Command("compare", "Single kernels: plain loops, 128, 256 and 512-bit vectors side by side (BenchmarkDotNet).");
        command.SetAction(_ =>
        {
            ManualConfig config = ManualConfig.Create(DefaultConfig.Instance)
                .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
                .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "webdistill-benchmarks"));
            BenchmarkRunner.Run<KernelForms>(config);
        });
        return command;
    }
}

/// <summary>One kernel of each kind at the tiny model's sizes.</summary>
public unsafe class KernelForms
{
    private const int Rows = 64, Columns = 256;

    private nint _x, _y, _weight;

    /// <summary>The forms this processor has.</summary>
    public static IEnumerable<string> Sets => Enum.GetValues<InstructionSet>().Where(Simd.IsSupported).Select(set => set.ToString());

    /// <summary>The form in use.</summary>
    [ParamsSource(nameof(Sets))]
    public string Set { get; set; } = "";

    /// <summary>Buffers.</summary>
    [GlobalSetup]
    public void Setup()
    {
        Simd.Active = Enum.Parse<InstructionSet>(Set);
        _x = (nint)GemmCommand.Random(Rows * Columns);
        _y = (nint)GemmCommand.Random(Rows * Columns);
        _weight = (nint)GemmCommand.Random(Columns * Columns);
    }

    /// <summary>[64, 256] times [256, 256].</summary>
    [Benchmark]
    public void MatrixProduct() =>
        Gemm.Run(false, false, Rows, Columns, Columns, (float*)_x, Columns, (float*)_weight, Columns, (float*)_y, Columns);

    /// <summary>GPT-2's GELU.</summary>
    [Benchmark]
    public void GeluForward() => Gelu.Forward(Rows * Columns, (float*)_x, (float*)_y, GeluApproximation.Tanh);

    /// <summary>Rows of 256.</summary>
    [Benchmark]
    public void LayerNormForward() =>
        LayerNorm.Forward(Rows, Columns, (float*)_x, (float*)_weight, null, 1e-5f, (float*)_y, null, null);

    /// <summary>Rows of 256.</summary>
    [Benchmark]
    public void SoftmaxForward() => Softmax.Forward(Rows, Columns, (float*)_x, (float*)_y);
}
