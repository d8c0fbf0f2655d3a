using System.Globalization;
using System.Text.Json;
using Bunit;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;
using WebDistill.Web.Tests.Ui;

namespace WebDistill.Web.Tests.Runs;

/// <summary>The head of a run's page in every state: its sentence, its figures, and the one action that fits.</summary>
public sealed class RunHeadTests : ComponentTests
{
    [Fact]
    public void Queued_SaysItsPlaceAndHasNoFiguresOfDashes()
    {
        IRenderedComponent<RunHead> head = Render(Run(RunStatus.Queued, step: 0), new RunOutlook(Place: 3));
        Assert.Equal("3rd in the queue; one run trains at a time.", Sentence(head));
        Assert.Empty(head.FindAll(".head-figures"));
        Assert.Equal(["Cancel"], Actions(head));
    }

    [Fact]
    public void Queued_BehindItsTeacher_SaysHowFarThatIs()
    {
        Run teacher = Run(RunStatus.Running, step: 50);
        teacher.Name = "Story teacher";
        Assert.Equal("Waits for its teacher: Story teacher has made 50\u202f% of its updates.", Sentence(Render(Run(RunStatus.Queued, step: 0), new RunOutlook(Place: 1, WaitsFor: teacher))));
    }

    [Fact]
    public void Running_HasOneBarWithOneTimeAndCanBePaused()
    {
        IRenderedComponent<RunHead> head = Render(Measured(Run(RunStatus.Running, step: 50)), new RunOutlook(Left: TimeSpan.FromSeconds(734), HeldOutTokens: 8192));
        Assert.Equal("So far 58\u202f% of the teacher's size, 1.2\u202f% worse: validation perplexity 1.67 against 1.65, first 8\u202f192 tokens.", Sentence(head));
        Assert.Single(head.FindAll("[role=progressbar]"));
        Assert.Contains("about 12 min left", head.Find(".run-progress").TextContent);
        Assert.Equal(["Stop", "Pause"], Actions(head));
        Assert.InRange(head.FindAll(".head-figures > div").Count, 1, 4);
    }

    [Fact]
    public void Running_BeforeItCanBeForeseen_PromisesNoTime()
    {
        IRenderedComponent<RunHead> head = Render(Run(RunStatus.Running, step: 5), new RunOutlook());
        Assert.Equal("Learns; the held-out text is measured for the first time after update 50.", Sentence(head));
        Assert.DoesNotContain("left", head.Find(".run-progress").TextContent);
    }

    [Fact]
    public void Paused_Resumes()
    {
        IRenderedComponent<RunHead> head = Render(Run(RunStatus.Paused, step: 50), new RunOutlook());
        Assert.Equal("Rests after 50 of 100 updates; its state is saved.", Sentence(head));
        Assert.Equal(["Stop", "Resume"], Actions(head));
    }

    [Fact]
    public void Completed_AnswersWithoutABarAndLeadsToThePlayground()
    {
        Run run = Measured(Run(RunStatus.Completed, step: 100));
        run.StudentModelId = run.Id;
        IRenderedComponent<RunHead> head = Render(run, new RunOutlook(HeldOutTokens: 8192));
        Assert.Equal("58\u202f% of the teacher's size, 1.2\u202f% worse: validation perplexity 1.67 against 1.65, first 8\u202f192 tokens.", Sentence(head));
        Assert.Empty(head.FindAll("[role=progressbar]"));
        Assert.Equal(["Report", "Open in playground"], Actions(head));
        Assert.Contains("teacher 1.65", head.Find(".head-figures").TextContent);
        Assert.Equal("1.67", head.Find(".head-figures dd.student").TextContent);
    }

    [Fact]
    public void Completed_WithoutATeacher_SpeaksOfNone()
    {
        Run run = Measured(Run(RunStatus.Completed, step: 100));
        (run.Kind, run.TeacherPerplexity, run.TeacherParameters) = (RunKind.Training, null, null);
        IRenderedComponent<RunHead> head = Render(run, new RunOutlook(HeldOutTokens: 4000));
        Assert.Equal("Validation perplexity 1.67 after 100 updates, first 4\u202f000 tokens.", Sentence(head));
        Assert.DoesNotContain("tudent", head.Find(".head-figures").TextContent);
    }

    [Fact]
    public void Completed_OverLabelledExamples_AnswersWithTheAccuracyAndItsDirection()
    {
        Run run = OfClasses(Run(RunStatus.Completed, step: 100), 0.913, 0.925);
        run.StudentModelId = run.Id;
        IRenderedComponent<RunHead> head = Render(run, new RunOutlook(Baseline: OfClasses(Run(RunStatus.Completed, step: 100), 0.9, null)));
        Assert.Equal("58\u202f% of the teacher's size, 1.20 points worse: validation accuracy 91.30\u202f% against 92.50\u202f%, macro F1 0.90; higher is better.", Sentence(head));
        Assert.Equal(["Report"], Actions(head));
        Assert.DoesNotContain("erplexity", head.Markup);
        string[] figures = [.. head.FindAll(".head-figures > div").Select(figure => figure.TextContent)];
        Assert.Equal(4, figures.Length);
        Assert.Contains("\u22121.20 points to the teacher's 92.50\u202f%; baseline: +1.30 points", figures[0]);
        Assert.Contains("Matthews 0.800", figures[1]);
        Assert.Contains("0.2500\u00a0nats/text", figures[2]);
    }

    [Fact]
    public void Running_OverLabelledExamples_SpeaksOfExamples() => Assert.Equal(
        "Learns; the held-out examples are measured for the first time after update 50.", Sentence(Render(Run(RunStatus.Running, step: 5), new RunOutlook { HoldsExamples = true })));

