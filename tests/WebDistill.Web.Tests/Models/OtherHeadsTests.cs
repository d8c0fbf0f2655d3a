using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Playwright;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Recurrent;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Models;

/// <summary>Models that continue no text: they come in, are described and go out again, and are refused where a text is continued.</summary>
public sealed class OtherHeadsTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    private const string Fills = "is a BERT model, which fills masked words and cannot continue a text; expected a GPT-2 model. Choose one of those.";

    /// <summary>The files of a small model with random weights.</summary>
    internal static Dictionary<string, byte[]> Files(Architecture config)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("webdistill-bert-");
        try
        {
            using (TextModel model = TextModel.CreateRandom(config, seed: 5))
                ModelFiles.Save(model, folder.FullName, FileLayer.Disk);
            return folder.EnumerateFiles().ToDictionary(file => file.Name, file => File.ReadAllBytes(file.FullName));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    internal static BertConfig Masked { get; } = new()
    {
        VocabSize = 300, MaxPositionEmbeddings = 32, HiddenSize = 16, NumHiddenLayers = 2, NumAttentionHeads = 2, IntermediateSize = 32, FillsMasks = true,
    };

    public static TheoryData<string, string> OtherHeads => new()
    {
        { nameof(ModelHead.MaskedToken), "fills masked words" },
        { nameof(ModelHead.Classes), "sorts texts into classes" },
        { nameof(ModelHead.None), "answers with hidden states alone" },
    };

    [Theory]
    [MemberData(nameof(OtherHeads))]
    public async Task Import_EachHead_IsDescribedAndComesBackByteForByte(string head, string does)
    {
        BertConfig config = Masked with
        {
            FillsMasks = head == nameof(ModelHead.MaskedToken),
            Classes = head == nameof(ModelHead.Classes) ? new ClassHead(["no", "yes"], ProblemType.SingleLabel) : null,
        };
        Dictionary<string, byte[]> files = Files(config);
        Guid id = await ImportAsync(files, $"Small {head}");
        JsonElement model = await app.GetAsync($"/api/models/{id}");
        Assert.Equal(("bert", head, 2, config.ParameterCount), (model.GetProperty("family").GetString(), model.GetProperty("head").GetString(),
            model.GetProperty("layers").GetInt32(), model.GetProperty("parameterCount").GetInt64()));
        using var archive = new ZipArchive(new MemoryStream(await app.Http.GetByteArrayAsync($"/api/models/{id}/download")));
        Assert.Equal(files.Keys.Order(), archive.Entries.Select(entry => entry.FullName).Order());
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            using var content = new MemoryStream();
            await using Stream stream = entry.Open();
            await stream.CopyToAsync(content);
            Assert.Equal(files[entry.FullName], content.ToArray());
        }
        string card = await app.Http.GetStringAsync($"/api/models/{id}/card.md");
        Assert.Contains("| Family | BERT |", card);
        Assert.Contains($"| What it does | {does} |", card);
        Assert.DoesNotContain("GPT2", card);
    }

    [Fact]
    public async Task Import_FamilyThatPythonHasNoLibraryFor_IsNotSaidToBeReadThere()
    {
        var config = new BiLstmConfig { VocabSize = 300, EmbeddingDim = 8, HiddenSize = 8, NumLayers = 1, Classes = new ClassHead(["no", "yes"], ProblemType.SingleLabel) };
        string card = await app.Http.GetStringAsync($"/api/models/{await ImportAsync(Files(config), "Small BiLSTM")}/card.md");
        Assert.Contains("| Family | BiLSTM |", card);
        Assert.DoesNotContain("transformers", card);
        Assert.DoesNotContain("Python", card);
    }

    /// <summary>As it is published: the tokenizer's files beside the model's. It can be used with text, and still continues none.</summary>
    [Fact]
    public async Task Import_WholeFolderWithWordPiece_KeepsItsTokenizer()
    {
        string[] words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", .. Enumerable.Range(0, 295).Select(i => $"word{i}")];
        Dictionary<string, byte[]> files = Files(Masked);
        files["vocab.txt"] = Encoding.UTF8.GetBytes(string.Join('\n', words) + '\n');
        files["tokenizer_config.json"] = """{"do_lower_case": true}"""u8.ToArray();
        Guid id = await ImportAsync(files, "Whole folder");
        Assert.True((await app.GetAsync($"/api/models/{id}")).GetProperty("hasTokenizer").GetBoolean());
        using var archive = new ZipArchive(new MemoryStream(await app.Http.GetByteArrayAsync($"/api/models/{id}/download")));
        Assert.Equal(files.Keys.Order(), archive.Entries.Select(entry => entry.FullName).Order());
        string card = await app.Http.GetStringAsync($"/api/models/{id}/card.md");
        Assert.Contains("AutoModelForMaskedLM, BertTokenizer", card);
        await AssertRefusedAsync("/api/generate", new { modelId = id, prompt = "word1", maxNewTokens = 4 }, "modelId", $"'Whole folder' {Fills}");
        Assert.NotEqual(id, (await app.Service<ModelService>().LargestAsync())?.Id);
    }

    [Fact]
    public async Task Generate_MaskedModel_IsRefusedAtItsField()
    {
        Guid id = await ImportAsync(Files(Masked), "Masked");
        await AssertRefusedAsync("/api/generate", new { modelId = id, promptIds = new[] { 1, 2, 3 }, maxNewTokens = 4 }, "modelId", $"'Masked' {Fills}");
        await AssertRefusedAsync("/api/generate", new { modelId = id, promptIds = new[] { 1, 2, 3 }, maxNewTokens = 4, stream = true }, "modelId", $"'Masked' {Fills}");
        await AssertRefusedAsync("/api/compare-tokens", new { teacherId = id, studentId = id, ids = new[] { 1, 2, 3 } }, "teacherId", $"'Masked' {Fills}");
        Guid writer = await app.ImportedModelAsync(withTokenizer: false);
        await AssertRefusedAsync("/api/compare-tokens", new { teacherId = writer, studentId = id, ids = new[] { 1, 2, 3 } }, "studentId", $"'Masked' {Fills}");
    }

    [Fact]
    public async Task Evaluate_MaskedModel_IsRefusedBySetAndAsATeacher()
    {
        Guid id = await ImportAsync(Files(Masked), "Measured"), writer = await app.ImportedModelAsync();
        foreach (EvaluationSet set in EvaluationSets.All)
            await AssertRefusedAsync("/api/evaluations", new { modelId = id, set = set.Name }, "modelId", $"'Measured' {Fills}");
        EvaluationSet comparing = EvaluationSets.All.First(set => set.ComparesTwo);
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/evaluations", new { modelId = writer, set = comparing.Name, referenceModelId = id });
        JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Contains($"'Measured' {Fills}", problem.GetProperty("errors").GetProperty("referenceModelId")[0].GetString());
    }

    [Fact]
    public async Task Run_MaskedTeacherOrStart_IsRefusedWhereLossOrTextDoNotFit()
    {
        Guid id = await ImportAsync(Files(Masked), "Named");
        RunOptions options = Product.TinyTraining(await app.ReadyDatasetAsync());
        const string unfit = "The loss 'Causal LM' is for a student that continues texts, and this one, a BERT, fills masked words. Set its weight to 0 and give 'Masked LM' "
            + "(objective.mlm.weight) one.", noMask = "The data set was tokenised with a vocabulary that has no mask, and the student fills masked words; expected a vocabulary as BERT's. Choose a data set "
            + "that was tokenised with the vocabulary of such a model.";
        var masked = new Dictionary<string, ObjectiveTerm> { ["mlm"] = new(1) };
        RunOptions taught = options with { Teacher = options.Teacher with { ModelId = id.ToString() }, Objective = Terms.Of(ce: 1, clm: 1, cos: 0) };
        await AssertRefusedAsync("/api/runs", taught, "objective.clm.weight", unfit);
        await AssertRefusedAsync("/api/runs", taught with { Objective = masked }, "data.datasetId", noMask);
        RunOptions goesOn = options with { Student = new() { Initialisation = "checkpoint", ModelId = id.ToString() } };
        await AssertRefusedAsync("/api/runs", goesOn, "objective.clm.weight", unfit);
        await AssertRefusedAsync("/api/runs", goesOn with { Objective = masked }, "data.datasetId", noMask);
        Guid writer = await app.ImportedModelAsync(withTokenizer: false);
        await AssertRefusedAsync("/api/runs", options with
        {
            Teacher = options.Teacher with { ModelId = writer.ToString(), Others = [id.ToString()] }, Objective = Terms.Of(ce: 1, clm: 1, cos: 0),
        }, "teacher.others", "Teacher 2 is a BERT model, which fills masked words; several teachers are combined where they continue texts, expected a GPT-2 model. Choose one teacher alone for a student "
            + "that fills masked words.");
    }

    [Fact]
    public async Task Lists_OfModelsThatContinueTexts_LeaveItOut()
    {
        Guid id = await ImportAsync(Files(Masked with { HiddenSize = 64, IntermediateSize = 4096 }), "Unlisted large one");
        var models = app.Service<ModelService>();
        Assert.Contains((await models.SliceAsync("Unlisted")).Rows, model => model.Id == id);
        Assert.Empty((await models.SliceAsync("Unlisted", continuing: true)).Rows);
        Assert.NotEqual(id, (await models.LargestAsync())?.Id);
    }

    private async Task AssertRefusedAsync(string endpoint, object request, string field, string message)
    {
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync(endpoint, request, WebJson.Options);
        JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal([field], problem.Fields());
        Assert.Equal(message, problem.GetProperty("errors").GetProperty(field)[0].GetString());
    }

    private async Task<Guid> ImportAsync(Dictionary<string, byte[]> files, string name)
    {
        using HttpResponseMessage response = await app.ImportAsync(files, name);
        JsonElement model = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, model.ToString());
        return model.GetProperty("id").GetGuid();
    }
}

