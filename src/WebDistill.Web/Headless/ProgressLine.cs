using System.Globalization;
using WebDistill.Data;
using WebDistill.Distillation;
using WebDistill.Distillation.Evaluation;
using WebDistill.Web.Components.Controls;

namespace WebDistill.Web.Headless;

/// <summary>Where a run stands, in one line: drawn over itself in a terminal, line after line in a file.</summary>
internal sealed class ProgressLine(TextWriter output, bool redirected)
{
    private const int BarCharacters = 24;

    private string _last = "";
    private RunStatus? _status;

    /// <summary>Time between two drawings.</summary>
    public TimeSpan Interval => TimeSpan.FromSeconds(redirected ? 10 : 0.5);

    /// <summary>Shows the run as it is now.</summary>
    public void Draw(Run run)
    {
        if (run.Status != _status && run.Error is not null)
            Write($"{run.Status}: {run.Error}", ends: true);
        _status = run.Status;
        if (run.TotalSteps > 0)
            Write(Text(run), ends: redirected);
    }

    /// <summary>Shows how the run ended, and how it goes on if it can.</summary>
    public void End(Run run)
    {
        if (run.TotalSteps > 0)
            Write(Text(run), ends: true);
        output.WriteLine(run.Error is null ? $"{run.Status}." : $"{run.Status}: {run.Error}");
        if (run.Status is RunStatus.Stopped or RunStatus.Paused or RunStatus.Interrupted or RunStatus.Failed && run.Step > 0)
            output.WriteLine($"It can go on: run --resume {run.Id}");
        if (run.StudentModelId is Guid model)
            output.WriteLine($"The student is the model {model}.");
    }

    /// <summary>The line.</summary>
    internal static string Text(Run run)
    {
        int filled = (int)(BarCharacters * run.Progress());
        FormattableString text =
            $"[{new string('#', filled)}{new string('.', BarCharacters - filled)}] {100 * run.Progress(),3:0} %  {run.Step} / {run.TotalSteps} updates";
        string line = FormattableString.Invariant(text);
        if (run.TotalLoss is double loss)
            line += $"  loss {NotFinite.Text(loss) ?? loss.ToString("F4", CultureInfo.InvariantCulture)} nats/token";
        if (run.Validation() is Perplexity perplexity)
            line += $"  perplexity {perplexity}";
        if (run.TokensPerSecond is double speed)
            line += $"  {NotFinite.Text(speed) ?? speed.ToString("F0", CultureInfo.InvariantCulture)} tok/s";
        if (run.TimeLeft() is TimeSpan left)
            line += $"  {Figures.Duration(left)} left";
        return line;
    }

    private void Write(string line, bool ends)
    {
        if (redirected && line == _last)
            return;
        // Blanks over what was longer.
        output.Write(redirected ? line : "\r" + line.PadRight(_last.Length));
        if (ends)
            output.WriteLine();
        _last = ends && !redirected ? "" : line;
    }
}
