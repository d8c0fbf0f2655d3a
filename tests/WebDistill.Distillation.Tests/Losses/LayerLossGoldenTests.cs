using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;
using Architecture = WebDistill.Distillation.Models.Architecture;

namespace WebDistill.Distillation.Tests.Losses;

/// <summary>The losses between layers on real models against the code of others in float64: every case of golden/families/losses that is one of theirs, whatever the models' sizes.</summary>
public sealed partial class LayerLossGoldenTests
{
    public static TheoryData<string, string, string> Cases()
    {
        var rows = new TheoryData<string, string, string>();
        foreach (JsonElement record in Records())
        {
            (string name, string batch, string student) = (Text(record, "name"), Text(record, "batch"), Text(record, "student"));
            // Set to 0 and averaged over, or read off behind the softmax: not what these losses are.
            bool isAnother = name is "tinybert_att_probs" or "minilmv1_attention_masked" || name == "tinybert_att_scores" && batch == "padded";
            if (Loss(name) is not null && !isAnother)
                rows.Add(name, batch, student);
        }
        return rows;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Golden_EveryCase_ValueAndGradientNorms(string name, string batchName, string studentName)
    {
        JsonElement record = Records().Single(one => Text(one, "name") == name && Text(one, "batch") == batchName && Text(one, "student") == studentName);
        using DisposeScope scope = NewDisposeScope();
        using TextModel teacher = Load("teacher"), student = Load(studentName);
        WholeLoss loss = Loss(name)!;
        RunOptions options = new() { Objective = new Dictionary<string, ObjectiveTerm> { [loss.Name] = Term(name, record) } };
        Architecture ofStudent = student.Architecture, ofTeacher = teacher.Architecture;
        Assert.Null(loss.Mismatch(options, ofStudent, ofTeacher));
        AssertPairs(name, record, ofStudent.Layers, ofTeacher.Layers);

        using var file = GoldenFiles.Tensors($"families/losses/batch_{batchName}.safetensors");
        Tensor ids = file.Int64Tensor("input_ids"), real = file.Find("attention_mask") is null ? ones_like(ids) : file.Int64Tensor("attention_mask");
        var input = new ModelInput(ids, real);
        Outputs s = student.Forward(input, loss.OfStudent | Wants.Hidden), t;
        using (no_grad())
            t = teacher.Forward(input, loss.OfTeacher | Wants.Hidden);

        using WholeLossModule module = loss.Bind(options, ofStudent, ofTeacher);
        Assert.Equal(loss.ParameterCount(options, ofStudent, ofTeacher), module.parameters().Sum(parameter => parameter.numel()));
        using var projection = GoldenFiles.Tensors("families/losses/projection.safetensors");
        foreach ((string parameter, Parameter tensor) in module.named_parameters())
            ParameterData.Write(tensor, values => projection.Singles(parameter.Split('.')[^1]).CopyTo(values));

        // Those that are not masked count padding like tokens; [CLS] is none.
        bool countsPadding = !name.EndsWith("_masked", StringComparison.Ordinal) && !name.StartsWith("pkd", StringComparison.Ordinal);
        Tensor isToken = countsPadding ? ones_like(real).to(ScalarType.Bool) : real.ne(0);
        long[] lengths = isToken.sum(1).cpu().data<long>().ToArray();
        var counts = new LossCounts(lengths.Sum(), 0, lengths.Length, lengths.Sum(length => length * length));
        Tensor mean = module.Sum(s, t, new WholeBatch(ids, isToken)) / loss.Divisor(counts, loss.ParametersIn(options), ofStudent.VocabularySize);
        GoldenFiles.AssertNear(record.GetProperty("loss").GetDouble(), mean.cpu().item<float>(), 1e-6, 1e-6, name);

        mean.backward();
        Dictionary<string, Parameter> parameters = student.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter);
        string[] order = [.. Index().GetProperty("grad_param_order").GetProperty(studentName).EnumerateArray().Select(parameter => parameter.GetString()!)];
        double[] expected = record.GetProperty("grad_l2").Doubles();
        Assert.Equal(order.Length, expected.Length);
        double total = record.GetProperty("grad_l2_total").GetDouble();
        foreach ((string parameter, double norm) in order.Zip(expected))
        {
            double found = parameters[parameter].grad is Tensor gradient ? Math.Sqrt(ParameterData.ToArray(gradient).Sum(value => (double)value * value)) : 0;
            GoldenFiles.AssertNear(norm, found, 1e-5, 1e-6 * Math.Max(1, total), $"{name}: L2 norm of the gradient of {parameter}");
        }
    }

