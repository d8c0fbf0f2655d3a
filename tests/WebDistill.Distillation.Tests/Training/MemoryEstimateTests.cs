using System.Runtime.InteropServices;
using System.Text.Json;
using TorchSharp;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Tests.Losses;
using WebDistill.Distillation.Training;
using static TorchSharp.torch;
using Architecture = WebDistill.Distillation.Models.Architecture;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>Tests that look at the memory of the whole process: alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class WholeProcess
{
    public const string Name = "Whole process";
}

/// <summary>Whether a planned memory is true: compared with what the tensors of a real update take at most.</summary>
[Collection(WholeProcess.Name)]
[Trait("takes", "long")]
public sealed class MemoryEstimateTests
{
    [Theory]
    [InlineData(4096, 256, 4, 8, 128, true, 0.0, null)]
    [InlineData(1024, 128, 4, 16, 128, false, 0.0, null)]
    [InlineData(300, 192, 6, 16, 64, false, 0.1, null)]
    [InlineData(32768, 64, 2, 4, 64, true, 0.1, null)]
    [InlineData(512, 256, 4, 16, 128, true, 0.0, "probe")]
    [InlineData(512, 128, 4, 16, 256, true, 0.1, "probe")]
    [InlineData(512, 256, 4, 16, 128, true, 0.0, """{"patient":{"weight":1},"states":{"weight":1,"projection":"Shared"}}""")]
    [InlineData(512, 128, 4, 16, 256, true, 0.1, """{"scores":{"weight":1}}""")]
    [InlineData(512, 128, 4, 16, 256, true, 0.0, """{"relations":{"weight":1,"relationHeads":8}}""")]
    [InlineData(512, 256, 4, 16, 128, true, 0.0, null, """{"quantisation":{"bits":8}}""")]
    [InlineData(512, 256, 8, 4, 64, false, 0.0, null, """{"movement":{"sparsity":0.5}}""")]
    [InlineData(512, 256, 8, 4, 64, false, 0.0, null, """{"magnitude":{"sparsity":0.5,"regrows":true}}""")]
    [InlineData(512, 256, 8, 4, 64, false, 0.0, null, """{"stepSize":{"bits":4,"scope":"EachRow"}}""")]
    public void Estimate_AnUpdate_IsWhatItsTensorsTake(
        int vocabulary, int width, int layers, int batch, int context, bool hasTeacher, double dropout, string? whole, string? compression = null)
    {
        IReadOnlyList<Loss> Losses(RunOptions options) =>
            [.. LossCatalogue.Active(options, hasTeacher), .. whole == "probe" ? [new WholeLossTests.LayersAndAttentions()] : Array.Empty<Loss>()];
        var teacherConfig = new Gpt2Config { VocabSize = vocabulary, NPositions = context, NEmbd = width, NLayer = layers, NHead = 4, EosTokenId = 0 };
        Gpt2Config studentConfig = teacherConfig with { NLayer = layers / 2, EmbdPdrop = dropout, AttnPdrop = dropout, ResidPdrop = dropout };
        var options = new RunOptions
        {
            Teacher = new() { ModelId = hasTeacher ? "teacher" : null },
            Data = new() { DatasetId = "text", ContextLength = context },
            Schedule = new() { BatchSize = batch, Epochs = 1 },
            Student = new() { Dropout = dropout },
            Compression = compression is null ? new() : JsonSerializer.Deserialize<CompressionOptions>(compression, JsonSerializerOptions.Web)!,
            Objective = new Dictionary<string, ObjectiveTerm>([.. Terms.Of(ce: hasTeacher ? 5 : 0, clm: 2, cos: hasTeacher ? 1 : 0),
                .. whole is null or "probe" ? [] : JsonSerializer.Deserialize<Dictionary<string, ObjectiveTerm>>(whole, JsonSerializerOptions.Web)!]),
        };
        // What libraries take for themselves, once: buffers of the products among it.
        using (TextModel small = SmallModels.Random(9, width: 64))
        using (var first = Trainers.Create(options with { Compression = new(), Teacher = options.Teacher with { ModelId = null },
            Objective = options.Objective.With(ce: 0, cos: 0, clm: 1) }, null, small, 10,
            () => SmallModels.Batch(1, [.. Enumerable.Repeat(12, 40)]), null))
        {
            first.Step();
        }
        ProcessMemory.GiveBack();
        long before = AllocatedBytes(), peak = before;
        using TextModel? teacher = hasTeacher ? TextModel.CreateRandom(teacherConfig, seed: 1) : null;
        using TextModel student = TextModel.CreateRandom(studentConfig, seed: 2);
        var random = new SeededRandom(3);
        TokenBatch Next() => new(
            [.. Enumerable.Range(0, batch * context).Select(_ => (long)(random.NextDouble() * vocabulary))], [.. Enumerable.Repeat(context, batch)],
            batch, context);
        using var trainer = Trainers.Create(options, teacher, student, batchesPerEpoch: 100, Next, validation: null, Losses(options));
        using var ended = new CancellationTokenSource();
        var watch = new Thread(() =>
        {
            while (!ended.IsCancellationRequested)
                peak = Math.Max(peak, AllocatedBytes());
        });
        watch.Start();
        for (int i = 0; i < 3; i++)
            trainer.Step();
        ended.Cancel();
        watch.Join();
        long measured = peak - before;

        RunPlan plan = RunPlan.Compute(options, Losses(options), teacher?.Architecture, studentConfig, new EpochSize(100 * batch, 100L * batch * context));
        long planned = plan.MemoryBytes - plan.Memory.CorpusBytes - plan.Memory.SavingBytes - RunMemory.WorkspaceBytes;
        double ratio = (double)planned / measured;
        Assert.True(ratio is > 0.85 and < 1.3, $"Planned {plan.Memory.InWords}; measured {measured:N0} bytes, {ratio:0.00} times too much.");
    }

