using System.Text.Json;
using TorchSharp.Modules;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>One update of a student that fills masked words against Hugging Face's distillation project in float64: every loss, and every gradient.</summary>
public sealed class MaskedGoldenTests
{
    private static readonly JsonElement s_index = GoldenFiles.Json("families", "losses", "index.json");

    public static TheoryData<string, string, string> Cases()
    {
        var cases = new TheoryData<string, string, string>();
        foreach (JsonElement item in Distilled())
            cases.Add(Text(item, "name"), Text(item, "batch"), Text(item, "student"));
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Step_EveryMaskedCase_GivesTheReferencesLossesAndGradients(string name, string batch, string folder)
    {
        JsonElement item = Distilled().Single(one => (Text(one, "name"), Text(one, "batch"), Text(one, "student")) == (name, batch, folder));
        using TextModel teacher = Load("teacher"), student = Load(folder);
        double[] weights = [5, 2, Number(name, "_mse"), Number(name, "_cos")];
        var options = new RunOptions
        {
            Objective = new Dictionary<string, ObjectiveTerm>
            {
                ["ce"] = new(weights[0], ("temperature", 2.0)), ["mlm"] = new(weights[1]), ["mse"] = new(weights[2]), ["cos"] = new(weights[3]),
            },
            Masking = new() { RestrictToMask = name.Contains("restrict_true", StringComparison.Ordinal) },
            // One update that is never clipped: the gradients stay where the step left them.
            Schedule = new() { Epochs = 1, WarmupProportion = 0 },
            Optimiser = new() { MaxGradientNorm = 1e30 },
        };
        using Trainer trainer = Trainers.Create(options, teacher, student, 1, () => Batch(batch), null);
        StepReport report = trainer.Step();

        const double relative = 2e-6;
        GoldenFiles.AssertNear(item.GetProperty("loss").GetDouble(), report.TotalLoss, relative, 0, "total");
        foreach ((string loss, double weight) in new[] { "ce", "mlm", "mse", "cos" }.Zip(weights).Where(term => term.Second > 0))
            GoldenFiles.AssertNear(item.GetProperty($"loss_{loss}").GetDouble(), report[loss]!.Value, relative, 0, loss);
        GoldenFiles.AssertNear(item.GetProperty("grad_l2_total").GetDouble(), report[LoopSeries.GradientNorm.Name]!.Value, 1e-5, 0, "gradient norm");
        Dictionary<string, Parameter> parameters = student.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter);
        double[] norms = item.GetProperty("grad_l2").Doubles();
        foreach ((int i, JsonElement parameter) in s_index.GetProperty("grad_param_order").GetProperty(folder).EnumerateArray().Index())
        {
            double norm = Math.Sqrt(ParameterData.ToArray(parameters[parameter.GetString()!].grad!).Sum(value => (double)value * value));
            // The bias of the keys has none in exact arithmetic.
            GoldenFiles.AssertNear(norms[i], norm, 1e-4, 1e-6 * norms.Max(), $"L2 norm of the gradient of {parameter}");
        }
    }

    private static IEnumerable<JsonElement> Distilled() =>
        s_index.GetProperty("losses").EnumerateArray().Where(item => Text(item, "name").StartsWith("hf_mlm_distil_", StringComparison.Ordinal));

    // What the weight of a loss is, as the case's name ends: "_mse0.5_cos0.0".
    private static double Number(string name, string of) =>
        double.Parse(name[(name.IndexOf(of, StringComparison.Ordinal) + of.Length)..].Split('_')[0], System.Globalization.CultureInfo.InvariantCulture);

    private static string Text(JsonElement item, string name) => item.GetProperty(name).GetString()!;

    private static TextModel Load(string folder) => ModelFiles.Load(GoldenData.Path("families", "losses", folder));

    private static TokenBatch Batch(string name)
    {
        using SafetensorsFile file = GoldenFiles.Tensors($"families/losses/batch_{name}.safetensors");
        long[] ids = file.Int64s("input_ids"), shape = [.. file.Find("input_ids")!.Shape];
        (int rows, int columns) = ((int)shape[0], (int)shape[1]);
        long[] mask = file.Find("attention_mask") is null ? [.. ids.Select(_ => 1L)] : file.Int64s("attention_mask");
        Assert.Equal(LogitLosses.NoTarget, file.Int64s("labels").Min());
        return new TokenBatch(ids, [.. mask.Chunk(columns).Select(row => (int)row.Sum())], rows, columns) { Labels = file.Int64s("labels") };
    }
}
