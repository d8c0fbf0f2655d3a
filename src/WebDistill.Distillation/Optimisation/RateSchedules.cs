using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Optimisation;

/// <summary>The catalogue of learning-rate schedules. To add one: write its file and add one line to <see cref="All"/>.</summary>
public static class RateSchedules
{
    /// <summary>Every schedule, in the order in which menus show them.</summary>
    public static IReadOnlyList<RateSchedule> All { get; } = [new LinearRate(), new CosineRate(), new ConstantRate(), new WarmupStableDecay()];

    /// <summary>The schedule of that name.</summary>
    /// <exception cref="ArgumentException">Unknown name; the message lists the valid ones.</exception>
    public static RateSchedule Find(string name) =>
        All.FirstOrDefault(schedule => schedule.Name == name) ?? throw new ArgumentException(Unknown(name));

    /// <summary>A name that is none is a problem; empty when there is none.</summary>
    public static IReadOnlyList<OptionProblem> Validate(RunOptions options) => All.Any(schedule => schedule.Name == options.Schedule.Shape) ? []
        : [new OptionProblem(OptionPath.Of(options.Schedule.Shape), Unknown(options.Schedule.Shape))];

    private static string Unknown(string name) =>
        $"The learning-rate schedule '{ForeignText.Quote(name)}' is unknown. Choose one of: {string.Join(", ", All.Select(schedule => schedule.Name))}.";
}
