using System.Text.Json;
using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Models;

/// <summary>Forward passes against Hugging Face's GPT-2 in float64.</summary>
public sealed class Gpt2GoldenTests
{
    // The reference's own float32 run is off by up to 6e-6 in logits of size 10; another order of summation may double that.
    private const double Tolerance = 2e-5;

    public static TheoryData<string> ForwardCases() =>
        [.. GoldenFiles.Json("forward", "index.json").EnumerateArray().Select(item => item.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(ForwardCases))]
    public void Forward_EveryCase_MatchesTheReference(string name)
    {
        JsonElement item = Case(name);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using TextModel teacher = ModelFiles.Load(GoldenData.Path("teacher"));
        using SafetensorsFile file = GoldenFiles.Tensors(item.GetProperty("file").GetString()!);
        teacher.eval();
        Tensor ids = file.Int64Tensor("input_ids");
        int rows = (int)ids.shape[0], length = (int)ids.shape[1], heads = teacher.Architecture.Heads;
        long[]? kept = file.Find("attention_mask") is null ? null : file.Int64s("attention_mask");
        Tensor? mask = kept is null ? null : file.Int64Tensor("attention_mask");
        Tensor? positions = file.Find("position_ids") is null ? null : file.Int64Tensor("position_ids");
        // Queries at left padding have nothing to attend to: what the reference computes there depends on its version.
        bool leftPadded = kept is not null && Enumerable.Range(0, rows).Any(row => kept[row * length] == 0);
        bool Compared(int token) => !leftPadded || kept![token] != 0;

        Outputs outputs = teacher.Forward(new ModelInput(ids, mask, positions), Wants.Hidden | Wants.HiddenOfAllLayers | Wants.Attentions);
        Tensor hidden = outputs.Hidden;
        float[] logits = ParameterData.ToArray(teacher.Logits(hidden));
        int vocabulary = teacher.Architecture.VocabularySize, width = teacher.Architecture.Width;
        if (file.Find("logits_positions") is null)
        {
            GoldenFiles.AssertClose(file.Singles("logits"), logits, Tolerance, "logits", i => Compared(i / vocabulary));
        }
        else
        {
            long[] at = file.Int64s("logits_positions");
            float[] picked = [.. at.SelectMany(position => logits.Skip((int)position * vocabulary).Take(vocabulary))];
            GoldenFiles.AssertClose(file.Singles("logits"), picked, Tolerance, "logits");
        }
        for (int i = 0; file.Find($"hidden_states.{i}") is not null; i++)
            GoldenFiles.AssertClose(file.Singles($"hidden_states.{i}"), ParameterData.ToArray(outputs.Layers[i]), Tolerance,
                $"hidden_states.{i}", k => Compared(k / width));
        for (int i = 0; file.Find($"attentions.{i}") is not null; i++)
        {
            GoldenFiles.AssertClose(
                file.Singles($"attentions.{i}"), ParameterData.ToArray(outputs.Attentions[i]), Tolerance, $"attentions.{i}",
                k => Compared(k / length % length + k / (length * length * heads) * length));
        }

        // The pass that training and generation use computes attention by another operator.
        float[] fused = ParameterData.ToArray(teacher.Hidden(new ModelInput(ids, mask, positions)));
        GoldenFiles.AssertClose(ParameterData.ToArray(hidden), fused, Tolerance, "hidden states alone", k => Compared(k / width));
        AssertLogProbabilities(item, ids, logits, kept, rows, length, vocabulary);
    }

    /// <summary>Every layout of the set but the pickle, which is not read, and the logits that its description names.</summary>
    public static TheoryData<string, string> Layouts()
    {
        var cases = new TheoryData<string, string>();
        foreach (JsonProperty layout in GoldenFiles.Json("layout_variants", "index.json").EnumerateObject(
            ).Where(item => !item.Name.EndsWith(".bin")))
        {
            string description = layout.Value.GetString()!;
            cases.Add(layout.Name.TrimEnd('/'),
                System.Text.RegularExpressions.Regex.Match(description, @"logits key (\w+)").Groups[1].Value);
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Load_LayoutVariant_GivesTheReferencesLogits(string variant, string key)
    {
        using var folder = new TemporaryFolder();
        File.Copy(GoldenData.Path("layout_variants", "config.json"), folder.File("config.json"));
        string source = GoldenData.Path("layout_variants", variant);
        if (Directory.Exists(source))
        {
            foreach (string file in Directory.EnumerateFiles(source))
                File.Copy(file, folder.File(Path.GetFileName(file)));
        }
        else
        {
            File.Copy(source, folder.File("model.safetensors"));
        }

        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using TextModel model = ModelFiles.Load(folder.Path);
        using SafetensorsFile expected = GoldenFiles.Tensors("layout_variants/expected_logits.safetensors");
        model.eval();
        float[] logits = ParameterData.ToArray(model.Logits(model.forward(expected.Int64Tensor("input_ids"))));
        GoldenFiles.AssertClose(expected.Singles(key), logits, Tolerance, $"logits of {variant}");
        Assert.Equal(key.ToUpperInvariant(), ModelFiles.Inspect(folder.Path).DataType);
    }

    private static JsonElement Case(string name) =>
        GoldenFiles.Json("forward", "index.json").EnumerateArray().Single(item => item.GetProperty("name").GetString() == name);

    private static void AssertLogProbabilities(
        JsonElement item, Tensor ids, float[] logits, long[]? kept, int rows, int length, int vocabulary)
    {
        long[] tokens = ids.cpu().data<long>().ToArray();
        double[] sums = item.GetProperty("sum_logprob").Doubles();
        for (int row = 0; row < rows; row++)
        {
            double sum = 0;
            for (int t = 0; t + 1 < length; t++)
            {
                int here = row * length + t;
                if (kept is not null && (kept[here] == 0 || kept[here + 1] == 0))
                    continue;
                ReadOnlySpan<float> row1 = logits.AsSpan(here * vocabulary, vocabulary);
                double maximum = double.NegativeInfinity, normaliser = 0;
                foreach (float logit in row1)
                    maximum = Math.Max(maximum, logit);
                foreach (float logit in row1)
                    normaliser += Math.Exp(logit - maximum);
                sum += row1[(int)tokens[here + 1]] - maximum - Math.Log(normaliser);
            }
            GoldenFiles.AssertNear(sums[row], sum, 0, 1e-5 * length, $"log-probability of row {row}");
        }
    }
}
