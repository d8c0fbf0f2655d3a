using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Teachers;

/// <summary>What a run records of several teachers; nothing where one teaches alone.</summary>
public static class TeacherSeries
{
    /// <summary>What the teachers disagree by: Σ w KL(p ‖ p̄) of their softened distributions, mean over tokens.</summary>
    public static StepSeries Disagreement { get; } = new()
    {
        Name = "teacherDisagreement", Title = "Disagreement of the teachers", Unit = "nats/token", Chart = "teacherDisagreement", Colour = 3, Format = SeriesFormat.Significant,
        IsSmoothed = true, CanBeLogarithmic = true,
    };

    /// <summary>On how many tokens the likeliest token of a teacher is that of all together.</summary>
    /// <param name="teacher">From 1, the first one.</param>
    public static StepSeries Agreement(int teacher) => new()
    {
        Name = $"teacherAgreement{teacher}", Title = "Agreement with all teachers together", Label = $"Teacher {teacher}", Unit = "% of the tokens", Chart = "teacherAgreement", Colour = teacher,
        Format = SeriesFormat.Significant, Factor = 100, IsSmoothed = true,
    };

    /// <summary>Mean weight of a teacher over the tokens.</summary>
    /// <param name="teacher">From 1, the first one.</param>
    public static StepSeries Weight(int teacher) => new()
    {
        Name = $"teacherWeight{teacher}", Title = "Weights of the teachers", Label = $"Teacher {teacher}", Unit = "mean over tokens", Chart = "teacherWeights", Colour = teacher,
        Format = SeriesFormat.Significant, IsSmoothed = true,
    };

    /// <summary>Those of a run with these options, in the order in which they are shown.</summary>
    public static IReadOnlyList<StepSeries> Of(TeacherOptions options)
    {
        if (!options.HasSeveral)
            return [];
        int[] teachers = [.. Enumerable.Range(1, 1 + options.Others.Count)];
        // Weights that stay what they are make no curve.
        return [Disagreement, .. teachers.Select(Agreement), .. options.Weighting == TeacherWeighting.ByGoldToken ? teachers.Select(Weight) : []];
    }

    /// <summary>Adds what several teachers said of a batch, as sums over its rows; nothing where one did.</summary>
    internal static void Add(RowLogits? answer, Dictionary<string, double> sums)
    {
        if (answer is not EnsembleLogits several)
            return;
        AddOne(Disagreement, several.DisagreementNats);
        foreach ((int i, double rows) in several.Agreeing.Index())
            AddOne(Agreement(i + 1), rows);
        foreach ((int i, double weight) in several.Weighing.Index())
            AddOne(Weight(i + 1), weight);

        void AddOne(StepSeries series, double sum) => sums[series.Name] = sums.GetValueOrDefault(series.Name) + sum;
    }
}
