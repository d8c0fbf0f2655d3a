using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Playwright;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Tests.Pages;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Models;

/// <summary>A model folder with vocab.txt, from its import to the export of what was trained on its tokens.</summary>
[Trait("needs", "browser")]
public sealed class WordPieceTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    private const string Description = "WordPiece, lower case, accents left out";

    [Fact]
    public async Task Import_WithVocabTxt_TokenisesATextWithWhatBeginsAndEndsEachDocument()
    {
        Guid model = await ImportedAsync();
        JsonElement imported = await app.GetAsync($"/api/models/{model}");
        Assert.True(imported.GetProperty("hasTokenizer").GetBoolean());
        Assert.Equal(["config.json", "model.safetensors", "special_tokens_map.json", "tokenizer_config.json", "vocab.txt"], await FilesAsync(model));

        Guid dataset = await TokenisedAsync(model);
        JsonElement ready = await app.GetAsync($"/api/datasets/{dataset}");
        Assert.Equal(imported.GetProperty("tokenizerSha256").GetString(), ready.GetProperty("tokenizerSha256").GetString());
        JsonElement[] tokens = [.. (await app.GetAsync($"/api/datasets/{dataset}/preview?blocks=1"))[0].GetProperty("tokens").EnumerateArray()];
        string text = string.Concat(tokens.Select(token => token.GetProperty("text").GetString()));
        Assert.StartsWith(" [CLS] the red bird number 0 sat on the wall and sang . [SEP] [CLS] the blue bird", text);
        Assert.All(tokens, token => Assert.Equal(token.GetProperty("text").GetString() == " [SEP]", token.GetProperty("endsDocument").GetBoolean()));
    }

    [Fact]
    public async Task Train_OnItsTokens_ExportsItsTokenizer()
    {
        Guid model = await ImportedAsync(), dataset = await TokenisedAsync(model);
        JsonElement run = await app.EndOfRunAsync(await app.StartAsync(Product.TinyTraining(dataset)));
        Assert.Equal("Completed", run.GetProperty("status").GetString());
        Guid student = run.GetProperty("studentModelId").GetGuid();
        Assert.Equal(await FilesAsync(model), await FilesAsync(student));
        Assert.Equal((await app.GetAsync($"/api/models/{model}")).GetProperty("tokenizerSha256").GetString(),
            (await app.GetAsync($"/api/models/{student}")).GetProperty("tokenizerSha256").GetString());
        string card = await app.Http.GetStringAsync($"/api/models/{student}/card.md");
        Assert.Contains($"| Tokenizer | {Description} |", card);
        Assert.Contains("tokenizer = BertTokenizer.from_pretrained(\"model\")", card);
    }

    [Theory]
    [InlineData(0, "vocabularies of the same size with different tokens: the same id means different text. Upload the data set again with this model's tokenizer.")]
    [InlineData(7, "The teacher has 300 tokens in its vocabulary and the data set 307. Choose a data set that was tokenised with the teacher's vocabulary.")]
    public async Task Launch_WithATeacherOfGpt2sTokens_IsRefused(int more, string said)
    {
        Guid teacher = await app.ImportedModelAsync(), dataset = await TokenisedAsync(await ImportedAsync(more));
        using HttpResponseMessage refused = await app.Http.PostAsJsonAsync("/api/runs", Product.TinyTraining(dataset).With(o => o with
        {
            Teacher = o.Teacher with { ModelId = teacher.ToString() }, Student = o.Student with { Width = null, Heads = null },
        }), WebJson.Options);
        JsonElement problem = await refused.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Contains(said, problem.GetProperty("detail").GetString());
        Assert.Contains("teacher.modelId", problem.Fields());
    }

    [Theory]
    [InlineData("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\na\n", "vocab.txt, line 7: the token 'a' stands in line 6 already")]
    [InlineData("vocab.txt", "[PAD]\n[CLS]\n[SEP]\n[MASK]\n", "the token '[UNK]' (unk_token) is missing")]
    [InlineData("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n", "the token '[MASK]' (mask_token) is missing")]
    [InlineData("vocab.txt", "", "vocab.txt: 0 tokens")]
    [InlineData("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", "vocab.txt has 5 tokens and config.json says vocab_size 300")]
    [InlineData("vocab.json", "{}", "vocab.json and vocab.txt are both there: files of several tokenizers")]
    [InlineData("tokenizer_config.json", "{\"do_lower_case\": 1}", "do_lower_case is 1; expected true, false or null")]
    public async Task Import_FilesThatCannotBe_AreRefusedAndLeaveNothing(string file, string content, string said)
    {
        Dictionary<string, byte[]> files = Folder();
        files[file] = Encoding.UTF8.GetBytes(content);
        using HttpResponseMessage refused = await app.ImportAsync(files, file);
        JsonElement problem = await refused.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal(["files"], problem.Fields());
        Assert.Contains(said, problem.GetProperty("detail").GetString());
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(app.Root, "incoming")));
    }

    /// <summary>Settings that GPT-2's tokenizer does not read are part of its published folder, whatever stands in them.</summary>
    [Fact]
    public async Task Import_Gpt2FolderWithSettings_LeavesThemOut()
    {
        Dictionary<string, byte[]> files = Product.TinyModel();
        string[] kept = [.. files.Keys.Order(StringComparer.Ordinal)];
        files["tokenizer_config.json"] = "not read"u8.ToArray();
        files["special_tokens_map.json"] = "{}"u8.ToArray();
        using HttpResponseMessage response = await app.ImportAsync(files, "GPT-2 as published");
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        Assert.Equal(kept, await FilesAsync((await response.JsonAsync()).GetProperty("id").GetGuid()));
    }

    [Theory]
    [InlineData(ColorScheme.Light, 1440)]
    [InlineData(ColorScheme.Dark, 400)]
    public async Task Pages_SayWhatTheTokenizerIs(ColorScheme theme, int width)
    {
        Guid model = await ImportedAsync(), dataset = await TokenisedAsync(model);
        await using Visit visit = await chromium.VisitAsync(app, $"/models/{model:N}", theme, width);
        await Expect(visit.Page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync(Description);
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync($"wordpiece-model-{width}-{theme}");
        await visit.GoAsync($"/datasets/{dataset:N}");
        await Expect(visit.Page.GetByRole(AriaRole.Tabpanel)).ToContainTextAsync(Description);
        await visit.KeepPictureAsync($"wordpiece-dataset-{width}-{theme}");
        await visit.TabAsync("Tokens");
        ILocator block = visit.Region("From token 0");
        await Expect(block.Locator(".tok").First).ToHaveTextAsync("·[CLS]");
        await Expect(block.Locator(".end").First).ToHaveTextAsync("end of text");
        await visit.AssertAccessibleAsync();
        await visit.KeepPictureAsync($"wordpiece-tokens-{width}-{theme}");
        visit.AssertNoFaults();
    }

    [Fact]
    public async Task ImportForm_MarksTheFilesOfATokenizer()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("webdistill-model-");
        try
        {
            foreach ((string name, byte[] content) in Folder())
                File.WriteAllBytes(Path.Combine(folder.FullName, name), content);
            await using Visit visit = await chromium.VisitAsync(app, "/models");
            await visit.Button("Import a model").First.ClickAsync();
            await visit.Page.Locator("#files").SetInputFilesAsync(folder.EnumerateFiles().Select(file => file.FullName));
            await Expect(visit.Page.Locator(".files .sound")).ToHaveCountAsync(5);
            await Expect(visit.Page.Locator(".files li").Filter(new() { HasText = "vocab.txt" })).ToContainTextAsync("tokenizer");
            await Expect(visit.Page.Locator(".files li").Filter(new() { HasText = "tokenizer_config.json" })).ToContainTextAsync("settings of the tokenizer");
            await Expect(visit.Page.Locator(".files .remark")).ToHaveCountAsync(0);
            await visit.Page.GetByLabel("Name", new() { Exact = true }).FillAsync("From the form");
            await visit.Button("Import").ClickAsync();
            await Expect(visit.Page.GetByRole(AriaRole.Row).Filter(new() { HasText = "From the form" })).ToHaveCountAsync(1);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private async Task<Guid> ImportedAsync(int more = 0)
    {
        using HttpResponseMessage response = await app.ImportAsync(Folder(more), "word pieces");
        JsonElement model = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, model.ToString());
        return model.GetProperty("id").GetGuid();
    }

    private async Task<Guid> TokenisedAsync(Guid model)
    {
        using HttpResponseMessage response = await app.UploadAsync(Encoding.UTF8.GetBytes(Product.Text), ("tokenizerModelId", model.ToString()));
        Guid id = (await response.JsonAsync()).GetProperty("id").GetGuid();
        JsonElement dataset = await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() != "Preparing");
        Assert.True(dataset.GetProperty("state").GetString() == "Ready", dataset.ToString());
        return id;
    }

    private async Task<string[]> FilesAsync(Guid model)
    {
        byte[] zip = await app.Http.GetByteArrayAsync($"/api/models/{model}/download");
        using var archive = new ZipArchive(new MemoryStream(zip));
        return [.. archive.Entries.Select(entry => entry.FullName).Order(StringComparer.Ordinal)];
    }

    /// <summary>The tiny model with another tokenizer beside it: the words of <see cref="Product.Text"/>, and others that fill the vocabulary up.</summary>
    private static Dictionary<string, byte[]> Folder(int more = 0)
    {
        string[] words =
        [
            "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", .. Product.Text.ToLowerInvariant().Split([' ', '\n', '.'], StringSplitOptions.RemoveEmptyEntries).Distinct(),
        ];
        int size = 300 + more;
        Dictionary<string, byte[]> files = Product.TinyModel(withTokenizer: false, vocabulary: size);
        files["vocab.txt"] = Encoding.UTF8.GetBytes(string.Join('\n', [.. words, .. Enumerable.Range(0, size - words.Length).Select(i => $"[unused{i}]")]));
        files["tokenizer_config.json"] = "{\"do_lower_case\": true, \"tokenizer_class\": \"BertTokenizer\", \"model_max_length\": 512}"u8.ToArray();
        files["special_tokens_map.json"] = "{\"unk_token\": \"[UNK]\", \"mask_token\": {\"content\": \"[MASK]\"}}"u8.ToArray();
        return files;
    }
}
