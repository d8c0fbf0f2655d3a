using TorchSharp;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Distillation.Transforms;
using WebDistill.Distillation.Transforms.Learned;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>Whether each method does what it is for: a small GPT-2 that learned a text is compressed while it goes on. Margins are a fraction of what was seen with either of two seeds.</summary>
[Collection(GlobalRandomNumbers.Name)]
[Trait("takes", "long")]
public sealed class CompressionEffectTests : IDisposable
{
    private const int Width = 32, Layers = 4;

    private static readonly RunOptions s_options = new()
    {
        Data = new() { DatasetId = "d", ContextLength = 16 },
        Student = new() { Initialisation = "random", LayerCount = Layers, Width = Width, Heads = 2, Dropout = 0 },
        Objective = new Dictionary<string, ObjectiveTerm> { ["clm"] = new(1) },
        Schedule = new() { Epochs = 3, BatchSize = 4, GradientAccumulation = 1, ValidationIntervalSteps = 0 },
        Optimiser = new() { LearningRate = 2e-3 },
        Seed = 1,
    };

    private static readonly RunOptions s_on = s_options with { Schedule = s_options.Schedule with { Epochs = 1 }, Optimiser = new() { LearningRate = 1e-3 } };

    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _text, _held;

    public CompressionEffectTests() => (_text, _held) = (SmallModels.Tokens(_folder, documents: 1000), SmallModels.Tokens(_folder, documents: 41, name: "held.bin"));

    public void Dispose()
    {
        _text.Dispose();
        _held.Dispose();
        _folder.Dispose();
    }

    /// <summary>At a sparsity of 0.8 the schedule loses less than half of what pruning after the training does, which is as long.</summary>
    [Fact]
    public void Magnitude_OnASchedule_LosesLessThanPruningAfterwards()
    {
        using TextModel learned = Learned(), longer = Trained(learned, _text, new());
        double whole = Loss(longer, _held);
        using TextModel after = Compression.Run(longer, new MagnitudePruning(), new MagnitudePruning.Pruned { Sparsity = 0.8 }).Model,
            scheduled = Trained(learned, _text, new() { Magnitude = new() { Sparsity = 0.8, Interval = 5 } });
        Assert.Equal(Zeros(after), Zeros(scheduled));
        Assert.True(Loss(scheduled, _held) - whole < 0.5 * (Loss(after, _held) - whole), $"scheduled {Loss(scheduled, _held)}, afterwards {Loss(after, _held)}, whole {whole}");
    }

    /// <summary>Of a model that learns another text, movement finds other weights than magnitude does at a sparsity of 0.9, and better ones.</summary>
    [Fact]
    public void Movement_OnAnotherText_KeepsOtherAndBetterWeightsThanMagnitude()
    {
        using TokenFile other = Other(600, "other.bin"), held = Other(33, "other-held.bin");
        using TextModel learned = Learned(), byMagnitude = Trained(learned, other, new() { Magnitude = new() { Sparsity = 0.9, Interval = 5 } }),
            byMovement = Trained(learned, other, new() { Movement = new() { Sparsity = 0.9 } });
        double magnitude = Loss(byMagnitude, held), movement = Loss(byMovement, held);
        Assert.True(movement < magnitude - 0.03, $"movement {movement}, magnitude {magnitude}");
        bool[] first = Kept(byMagnitude), second = Kept(byMovement);
        double both = (double)first.Zip(second).Count(pair => pair.First && pair.Second) / second.Count(stays => stays);
        Assert.InRange(both, 0.05, 0.8);
    }

