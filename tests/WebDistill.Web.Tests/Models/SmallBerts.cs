using System.Net;
using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;

namespace WebDistill.Web.Tests.Models;

/// <summary>Models that fill masked words and texts of their vocabulary, as a client of the product brings them.</summary>
internal static class SmallBerts
{
    /// <summary>Documents of the vocabulary's words in which each word says something of the next.</summary>
    public static string Text { get; } = string.Concat(Enumerable.Range(0, 300).Select(i =>
        $"{(i % 2 == 0 ? "the man came to see him" : "every number could show our place")} {(i % 3 == 0 ? "after two more look" : "through no other side")} and just give me your {(i % 5 == 0 ? "very first" : "most live")} call.\n\n"));

    private static byte[] Vocabulary => File.ReadAllBytes(Path.Combine(WebDistillApp.RepositoryRoot, "tests", "golden", "families", "wordpiece", "vocab.txt"));

    /// <summary>The files of a small BERT with its vocabulary.</summary>
    public static Dictionary<string, byte[]> Files(int layers = 2, long seed = 5)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("webdistill-bert-");
        try
        {
            var config = new BertConfig
            {
                VocabSize = Encoding.UTF8.GetString(Vocabulary).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length, MaxPositionEmbeddings = 32, HiddenSize = 32, NumHiddenLayers = layers,
                NumAttentionHeads = 2, IntermediateSize = 64, FillsMasks = true,
            };
            using (TextModel model = TextModel.CreateRandom(config, seed))
                ModelFiles.Save(model, folder.FullName, FileLayer.Disk);
            Dictionary<string, byte[]> files = folder.EnumerateFiles().ToDictionary(file => file.Name, file => File.ReadAllBytes(file.FullName));
            files["vocab.txt"] = Vocabulary;
            files["tokenizer_config.json"] = """{"do_lower_case": true}"""u8.ToArray();
            return files;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Imports one.</summary>
    public static async Task<Guid> ImportedBertAsync(this WebDistillApp app, string name = "Small BERT", int layers = 2)
    {
        using HttpResponseMessage response = await app.ImportAsync(Files(layers), name);
        JsonElement model = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, model.ToString());
        return model.GetProperty("id").GetGuid();
    }

    /// <summary>A text cut into a model's tokens.</summary>
    public static async Task<Guid> TokenisedAsync(this WebDistillApp app, Guid model, string? text = null)
    {
        using HttpResponseMessage response = await app.UploadAsync(Encoding.UTF8.GetBytes(text ?? Text), ("tokenizerModelId", model.ToString()));
        Guid id = (await response.JsonAsync()).GetProperty("id").GetGuid();
        JsonElement dataset = await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() != "Preparing");
        Assert.True(dataset.GetProperty("state").GetString() == "Ready", dataset.ToString());
        return id;
    }

    /// <summary>A run of seconds that distils a masked teacher into half of its layers.</summary>
    public static RunOptions Distillation(Guid teacher, Guid dataset, string name = "Masked") => new()
    {
        Name = name,
        Teacher = new() { ModelId = teacher.ToString() },
        Data = new() { DatasetId = dataset.ToString(), ContextLength = 16 },
        Student = new() { Dropout = 0 },
        Objective = new Dictionary<string, ObjectiveTerm> { ["ce"] = new(5), ["mlm"] = new(2), ["cos"] = new(1) },
        Schedule = new() { Epochs = 1, BatchSize = 8, GradientAccumulation = 1, MaxUpdates = 40, ValidationIntervalSteps = 20, ValidationMaxTokens = 256 },
        Optimiser = new() { LearningRate = 1e-2 },
        Checkpoints = new() { IntervalSteps = 0 },
        Diagnosis = new() { IntervalSteps = 20 },
    };
}
