using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Tests.Training;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Distillation.Transforms;

namespace WebDistill.Distillation.Tests.Transforms;

/// <summary>What models that have learned something lose by each transform: one that continues texts, and one that fills masked words.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class TransformLossTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("gpt2")]
    [InlineData("bert")]
    public void Loss_BeforeAndAfter_IsInTheOrderThatEachPromises(string family)
    {
        bool isMasked = family == "bert";
        using TokenFile tokens = isMasked ? Repeating() : SmallModels.Tokens(_folder);
        RunOptions options = MaskedModels.Options.With(o => o with
        {
            Student = o.Student with { Family = family, Width = 32 }, Schedule = o.Schedule with { Epochs = isMasked ? 30 : 12 },
            Optimiser = o.Optimiser with { LearningRate = isMasked ? 3e-3 : 1e-2 },
            Objective = new Dictionary<string, ObjectiveTerm> { [isMasked ? "mlm" : "clm"] = new(1) },
        });
        using TextModel model = isMasked ? StudentInits.Create(options, null, MaskedModels.Vocabulary, roles: MaskedModels.Roles) : StudentInits.Create(options, null, SmallModels.Vocabulary);
        double untrained = Loss(model);
        using (var trainer = Trainers.Create(options, null, model, tokens, tokens))
            trainer.Run(new Journal(), null, CancellationToken.None);
        double whole = Loss(model);
        Assert.True(whole < 0.5 * untrained, $"{untrained} to {whole}");

        double int8 = After(new WeightRounding(), new WeightRounding.Rounded()), int4 = After(new WeightRounding(), new WeightRounding.Rounded { Format = IntegerFormat.Q4_0 });
        Assert.True(Math.Abs(int8 - whole) < 0.01 * whole, $"8 bits: {whole} to {int8}");
        Assert.True(Math.Abs(int8 - whole) < Math.Abs(int4 - whole), $"8 bits {int8}, 4 bits {int4}, before {whole}");

        double half = After(new MagnitudePruning(), new MagnitudePruning.Pruned()), most = After(new MagnitudePruning(), new MagnitudePruning.Pruned { Sparsity = 0.95 }), random = Random(model);
        Assert.True(half < most && half < random, $"sparsity 0.5: {half}, 0.95: {most}, 0.5 at random: {random}");

        double high = After(new LowRank(), new LowRank.Truncated { Energy = 0.99 }), low = After(new LowRank(), new LowRank.Truncated { Energy = 0.3 });
        Assert.True(high < low, $"energy 0.99: {high}, 0.3: {low}");

        double wide = After(new FeedForwardPruning(), new FeedForwardPruning.Narrowed { Share = 0.9 }), narrow = After(new FeedForwardPruning(), new FeedForwardPruning.Narrowed { Share = 0.1 });
        Assert.True(wide < narrow, $"share 0.9: {wide}, 0.1: {narrow}");

        double shared = After(new LayerSharing(), new LayerSharing.Shared()), dropped = After(new LayerDropping(), new LayerDropping.Kept());
        Assert.True(shared > whole && dropped > whole && double.IsFinite(shared + dropped), $"shared {shared}, dropped {dropped}, before {whole}");

        double After(ModelTransform transform, object parameters)
        {
            using TextModel made = Compression.Run(model, transform, parameters).Model;
            return Loss(made);
        }

        double Loss(TextModel measured) =>
            (isMasked ? MaskedPerplexity.Measure(measured, tokens, 16, 800) : Perplexity.Measure(measured, tokens, 16, 800)).NatsPerToken;

        // Every second weight is 0, as with a sparsity of one half, whichever they are.
        double Random(TextModel source)
        {
            using TextModel copy = TextModel.CreateFrom(source.Architecture, source, [.. Enumerable.Range(0, source.Architecture.Layers)]);
            var numbers = new SeededRandom(1);
            foreach (LayerMatrix matrix in LayerMatrix.Of(copy))
                matrix.Write([.. matrix.Read().Select(value => numbers.NextDouble() < 0.5 ? 0 : value)]);
            return Loss(copy);
        }
    }

    /// <summary>Documents of one word each: what is hidden, its neighbours are, so that a model which fills it must look at them.</summary>
    private TokenFile Repeating()
    {
        string path = _folder.File("repeating.bin");
        using (var writer = new TokenFileWriter(path, MaskedModels.Vocabulary, MaskedModels.Roles, new string('0', 64), FileLayer.Disk))
        {
            for (int document = 0; document < 60; document++)
                writer.AppendDocument([MaskedModels.Roles.BeginOfText, .. Enumerable.Repeat(5 + document * 7 % 12, 15)]);
            writer.Commit();
        }
        return TokenFile.Open(path);
    }
}
