using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Playwright;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Tests.Models;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Runs;

/// <summary>A student that fills masked words, from the launch of its run to the folder that it is exported as.</summary>
public sealed class MaskedRunsTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Theory]
    [InlineData(null, "bert", "BertForMaskedLM")]
    [InlineData("distilbert", "distilbert", "DistilBertForMaskedLM")]
    public async Task Run_OfAMaskedTeacher_TrainsValidatesAndExportsAModelThatLoads(string? asked, string family, string architecture)
    {
        Guid teacher = await app.ImportedBertAsync(layers: 4), dataset = await app.TokenisedAsync(teacher);
        RunOptions options = SmallBerts.Distillation(teacher, dataset).With(o => o with { Student = o.Student with { Family = asked } });
        Guid id = await app.StartAsync(options);
        JsonElement run = await app.EndOfRunAsync(id);
        Assert.True(run.GetProperty("status").GetString() == "Completed", run.ToString());
        Assert.Equal(40, run.GetProperty("step").GetInt32());
        double perplexity = run.GetProperty("validationPerplexity").GetDouble(), ofTeacher = run.GetProperty("teacherPerplexity").GetDouble();
        Assert.InRange(perplexity, 1, 0.9 * ofTeacher);   // Its teacher's weights are random: it learns the text.

        JsonElement[] series = [.. (await app.GetAsync($"/api/runs/{id}/series")).EnumerateArray()];
        Assert.Equal("Masked perplexity", series.Single(one => one.GetProperty("name").GetString() == "validationPerplexity").GetProperty("title").GetString());
        Assert.Contains("mlm", series.Select(one => one.GetProperty("name").GetString()));
        string[] log = [.. (await app.GetAsync($"/api/runs/{id}/log")).EnumerateArray().Select(line => line.GetProperty("text").GetString()!)];
        Assert.Contains(log, line => line.StartsWith("Teacher's masked perplexity on the held-out text: ", StringComparison.Ordinal));
        Assert.Contains(log, line => line.StartsWith("The student fills masked words: no prompts are answered", StringComparison.Ordinal));
        Assert.Empty((await app.GetAsync($"/api/runs/{id}/samples")).EnumerateArray());
        Assert.All((await app.GetAsync($"/api/runs/{id}/diagnosis")).EnumerateArray(), look => Assert.NotEqual(0, look.GetProperty("layers").GetArrayLength()));

        Guid student = run.GetProperty("studentModelId").GetGuid();
        JsonElement model = await app.GetAsync($"/api/models/{student}");
        Assert.Equal((family, "MaskedToken", 2), (model.GetProperty("family").GetString(), model.GetProperty("head").GetString(), model.GetProperty("layers").GetInt32()));
        Assert.Contains("| Masked perplexity |", await app.Http.GetStringAsync($"/api/models/{student}/card.md"));
        DirectoryInfo folder = Directory.CreateTempSubdirectory("webdistill-export-");
        try
        {
            ZipFile.ExtractToDirectory(new MemoryStream(await app.Http.GetByteArrayAsync($"/api/models/{student}/download")), folder.FullName);
            Assert.Equal(["config.json", "model.safetensors", "special_tokens_map.json", "tokenizer_config.json", "vocab.txt"], folder.EnumerateFiles().Select(file => file.Name).Order(StringComparer.Ordinal));
            Assert.Equal(architecture, JsonDocument.Parse(File.ReadAllText(Path.Combine(folder.FullName, "config.json"))).RootElement.GetProperty("architectures")[0].GetString());
            using TextModel loaded = ModelFiles.Load(folder.FullName);
            Assert.Equal((2, true), (loaded.Architecture.Layers, loaded.Architecture is EncoderConfig { FillsMasks: true }));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
        // And is a teacher, and what another student starts from.
        JsonElement goesOn = await app.EndOfRunAsync(await app.StartAsync(options with { Teacher = new(), Student = new() { Initialisation = "checkpoint", ModelId = student.ToString() },
            Objective = new Dictionary<string, ObjectiveTerm> { ["mlm"] = new(1) } }));
        Assert.Equal("Completed", goesOn.GetProperty("status").GetString());
    }

    /// <summary>The names of Hugging Face's distillation project, with spaces as papers print them, beside what only this library knows.</summary>
    [Fact]
    public async Task Launch_HyperParametersAsPrinted_AreARunsOptions()
    {
        Guid teacher = await app.ImportedBertAsync(), dataset = await app.TokenisedAsync(teacher);
        string printed = $$"""
            {"student type": "distilbert", "temperature": 3.0, "alpha ce": 5.0, "alpha mlm": 2.0, "alpha clm": 0.0, "alpha cos": 1.0, "mlm": true, "mlm mask prop": 0.2, "word mask": 0.7,
             "word keep": 0.2, "word rand": 0.1, "restrict ce to mask": true, "n epoch": 1, "batch size": 16, "gradient accumulation steps": 2, "learning rate": 1e-3, "fp16": false, "n gpu": 1,
             "teacher": {"modelId": "{{teacher}}"}, "data": {"datasetId": "{{dataset}}", "contextLength": 16}, "schedule": {"maxUpdates": 3} }
            """;
        using HttpResponseMessage response = await app.Http.PostAsync("/api/runs", new StringContent(printed, System.Text.Encoding.UTF8, "application/json"));
        JsonElement created = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, created.ToString());
        JsonElement run = await app.EndOfRunAsync(created.GetProperty("id").GetGuid());
        Assert.True(run.GetProperty("status").GetString() == "Completed", run.ToString());
        RunOptions options = run.GetProperty("options").Deserialize<RunOptions>(WebJson.Options)!;
        Assert.Equal(("distilbert", 0.2, 0.7, true, 16, 2, 3), (options.Student.Family, options.Masking.Proportion, options.Masking.MaskShare, options.Masking.RestrictToMask, options.Schedule.BatchSize,
            options.Schedule.GradientAccumulation, options.Schedule.MaxUpdates));
        Assert.Equal((5.0, 2.0, 0.0), (options.Objective["ce"].Weight, options.Objective["mlm"].Weight, options.Objective["clm"].Weight));
    }

    [Fact]
    public async Task Launch_WhatDoesNotBelongToTheTask_IsRefusedAtItsField()
    {
        Guid teacher = await app.ImportedBertAsync(), dataset = await app.TokenisedAsync(teacher);
        RunOptions options = SmallBerts.Distillation(teacher, dataset);
        await app.RefusedAsync(options with { Objective = Terms.Of(ce: 1, clm: 1, cos: 0) }, "objective.clm.weight",
            "The loss 'Causal LM' is for a student that continues texts, and this one, a BERT, fills masked words. Set its weight to 0 and give 'Masked LM' (objective.mlm.weight) one.");
        await app.RefusedAsync(options with { Student = new() { Family = "albert" } }, "student.family", "Layers of a BERT that fills masked words cannot be copied into an ALBERT");
        await app.RefusedAsync(options with { Masking = new() { Proportion = 1.5 } }, "masking.proportion", "The value is 1.5");
        Guid written = await app.ReadyDatasetAsync();
        await app.RefusedAsync(options with { Teacher = new(), Student = new() { Initialisation = "random", Family = "bert", LayerCount = 1, Width = 16, Heads = 2 },
            Data = options.Data with { DatasetId = written.ToString() }, Objective = new Dictionary<string, ObjectiveTerm> { ["mlm"] = new(1) } },
            "data.datasetId", "has no mask, and the student fills masked words; expected a vocabulary as BERT's");
    }
}

