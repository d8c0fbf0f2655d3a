using System.Text;
using Spectre.Console;
using WebDistill.Data;
using WebDistill.Web.Headless;

namespace WebDistill.Web.Tests.Headless;

public sealed class RunProgressTests
{
    [Fact]
    public async Task Show_File_WritesLinesWithoutControlSequences()
    {
        string text = await ShowAsync(isTerminal: false);
        string[] lines = text.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(
        [
            "Paused: The disk is full. [run-waits-for-disk]",
            "[############............]  50 %  5 / 10 updates  loss 2.5000 nats/token",
            "[########################] 100 %  10 / 10 updates  loss 2.5000 nats/token",
            "Completed.",
            "The student is the model 00000000-0000-0000-0000-000000000001.",
        ], lines);
    }

    [Fact]
    public async Task Show_Terminal_DrawsOverItselfAndEndsWithTheSameLines()
    {
        string text = await ShowAsync(isTerminal: true);
        Assert.Contains("5 / 10 updates", text, StringComparison.Ordinal);
        Assert.Contains("50%", text, StringComparison.Ordinal);
        Assert.Contains("Paused: The disk is full. [run-waits-for-disk]", text, StringComparison.Ordinal);
        Assert.Contains("\u001b[", text, StringComparison.Ordinal);
        Assert.EndsWith(
            $"100 %  10 / 10 updates  loss 2.5000 nats/token{Environment.NewLine}Completed.{Environment.NewLine}"
            + $"The student is the model 00000000-0000-0000-0000-000000000001.{Environment.NewLine}", text.Replace("\n", Environment.NewLine), StringComparison.Ordinal);
    }

    /// <summary>The finding: a sum of losses of several units was called nats per token.</summary>
    [Theory]
    [InlineData("""{"teacher": {"modelId": "t"}, "objective": {"ce": {"weight": 5}, "clm": {"weight": 2}}}""", "loss 2.5000 nats/token")]
    [InlineData("""{"teacher": {"modelId": "t"}, "objective": {"ce": {"weight": 5}, "clm": {"weight": 2}, "cos": {"weight": 1}}}""", "loss 2.5000")]
    [InlineData("""{"objective": {"ce": {"weight": 5}, "clm": {"weight": 2}, "cos": {"weight": 1}}}""", "loss 2.5000 nats/token")]
    [InlineData("""{"teacherId": "t", "alphaCe": 0, "alphaClm": 0, "alphaCos": 1}""", "loss 2.5000 1 − cosine")]
    public void Text_OfAnObjective_HasTheUnitThatAllItsTermsHave(string options, string expected)
    {
        Run run = Row(RunStatus.Running, 5, null);
        run.OptionsJson = options;
        Assert.EndsWith($"5 / 10 updates  {expected}", RunProgress.Text(run), StringComparison.Ordinal);
    }

    /// <summary>A run that was paused at half, and is complete the next time it is looked at.</summary>
    private static async Task<string> ShowAsync(bool isTerminal)
    {
        var text = new StringWriter();
        TextWriter written = TextWriter.Synchronized(text);
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = isTerminal ? AnsiSupport.Yes : AnsiSupport.No, Interactive = isTerminal ? InteractionSupport.Yes : InteractionSupport.No,
            ColorSystem = ColorSystemSupport.NoColors, Out = new Output(written, isTerminal),
        });
        var training = new TaskCompletionSource();
        int reads = 0;
        Run ended = await new RunProgress(console, new QuickTime()).ShowAsync(training.Task, async () =>
        {
            if (++reads == 1)
                return Row(RunStatus.Paused, 5, "The disk is full.");
            // A terminal is drawn anew at its own pace, and not at all once the run has ended.
            for (int i = 0; reads == 2 && !Written().Contains("5 / 10 updates", StringComparison.Ordinal); i++)
            {
                Assert.True(i < 6000, Written());
                await Task.Delay(10);
            }
            training.TrySetResult();
            return Row(RunStatus.Completed, 10, null);
        });
        Assert.Equal(RunStatus.Completed, ended.Status);
        return Written();

        // What is synchronised locks itself while it is written to.
        string Written()
        {
            lock (written)
                return text.ToString();
        }
    }

    private static Run Row(RunStatus status, int step, string? error) => new()
    {
        Name = "x", OptionsJson = "{}", Status = status, Step = step, TotalSteps = 10, TotalLoss = 2.5, Error = error, ErrorCause = error is null ? null : RunErrorCause.Disk,
        StudentModelId = status == RunStatus.Completed ? new Guid(0, 0, 0, [0, 0, 0, 0, 0, 0, 0, 1]) : null,
    };

    private sealed class QuickTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime / 100, period);
    }

    private sealed class Output(TextWriter writer, bool isTerminal) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;

        public bool IsTerminal => isTerminal;

        public int Width => 120;

        public int Height => 40;

        public void SetEncoding(Encoding encoding)
        {
        }
    }
}
