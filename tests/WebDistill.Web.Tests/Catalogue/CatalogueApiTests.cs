using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Transforms.Learned;
using WebDistill.Web.Formats;
using WebDistill.Web.Tests.Models;
using WebDistill.Web.Tests.Runs;

namespace WebDistill.Web.Tests.Catalogue;

[Trait("takes", "long")]
public sealed class CatalogueApiTests
{
    private static readonly string[] s_kinds = ["families", "tasks", "losses", "teachers", "students", "batchSources", "compressions"];

    [Fact]
    public async Task Examples_OfEveryEntry_AreLaunchedAndComplete()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync();
        foreach (int seed in new[] { 1, 2 })
            Assert.Equal("Completed", (await app.EndOfRunAsync(await app.StartAsync(
                Product.TinyTraining(dataset, name: $"Teacher {seed}") with { Seed = seed }))).GetProperty("status").GetString());

        Guid filling = await app.ImportedBertAsync();
        await app.TokenisedAsync(filling);
        await app.LabelledAsync(filling);
        JsonElement catalogue = await app.GetAsync("/api/catalogue");
        Assert.Empty(catalogue.GetProperty("missing").EnumerateArray());
        List<(string Kind, JsonElement Entry)> entries = [.. s_kinds.SelectMany(kind => catalogue.GetProperty(kind).EnumerateArray().Select(entry => (kind, entry)))];
        Assert.Equal([.. ModelFamilies.All.Select(family => family.Name), .. LossCatalogue.All.Select(loss => loss.Name), .. StudentInits.All.Select(init => init.Name)],
            entries.Where(one => one.Kind is "families" or "losses" or "students").Select(one => Text(one.Entry, "name")));
        Assert.Equal(entries.Count, entries.Select(one => (one.Kind, Text(one.Entry, "name"))).Distinct().Count());
        foreach ((string kind, JsonElement entry) in entries)
        {
            Assert.All(new[] { "title", "text", "source" }, name => Assert.NotEqual("", Text(entry, name)));
            Assert.All(entry.GetProperty("knobs").EnumerateArray(), knob => Assert.NotEqual("", LossCatalogue.RunSchema.Find(Text(knob, "path")).What));
            using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/runs", entry.GetProperty("example"));
            JsonElement run = await response.JsonAsync();
            Assert.True(response.StatusCode == HttpStatusCode.Created, $"{kind}/{Text(entry, "name")}: {run}");
            JsonElement ended = await app.EndOfRunAsync(run.GetProperty("id").GetGuid());
            Assert.True(Text(ended, "status") == "Completed", $"{kind}/{Text(entry, "name")}: {ended}");
            Assert.Equal(20, ended.GetProperty("step").GetInt32());
        }

        // What the form would write of a knob is what the catalogue says of it.
        JsonElement temperature = entries.Single(one => one.Kind == "losses" && Text(one.Entry, "name") == "ce").Entry.GetProperty("knobs").EnumerateArray()
            .Single(knob => Text(knob, "path") == "objective.ce.temperature");
        OptionField field = LossCatalogue.RunSchema.Find("objective.ce.temperature");
        Assert.Equal((field.Label, field.What, field.Usual, 0.01, 1000, 2),
            (Text(temperature, "label"), Text(temperature, "what"), Text(temperature, "usual"), temperature.GetProperty("minimum").GetDouble(),
                temperature.GetProperty("maximum").GetDouble(), temperature.GetProperty("default").GetDouble()));

        // Compression that is learned: its methods are all there, and its student is a plain model with the zeros that were asked for.
        Assert.Equal(LearnedCatalogue.All.Select(method => method.Name), entries.Where(one => one.Kind == "compressions").Select(one => Text(one.Entry, "name")));
        Guid pruned = await StartedAsync(app, entries.Single(one => one.Kind == "compressions" && Text(one.Entry, "name") == "magnitude").Entry.GetProperty("example"));
        await app.EndOfRunAsync(pruned);
        Assert.Equal(0.5, (await app.GetAsync($"/api/runs/{pruned}/steps")).EnumerateArray().Last().GetProperty("values").GetProperty("pruned").GetDouble(), 1e-6);

        // Several teachers: what they disagree by is a series, and neither can be deleted while a run waits for it.
        JsonElement together = entries.Single(one => one.Kind == "teachers" && Text(one.Entry, "name") == "by-gold-token").Entry.GetProperty("example");
        Guid taught = await StartedAsync(app, together);
        JsonElement series = await app.GetAsync($"/api/runs/{taught}/series");
        Assert.Superset(new HashSet<string> { "teacherDisagreement", "teacherAgreement1", "teacherAgreement2", "teacherWeight1", "teacherWeight2" },
            series.EnumerateArray().Select(one => Text(one, "name")).ToHashSet());
        await app.EndOfRunAsync(taught);
        JsonElement last = (await app.GetAsync($"/api/runs/{taught}/steps")).EnumerateArray().Last().GetProperty("values");
        Assert.True(last.GetProperty("teacherDisagreement").GetDouble() > 0);
        Assert.Equal(1, last.GetProperty("teacherWeight1").GetDouble() + last.GetProperty("teacherWeight2").GetDouble(), 1e-5);
    }

    [Fact]
    public async Task Examples_OfAnEmptyLibrary_SayWhatIsToStandInTheirPlace()
    {
        await using var app = new WebDistillApp();
        JsonElement catalogue = await app.GetAsync("/api/catalogue");
        Assert.Equal(6, catalogue.GetProperty("missing").GetArrayLength());
        JsonElement example = catalogue.GetProperty("teachers").EnumerateArray().Single(entry => Text(entry, "name") == "mean-of-probabilities").GetProperty("example");
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/runs", example);
        JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Superset(new HashSet<string> { "data.datasetId", "teacher.modelId", "teacher.others" }, problem.Fields().ToHashSet());
    }

    [Fact]
    public async Task Launch_TeachersThatCannotTeachTogether_IsRefusedAtTheField()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync(), other = await app.ReadyDatasetAsync(Product.Text.Replace("bird", "fish"));
        Guid[] models = new Guid[2];
        foreach ((int i, Guid text) in new[] { dataset, other }.Index())
            models[i] = (await app.EndOfRunAsync(await app.StartAsync(Product.TinyTraining(text, name: $"Teacher {i}")))).GetProperty("studentModelId").GetGuid();
        RunOptions options = Product.TinyTraining(dataset) with
        {
            Teacher = new() { ModelId = models[0].ToString(), Others = [models[1].ToString()], Weights = [0.5, 0.6] },
            Student = new() { LayerCount = 1 },
            Objective = Terms.Of(ce: 1, clm: 1, cos: 1),
        };
        JsonElement problem = await RefusedAsync(options);
        Assert.Superset(new HashSet<string> { "teacher.weights", "objective.cos.weight", "teacher.others" }, problem.Fields().ToHashSet());
        string said = problem.GetRawText();
        Assert.Contains("sum to 1.1, expected 1", said);
        Assert.Contains("compares hidden states", said);
        Assert.Contains("vocabularies of the same size with different tokens", said);

        async Task<JsonElement> RefusedAsync(RunOptions asked)
        {
            using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/runs", asked, WebJson.Options);
            return await response.ProblemAsync(HttpStatusCode.BadRequest);
        }
    }

    private static async Task<Guid> StartedAsync(WebDistillApp app, JsonElement example)
    {
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/runs", example);
        return (await response.JsonAsync()).GetProperty("id").GetGuid();
    }

    private static string Text(JsonElement entry, string name) => entry.GetProperty(name).GetString()!;
}
