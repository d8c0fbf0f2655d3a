using TorchSharp;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Evaluation.ClassScores;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Recurrent;
using WebDistill.Distillation.Tests.Text;
using WebDistill.Distillation.Text;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Data.Labelled;

/// <summary>From a file to a figure: what is read, batched, classified and counted belongs together.</summary>
public sealed class LabelledLearningTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Which of two animals stands somewhere in a text, or none: nothing but the words tells.</summary>
    [Fact]
    public void BiLstm_OnLabelledBatches_LearnsWhatTheTextsSay()
    {
        BertWordPiece tokenizer = WordPieces.Create();
        LabelledStatistics made = ClassModels.Prepare(
            _folder.Write("train.csv", ClassModels.Examples(300, seed: 1)), _folder.Write("test.csv", ClassModels.Examples(100, seed: 2)), new LabelledOptions { Format = "csv" }, tokenizer,
            _folder.File("train.bin"), _folder.File("test.bin"));
        Assert.Equal(["cat", "dog", "nobody"], made.Classes.Names);
        using LabelledFile train = LabelledFile.Open(_folder.File("train.bin")), test = LabelledFile.Open(_folder.File("test.bin"));
        using TextModel model = TextModel.CreateRandom(new BiLstmConfig
        {
            VocabSize = tokenizer.Vocabulary.Size, EmbeddingDim = 8, HiddenSize = 8, NumLayers = 1, DenseSize = 8, InitializerRange = 0.2, Classes = new ClassHead(made.Classes.Names, ProblemType.SingleLabel),
        }, seed: 1);
        double before = Accuracy(model, test);
        using (var batches = new LabelledBatches(train, 32, 20, shuffle: true, groupBySize: true, seed: 1))
        using (var optimiser = new AdamWOptimiser([.. model.named_parameters().Select(pair => new Moments(pair.name, pair.parameter, 0))], 0.9, 0.999, 1e-8))
        {
            for (int update = 0; update < 10 * batches.BatchesPerEpoch; update++)
            {
                using DisposeScope scope = NewDisposeScope();
                TokenBatch batch = batches.Next();
                var rows = new LossRows { StudentLogits = Logits(model, batch), Targets = tensor(batch.Classes!) };
                (new CausalLanguageModel().Sum(rows, null) / batch.Rows).backward();
                BackwardResults.End();
                optimiser.Step(0.02, 5);
                optimiser.DropGradients();
            }
        }
        Assert.True(before < 0.7, $"Before learning {before:0.00} are told right.");
        Assert.Equal(1, Accuracy(model, test), 0.05);
    }

    private static double Accuracy(TextModel model, LabelledFile file)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using var batches = new LabelledBatches(file, 32, 16, shuffle: false, groupBySize: false, seed: 1);
        var counted = new ConfusionMatrix(file.Classes.Count);
        for (int number = 0; number < batches.BatchesPerEpoch; number++)
        {
            TokenBatch batch = batches.Next();
            long[] told = Logits(model, batch).argmax(1).data<long>().ToArray();
            for (int row = 0; row < batch.Rows; row++)
                counted.Add((int)batch.Classes![row], (int)told[row]);
        }
        Assert.Equal(file.ExampleCount, counted.Total);
        return ClassMetrics.Get("accuracy").Of(counted);
    }

    private static Tensor Logits(TextModel model, TokenBatch batch)
    {
        var input = new ModelInput(tensor(batch.Ids, [batch.Rows, batch.Columns]), tensor(batch.IsToken(), [batch.Rows, batch.Columns]).to(ScalarType.Int64));
        return model.ClassLogits(model.Forward(input, Wants.Pooled).Pooled!);
    }
}
