using System.Text.Json;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using TorchSharp.Modules;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Training;

namespace WebDistill.Benchmarks;

/// <summary>The distillation step that is measured: random weights, random ids, the product's own loop.</summary>
internal sealed class StepWorkload : IDisposable
{
    /// <summary>More than any benchmark makes.</summary>
    private const int PlannedUpdates = 1_000_000;

    private readonly TextModel _teacher;
    private readonly TextModel _student;
    private readonly Trainer _trainer;

    public StepWorkload(Gpt2Config teacher, int studentLayers, int batch, int context, bool dropout, Precision precision = Precision.Float32)
    {
        if (context > teacher.Positions)
            throw new ArgumentException($"--context {context}: the teacher has {teacher.Positions} positions. Ask for no more.");
        Batch = batch;
        double probability = dropout ? 0.1 : 0;
        _teacher = TextModel.CreateRandom(teacher, seed: 1);
        _student = TextModel.CreateRandom(teacher with
        {
            NLayer = studentLayers, EmbdPdrop = probability, AttnPdrop = probability, ResidPdrop = probability,
        }, seed: 2);
        var random = new Random(3);
        var options = new RunOptions
        {
            Name = "benchmark",
            Schedule = new() { BatchSize = batch, GradientAccumulation = 1, Epochs = 1 },
            Data = new() { ContextLength = context },
            Student = new() { Dropout = probability },
            Precision = precision,
        };
        _trainer = new Trainer(new TrainingParts(
            _student, new ModelTeacher(_teacher), new RandomBatches(random, teacher.VocabularySize, Batch, context), Validation: null,
            LossCatalogue.Active(options, hasTeacher: true)), options);
    }

    /// <summary>Works on a thread of its own, as the product trains: the C library serves threads from different heaps.</summary>
    public static void OnThreadOfItsOwn(Action work)
    {
        var thread = new Thread(() => work());
        thread.Start();
        thread.Join();
    }

    /// <summary>Rows of the next step.</summary>
    public int Batch { get; set; }

    public StepReport Step() => _trainer.Step();

    /// <summary>Where the time of the latest step went.</summary>
    public StepPhases LastPhases => _trainer.LastStepPhases;

    /// <summary>SHA-256 of the student's weights, in the order of their names.</summary>
    public string WeightsSha256()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string name, Parameter parameter) in _student.named_parameters().OrderBy(pair => pair.name, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(name));
            hash.AppendData(MemoryMarshal.AsBytes(parameter.cpu().data<float>().ToArray().AsSpan()));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public void Dispose()
    {
        _trainer.Dispose();
        _student.Dispose();
        _teacher.Dispose();
    }

    /// <summary>A teacher by the name the command line gives it.</summary>
    public static Gpt2Config Teacher(string name) => name switch
    {
        "gpt2" => new Gpt2Config { VocabSize = 50257, NPositions = 1024, NEmbd = 768, NLayer = 12, NHead = 12, EosTokenId = 50256 },
        "tiny" => new Gpt2Config { VocabSize = 4096, NPositions = 256, NEmbd = 256, NLayer = 6, NHead = 4, EosTokenId = 0 },
        _ => throw new ArgumentException($"--teacher {name}: expected gpt2 or tiny."),
    };

    /// <summary>Floating-point operations of one step's matrix products: 2 for each multiply-add.</summary>
    /// <remarks>
    /// Per token and layer 24 C² + 4 T C /2 (causal attention does half of T); head 2 V C. The teacher runs forward only; the student's
    /// backward costs twice its forward.
    /// </remarks>
    public static double StepFlops(Gpt2Config teacher, int studentLayers, int batch, int context)
    {
        double c = teacher.Width, tokens = (double)batch * context;
        double layer = 24 * c * c + 2 * context * c, head = 2 * c * teacher.VocabularySize;
        return tokens * (teacher.Layers * layer + head + 3 * (studentLayers * layer + head));
    }

    private sealed class RandomBatches(Random random, int vocabulary, int rows, int columns) : BatchSource
    {
        public override int BatchesPerEpoch => PlannedUpdates;

        public override EpochSize Epoch => new(rows * PlannedUpdates, (long)rows * columns * PlannedUpdates);

        public override JsonElement Position { get; set; }

        public override TokenBatch Next()
        {
            long[] ids = new long[rows * columns];
            for (int i = 0; i < ids.Length; i++)
                ids[i] = random.Next(vocabulary);
            return new TokenBatch(ids, [.. Enumerable.Repeat(columns, rows)], rows, columns);
        }
    }
}
