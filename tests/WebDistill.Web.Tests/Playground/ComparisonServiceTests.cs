using WebDistill.Data;
using WebDistill.Web.Models;
using WebDistill.Web.Playground;
using WebDistill.Web.Tests.Models;

namespace WebDistill.Web.Tests.Playground;

public sealed class ComparisonServiceTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    private readonly ComparisonService _comparisons = app.Service<ComparisonService>();

    [Fact]
    public async Task Compare_Figures_AreMeansOverTheScoredTokens()
    {
        Model teacher = await SmallModels.ImportAsync(app, "teacher", 1), student = await SmallModels.ImportAsync(app, "student", 2);
        TextComparison compared = await _comparisons.CompareAsync(teacher.Id, student.Id, new ComparedText("One day", [5, 6, 7]));
        Assert.Equal([5, 6, 7], compared.Tokens.Select(token => token.Id));
        Assert.Equal("One day", string.Concat(compared.Prompt!));
        Assert.Equal(compared.Tokens.Sum(token => token.KlNats) / 3, compared.MeanKlNatsPerToken, 1e-12);
        Assert.Equal(Math.Exp(-compared.Tokens.Sum(token => token.Student.LogProbabilityNats) / 3), compared.StudentPerplexity, 1e-6);
        int agreeing = compared.Tokens.Count(token => token.Teacher.Top[0].Id == token.Student.Top[0].Id);
        Assert.Equal(agreeing / 3.0, compared.Top1Agreement, 1e-12);
        // The other way round is another divergence of the same predictions.
        TextComparison reversed = await _comparisons.CompareAsync(student.Id, teacher.Id, new ComparedText("One day", [5, 6, 7]));
        Assert.Equal(compared.TeacherPerplexity, reversed.StudentPerplexity, 1e-9);
        Assert.NotEqual(compared.MeanKlNatsPerToken, reversed.MeanKlNatsPerToken);
    }

    [Fact]
    public async Task Compare_EmptyPrompt_FollowsOnTheEndOfTextToken()
    {
        Model model = await SmallModels.ImportAsync(app, "starts", 1);
        TextComparison compared = await _comparisons.CompareAsync(model.Id, model.Id, new ComparedText("", [5, 6]));
        Assert.Equal(["<|endoftext|>"], compared.Prompt);
        Assert.Equal([1, 2], compared.Tokens.Select(token => token.Position));
    }

    [Fact]
    public async Task Compare_Cancelled_GivesTheModelsBack()
    {
        Model teacher = await SmallModels.ImportAsync(app, "cancelled teacher", 1);
        Model student = await SmallModels.ImportAsync(app, "cancelled", 2);
        using var cancel = new CancellationTokenSource();
        // Somebody else has the turn: the comparison has to wait for it, and is given up meanwhile.
        using var release = new ManualResetEventSlim();
        using var taken = new ManualResetEventSlim();
        Task<bool> holder = Task.Run(() => app.Service<GenerationTurn>().Take(() =>
        {
            taken.Set();
            return release.Wait(TimeSpan.FromSeconds(20));
        }, CancellationToken.None));
        taken.Wait();
        Task<TextComparison> waiting = _comparisons.CompareAsync(teacher.Id, student.Id, new ComparedText("One day"), cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await app.Service<ModelService>().DeleteAsync(teacher.Id);
        await app.Service<ModelService>().DeleteAsync(student.Id);
        release.Set();
        Assert.True(await holder);
    }
}
