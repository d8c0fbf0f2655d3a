using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Recurrent;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Models;

/// <summary>
/// A bidirectional LSTM against PyTorch's in float64, every case of families/lstm: states, last states, logits, and the gradient of every weight. The losses are those of the catalogue, whose
/// rows are texts here.
/// </summary>
public sealed class BiLstmGoldenTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Cases => [.. Index.GetProperty("cases").EnumerateArray().Select(item => item.GetProperty("name").GetString()!)];

    private static JsonElement Index => GoldenFiles.Json("families", "lstm", "index.json");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void Golden_ForwardAndGradients_AreTheReferences(string name)
    {
        JsonElement item = Index.GetProperty("cases").EnumerateArray().Single(known => known.GetProperty("name").GetString() == name);
        using SafetensorsFile file = GoldenFiles.Tensors($"families/lstm/{item.GetProperty("file").GetString()}");
        using DisposeScope scope = NewDisposeScope();
        using TextModel model = Load();
        model.train();
        Tensor ids = file.Int64Tensor("input_ids");
        // What is not packed runs over its padding as over tokens.
        bool isPacked = file.Find("lengths") is not null && name != "unpacked_padded";
        Tensor? mask = isPacked ? arange(ids.shape[1], device: ids.device).unsqueeze(0).lt(file.Int64Tensor("lengths").unsqueeze(1)).to(ScalarType.Int64) : null;
        Outputs outputs = model.Forward(new ModelInput(ids, mask), Wants.Hidden | Wants.Pooled);
        Tensor logits = model.ClassLogits(outputs.Pooled!);
        double tolerance = Index.GetProperty("suggested_abs_tol").GetDouble() / 10;
        GoldenFiles.AssertClose(file.Singles("output"), ParameterData.ToArray(outputs.Hidden), tolerance, "output");
        GoldenFiles.AssertClose(file.Singles("logits"), ParameterData.ToArray(logits), tolerance, "logits");
        float[] last = file.Singles("h_n"), pooled = ParameterData.ToArray(outputs.Pooled!);
        int rows = (int)ids.shape[0], width = model.Architecture.Width / 2, directions = 2 * model.Architecture.Layers;
        for (int row = 0; row < rows; row++)
        {
            for (int direction = 0; direction < 2; direction++)
                GoldenFiles.AssertClose(last.AsSpan((((directions - 2 + direction) * rows) + row) * width, width), pooled.AsSpan((row * 2 + direction) * width, width), tolerance, $"h_n of row {row}");
        }

        Tensor loss = file.Find("teacher_logits") is SafetensorsEntry teacher
            ? new LogitsSquaredError().Sum(new LossRows { StudentLogits = logits, TeacherLogits = tensor(file.Singles("teacher_logits"), teacher.Shape.ToArray(), device: logits.device) }, null)
                / new LogitsSquaredError().Divisor(new LossCounts(rows, 0, rows, rows), new LogitsSquaredError.Divided { Reduction = MseReduction.PerElement }, (int)logits.shape[1])
            : new CausalLanguageModel().Sum(new LossRows { StudentLogits = logits, Targets = file.Int64Tensor("labels") }, null) / new CausalLanguageModel().Divisor(new LossCounts(rows, rows, rows, rows), null, 3);
        GoldenFiles.AssertNear(item.GetProperty("loss").GetDouble(), loss.item<float>(), 1e-6, 1e-6, "loss");
        loss.backward();
        BackwardResults.End();
        Dictionary<string, Parameter> parameters = model.named_parameters().ToDictionary(pair => model.Architecture.Family.StoredName(pair.name), pair => pair.parameter);
        Assert.Equal(item.GetProperty("grad_l2").EnumerateObject().Select(entry => entry.Name).Order(StringComparer.Ordinal), parameters.Keys.Order(StringComparer.Ordinal));
        foreach (JsonProperty expected in item.GetProperty("grad_l2").EnumerateObject())
            GoldenFiles.AssertNear(expected.Value.GetDouble(), Math.Sqrt(ParameterData.ToArray(parameters[expected.Name].grad!).Sum(value => (double)value * value)), 1e-5, 1e-6,
                $"L2 norm of the gradient of {expected.Name}");
        foreach (string tensor in file.Tensors.Select(tensor => tensor.Name).Where(tensor => tensor.StartsWith("grad.", StringComparison.Ordinal)))
            GoldenFiles.AssertClose(file.Singles(tensor), ParameterData.ToArray(parameters[tensor["grad.".Length..]].grad!), 1e-6, tensor);
    }

    [Fact]
    public void Golden_WhatWasLoaded_IsSavedWithTheTensorsAndFieldsOfTheFile()
    {
        using TextModel model = Load();
        ModelFiles.Save(model, _folder.File("saved"), WebDistill.Distillation.Files.FileLayer.Disk);
        using SafetensorsFile expected = SafetensorsFile.Open(_folder.File(ModelFiles.WeightsFileName)), actual = SafetensorsFile.Open(Path.Combine(_folder.File("saved"), ModelFiles.WeightsFileName));
        Assert.Equal(expected.Tensors.Select(tensor => $"{tensor.Name} {tensor}").Order(StringComparer.Ordinal), actual.Tensors.Select(tensor => $"{tensor.Name} {tensor}").Order(StringComparer.Ordinal));
        Assert.All(expected.Tensors, tensor => Assert.True(expected.Bytes(tensor.Name).SequenceEqual(actual.Bytes(tensor.Name)), tensor.Name));
        JsonObject written = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder.File("saved"), "config.json")))!.AsObject();
        foreach (string field in new[] { "vocab_size", "embedding_dim", "hidden_size", "num_layers", "bidirectional" })
            Assert.True(JsonNode.DeepEquals(JsonNode.Parse(GoldenFiles.Json("families", "lstm", "config.json").GetProperty(field).GetRawText()), written[field]), field);
    }

    /// <summary>The files of the reference, whose config.json names no family.</summary>
    private TextModel Load()
    {
        JsonObject config = JsonNode.Parse(File.ReadAllText(GoldenData.Path("families", "lstm", "config.json")))!.AsObject();
        config["model_type"] = BiLstmFamily.Instance.Name;
        _folder.Write("config.json", config.ToJsonString());
        _folder.Write(ModelFiles.WeightsFileName, File.ReadAllBytes(GoldenData.Path("families", "lstm", ModelFiles.WeightsFileName)));
        return ModelFiles.Load(_folder.Path);
    }
}
