using System.Globalization;
using Spectre.Console;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Headless;

/// <summary>Where a run stands: one line drawn over itself in a terminal, line after line in a file.</summary>
/// <param name="console">Where it is drawn: a terminal when it can be drawn over.</param>
/// <param name="time">The clock of the intervals at which it is read.</param>
internal sealed class RunProgress(IAnsiConsole console, TimeProvider time)
{
    private const int BarCharacters = 24;

    private static readonly TimeSpan TerminalInterval = TimeSpan.FromSeconds(0.5), FileInterval = TimeSpan.FromSeconds(10);

    private string _last = "";
    private RunStatus? _status;

    /// <summary>Whether it can be drawn over: neither a file, nor a pipe, nor a terminal without control sequences.</summary>
    internal static bool IsTerminal(IAnsiConsole console) =>
        console.Profile is { Out.IsTerminal: true, Capabilities: { Ansi: true, Interactive: true } };

    /// <summary>Shows the run until its training has ended, and then how it ended and how it goes on if it can.</summary>
    /// <param name="read">The run as it is now.</param>
    public async Task<Run> ShowAsync(Task training, Func<Task<Run>> read)
    {
        if (IsTerminal(console))
            await DrawAsync(training, read);
        else
            await WriteLinesAsync(training, read);
        await training;
        Run ended = await read();
        if (ended.TotalSteps > 0)
            WriteOnce(Text(ended));
        WriteLine(ended.Error is null ? $"{ended.Status}." : Why(ended));
        // One that its sweep lets rest goes on by itself, if at all.
        if (ended is not { Status: RunStatus.Paused, RestAtStep: not null }
            && ended.Status is RunStatus.Stopped or RunStatus.Paused or RunStatus.Interrupted or RunStatus.Failed && ended.Step > 0)
            WriteLine($"It can go on: run --resume {ended.Id}");
        if (ended.StudentModelId is Guid model)
            WriteLine($"The student is the model {model}.");
        return ended;
    }

    /// <summary>The line.</summary>
    internal static string Text(Run run)
    {
        int filled = (int)(BarCharacters * run.Progress());
        return string.Create(CultureInfo.InvariantCulture,
            $"[{new string('#', filled)}{new string('.', BarCharacters - filled)}] {100 * run.Progress(),3:0} %  {Figures(run)}");
    }

    private static string Figures(Run run)
    {
        string line = string.Create(CultureInfo.InvariantCulture, $"{run.Step} / {run.TotalSteps} updates");
        if (run.TotalLoss is double loss)
            line += $"  loss {NotFinite.Text(loss) ?? loss.ToString("F4", CultureInfo.InvariantCulture)}{Unit(run)}";
        if (run.Score() is ValidationScore score)
            line += $"  {run.Task() switch { ModelHead.Classes => "accuracy", ModelHead.MaskedToken => "masked perplexity", _ => "perplexity" }} {score}";
        if (run.TokensPerSecond is double speed)
            line += $"  {NotFinite.Text(speed) ?? speed.ToString("F0", CultureInfo.InvariantCulture)} tok/s";
        if (run.TimeLeft() is TimeSpan left)
            line += $"  about {Formats.Figures.Rough(left.TotalSeconds)} left";
        return line;
    }

    private static string Unit(Run run) => LossCatalogue.UnitOfSum(StoredOptions.Of(run)) is string unit ? $" {unit}" : "";

    private async Task DrawAsync(Task training, Func<Task<Run>> read) => await console.Progress()
        .AutoClear(true)
        .Columns(new ProgressBarColumn { Width = BarCharacters }, new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
        .StartAsync(async drawing =>
        {
            ProgressTask bar = drawing.AddTask("waits", maxValue: 1);
            await EachAsync(training, TerminalInterval, read, run =>
            {
                bar.Value = run.Progress();
                if (run.TotalSteps > 0)
                    bar.Description = Markup.Escape(Figures(run));
            });
        });

    private Task WriteLinesAsync(Task training, Func<Task<Run>> read) => EachAsync(training, FileInterval, read, run =>
    {
        if (run.TotalSteps > 0)
            WriteOnce(Text(run));
    });

    private async Task EachAsync(Task training, TimeSpan interval, Func<Task<Run>> read, Action<Run> show)
    {
        while (!training.IsCompleted)
        {
            await Task.WhenAny(training, Task.Delay(interval, time));
            Run run = await read();
            if (run.Status != _status && run.Error is not null)
                WriteLine(Why(run));
            _status = run.Status;
            show(run);
        }
    }

    private static string Why(Run run) => run.FailureId()!.After($"{run.Status}: {run.Error}");

    private void WriteOnce(string line)
    {
        if (line != _last)
            WriteLine(line);
        _last = line;
    }

    // Not through the console where that is a file: it would break a line at the width of a terminal.
    private void WriteLine(string line)
    {
        if (IsTerminal(console))
            console.WriteLine(line);
        else
            console.Profile.Out.Writer.WriteLine(line);
    }
}
