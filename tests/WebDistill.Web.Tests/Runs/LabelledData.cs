using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Web.Datasets;
using WebDistill.Web.Formats;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Tests.Runs;

/// <summary>Data sets of labelled examples as the preparation leaves them, and runs of seconds over them.</summary>
internal static class LabelledData
{
    /// <summary>The classes of the examples, in the order of the logits.</summary>
    public static readonly string[] Classes = ["numbers", "people"];

    private static readonly string[] s_people = ["the man came to see him", "just give him your call", "he came after the man"], s_numbers = ["every number could show our place", "two more number", "our very first number"];

    /// <summary>Some examples as CSV, of both classes by turns.</summary>
    public static string Csv(int examples, int from = 0) => "text,label\n" + string.Concat(Enumerable.Range(from, examples).Select(i =>
        $"{(i % 2 == 0 ? s_people : s_numbers)[i / 2 % 3]} {(i % 5 < 2 ? "after two" : "through no other side")},{Classes[1 - i % 2]}\n"));

    /// <summary>A data set of them with a model's tokenizer.</summary>
    /// <param name="heldOut">Null holds nothing out.</param>
    public static async Task<Guid> LabelledAsync(this WebDistillApp app, Guid model, string? train = null, string? heldOut = "", string name = "Labelled")
    {
        var id = Guid.CreateVersion7();
        DataFolder folder = app.Service<DataFolder>();
        string target = folder.Dataset(id), tokenizerFolder = folder.Model(model), trainSource = DatasetFiles.Source(target), heldOutSource = Path.Combine(target, "held-out.csv");
        Directory.CreateDirectory(target);
        TextTokenizer tokenizer = TokenizerKinds.Load(tokenizerFolder);
        tokenizer.Save(target, FileLayer.Disk);
        await File.WriteAllTextAsync(trainSource, train ?? Csv(160));
        if (heldOut is not null)
            await File.WriteAllTextAsync(heldOutSource, heldOut == "" ? Csv(40, from: 160) : heldOut);
        var options = new LabelledOptions { Format = "csv" };
        LabelledPreparation.Prepare(trainSource, heldOut is null ? null : heldOutSource, options, tokenizer, DatasetFiles.Train(target), DatasetFiles.Validation(target), FileLayer.Disk);
        long Tokens(string path)
        {
            using LabelledFile file = LabelledFile.Open(path);
            return file.TokenCount;
        }

        long trained = Tokens(DatasetFiles.Train(target)), held = heldOut is null ? 0 : Tokens(DatasetFiles.Validation(target));
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Datasets.Add(new Dataset
            {
                Id = id, Name = name, FileName = "labelled.csv", State = DatasetState.Ready, Format = options.Format, JsonField = "", LabelledJson = JsonSerializer.Serialize(options, WebJson.Options), ClassCount = 2,
                TokenizerModelId = model, TokenizerSha256 = tokenizer.Vocabulary.Sha256, VocabularySize = tokenizer.Vocabulary.Size, Sha256 = FileHash.Sha256(trainSource), Documents = 200, Bytes = 1,
                Tokens = trained + held, TrainTokens = trained, ValidationTokens = held, CreatedAt = DateTime.UtcNow,
            });
            await db.SaveChangesAsync();
        });
        return id;
    }

    /// <summary>A fresh BERT that learns the labels.</summary>
    public static RunOptions Labels(Guid dataset, string name = "Labels") => new()
    {
        Name = name,
        Data = new() { DatasetId = dataset.ToString(), ContextLength = 16 },
        Student = new() { Initialisation = "random", Family = "bert", LayerCount = 1, Width = 16, Heads = 2, Dropout = 0 },
        Objective = new Dictionary<string, ObjectiveTerm> { ["labels"] = new(1) },
        Schedule = new() { Epochs = 10, BatchSize = 8, GradientAccumulation = 1, MaxUpdates = 60, ValidationIntervalSteps = 10, ValidationMaxTokens = 4096 },
        Optimiser = new() { LearningRate = 1e-2 },
        Checkpoints = new() { IntervalSteps = 20, KeepLast = 1 },
    };

    /// <summary>A BiLSTM that learns from a teacher's logits, and a little from the labels.</summary>
    public static RunOptions FromLogits(Guid teacher, Guid dataset, string name = "BiLSTM") => Labels(dataset, name) with
    {
        Teacher = new() { ModelId = teacher.ToString() },
        Student = new() { Initialisation = "random", Family = "bilstm", LayerCount = 1, Width = 16, Dropout = 0 },
        Objective = new Dictionary<string, ObjectiveTerm> { ["mse"] = new(0.9), ["labels"] = new(0.1) },
    };
}