    private static WholeLoss? Loss(string name) => name.StartsWith("pkd", StringComparison.Ordinal) ? new PatientLayers()
        : name.StartsWith("tinybert_hidden", StringComparison.Ordinal) ? new LayerStates()
        : name.StartsWith("tinybert_att_scores", StringComparison.Ordinal) ? new AttentionScores()
        : name.StartsWith("minilmv2", StringComparison.Ordinal) ? new AttentionRelations() : null;

    private static ObjectiveTerm Term(string name, JsonElement record)
    {
        if (name.StartsWith("tinybert", StringComparison.Ordinal))
            return new(1);
        string[] parts = name.Split('_');
        if (parts[0] == "minilmv2")
        {
            double Weight(string kind) => parts[1] == kind || parts[1] == "qkv" ? 1 : 0;
            return new(1, ("relationHeads", Index().GetProperty("relation_heads").GetInt32()), ("queries", Weight("query")), ("keys", Weight("key")), ("values", Weight("value")));
        }
        (string, object)[] said = [("vectors", nameof(PatientVectors.FirstToken)),
            ("reduction", parts[^1] == "mean" ? nameof(PatientReduction.PerElement) : nameof(PatientReduction.Summed))];
        // The last layer as well: a list has one for each.
        (string, object) layers = parts.Contains("all") ? ("teacherLayers", Pairs(record).Select(pair => pair.Teacher - 1).ToArray())
            : ("mapping", parts[1] == "last" ? nameof(LayerMapping.Last) : nameof(LayerMapping.Skip));
        return new(1, [.. said, layers]);
    }

    /// <summary>The layers that the reference paired are those that the map gives.</summary>
    private static void AssertPairs(string name, JsonElement record, int studentLayers, int teacherLayers)
    {
        if (name.StartsWith("minilmv2", StringComparison.Ordinal) || name.Contains("masked", StringComparison.Ordinal))
            return;
        bool isPatient = name.StartsWith("pkd", StringComparison.Ordinal);
        IReadOnlyList<LayerPair> map = LayerMap.Pairs(name.Contains("last", StringComparison.Ordinal) ? LayerMapping.Last : LayerMapping.Skip, null, studentLayers, teacherLayers,
            leavesLast: isPatient && !name.Contains("all", StringComparison.Ordinal));
        // Blocks are counted from 0 there.
        LayerPair[] expected = [.. Pairs(record).Select(pair => name.Contains("att", StringComparison.Ordinal) ? new LayerPair(pair.Student + 1, pair.Teacher + 1) : pair)];
        Assert.Equal(expected, isPatient || name.Contains("att", StringComparison.Ordinal) ? map : [new LayerPair(0, 0), .. map]);
    }

    private static IReadOnlyList<LayerPair> Pairs(JsonElement record) => [.. PairPattern().Matches(Text(record, "definition")).Select(match => new LayerPair(
        int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture)))];

    private static TextModel Load(string folder)
    {
        TextModel model = ModelFiles.Load(GoldenData.Path("families", "losses", folder));
        model.eval();
        return model;
    }

    private static JsonElement Index() => GoldenFiles.Json("families", "losses", "index.json");

    private static IEnumerable<JsonElement> Records() => Index().GetProperty("losses").EnumerateArray();

    private static string Text(JsonElement record, string name) => record.GetProperty(name).GetString()!;

    [GeneratedRegex(@"\((\d+), (\d+)\)")]
    private static partial Regex PairPattern();
}