    /// <summary>GPT-2's are held by the updates above, which its dropout makes larger than what a pass leaves.</summary>
    public static TheoryData<string> Families => [.. ModelFamilies.All.Where(family => !family.ContinuesTexts).Select(family => family.Name)];

    [Theory]
    [MemberData(nameof(Families))]
    public void ActivationsPerTokenAndLayer_AreWhatAForwardPassKeeps(string family)
    {
        AssertKept(family, hasDropout: false);
        AssertKept(family, hasDropout: true);
    }

    private static void AssertKept(string family, bool hasDropout)
    {
        const int rows = 16, context = 64;
        Architecture small = ModelFamilies.Find(family).Create(new NewModel(100, context, 64, 2, 4, 99)).WithDropout(hasDropout ? 0.1 : 0), large = small.WithLayers(6);
        // What earlier tests left to the collector must not be freed between two measurements.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Kept(small);
        double measured = (Kept(large) - Kept(small)) / (4.0 * rows * context * sizeof(float));
        double planned = small.ActivationsPerTokenAndLayer(hasDropout, context);
        Assert.True(planned / measured is > 0.9 and < 1.1, $"Planned {planned} floats for each token and layer {(hasDropout ? "with" : "without")} dropout, measured {measured:0.0}.");

        // The compiler's own memory comes and goes in the background: the middle of several passes is the model's.
        long Kept(Architecture architecture) => Enumerable.Range(0, 5).Select(_ => KeptOnce(architecture)).Order().ElementAt(2);

        static long KeptOnce(Architecture architecture)
        {
            using TextModel model = TextModel.CreateRandom(architecture, seed: 1);
            using Tensor ids = zeros(rows, context, dtype: ScalarType.Int64);
            long before = AllocatedBytes();
            using Tensor hidden = model.Hidden(new ModelInput(ids));
            return AllocatedBytes() - before;
        }
    }

    /// <summary>What has been asked of glibc and not given back, whatever of it is resident.</summary>
    private static long AllocatedBytes()
    {
        MallocFigures figures = mallinfo2();
        return (long)(figures.AllocatedFromHeaps + figures.MappedBytes);
    }

    [DllImport("libc.so.6")]
    private static extern MallocFigures mallinfo2();

    /// <summary>struct mallinfo2 of malloc.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct MallocFigures
    {
        private readonly nuint _arena, _freeChunks, _fastBinChunks, _mappedBlocks;
        public readonly nuint MappedBytes;
        private readonly nuint _unused, _freeInFastBins;
        public readonly nuint AllocatedFromHeaps;
        private readonly nuint _freeBytes, _trimmable;
    }
}