/// <summary>What the pages say of them.</summary>
[Trait("needs", "browser")]
public sealed class OtherHeadsPageTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Theory]
    [InlineData(ColorScheme.Light, 1440)]
    [InlineData(ColorScheme.Dark, 400)]
    public async Task Pages_SayWhatItDoes_AndOfferNothingThatWouldBeRefused(ColorScheme theme, int width)
    {
        using HttpResponseMessage imported = await app.ImportAsync(OtherHeadsTests.Files(OtherHeadsTests.Masked), $"Filling {theme}");
        Assert.Equal(HttpStatusCode.Created, imported.StatusCode);
        await using Visit visit = await chromium.VisitAsync(app, "/models", theme, width);
        ILocator row = visit.Page.GetByRole(AriaRole.Row).Filter(new() { HasText = $"Filling {theme}" });
        await Expect(row).ToContainTextAsync("fills masked words");
        if (width > 400)
            await Expect(row).ToContainTextAsync("BERT · 2 layers · 16 wide");
        await visit.Link($"Filling {theme}").ClickAsync();
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync($"Filling {theme}");
        await Expect(visit.Page.Locator("main")).ToContainTextAsync("It fills masked words and cannot continue a text. The playground and evaluations need a model that can: a GPT-2. This one can be distilled in a run, and downloaded.");
        await Expect(visit.Page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync("fills masked words");
        await Expect(visit.Page.GetByRole(AriaRole.Link, new() { Name = "Download", Exact = true })).ToBeVisibleAsync();
        await Expect(visit.Link("Distil it")).ToHaveCountAsync(1);
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync($"models-masked-{width}-{theme}");
        await visit.Page.GetByLabel($"Actions for Filling {theme}").ClickAsync();
        await Expect(visit.MenuItem("Rename")).ToBeVisibleAsync();
        await Expect(visit.MenuItem("Evaluate")).ToHaveCountAsync(0);
        await Expect(visit.MenuItem("Distil it in a new run")).ToBeVisibleAsync();
        await visit.Page.Keyboard.PressAsync("Escape");
        await visit.Page.GetByRole(AriaRole.Tab, new() { Name = "Files and Python", Exact = true }).ClickAsync();
        await Expect(visit.Page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync("AutoModelForMaskedLM");
    }
}
