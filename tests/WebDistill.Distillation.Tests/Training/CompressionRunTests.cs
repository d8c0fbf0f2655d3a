using System.Text.Json;
using TorchSharp;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Recurrent;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Distillation.Transforms;
using WebDistill.Distillation.Transforms.Learned;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>Compression in real runs: what the student is after every update, what a cut run goes on with, and what counts.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class CompressionRunTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _tokens;

    /// <summary>Two layers, dropout, weight decay, accumulation, clipping and validation.</summary>
    private static readonly RunOptions s_options = ResumableRun.Options with
    {
        Student = ResumableRun.Options.Student with { LayerCount = 2 },
        Schedule = ResumableRun.Options.Schedule with { GradientAccumulation = 2, Epochs = 1, ValidationIntervalSteps = 3 },
        Optimiser = new() { LearningRate = 1e-2, WeightDecay = 0.1, MaxGradientNorm = 0.5 },
    };

    private static readonly Dictionary<string, CompressionOptions> s_methods = new()
    {
        ["magnitude"] = new() { Magnitude = new() { Sparsity = 0.6, Interval = 2, BeginUpdate = 1, EndUpdate = 7 } },
        ["magnitude, all, returning"] = new() { Magnitude = new() { Sparsity = 0.6, InitialSparsity = 0.1, Interval = 1, EndUpdate = 6, Scope = PruningScope.AllMatrices, Regrows = true } },
        ["movement"] = new() { Movement = new() { Sparsity = 0.7, EndUpdate = 6 } },
        ["movement, all, now and then"] = new() { Movement = new() { Sparsity = 0.7, BeginUpdate = 1, EndUpdate = 6, Interval = 3, Scope = PruningScope.AllMatrices } },
        ["layerDrop and magnitude"] = new() { LayerDrop = new() { Probability = 0.5 }, Magnitude = new() { Sparsity = 0.5, Interval = 3 } },
        ["quantisation"] = new() { Quantisation = new() { Bits = 4, BeginUpdate = 2, RangeMomentum = 0.8 } },
        ["quantisation of weights"] = new() { Quantisation = new() { Bits = 8, RoundsActivations = false } },
        ["stepSize"] = new() { StepSize = new() { Bits = 3, RateFactor = 0.1 } },
        ["stepSize, rows"] = new() { StepSize = new() { Bits = 2, Scope = StepScope.EachRow } },
    };

    public CompressionRunTests() => _tokens = SmallModels.Tokens(_folder, documents: 44);

    public static TheoryData<string> Methods => [.. s_methods.Keys];

    [Theory]
    [MemberData(nameof(Methods))]
    public void Run_CutAgainAndAgain_EndsAsAnUncutOne(string name)
    {
        RunOptions options = s_options with { Compression = s_methods[name] };
        using TextModel teacher = SmallModels.Random(1);
        var whole = Make(1000);
        Assert.True(whole.Reports.Count > 9, $"{whole.Reports.Count} updates");
        foreach (int every in new[] { 1, 4 })
        {
            var cut = Make(every);
            Assert.Equal(whole.Weights.Keys, cut.Weights.Keys);
            Assert.All(whole.Weights, pair => Assert.Equal(pair.Value, cut.Weights[pair.Key]));
            Assert.Equal(whole.Reports.Select(Row), cut.Reports.Select(Row));
            Assert.Equal(whole.State, cut.State);
        }
        // It changes what is learned.
        Assert.NotEqual(whole.Weights["h.0.attn.c_attn.weight"], RunInAttempts.Make(s_options, 1000, _folder.File(Guid.NewGuid().ToString("N")), Create, TrainerOf(s_options)).Weights["h.0.attn.c_attn.weight"]);

        (Dictionary<string, float[]> Weights, List<StepReport> Reports, string State) Make(int every) =>
            RunInAttempts.Make(options, every, _folder.File(Guid.NewGuid().ToString("N")), Create, TrainerOf(options));

        TextModel Create(RunOptions begun, TextModel? saved) => StudentInits.Create(begun, teacher, _tokens.VocabularySize, saved);

        Func<TextModel, Trainer> TrainerOf(RunOptions run) => student => Trainers.Create(run, teacher, student, _tokens, _tokens);

        static string Row(StepReport report) => JsonSerializer.Serialize(Journal.Timeless(report));
    }

    /// <summary>A blank end moves with the length of the run: what was reached stays where the run is continued, and what was asked for is reached where it becomes shorter.</summary>
    [Theory]
    [InlineData("magnitude", 1, 4)]
    [InlineData("magnitude returning", 1, 4)]
    [InlineData("movement", 1, 4)]
    [InlineData("magnitude", 4, 1)]
    [InlineData("magnitude returning", 4, 1)]
    [InlineData("movement", 4, 1)]
    public void Run_OfAnotherLengthThanPlanned_KeepsAndReachesItsSparsity(string method, int epochs, int thenEpochs)
    {
        CompressionOptions compression = method == "movement" ? new() { Movement = new() { Sparsity = 0.8 } }
            : new() { Magnitude = new() { Sparsity = 0.8, Interval = 2, Regrows = method != "magnitude" } };
        RunOptions planned = s_options with { Compression = compression, Schedule = s_options.Schedule with { Epochs = epochs } };
        var store = new CheckpointStore(_folder.File(Guid.NewGuid().ToString("N")), FileLayer.Disk);
        double reached = 0;
        using (var first = new ResumableRun(planned, _tokens, null))
        {
            // The shorter one goes on after the end that it would have had from the start.
            int until = Math.Min(first.Trainer.TotalSteps, epochs < thenEpochs ? int.MaxValue : first.Trainer.TotalSteps * thenEpochs / epochs - 1);
            while (first.Trainer.CompletedSteps < until)
                reached = first.Trainer.Step().Values["pruned"];
            first.Save(store, FileLayer.Disk);
            Assert.Equal(epochs < thenEpochs ? 0.8 : 0.4, reached, 0.35);
        }
        using var then = new ResumableRun(planned with { Schedule = planned.Schedule with { Epochs = thenEpochs } }, _tokens, null, store.Folder(store.List()[^1].Step));
        while (then.Trainer.CompletedSteps < then.Trainer.TotalSteps)
        {
            double now = then.Trainer.Step().Values["pruned"];
            Assert.True(now > reached - 0.01, $"update {then.Trainer.CompletedSteps}: {now} after {reached}");
            reached = Math.Max(reached, now);
        }
        Assert.Equal(0.8, reached, 0.01);
    }

    /// <summary>What is measured is the student as its file has it, and a report has every number of the method.</summary>
    [Theory]
    [MemberData(nameof(Methods))]
    public void Run_ItsStudent_IsAPlainModelAndWhatWasMeasured(string name)
    {
        RunOptions options = s_options with { Compression = s_methods[name] };
        using var run = new ResumableRun(options, _tokens, _tokens);
        var journal = new Journal();
        run.Trainer.Run(journal, null, CancellationToken.None);
        string folder = _folder.File("student");
        Directory.CreateDirectory(folder);
        ModelFiles.Save(run.Trainer.Student, folder, FileLayer.Disk);
        using TextModel saved = ModelFiles.Load(folder);
        Assert.Equal(run.Trainer.LastValidationPerplexity, Perplexity.Measure(saved, _tokens, 12, 500));
        using SafetensorsFile file = SafetensorsFile.OpenModel(folder);
        using TextModel plain = SmallModels.Random(3);
        string ofPlain = _folder.File("plain");
        Directory.CreateDirectory(ofPlain);
        ModelFiles.Save(plain, ofPlain, FileLayer.Disk);
        using SafetensorsFile plainFile = SafetensorsFile.OpenModel(ofPlain);
        Assert.Equal(plainFile.Tensors.Select(entry => $"{entry.Name} {entry}").Order(), file.Tensors.Select(entry => $"{entry.Name} {entry}").Order());
        IReadOnlyList<StepSeries> series = [.. LearnedCatalogue.Active(options).SelectMany(method => method.Series)];
        Assert.All(journal.Reports, report => Assert.All(series, one => Assert.True(double.IsFinite(report.Values[one.Name]), one.Name)));
        Assert.Equal(LearnedCatalogue.Active(options).Count, journal.Notes.Count(note => note.Contains("matrices of the layers", StringComparison.Ordinal) || note.Contains("do without", StringComparison.Ordinal)));
        Assert.All(series, one => Assert.Contains(one, run.Trainer.Series));
    }

    [Fact]
    public void Magnitude_AfterEveryUpdate_AsManyAreZeroAsTheScheduleSaysAndStayIt()
    {
        RunOptions options = s_options with { Compression = s_methods["magnitude"] };
        using var run = new ResumableRun(options, _tokens, null);
        IReadOnlyList<LayerMatrix> matrices = LayerMatrix.Of(run.Trainer.Student);
        var schedule = new CubicSparsity(0, 0.6, 1, 7);
        var gone = matrices.Select(_ => new HashSet<int>()).ToList();
        int due = 0;
        while (run.Trainer.CompletedSteps < run.Trainer.TotalSteps)
        {
            StepReport report = run.Trainer.Step();
            if (report.Step is 1 or 3 or 5 or 7)
                due = report.Step;
            foreach ((LayerMatrix matrix, HashSet<int> before) in matrices.Zip(gone))
            {
                int[] zeros = [.. matrix.Read().Index().Where(one => one.Item == 0).Select(one => one.Index)];
                Assert.Equal(Math.Round(schedule.At(due) * matrix.Count), zeros.Length);
                Assert.Subset(zeros.ToHashSet(), before);
                before.UnionWith(zeros);
            }
            Assert.Equal(gone.Sum(one => one.Count) / (double)matrices.Sum(matrix => matrix.Count), report.Values["pruned"]);
        }
        Assert.True(run.Trainer.CompletedSteps > 9);
    }

    [Fact]
    public void Magnitude_WhereWeightsMayReturn_SomeDoUntilTheLastChange()
    {
        RunOptions options = s_options with { Compression = s_methods["magnitude, all, returning"], Optimiser = s_options.Optimiser with { LearningRate = 5e-2 } };
        using var run = new ResumableRun(options, _tokens, null);
        LayerMatrix matrix = LayerMatrix.Of(run.Trainer.Student)[0];
        HashSet<int> ever = [], now = [];
        HashSet<int>? frozen = null;
        bool returned = false;
        while (run.Trainer.CompletedSteps < run.Trainer.TotalSteps)
        {
            int step = run.Trainer.Step().Step;
            now = [.. matrix.Read().Index().Where(one => one.Item == 0).Select(one => one.Index)];
            returned |= ever.Except(now).Any();
            ever.UnionWith(now);
            if (step == 6)
                frozen = now;
        }
        Assert.True(returned);
        Assert.Equal(frozen!.Order(), now.Order());
        Assert.Equal(0.6, (double)LayerMatrix.Of(run.Trainer.Student).Sum(one => one.Read().LongCount(value => value == 0)) / LayerMatrix.Of(run.Trainer.Student).Sum(one => one.Count), 3);
    }

    /// <summary>The norm that is clipped is that of the gradients that are used: none of a zero, and those of scores and steps.</summary>
    [Theory]
    [MemberData(nameof(Methods))]
    public void GradientNorm_CountsWhatIsTrained(string name)
    {
        RunOptions options = s_options with { Compression = s_methods[name] };
        using var run = new ResumableRun(options, _tokens, null);
        for (int i = 0; i < 8; i++)
        {
            StepReport report = run.Trainer.Step();
            double squares = run.Trainer.Moments.Sum(one => one.Parameter.grad is null ? 0.0 : ParameterData.ToArray(one.Parameter.grad).Sum(value => (double)value * value));
            Assert.Equal(Math.Sqrt(squares), report.Values[LoopSeries.GradientNorm.Name], 1e-6 * Math.Sqrt(squares));
        }
        string[] beside = [.. run.Trainer.Moments.Where(one => one.Compression is not null).Select(one => one.Name)];
        Assert.Equal(name.StartsWith("movement", StringComparison.Ordinal) || name.StartsWith("stepSize", StringComparison.Ordinal) ? 8 : 0, beside.Length);
        Assert.All(run.Trainer.Moments.Where(one => one.Compression is not null), one => Assert.Equal((0, 8), (one.WeightDecay, one.Steps)));
    }

    /// <summary>∂L/∂S = ∂L/∂W′ ∘ W and ∂L/∂W = ∂L/∂W′ ∘ m, of the weights behind the zeros.</summary>
    [Fact]
    public void Movement_BeforeAnUpdate_GradientsAreThoseStraightThrough()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using TextModel student = SmallModels.Random(2);
        Dictionary<string, float[]> before = SmallModels.Weights(student);
        RunOptions options = s_options with { Compression = new() { Movement = new() { Sparsity = 0.5, EndUpdate = 0 } } };
        using BoundCompression bound = new MovementPruning().Bind(options, student, 10);
        IReadOnlyList<LayerMatrix> matrices = LayerMatrix.Of(student);
        var ofShown = new Dictionary<string, float[]>();
        foreach (LayerMatrix matrix in matrices)
        {
            matrix.Stored.grad = torch.randn(matrix.Stored.shape);
            ofShown[matrix.Name] = ParameterData.ToArray(matrix.Stored.grad!);
            float[] shown = ParameterData.ToArray(matrix.Stored);
            Assert.Equal(matrix.Count / 2, shown.LongCount(value => value == 0));
            Assert.All(shown.Zip(before[matrix.Name]).Where(pair => pair.First != 0), pair => Assert.Equal(pair.Second, pair.First));
        }
        Dictionary<string, float[]> compressed = SmallModels.Weights(student);
        bound.BeforeUpdate();
        foreach ((LayerMatrix matrix, Moments scores) in matrices.Zip(bound.Parameters))
        {
            Assert.Equal(ofShown[matrix.Name].Zip(before[matrix.Name], (gradient, weight) => gradient * weight), ParameterData.ToArray(scores.Parameter.grad!));
            Assert.Equal(ofShown[matrix.Name].Zip(compressed[matrix.Name], (gradient, weight) => weight == 0 ? gradient * 0 : gradient), ParameterData.ToArray(matrix.Stored.grad!));
            Assert.Equal(before[matrix.Name], ParameterData.ToArray(matrix.Stored));
        }
        bound.Drop();
        Assert.All(compressed, pair => Assert.Equal(pair.Value, SmallModels.Weights(student)[pair.Key]));
    }

    /// <summary>Rows of few values, which the weights behind them are rounded to.</summary>
    [Theory]
    [InlineData("quantisation", 4)]
    [InlineData("quantisation of weights", 8)]
    [InlineData("stepSize", 3)]
    [InlineData("stepSize, rows", 2)]
    public void Rounding_AfterEveryUpdate_LeavesWhatIntegersStandFor(string name, int bits)
    {
        RunOptions options = s_options with { Compression = s_methods[name] };
        using var run = new ResumableRun(options, _tokens, null);
        int begin = options.Compression.Quantisation.BeginUpdate;
        while (run.Trainer.CompletedSteps < run.Trainer.TotalSteps)
        {
            StepReport report = run.Trainer.Step();
            if (report.Step < begin)
                continue;
            Assert.InRange(report.Values["roundingError"], 1e-9, 0.5);
            foreach (LayerMatrix matrix in LayerMatrix.Of(run.Trainer.Student))
                Assert.All(matrix.Read().Chunk((int)matrix.Inputs), row => Assert.InRange(row.Distinct().Count(), 1, 1 << bits));
        }
    }

    public static TheoryData<string, string> FamiliesAndMethods
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (string family in new[] { "bert", "distilbert", "albert", "mobilebert", "bilstm" })
            {
                foreach (string method in s_methods.Keys.Where(method => family != "bilstm" || method is "magnitude" or "magnitude, all, returning" or "quantisation of weights" or "stepSize" or "stepSize, rows"))
                    all.Add(family, method);
            }
            return all;
        }
    }

    /// <summary>Every family has every method that fits it; what layers share is compressed once.</summary>
    [Theory]
    [MemberData(nameof(FamiliesAndMethods))]
    public void Step_OfEveryFamily_CompressesItsMatrices(string family, string method)
    {
        bool sorts = family == "bilstm";
        RunOptions options = (sorts ? ClassModels.Options : MaskedModels.Options) with { Compression = s_methods[method] };
        using TextModel student = sorts ? TextModel.CreateRandom(new BiLstmConfig
        {
            VocabSize = 60, EmbeddingDim = 8, HiddenSize = 8, NumLayers = 2, DenseSize = 6, Classes = new ClassHead(["a", "b"], ProblemType.SingleLabel),
        }, 3) : MaskedModels.Random(3, family, layers: 3);
        int[] lengths = [9, 4, 7];
        long[] ids = [.. lengths.SelectMany(length => Enumerable.Range(0, 9).Select(column => column < length ? 5L + length + column : 0L))];
        var batch = new TokenBatch(ids, lengths, 3, 9) { Classes = sorts ? [0, 1, 0] : null, Labels = sorts ? null : [.. ids.Select((id, i) => i % 9 is 1 or 3 ? id : LogitLosses.NoTarget)] };
        using var trainer = Trainers.Create(options, null, student, 10, () => batch, null);
        while (trainer.CompletedSteps < 8)
            Assert.True(double.IsFinite(trainer.Step().TotalLoss));
        IReadOnlyList<LayerMatrix> matrices = LayerMatrix.Of(student);
        double sparsity = options.Compression.Magnitude.Sparsity + options.Compression.Movement.Sparsity;
        int bits = options.Compression.Quantisation.Bits + options.Compression.StepSize.Bits;
        if (options.Compression.LayerDrop.Probability == 0 && sparsity > 0)
            Assert.Equal(sparsity, (double)matrices.Sum(matrix => matrix.Read().LongCount(value => value == 0)) / matrices.Sum(matrix => matrix.Count), 2e-2);
        if (bits > 0)
            Assert.All(matrices, matrix => Assert.All(matrix.Read().Chunk((int)matrix.Inputs), row => Assert.InRange(row.Distinct().Count(), 1, 1 << bits)));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void CheckpointBytes_OfAPlan_AreThoseOfACheckpoint(string name)
    {
        RunOptions options = s_options with { Compression = s_methods[name] };
        using var run = new ResumableRun(options, _tokens, null);
        run.Trainer.Step();
        var store = new CheckpointStore(_folder.File("checkpoints"), FileLayer.Disk);
        run.Save(store, FileLayer.Disk);
        long bytes = 0;
        foreach (string file in new[] { ModelFiles.WeightsFileName, "optimizer.safetensors" })
        {
            using SafetensorsFile tensors = SafetensorsFile.Open(Path.Combine(store.Folder(1), file));
            bytes += tensors.Tensors.Where(entry => !entry.Name.EndsWith(".step", StringComparison.Ordinal)).Sum(entry => entry.ByteCount);
        }
        RunPlan plan = RunPlan.Compute(options, SmallModels.Config(), run.Trainer.Student.Architecture, new EpochSize(100, _tokens.TokenCount));
        Assert.Equal(bytes, plan.Disk.CheckpointBytes);
    }

    /// <summary>A checkpoint that lacks what a method kept is damaged; one of other options is refused where they are.</summary>
    [Fact]
    public void Restore_OfAnotherMethod_IsRefused()
    {
        RunOptions options = s_options with { Compression = s_methods["movement"] };
        using var run = new ResumableRun(options, _tokens, null);
        run.Trainer.Step();
        var store = new CheckpointStore(_folder.File("checkpoints"), FileLayer.Disk);
        run.Save(store, FileLayer.Disk);
        RunOptions other = s_options with { Compression = s_methods["magnitude"] };
        Assert.Contains("compression.magnitude.mask.", Assert.Throws<InvalidDataException>(() => new ResumableRun(other, _tokens, null, store.Folder(1))).Message);
        Assert.Equal(["compression.magnitude.sparsity", "compression.magnitude.beginUpdate", "compression.magnitude.endUpdate", "compression.magnitude.interval", "compression.movement.sparsity", "compression.movement.endUpdate"],
            TrainingCheckpoint.CheckContinuation(options, other).Select(problem => problem.Field));
        Assert.Empty(TrainingCheckpoint.CheckContinuation(options, options));
    }

    public void Dispose()
    {
        _tokens.Dispose();
        _folder.Dispose();
    }
}
