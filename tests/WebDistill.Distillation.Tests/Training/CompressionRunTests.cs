using System.Text.Json;
using TorchSharp;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
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
        ["stepSize"] = new() { StepSize = new() { Bits = 3, LearningRate = 1e-3 } },
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

    /// <summary>Padding does not count for a range, however much of it there is and whatever it looks like.</summary>
    [Theory]
    [InlineData("gpt2")]
    [InlineData("bert")]
    public void Ranges_OfPaddedBatches_AreThoseOfTheirTokens(string family)
    {
        float[] own = Ranges(0, 3), padded = Ranges(5, 0);
        // Beyond the last digits, in which products of other shapes differ.
        Assert.All(own.Zip(padded), pair => Assert.Equal(pair.First, pair.Second, 1e-4));

        float[] Ranges(int more, long padding)
        {
            bool isMasked = family == "bert";
            RunOptions options = (isMasked ? MaskedModels.Options : MaskedModels.Options with { Objective = new Dictionary<string, ObjectiveTerm> { ["clm"] = new(1) } })
                with { Compression = new() { Quantisation = new() { Bits = 8, RangeMomentum = 0.5 } } };
            using TextModel student = isMasked ? MaskedModels.Random(3) : SmallModels.Random(3);
            // One large number is more after a norm than any other vector: a range that saw it would show it.
            float[] words = ParameterData.ToArray(student.TokenEmbeddings);
            (words.AsSpan(0, 16)[1..]).Clear();
            words[0] = 100;
            ParameterData.Write(student.TokenEmbeddings, values => words.CopyTo(values));
            TokenBatch batch = Batch(more, padding, isMasked);
            using var trainer = Trainers.Create(options, null, student, 4, () => batch, null);
            for (int i = 0; i < 2; i++)
                trainer.Step();
            return [.. trainer.CompressionState.Where(kept => kept.Written.Name.Contains(".range.", StringComparison.Ordinal)).SelectMany(Read)];
        }

        static TokenBatch Batch(int more, long padding, bool isMasked)
        {
            int[] lengths = [9, 4, 7];
            int columns = 9 + more;
            var random = new SeededRandom(1);
            long[] ids = [.. lengths.SelectMany(length => Enumerable.Range(0, 9).Select(column => 5 + (long)(random.NextDouble() * 30)).ToArray() is var row
                ? Enumerable.Range(0, columns).Select(column => column < length ? row[column] : padding) : [])];
            var batch = new TokenBatch(ids, lengths, 3, columns);
            return isMasked ? batch with { Labels = [.. ids.Select((id, i) => i % columns is 1 or 3 ? id : LogitLosses.NoTarget)] } : batch;
        }

        static float[] Read(KeptTensor kept)
        {
            var bytes = new byte[kept.Written.ByteCount];
            kept.Written.Fill(bytes);
            return [.. System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(bytes)];
        }
    }

    /// <summary>A student that trains answers as one that has only the layers which stay, and one that is measured as a whole one.</summary>
    [Theory]
    [InlineData("gpt2")]
    [InlineData("bert")]
    [InlineData("albert")]
    [InlineData("mobilebert")]
    public void LayerDrop_AMicroBatch_PassesByTheLayersThatWereDrawn(string family)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using TextModel student = family == "gpt2" ? SmallModels.Random(2, layers: 6) : MaskedModels.Random(2, family, layers: 6);
        RunOptions options = s_options with { Compression = new() { LayerDrop = new() { Probability = 0.5 } } };
        using BoundCompression bound = new LayerDrop().Bind(options, student, 10);
        var input = new ModelInput(torch.tensor([5L, 6, 7, 8, 9]).view(1, 5));
        float[] whole = Answer(student);
        foreach (int number in new[] { 0, 1, 2 })
        {
            bool[] stays = LayerDrop.Stays(0.5, 6, options.Seed, 3, number);
            int[] layers = [.. Enumerable.Range(0, 6).Where(layer => stays[layer])];
            Assert.InRange(layers.Length, 1, 5);
            bound.Passing(new PassingBatch(3, number, null));
            using TextModel shallow = TextModel.CreateFrom(student.Architecture.WithLayers(layers.Length), student, layers);
            student.train();
            Assert.Equal(Answer(shallow), Answer(student));
            student.eval();
            Assert.Equal(whole, Answer(student));
        }

        float[] Answer(TextModel model) => ParameterData.ToArray(model.Forward(input, Wants.Hidden).Hidden);
    }

    /// <summary>Nothing rescues a run in which a layer never stays but its own draw: all of them may go.</summary>
    [Fact]
    public void LayerDrop_WhereAllLayersGo_TheRestIsTrained()
    {
        RunOptions options = s_options with { Compression = new() { LayerDrop = new() { Probability = 0.95 } }, Schedule = s_options.Schedule with { GradientAccumulation = 1 } };
        using var run = new ResumableRun(options, _tokens, null);
        bool none = false;
        for (int i = 0; i < 6; i++)
        {
            Dictionary<string, float[]> before = run.Weights;
            StepReport report = run.Trainer.Step();
            double layers = report.Values["layersTrained"];
            bool[] stays = LayerDrop.Stays(0.95, 2, options.Seed, report.Step, 0);
            Assert.Equal(stays.Count(stay => stay), layers);
            foreach ((string name, float[] values) in run.Weights)
            {
                if (run.Trainer.Student.BlockOf(name) is var (block, _))
                    Assert.Equal(stays[block], !values.SequenceEqual(before[name]));
                else
                    Assert.False(values.SequenceEqual(before[name]), name);
            }
            none |= layers == 0;
        }
        Assert.True(none);
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
