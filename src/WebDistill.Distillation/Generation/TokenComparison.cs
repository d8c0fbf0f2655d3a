using TorchSharp;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Generation;

/// <summary>One of the tokens that a model holds for the likeliest.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Probability">Its probability at temperature 1.</param>
public sealed record TokenProbability(int Id, double Probability);

/// <summary>What one model thought of a position before it saw the token there.</summary>
/// <param name="LogProbability">ln p of the token that stands there, nats.</param>
/// <param name="Rank">1 when the token was the likeliest; tokens of equal probability share the better rank.</param>
/// <param name="Top">The likeliest tokens, likeliest first.</param>
public sealed record TokenPrediction(double LogProbability, int Rank, IReadOnlyList<TokenProbability> Top);

/// <summary>One position of a text as two models see it.</summary>
/// <param name="Position">Counted from 0 at the first token of the text.</param>
/// <param name="Id">The token that stands there.</param>
/// <param name="KlNats">KL(teacher ‖ student) of the two predictions, nats; 0 when they are the same.</param>
/// <param name="Teacher">The teacher's prediction.</param>
/// <param name="Student">The student's prediction.</param>
public sealed record ComparedToken(int Position, int Id, double KlNats, TokenPrediction Teacher, TokenPrediction Student);

/// <summary>
/// Two models on the same text, token by token: how far the student's prediction is from the teacher's, KL(p ‖ q) = Σᵥ p(v)·(ln p(v) − ln
/// q(v)) with p the teacher's and q the student's, and how likely either held the token that follows.
/// </summary>
public static class TokenComparison
{
    /// <summary>Tokens in every list of likeliest ones.</summary>
    public const int TopTokens = 10;

    /// <summary>Scores the tokens from <paramref name="firstPosition"/> on, one pass of either model.</summary>
    /// <param name="teacher">The model whose predictions are the standard.</param>
    /// <param name="student">The model that is measured against them; it may have another context length and another width.</param>
    /// <param name="ids">The text, prompt included; its last token is scored and not read.</param>
    /// <param name="firstPosition">At least 1: nothing precedes the first token.</param>
    /// <param name="cancel">Gives up between two passes, and between two chunks of positions.</param>
    /// <exception cref="ArgumentException">Different vocabularies, an id outside them, nothing to score, or a text longer than a model's
    /// n_positions; says which.</exception>
    /// <exception cref="InvalidDataException">A prediction is not finite: a model's weights are damaged.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static IReadOnlyList<ComparedToken> Compare(
        TextModel teacher, TextModel student, IReadOnlyList<int> ids, int firstPosition, CancellationToken cancel = default)
    {
        Check(teacher, student, ids, firstPosition);
        long[] all = [.. ids.Select(id => (long)id)];
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Tensor input = tensor(all[..^1], [1, all.Length - 1], device: Engine.Device.Default);
        Tensor teacherHidden = Hidden(teacher, input, firstPosition, cancel), studentHidden = Hidden(student, input, firstPosition, cancel);
        Tensor targets = tensor(all[firstPosition..], [all.Length - firstPosition, 1], device: Engine.Device.Default);
        var compared = new List<ComparedToken>(all.Length - firstPosition);
        for (long start = 0; start < targets.shape[0]; start += LossHead.RowsPerChunk)
        {
            cancel.ThrowIfCancellationRequested();
            using DisposeScope chunkScope = NewDisposeScope();
            long count = Math.Min(LossHead.RowsPerChunk, targets.shape[0] - start);
            Tensor target = targets.narrow(0, start, count);
            Tensor teacherLog = LogProbabilities(teacher, teacherHidden.narrow(0, start, count));
            Tensor studentLog = LogProbabilities(student, studentHidden.narrow(0, start, count));
            float[] divergences = ParameterData.ToArray((teacherLog.exp() * (teacherLog - studentLog)).sum(1));
            TokenPrediction[] teachers = Predictions(teacherLog, target), students = Predictions(studentLog, target);
            for (int row = 0; row < count; row++)
            {
                int position = firstPosition + (int)start + row;
                if (!float.IsFinite(divergences[row]))
                    throw new InvalidDataException($"KL(teacher ‖ student) at token {position} is {divergences[row]}, expected a finite "
                        + "number. The weights of a model are damaged.");
                // Never negative but for rounding.
                compared.Add(new ComparedToken(position, ids[position], Math.Max(0, divergences[row]), teachers[row], students[row]));
            }
        }
        return compared;
    }

    private static void Check(TextModel teacher, TextModel student, IReadOnlyList<int> ids, int firstPosition)
    {
        teacher.RequireContinuing("The teacher");
        student.RequireContinuing("The student");
        int vocabulary = teacher.Architecture.VocabularySize, positions = Math.Min(teacher.Architecture.Positions, student.Architecture.Positions);
        if (vocabulary != student.Architecture.VocabularySize)
            throw new ArgumentException($"The teacher has {vocabulary} tokens in its vocabulary and the student "
                + $"{student.Architecture.VocabularySize}: their predictions cannot be compared. Choose models with the same tokenizer.");
        if (firstPosition < 1 || firstPosition >= ids.Count)
            throw new ArgumentException($"There is nothing to score: the text has {ids.Count} tokens and the first one scored would be "
                + $"number {firstPosition + 1}, expected 2 to {ids.Count}. Nothing precedes the first token of a text; use a longer one.");
        if (ids.Count - 1 > positions)
            throw new ArgumentException($"The text has {ids.Count} tokens, and the models can score {positions + 1} at most (the smaller "
                + $"n_positions is {positions}). Shorten the text.");
        foreach (int id in ids)
        {
            if (id < 0 || id >= vocabulary)
                throw new ArgumentException(
                    $"Token id {id} is outside the models' vocabulary of {vocabulary}. Tokenise with the models' own vocabulary.");
        }
    }

    /// <summary>Hidden states [N, C] of the N positions before a scored token.</summary>
    private static Tensor Hidden(TextModel model, Tensor input, int firstPosition, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        model.eval();
        long count = input.shape[1] - (firstPosition - 1);
        return model.Hidden(new ModelInput(input)).narrow(1, firstPosition - 1, count).contiguous().view(count, model.Architecture.Width);
    }

    private static Tensor LogProbabilities(TextModel model, Tensor hidden) => nn.functional.log_softmax(model.Logits(hidden), 1);

    private static TokenPrediction[] Predictions(Tensor logProbabilities, Tensor targets)
    {
        int rows = (int)targets.shape[0], kept = (int)Math.Min(TopTokens, logProbabilities.shape[1]);
        Tensor own = logProbabilities.gather(1, targets);
        float[] ownValues = ParameterData.ToArray(own);
        long[] better = logProbabilities.gt(own).sum(1, type: ScalarType.Int64).cpu().data<long>().ToArray();
        (Tensor values, Tensor indices) = logProbabilities.topk(kept, 1);
        float[] topValues = ParameterData.ToArray(values);
        long[] topIds = indices.contiguous().cpu().data<long>().ToArray();
        var predictions = new TokenPrediction[rows];
        for (int row = 0; row < rows; row++)
        {
            var top = new TokenProbability[kept];
            for (int i = 0; i < kept; i++)
                top[i] = new TokenProbability((int)topIds[row * kept + i], Math.Exp(topValues[row * kept + i]));
            predictions[row] = new TokenPrediction(ownValues[row], 1 + (int)better[row], top);
        }
        return predictions;
    }
}
