using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;
using WebDistill.Web.Playground;
using WebDistill.Web.Tests.Models;
using WebDistill.Web.Tests.Pages;
using WebDistill.Web.Ui;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Playground;

/// <summary>The playground's heat map, its history and its links, on models whose numbers the service gives too.</summary>
[Trait("needs", "browser")]
public sealed class TokenComparisonPageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    // Contrast (WCAG 2) of every colour of the legend with its text, as the browser draws them.
    private const string SmallestContrast = """
        () => {
          const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
          const luminance = text => {
            const [r, g, b] = text.match(/[\d.]+/g).map(v => linear(v / 255));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          return Math.min(...[...document.querySelectorAll(".kl-swatch")].map(swatch => {
            const style = getComputedStyle(swatch), both = [luminance(style.color), luminance(style.backgroundColor)];
            return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
          }));
        }
        """;

    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task StudentsText_Generated_IsColouredByKlAndReadByKeyboard(ColorScheme theme)
    {
        (Model teacher, Model student) = await ModelsAsync();
        await using Visit visit = await chromium.VisitAsync(app,
            $"/playground?left={teacher.Id:N}&right={student.Id:N}&prompt=One%20day&maxNewTokens=12&greedy=true", theme);
        // By itself, and in the student's own pane.
        await Expect(visit.Page.GetByText("Press Generate: what the student writes")).ToBeVisibleAsync();
        await visit.Button("Generate").ClickAsync();
        ILocator tokens = visit.Page.Locator("[data-pane=right] [data-at]");
        await Expect(tokens).ToHaveCountAsync(12);
        // The very tokens that the student wrote, after the prompt, with the numbers of the service.
        List<int> written = await app.Service<GenerationService>().GenerateAsync(student.Id, "One day",
            new() { Greedy = true, MaxNewTokens = 12 }).Where(piece => piece.Id is not null).Select(piece => piece.Id!.Value).ToListAsync();
        TextComparison expected = await app.Service<ComparisonService>()
            .CompareAsync(teacher.Id, student.Id, new ComparedText("One day", written));
        for (int i = 0; i < 12; i++)
        {
            string kl = Figures.Loss(expected.Tokens[i].KlNats);
            await Expect(tokens.Nth(i)).ToHaveAttributeAsync("title", $"KL {kl} nats");
            await Expect(tokens.Nth(i)).ToHaveAttributeAsync("aria-label", new Regex($", KL {Regex.Escape(kl)} nats$"));
            await Expect(tokens.Nth(i)).ToHaveClassAsync($"kl-{TokenHeatMap.Level(expected.Tokens[i].KlNats)}");
        }
        await Expect(Figure(visit, "mean-kl")).ToHaveTextAsync($"{Figures.Loss(expected.MeanKlNatsPerToken)}\u00a0nats/token");
        await Expect(Figure(visit, "student-perplexity")).ToHaveTextAsync(Figures.Perplexity(expected.StudentPerplexity));
        await Expect(Figure(visit, "scored")).ToHaveTextAsync("12\u00a0tokens");
        await Expect(visit.Page.Locator(".kl-swatch")).ToHaveTextAsync(["< 0.05", "0.05–0.2", "0.2–0.5", "0.5–1", "1–2", "≥ 2"]);
        Assert.True(await visit.Page.EvaluateAsync<double>(SmallestContrast) >= 4.5);

        // One stop of the Tab key; the arrows walk.
        await Expect(visit.Page.Locator("[data-at][tabindex='0']")).ToHaveCountAsync(1);
        await visit.Page.Locator("[data-at][tabindex='0']").FocusAsync();
        await visit.Page.Keyboard.PressAsync("Home");
        await visit.Page.Keyboard.PressAsync("ArrowRight");
        await visit.Page.Keyboard.PressAsync("ArrowRight");
        await Expect(tokens.Nth(2)).ToBeFocusedAsync();
        await Expect(tokens.Nth(2)).ToHaveAttributeAsync("aria-selected", "true");
        await Expect(visit.Page.Locator("[data-at][tabindex='0']")).ToHaveCountAsync(1);
        await AssertDetailAsync(visit, expected.Tokens[2]);
        await visit.Page.Keyboard.PressAsync("End");
        await AssertDetailAsync(visit, expected.Tokens[11]);
        await tokens.Nth(5).HoverAsync();
        await AssertDetailAsync(visit, expected.Tokens[5]);
        await visit.Page.EmulateMediaAsync(new PageEmulateMediaOptions { ReducedMotion = ReducedMotion.Reduce, ColorScheme = theme });
        foreach (int width in (int[])[1440, 400])
        {
            await visit.Page.SetViewportSizeAsync(width, 900);
            await visit.AssertAccessibleAsync();
            await visit.KeepPictureAsync($"playground-written-{width}-{theme}");
            Assert.Equal(width, await visit.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        }
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task FollowTheTeacher_AfterAGeneration_ScoresTheTeachersText()
    {
        (Model teacher, Model student) = await ModelsAsync();
        await using Visit visit = await chromium.VisitAsync(app,
            $"/playground?left={teacher.Id:N}&right={student.Id:N}&prompt=One%20day&maxNewTokens=6&greedy=true", width: 900);
        await visit.Button("Generate").ClickAsync();
        await Expect(visit.Page.Locator("[data-pane=left] [data-figure=ending]")).ToHaveTextAsync(new Regex("^Reached"));
        await visit.ChooseAsync("Coloured by KL", "Follow the teacher");
        await Expect(visit.Page.Locator("[data-pane=left] [data-at]")).ToHaveCountAsync(6);
        // The teacher chose them greedily.
        for (int i = 0; i < 6; i++)
        {
            await visit.Page.Locator($"[data-at='{i}']").HoverAsync();
            await Expect(visit.Page.Locator(".pairs li").First).ToHaveClassAsync("chosen");
            await Expect(visit.Page.Locator("[data-predictions=teacher]")).ToContainTextAsync("rank 1,");
        }
        await Expect(visit.Page.Locator(".prompt-bar [data-copy]")).ToHaveAttributeAsync("data-copy", new Regex("compare=Teacher"));
        Assert.Equal(900, await visit.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        // Another model: what was compared is gone.
        await Visit.PickAsync(visit.Page, "#Left-model", student.Name);
        await Expect(visit.Page.Locator("[data-at]")).ToHaveCountAsync(0);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task ScoreMyText_OtherTokenizer_SaysSoPlainlyAndTheSameOneIsScored()
    {
        (Model teacher, Model student) = await ModelsAsync();
        Model bare = await SmallModels.ImportAsync(app, "Bare", 7, withTokenizer: false);
        await using Visit visit = await chromium.VisitAsync(app,
            $"/playground?mode=ScoreText&left={teacher.Id:N}&right={bare.Id:N}&prompt=One%20day%20Mia");
        await Expect(visit.Page.Locator("#temperature")).ToHaveCountAsync(0);
        await visit.Button("Score").ClickAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("The tokenizers differ");
        await Visit.PickAsync(visit.Page, "#Right-model", student.Name);
        await visit.Button("Score").ClickAsync();
        TextComparison expected = await app.Service<ComparisonService>()
            .CompareAsync(teacher.Id, student.Id, new ComparedText("One day Mia"));
        await Expect(visit.Page.Locator("[data-at]")).ToHaveCountAsync(expected.Tokens.Count);
        await Expect(Figure(visit, "teacher-nll")).ToHaveTextAsync($"{Figures.Loss(expected.TeacherNatsPerToken)}\u00a0nats/token");
        await Expect(Figure(visit, "agreement")).ToHaveTextAsync(Figures.Probability(expected.Top1Agreement));
        await visit.AssertAccessibleAsync();
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task History_OfThisBrowser_RestoresTextsAndOptionsAndIsCleared()
    {
        (Model teacher, Model student) = await ModelsAsync();
        string path = $"/playground?left={teacher.Id:N}&right={student.Id:N}";
        await using Visit visit = await chromium.VisitAsync(app, $"{path}&prompt=One%20day&maxNewTokens=6&seed=5&repetitionPenalty=1.3");
        await Expect(visit.Page.Locator("#repetitionPenalty")).ToHaveValueAsync("1.3");
        await visit.Button("Generate").ClickAsync();
        await Expect(visit.Page.Locator("[data-pane=right] [data-at]")).ToHaveCountAsync(6);
        string text = await visit.Page.Locator("[data-pane=right] .generated").InnerTextAsync();
        // A new visit of the same browser.
        await visit.GoAsync(path);
        await visit.Button("History").ClickAsync();
        await Expect(visit.Page.Locator(".history")).ToContainTextAsync("1 generation, kept by this browser");
        await visit.Page.Locator(".history .entry").ClickAsync();
        await Expect(visit.Page.Locator("#prompt")).ToHaveValueAsync("One day");
        await Expect(visit.Page.Locator("#seed")).ToHaveValueAsync("5");
        await Expect(visit.Page.Locator("#repetitionPenalty")).ToHaveValueAsync("1.3");
        await Expect(visit.Page.Locator("[data-pane=right] .prompt")).ToHaveTextAsync("One day");
        Assert.Equal(text, await visit.Page.Locator("[data-pane=right] .generated").InnerTextAsync());
        await Expect(visit.Page.Locator("[data-pane=right] [data-figure=ending]")).ToHaveTextAsync("From the history of this browser");
        // What was restored can be compared: its tokens were kept.
        await Expect(visit.Page.Locator("[data-pane=right] [data-at]")).ToHaveCountAsync(6);
        ILocator pin = visit.Button("Keep “One day”");
        await Expect(pin).ToHaveAttributeAsync("aria-pressed", "false");
        await pin.ClickAsync();
        await Expect(pin).ToHaveAttributeAsync("aria-pressed", "true");
        await visit.AssertAccessibleAsync();
        await visit.Button("Clear history").ClickAsync();
        await visit.Button("Clear").ClickAsync();
        await Expect(visit.Page.Locator(".history .entry")).ToHaveCountAsync(0);
        await visit.GoAsync(path);
        await Expect(visit.Page.Locator(".history li")).ToHaveCountAsync(0);
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task History_OfMoreThanTwenty_KeepsTheLatestAndThosePinned()
    {
        await using Visit visit = await chromium.VisitAsync(app, "/settings");
        string[] kept = await visit.Page.EvaluateAsync<string[]>("""
            async () => {
              const prompts = await import("/js/prompts.js");
              for (let i = 0; i < 23; i++) {
                prompts.add(JSON.stringify({ key: `${i}` }), "{}", 20);
                if (i === 1) prompts.pin("1");
              }
              return JSON.parse(prompts.list()).map(item => item.key);
            }
            """);
        Assert.Equal(Enumerable.Range(3, 20).Reverse().Append(1).Select(i => i.ToString(CultureInfo.InvariantCulture)), kept);
    }

    [Fact]
    public async Task Link_OfEveryOption_OpensWithAllOfThem()
    {
        (Model teacher, Model student) = await ModelsAsync();
        await using Visit visit = await chromium.VisitAsync(app, $"/playground?left={teacher.Id:N}&right={student.Id:N}");
        await visit.Page.FillAsync("#prompt", "Ben & 1 + 1");
        await visit.Button("Sampling").ClickAsync();
        await visit.Page.FillAsync("#repetitionPenalty", "1.15");
        await visit.Page.FillAsync("#stopStrings", ". \n\\n\\n");
        await visit.ChooseAsync("Coloured by KL", "Follow the teacher");
        ILocator copy = visit.Page.Locator(".prompt-bar [data-copy]");
        await Expect(copy).ToHaveAttributeAsync("data-copy", new Regex("compare=Teacher"));
        await Expect(copy).ToHaveAttributeAsync("data-copy", new Regex("stopStrings="));
        await Expect(copy).ToHaveAttributeAsync("data-copy", new Regex("repetitionPenalty=1.15"));
        string address = (await copy.GetAttributeAsync("data-copy"))!;
        await visit.GoAsync(new Uri(address).PathAndQuery);
        await Expect(visit.Page.Locator("#prompt")).ToHaveValueAsync("Ben & 1 + 1");
        await visit.Button("Sampling").ClickAsync();
        await Expect(visit.Page.Locator("#stopStrings")).ToHaveValueAsync(". \n\\n\\n");
        await Expect(visit.Page.Locator("#repetitionPenalty")).ToHaveValueAsync("1.15");
        await Expect(visit.Page.GetByRole(AriaRole.Combobox, new() { Name = "Coloured by KL" })).ToHaveValueAsync("Follow the teacher");
        await visit.Page.FillAsync("#stopStrings", "a\\x");
        await visit.Button("Generate").ClickAsync();
        await Expect(visit.Page.Locator(".problem#stopStrings-problem")).ToContainTextAsync("lone backslash");
        visit.AssertNoFaults();
    }

    private static async Task AssertDetailAsync(Visit visit, PositionComparison token)
    {
        await Expect(Figure(visit, "kl")).ToHaveTextAsync($"KL {Figures.Loss(token.KlNats)}\u00a0nats");
        foreach ((string role, PositionPrediction prediction) in new[] { ("teacher", token.Teacher), ("student", token.Student) })
        {
            await Expect(visit.Page.Locator($"[data-predictions={role}]")).ToContainTextAsync(
                $"rank {Figures.Count(prediction.Rank)}, "
                + $"probability {Figures.Probability(Math.Exp(prediction.LogProbabilityNats))}");
            // One list for both: each model's ten have its share in it.
            await Expect(visit.Page.Locator($".pairs .share.{role}").Filter(new LocatorFilterOptions { HasText = "%" })).ToHaveCountAsync(10);
        }
        await Expect(visit.Page.Locator(".pairs .share.teacher").First).ToHaveTextAsync(Figures.Probability(token.Teacher.Top[0].Probability));
        await Expect(visit.Page.Locator(".pairs li")).ToHaveCountAsync(token.Teacher.Top.Concat(token.Student.Top).DistinctBy(likely => likely.Id).Count());
        await Expect(visit.Page.Locator(".pairs li.chosen")).ToHaveCountAsync(token.Teacher.Rank <= 10 || token.Student.Rank <= 10 ? 1 : 0);
    }

    private static ILocator Figure(Visit visit, string name) => visit.Page.Locator($"[data-figure={name}]");

    private async Task<(Model Teacher, Model Student)> ModelsAsync() =>
        (await SmallModels.ImportAsync(app, "Compared teacher", 1), await SmallModels.ImportAsync(app, "Compared student", 2));
}
