using System.Net;
using System.Text.Json;
using WebDistill.Distillation.Options;

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

    /// <summary>A data set of them with a model's tokenizer, uploaded.</summary>
    /// <param name="heldOut">Null holds nothing out.</param>
    public static async Task<Guid> LabelledAsync(this WebDistillApp app, Guid model, string? train = null, string? heldOut = "", string name = "Labelled")
    {
        using var form = new MultipartFormDataContent();
        foreach ((string field, string value) in new[] { ("name", name), ("task", "classes"), ("tokenizerModelId", model.ToString()), ("validationProportion", "0") })
            form.Add(new StringContent(value), field);
        form.Add(new StringContent(train ?? Csv(160)), "file", "labelled.csv");
        if (heldOut is not null)
            form.Add(new StringContent(heldOut == "" ? Csv(40, from: 160) : heldOut), "heldOut", "held-out.csv");
        using HttpResponseMessage accepted = await app.Http.PostAsync("/api/datasets", form);
        JsonElement made = await accepted.JsonAsync();
        Assert.True(accepted.StatusCode == HttpStatusCode.Accepted, made.ToString());
        JsonElement dataset = await app.PollAsync($"/api/datasets/{made.GetProperty("id").GetGuid()}", one => one.GetProperty("state").GetString() != "Preparing");
        Assert.True(dataset.GetProperty("state").GetString() == "Ready", dataset.ToString());
        return dataset.GetProperty("id").GetGuid();
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