    /// <summary>At 2 bits a student that felt the rounding loses less than a third of what rounding afterwards costs, and less again with learned steps.</summary>
    [Fact]
    public void Rounding_ThatIsLearned_LosesLessThanRoundingAfterwards()
    {
        using TextModel learned = Learned(), longer = Trained(learned, _text, new()), after = Rounded(longer, 2), aware = Trained(learned, _text, new() { Quantisation = new() { Bits = 2 } }),
            stepped = Trained(learned, _text, new() { StepSize = new() { Bits = 2, Scope = StepScope.EachRow } });
        double whole = Loss(longer, _held), rounded = Loss(after, _held), felt = Loss(aware, _held), learnedSteps = Loss(stepped, _held);
        Assert.True(felt - whole < (rounded - whole) / 3, $"felt {felt}, afterwards {rounded}, whole {whole}");
        Assert.True(learnedSteps < felt, $"steps {learnedSteps}, least and largest {felt}");
    }

    /// <summary>LayerDrop costs the whole model little, and saves one that loses every other layer most of what that costs.</summary>
    [Fact]
    public void LayerDrop_ThenEveryOtherLayer_LosesLessThanWithoutIt()
    {
        using TextModel without = Student(), with = Student();
        Train(without, _text, s_options);
        Train(with, _text, s_options with { Compression = new() { LayerDrop = new() { Probability = 0.2 } } });
        double whole = Loss(without, _held), wholeWith = Loss(with, _held);
        var half = new LayerDropping.Kept { Layers = [0, 2] };
        using TextModel halfWithout = Compression.Run(without, new LayerDropping(), half).Model, halfWith = Compression.Run(with, new LayerDropping(), half).Model;
        Assert.True(wholeWith < 1.05 * whole, $"whole {whole}, with LayerDrop {wholeWith}");
        Assert.True(Loss(halfWith, _held) - wholeWith < 0.5 * (Loss(halfWithout, _held) - whole), $"half {Loss(halfWithout, _held)}, with LayerDrop {Loss(halfWith, _held)}");
    }

    /// <summary>A text whose tokens follow each other in another way.</summary>
    private TokenFile Other(int documents, string name)
    {
        var random = new SeededRandom(documents);
        string path = _folder.File(name);
        using (var writer = new TokenFileWriter(path, SmallModels.Vocabulary, SmallModels.Vocabulary - 1, new string('0', 64), FileLayer.Disk))
        {
            for (int document = 0; document < documents; document++)
                writer.AppendDocument([.. Enumerable.Range(0, 12 + (int)(random.NextDouble() * 10)).Select(i => (i * 7 + 3 + (int)(random.NextDouble() * 3)) % (SmallModels.Vocabulary - 1))]);
            writer.Commit();
        }
        return TokenFile.Open(path);
    }

    private static TextModel Student() => TextModel.CreateRandom(SmallModels.Config(Layers, Width) with { InitializerRange = 0.1 }, 1);

    private TextModel Learned()
    {
        TextModel student = Student();
        Train(student, _text, s_options);
        return student;
    }

    private static TextModel Trained(TextModel from, TokenFile text, CompressionOptions compression)
    {
        TextModel copy = Copy(from);
        Train(copy, text, s_on with { Compression = compression });
        return copy;
    }

    private static TextModel Rounded(TextModel source, int bits)
    {
        TextModel copy = Copy(source);
        foreach (LayerMatrix matrix in LayerMatrix.Of(copy))
        {
            using DisposeScope scope = torch.NewDisposeScope();
            matrix.Write([.. FakeRounding.Rows(torch.tensor(matrix.Read(), [matrix.Outputs, matrix.Inputs]), bits).data<float>()]);
        }
        return copy;
    }

    private static TextModel Copy(TextModel model) => TextModel.CreateFrom(model.Architecture, model, [.. Enumerable.Range(0, Layers)]);

    private static void Train(TextModel student, TokenFile text, RunOptions options)
    {
        using var trainer = Trainers.Create(options, null, student, text, null);
        trainer.Run(new Journal(), null, CancellationToken.None);
    }

    private static bool[] Kept(TextModel model) => [.. LayerMatrix.Of(model).SelectMany(matrix => matrix.Read()).Select(value => value != 0)];

    private static int Zeros(TextModel model) => Kept(model).Count(stays => !stays);

    private static double Loss(TextModel model, TokenFile held) => Perplexity.Measure(model, held, 16, 2000).NatsPerToken;
}
