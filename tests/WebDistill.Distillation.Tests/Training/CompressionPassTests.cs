using TorchSharp;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Distillation.Transforms.Learned;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>What compression does on a text's way through the student: ranges of what enters products, layers that are passed by.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class CompressionPassTests : IDisposable
{
    private static readonly RunOptions s_options = ResumableRun.Options with { Student = ResumableRun.Options.Student with { LayerCount = 2 } };

    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _tokens;

    public CompressionPassTests() => _tokens = SmallModels.Tokens(_folder, documents: 44);

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

    public void Dispose()
    {
        _tokens.Dispose();
        _folder.Dispose();
    }
}