/// <summary>The same through the pages.</summary>
[Trait("needs", "browser")]
public sealed class MaskedRunsPageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Fact]
    public async Task NewRun_WithAMaskedTeacher_TakesItsLossAndIsLaunched()
    {
        Guid teacher = await app.ImportedBertAsync("BERT of the form"), dataset = await app.TokenisedAsync(teacher);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/new?teacher={teacher:N}&dataset={dataset:N}");
        await Expect(visit.Page.Locator("[id='objective.mlm.weight']")).ToHaveValueAsync("2");
        await Expect(visit.Page.Locator("[id='objective.clm.weight']")).ToHaveValueAsync("0");
        await Expect(visit.Page.Locator("[id='masking.proportion']")).ToHaveValueAsync("0.15");
        await visit.Page.Locator("[id='schedule.maxUpdates']").FillAsync("5");
        await Expect(visit.Page.Locator("#launch")).Not.ToHaveAttributeAsync("aria-disabled", "true");
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync("new-run-masked");
        // What is off stands apart, and stays there while somebody types in it.
        ILocator more = visit.Page.Locator(".mud-expand-panel-header").Filter(new() { HasText = "more losses" }), patient = visit.Page.Locator("[id='objective.patient.weight']");
        await Expect(patient).ToHaveCountAsync(0);
        await more.ClickAsync();
        await patient.FillAsync("0.5");
        await Expect(visit.Page.Locator("[id='objective.patient.mapping']")).ToBeVisibleAsync();
        await Expect(patient).ToBeFocusedAsync();
        await Expect(more).ToContainTextAsync("1 changed");
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync("new-run-more-losses");
        // A problem leads into the panel that was closed over it.
        await patient.FillAsync("-1");
        await more.ClickAsync();
        await Expect(patient).ToHaveCountAsync(0);
        await visit.Page.Locator(".problem-list a").First.ClickAsync();
        await Expect(patient).ToBeFocusedAsync();
        await patient.FillAsync("0");
        await visit.Page.Locator("#launch").ClickAsync();
        await Expect(visit.Page.Locator(".run-head .answer")).ToContainTextAsync("masked perplexity", new() { Timeout = 60_000 });
        await Expect(visit.Page.Locator(".run-head")).ToContainTextAsync("Masked perplexity");
        await Expect(visit.Link("Open in playground")).ToHaveCountAsync(0);
        visit.AssertNoFaults();
    }
}
