using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Evaluation.ClassScores;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>Which of two measurements is the better one, by whatever figure they have.</summary>
public sealed class ValidationScoreTests
{
    [Fact]
    public void CompareTo_OfClasses_TheHigherAccuracyFirst_ThenTheLowerLoss()
    {
        ValidationScore[] ranked = [Told(9, 1, 0.3), Told(8, 2, 0.4), Told(8, 2, 0.5), Told(2, 8, 0.1)];
        Assert.Equal(ranked, ranked.Reverse().Order());
        Assert.Equal(0, Told(8, 2, 0.5).CompareTo(Told(8, 2, 0.5)));
        Assert.Equal(Told(8, 2, 0.5), Told(8, 2, 0.5));
    }

    [Fact]
    public void CompareTo_OfPerplexities_IsTheirs()
    {
        Perplexity[] ranked = [Perplexity.OfNats(0.1), Perplexity.OfNats(2), Perplexity.OfNats(800), Perplexity.OfNats(900), Perplexity.OfNats(double.NaN)];
        Assert.Equal(ranked.Order(), ranked.Reverse().Select(ValidationScore.Of).Order().Select(score => score.Perplexity!.Value));
        foreach (Perplexity left in ranked)
            Assert.All(ranked, right => Assert.Equal(Math.Sign(left.CompareTo(right)), Math.Sign(ValidationScore.Of(left).CompareTo(ValidationScore.Of(right)))));
    }

    [Fact]
    public void Of_ClassesThatWereTold_HasEveryFigureUnderItsSeries()
    {
        ValidationScore score = Told(8, 2, 0.5);
        Assert.Equal((0.8, 0.5, null), (score.Value, score.NatsOnAverage, score.Perplexity));
        Assert.Equal([.. LoopSeries.Measured(ModelHead.Classes).Select(series => series.Name).Order()], score.Values.Keys.Order());
        Assert.Equal(score, ValidationScore.Stored(null, score.ToStore()));
        Assert.Null(ValidationScore.Of(Perplexity.OfNats(1)).ToStore());
        Assert.Equal("0.8000 (macro F1 0.8000, Matthews 0.6000, loss 0.5000 nats/text)", score.ToString());
    }

    [Fact]
    public void Measured_EverySeriesThatRanks_SaysWhichWayIsBetter()
    {
        foreach (ModelHead head in Enum.GetValues<ModelHead>())
            Assert.All(LoopSeries.Measured(head), series => Assert.NotNull(series.HigherIsBetter));
        Assert.Equal((true, false), (ValidationFigure.OfClasses.Series.HigherIsBetter, ValidationFigure.OfPredictions.Series.HigherIsBetter));
        Assert.True(LoopSeries.IsHigherBetter("validationMatthews"));
        Assert.All(new[] { "validationNatsPerText", "validationNatsPerToken", "validationPerplexity", "ce", "totalLoss" }, name => Assert.False(LoopSeries.IsHigherBetter(name)));
    }

    [Fact]
    public void Kept_CheckpointsOfARunOverClasses_TheOneOfTheHighestAccuracyStays()
    {
        CheckpointManifest[] complete = [Manifest(1, Told(8, 2, 0.5)), Manifest(2, Told(9, 1, 0.6)), Manifest(3, Told(9, 1, 0.6)), Manifest(4, Told(9, 1, 0.7)), Manifest(5, Told(10, 0, double.NaN)), Manifest(6, null)];
        Assert.Equal([3, 6], new CheckpointRetention(1, true, 0).Kept(complete).Order());

        static CheckpointManifest Manifest(int step, ValidationScore? score) => new(step, default, null, [], ValidationOfClasses: score?.ToStore());
    }

    // Of each of two classes half.
    private static ValidationScore Told(int right, int wrong, double nats)
    {
        var counted = new ConfusionMatrix(2);
        for (int i = 0; i < right + wrong; i++)
            counted.Add(i % 2, i < right ? i % 2 : 1 - i % 2);
        return ValidationScore.Of(new ClassEvaluation(counted, nats));
    }
}
