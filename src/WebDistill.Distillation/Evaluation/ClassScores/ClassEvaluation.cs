using TorchSharp;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Evaluation.ClassScores;

/// <summary>What a model that sorts texts into classes told of labelled examples.</summary>
/// <param name="Counted">Which class it told, the one of the largest logit, for texts of which class.</param>
/// <param name="NatsPerText">Mean of −ln softmax(logits)[class].</param>
public sealed record ClassEvaluation(ConfusionMatrix Counted, double NatsPerText)
{
    private const int TokensPerPass = 8192, MostRowsPerPass = 64;

    /// <summary>Measures a model in training or not, without its dropout.</summary>
    /// <param name="contextLength">Most tokens of a text that are read.</param>
    /// <param name="maxTokens">Tokens read at most, from the start of the file; the first pass is read whatever it has.</param>
    /// <exception cref="ArgumentException">The model has other classes or another vocabulary, or the context does not fit it.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, between two passes.</exception>
    public static ClassEvaluation Measure(TextModel model, LabelledFile file, int contextLength, long maxTokens, CancellationToken cancel = default)
    {
        bool wasTraining = model.training;
        model.eval();
        try
        {
            return Measure(model.Architecture, input => model.LogitsOfRows(model.Forward(input, Wants.Pooled).Pooled!), file, contextLength, maxTokens, cancel);
        }
        finally
        {
            model.train(wasTraining);
        }
    }

    /// <summary>The same of a teacher that offers logits.</summary>
    /// <inheritdoc cref="Measure(TextModel, LabelledFile, int, long, CancellationToken)"/>
    public static ClassEvaluation Measure(Teacher teacher, LabelledFile file, int contextLength, long maxTokens, CancellationToken cancel = default) => Measure(
        teacher.Architecture, input => teacher.Answer(input, [], targets: null, Wants.Logits, isByRows: true).Logits!.Of(0, input.Ids.shape[0], Precision.Float32, temperature: 1),
        file, contextLength, maxTokens, cancel);

    /// <param name="answer">Logits [B, classes] of a batch.</param>
    private static ClassEvaluation Measure(
        Architecture architecture, Func<ModelInput, Tensor> answer, LabelledFile file, int contextLength, long maxTokens, CancellationToken cancel)
    {
        if (architecture.TextClasses is not { } head || !head.Labels.SequenceEqual(file.Classes, StringComparer.Ordinal))
            throw new ArgumentException($"The model is {ModelHeads.WithArticle(architecture.Family.Title)} with {architecture.TextClasses?.Count ?? 0} classes, and the examples have {file.Classes.Count} "
                + $"(the first is '{ForeignText.Quote(file.Classes[0])}'); expected the same. Measure a model that learned these.");
        if (architecture.VocabularySize != file.VocabularySize)
            throw new ArgumentException($"The model has {architecture.VocabularySize} tokens in its vocabulary and the examples {file.VocabularySize}. Use examples tokenised with the model's vocabulary.");
        if (contextLength > architecture.Positions)
            throw new ArgumentException($"The context length is {contextLength}, expected at most the model's {architecture.Positions} positions.");

        using IDisposable noGradient = no_grad();
        using var batches = new LabelledBatches(file, contextLength, Math.Clamp(TokensPerPass / contextLength, 1, MostRowsPerPass), shuffle: false, groupBySize: false, seed: 0);
        var counted = new ConfusionMatrix(file.Classes.Count);
        double nats = 0;
        long read = 0;
        for (int pass = 0; pass < batches.BatchesPerEpoch; pass++)
        {
            cancel.ThrowIfCancellationRequested();
            TokenBatch batch = batches.Next();
            long tokens = batch.Counts().Rows;
            if (pass > 0 && read + tokens > maxTokens)
                break;
            read += tokens;
            using DisposeScope scope = NewDisposeScope();
            Tensor ids = tensor(batch.Ids, [batch.Rows, batch.Columns], device: Engine.Device.Default), logits = answer(batch.InputOf(ids, architecture));
            nats += TokenLikelihood.Sum(new LossRows { StudentLogits = logits, Targets = tensor(batch.Classes!, [batch.Rows], device: ids.device) }).cpu().item<float>();
            long[] told = logits.argmax(1).cpu().data<long>().ToArray();
            for (int row = 0; row < batch.Rows; row++)
                counted.Add((int)batch.Classes![row], (int)told[row]);
        }
        return new ClassEvaluation(counted, nats / counted.Total);
    }
}