    private static Run OfClasses(Run run, double accuracy, double? teacher)
    {
        run = Measured(run);
        (run.ValidationPerplexity, run.ValidationNatsPerToken, run.TeacherPerplexity, run.TeacherNatsPerToken) = (null, null, null, null);
        (run.ValidationOfClassesJson, run.ValidationAccuracy, run.TeacherOfClassesJson) = (Json(accuracy), accuracy, teacher is double taught ? Json(taught) : null);
        return run;

        static string Json(double share) => string.Create(CultureInfo.InvariantCulture,
            $$"""{"validationAccuracy":{{share}},"validationMacroF1":0.9,"validationMatthews":0.8,"validationNatsPerText":0.25}""");
    }

    [Fact]
    public void Failed_ForAnotherReason_Resumes()
    {
        IRenderedComponent<RunHead> head = Render(Run(RunStatus.Failed, step: 7), new RunOutlook(Checkpoints: []));
        Assert.Equal("Failed after 7 of 100 updates; no checkpoint is left, so it can only begin anew.", Sentence(head));
        Assert.Equal(["Resume"], Actions(head));
    }

    [Theory]
    [InlineData(0, "Clone with half the learning rate")]
    [InlineData(4, "Branch from update 4 with half the learning rate")]
    public void Diverged_OffersHalfTheLearningRateAndNoResume(int saved, string action)
    {
        Run run = Run(RunStatus.Failed, step: 5);
        run.ErrorCause = RunErrorCause.Diverged;
        IReadOnlyList<Checkpoint> checkpoints = saved == 0 ? [] : [new Checkpoint { Id = Guid.NewGuid(), RunId = run.Id, Step = saved, WeightsSha256 = "0" }];
        IRenderedComponent<RunHead> head = Render(run, new RunOutlook(Checkpoints: checkpoints));
        Assert.StartsWith("Diverged after 5 updates", Sentence(head));
        Assert.Equal([action], Actions(head));
        Assert.Contains("halve=learningRate", head.Find(".does a").GetAttribute("href"));
    }

    [Fact]
    public void Stopped_BeforeItsFirstUpdate_SaysSo() =>
        Assert.Equal("Stopped before its first update.", Sentence(Render(Run(RunStatus.Stopped, step: 0), new RunOutlook(Checkpoints: []))));

    [Fact]
    public void Interrupted_NamesTheCheckpointThatItGoesOnFrom()
    {
        Run run = Run(RunStatus.Interrupted, step: 50);
        Checkpoint checkpoint = new() { Id = Guid.NewGuid(), RunId = run.Id, Step = 40, WeightsSha256 = "0" };
        Assert.Equal("Cut off by the end of the process after 50 of 100 updates; its newest checkpoint is that of update 40.",
            Sentence(Render(run, new RunOutlook(Checkpoints: [checkpoint]))));
    }

    [Fact]
    public void Pinned_AnotherRun_StandsBesideTheFigureAndTheMenuPins()
    {
        Run run = Measured(Run(RunStatus.Completed, step: 100)), baseline = Measured(Run(RunStatus.Completed, step: 100));
        baseline.ValidationPerplexity = 1.60;
        IRenderedComponent<RunHead> head = Render(run, new RunOutlook(Baseline: baseline));
        Assert.Equal("teacher 1.65; baseline: +0.070 (+4.4\u202f%)", head.Find(".head-figures .beside").TextContent);
        Assert.Empty(head.FindAll(".badge.pinned"));
        baseline.OptionsJson = JsonSerializer.Serialize(new RunOptions { Data = new() { DatasetId = Guid.NewGuid().ToString() } }, WebJson.Options);
        Assert.Equal("teacher 1.65; baseline: another text", Render(run, new RunOutlook(Baseline: baseline)).Find(".head-figures .beside").TextContent);
    }

    [Fact]
    public void Pinned_ItIsTheBaseline_SaysSo() =>
        Assert.Equal("baseline", Measured(Run(RunStatus.Completed, step: 100)) is var run ? Render(run, new RunOutlook(Baseline: run)).Find(".badge.pinned").TextContent : null);

    private IRenderedComponent<RunHead> Render(Run run, RunOutlook outlook) =>
        Page.Render<RunHead>(head => head.Add(h => h.Run, run).Add(h => h.Outlook, outlook));

    private static string Sentence(IRenderedComponent<RunHead> head) => head.Find(".answer").TextContent;

    // All but the menu's, from left to right: the last one is the page's one action.
    private static IReadOnlyList<string> Actions(IRenderedComponent<RunHead> head) => [.. head.FindAll(".does .mud-button-root.mud-button").Select(button => button.TextContent.Trim())];

    private static Run Run(RunStatus status, int step) => new()
    {
        Id = Guid.CreateVersion7(), Name = "A run", Kind = RunKind.Distillation, Status = status, Step = step, TotalSteps = 100, Attempt = 1,
        OptionsJson = JsonSerializer.Serialize(new RunOptions { Name = "A run", Schedule = new() { ValidationMaxTokens = 65_536 } }, WebJson.Options),
        CreatedAt = DateTime.UtcNow, StartedAt = DateTime.UtcNow,
    };

    private static Run Measured(Run run)
    {
        (run.ValidationPerplexity, run.TeacherPerplexity) = (1.67, 1.65);
        (run.StudentParameters, run.StudentLayers, run.TeacherParameters, run.TeacherLayers) = (580_000, 2, 1_000_000, 4);
        (run.TokensPerSecond, run.TotalLoss, run.TrainedSeconds) = (4321, 1.25, 90);
        return run;
    }
}
