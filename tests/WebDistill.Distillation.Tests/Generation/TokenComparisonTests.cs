using TorchSharp;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Generation;

/// <summary>Against a computation that takes every logit of the text at once and sums in double.</summary>
public sealed class TokenComparisonTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public void Compare_GoldenTeacherAndStudent_MatchesTheNaiveComputation(int firstPosition)
    {
        using TextModel teacher = ModelFiles.Load(GoldenData.Path("teacher")), student = ModelFiles.Load(GoldenData.Path("student"));
        AssertLikeNaive(teacher, student, Ids(12, teacher.Architecture.VocabularySize), firstPosition);
    }

    [Fact]
    public void Compare_MorePositionsThanOneChunk_MatchesTheNaiveComputation()
    {
        Gpt2Config config = SmallModels.Config(positions: 600);
        using TextModel teacher = TextModel.CreateRandom(config, 3), student = TextModel.CreateRandom(config with { NEmbd = 8, NLayer = 1 }, 4);
        AssertLikeNaive(teacher, student, Ids(600, SmallModels.Vocabulary), 30);
    }

    [Fact]
    public void Compare_AModelWithItself_DivergesNowhere()
    {
        using TextModel model = SmallModels.Random(3);
        // One token more than n_positions: the last one is scored and not read.
        IReadOnlyList<ComparedToken> compared = TokenComparison.Compare(model, model, Ids(25, SmallModels.Vocabulary), 1);
        Assert.Equal(24, compared.Count);
        Assert.All(compared, token =>
        {
            Assert.Equal(0, token.KlNats);
            Assert.Equal(token.Teacher.Rank, token.Student.Rank);
            Assert.Equal(token.Teacher.Top, token.Student.Top);
        });
    }

    [Fact]
    public void Compare_WhatCannotBeScored_IsRefusedWithItsNumbers()
    {
        using TextModel model = SmallModels.Random(3), other = SmallModels.Random(3, vocabulary: 40);
        Assert.Contains("37", Refused(other, [1, 2], 1));
        Assert.Contains("nothing to score", Refused(model, [1], 1));
        Assert.Contains("nothing to score", Refused(model, [1, 2], 2));
        Assert.Contains("nothing to score", Refused(model, [1, 2], 0));
        Assert.Contains("26 tokens", Refused(model, Ids(26, SmallModels.Vocabulary), 1));
        Assert.Contains("Token id 37", Refused(model, [1, 37], 1));
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => TokenComparison.Compare(model, model, [1, 2], 1, cancelled.Token));

        string Refused(TextModel student, int[] ids, int firstPosition) =>
            Assert.Throws<ArgumentException>(() => TokenComparison.Compare(model, student, ids, firstPosition)).Message;
    }

    private static int[] Ids(int count, int vocabulary)
    {
        var random = new SeededRandom(count);
        return [.. Enumerable.Range(0, count).Select(_ => (int)(random.NextDouble() * vocabulary))];
    }

    private static void AssertLikeNaive(TextModel teacher, TextModel student, int[] ids, int firstPosition)
    {
        double[][] p = LogProbabilities(teacher, ids), q = LogProbabilities(student, ids);
        IReadOnlyList<ComparedToken> compared = TokenComparison.Compare(teacher, student, ids, firstPosition);
        Assert.Equal(Enumerable.Range(firstPosition, ids.Length - firstPosition), compared.Select(token => token.Position));
        Assert.Contains(compared, token => token.KlNats > 0.01);
        foreach (ComparedToken token in compared)
        {
            Assert.Equal(ids[token.Position], token.Id);
            double[] teacherLog = p[token.Position - 1], studentLog = q[token.Position - 1];
            double divergence = teacherLog.Select((log, v) => Math.Exp(log) * (log - studentLog[v])).Sum();
            GoldenFiles.AssertNear(divergence, token.KlNats, 1e-4, 1e-5, $"KL at {token.Position}");
            AssertPrediction(teacherLog, token.Id, token.Teacher);
            AssertPrediction(studentLog, token.Id, token.Student);
        }
    }

    private static void AssertPrediction(double[] log, int id, TokenPrediction prediction)
    {
        GoldenFiles.AssertNear(log[id], prediction.LogProbability, 1e-5, 1e-5, $"log-probability of {id}");
        // Logits that differ by rounding only may change places.
        Assert.InRange(prediction.Rank, 1 + log.Count(other => other > log[id] + 1e-5), 1 + log.Count(other => other > log[id] - 1e-5));
        double[] sorted = [.. log.OrderDescending().Take(TokenComparison.TopTokens)];
        Assert.Equal(sorted.Length, prediction.Top.Count);
        for (int i = 0; i < sorted.Length; i++)
        {
            GoldenFiles.AssertNear(Math.Exp(sorted[i]), prediction.Top[i].Probability, 1e-4, 1e-7, $"probability {i}");
            GoldenFiles.AssertNear(log[prediction.Top[i].Id], Math.Log(prediction.Top[i].Probability), 1e-4, 1e-5, $"token {i}");
        }
        Assert.Equal(prediction.Top.Count, prediction.Top.Select(token => token.Id).Distinct().Count());
    }

    /// <summary>ln softmax of the logits at every position.</summary>
    private static double[][] LogProbabilities(TextModel model, int[] ids)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        model.eval();
        int last = Math.Min(ids.Length, model.Architecture.Positions);
        Tensor input = tensor(ids[..last].Select(id => (long)id).ToArray(), [1, last], device: Distillation.Engine.Device.Default);
        float[] logits = ParameterData.ToArray(model.Logits(model.forward(input)));
        return [.. logits.Chunk(model.Architecture.VocabularySize).Select(row =>
        {
            double maximum = row.Max(), normaliser = Math.Log(row.Sum(logit => Math.Exp(logit - maximum)));
            return row.Select(logit => logit - maximum - normaliser).ToArray();
        })];
    }
}
