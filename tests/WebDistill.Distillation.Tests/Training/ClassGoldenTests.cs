using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Recurrent;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Training;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>One update of a run over classes against numbers of other hands: every family with a head for them, a BiLSTM, and softened targets.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class ClassGoldenTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Families => [.. ModelFamilies.All.OfType<EncoderFamily>().Select(family => family.Name)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Families))]
    public void Golden_LabelsOfPaddedTexts_GiveTheReferencesLossAndGradients(string family)
    {
        JsonElement item = GoldenFiles.Json("families", family, "index.json").GetProperty("models").EnumerateArray().Single(model => model.GetProperty("dir").GetString() == "cls")
            .GetProperty("cases").EnumerateArray().Single(one => one.GetProperty("name").GetString() == "padded");
        using SafetensorsFile file = GoldenFiles.Tensors($"families/{family}/{item.GetProperty("file").GetString()}");
        using TextModel student = ModelFiles.Load(GoldenData.Path("families", family, "cls"));
        Step(item, student, Batch(file), teacher: null, new Dictionary<string, ObjectiveTerm> { ["labels"] = new(1) }, "labels");
    }

    [Theory]
    [InlineData("packed")]
    [InlineData("no_padding")]
    [InlineData("logit_mse")]
    public void Golden_BiLstm_GivesTheReferencesLossAndGradients(string name)
    {
        JsonElement item = GoldenFiles.Json("families", "lstm", "index.json").GetProperty("cases").EnumerateArray().Single(one => one.GetProperty("name").GetString() == name);
        using SafetensorsFile file = GoldenFiles.Tensors($"families/lstm/{item.GetProperty("file").GetString()}");
        using TextModel student = BiLstm();
        using Tensor? taught = file.Find("teacher_logits") is SafetensorsEntry entry
            ? tensor(file.Singles("teacher_logits"), [.. entry.Shape], device: Distillation.Engine.Device.Default) : null;
        using Teacher? teacher = taught is null ? null : new GivenLogits(student.Architecture, taught);
        Step(item, student, Batch(file), teacher, taught is null ? new Dictionary<string, ObjectiveTerm> { ["labels"] = new(1) }
            : new Dictionary<string, ObjectiveTerm> { ["mse"] = new(1, ("reduction", nameof(MseReduction.PerElement))) }, taught is null ? "labels" : "mse");
    }

    /// <summary>The two and three classes of Hinton's loss, told by a student whose logits are its last bias.</summary>
    [Theory]
    [InlineData(new[] { 1.3862943611198906, 0 }, new double[] { 0, 0 }, "ce", 1, 0.192745, -0.3)]
    [InlineData(new[] { 1.3862943611198906, 0 }, new double[] { 0, 0 }, "ce", 2, 0.226532, -1.0 / 3)]
    [InlineData(new[] { 1.3862943611198906, 0 }, new double[] { 0, 0 }, "ce", 10, 0.239651, null)]
    [InlineData(new[] { 1.3862943611198906, 0 }, new double[] { 0, 0 }, "centred", 1, 0.240227, -0.346574)]
    [InlineData(new double[] { 2, 0, -1 }, new[] { 1, 0.5, 0 }, "ce", 1, 0.255111, null)]
    [InlineData(new double[] { 2, 0, -1 }, new[] { 1, 0.5, 0 }, "ce", 2, 0.365228, null)]
    [InlineData(new double[] { 2, 0, -1 }, new[] { 1, 0.5, 0 }, "ce", 20, 0.368614, null)]
    [InlineData(new double[] { 2, 0, -1 }, new[] { 1, 0.5, 0 }, "centred", 1, 0.361111, null)]
    public void Golden_SoftTargetsOfClasses_AreMeansOverTexts(double[] teacher, double[] student, string loss, double temperature, double value, double? gradient)
    {
        var config = new BiLstmConfig { VocabSize = 5, EmbeddingDim = 2, HiddenSize = 2, NumLayers = 1, Classes = new ClassHead([.. teacher.Select((_, i) => $"{i}")], ProblemType.SingleLabel) };
        using TextModel model = TextModel.CreateRandom(config, 1);
        Dictionary<string, Parameter> parameters = model.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter);
        ParameterData.Write(parameters["fc.weight"], values => values.Clear());
        ParameterData.Write(parameters["fc.bias"], values => student.Select(z => (float)z).ToArray().CopyTo(values));
        // Three texts of unlike lengths: were it a mean over tokens, it would be another one.
        var batch = new TokenBatch([1, 2, 3, 1, 0, 0, 2, 3, 0], [3, 1, 2], 3, 3) { Classes = [0, 1, 0] };
        using Tensor taught = tensor([.. Enumerable.Repeat(teacher, 3).SelectMany(row => row).Select(z => (float)z)], [3, teacher.Length], device: Distillation.Engine.Device.Default);
        using var given = new GivenLogits(config, taught);
        using Trainer trainer = Trainers.CreateWith(Options(new Dictionary<string, ObjectiveTerm> { [loss] = loss == "ce" ? new(1, ("temperature", temperature)) : new(1) }), given, model, batch);
        StepReport report = trainer.Step();
        Assert.Equal(value, report[loss]!.Value, 1e-6);
        if (gradient is double first)
            Assert.Equal(first, ParameterData.ToArray(parameters["fc.bias"].grad!)[0], 1e-6);
    }

    private static void Step(JsonElement item, TextModel student, TokenBatch batch, Teacher? teacher, Dictionary<string, ObjectiveTerm> objective, string loss)
    {
        RunOptions options = Options(objective);
        using Trainer trainer = teacher is null ? Trainers.Create(options, null, student, 1, () => batch, null) : Trainers.CreateWith(options, teacher, student, batch);
        StepReport report = trainer.Step();
        GoldenFiles.AssertNear(item.GetProperty("loss").GetDouble(), report[loss]!.Value, 2e-6, 0, loss);
        Dictionary<string, Parameter> parameters = student.named_parameters().ToDictionary(pair => student.Architecture.Family.StoredName(pair.name), pair => pair.parameter);
        double[] norms = [.. item.GetProperty("grad_l2").EnumerateObject().Select(entry => entry.Value.GetDouble())];
        foreach (JsonProperty expected in item.GetProperty("grad_l2").EnumerateObject())
        {
            double norm = parameters[expected.Name].grad is Tensor grad ? Math.Sqrt(ParameterData.ToArray(grad).Sum(value => (double)value * value)) : 0;
            // The bias of the keys has none in exact arithmetic.
            GoldenFiles.AssertNear(expected.Value.GetDouble(), norm, 1e-4, 1e-6 * norms.Max(), $"L2 norm of the gradient of {expected.Name}");
        }
    }

    // One update that is never clipped: the gradients stay where the step left them.
    private static RunOptions Options(Dictionary<string, ObjectiveTerm> objective) => new()
    {
        Objective = objective, Schedule = new() { Epochs = 1, WarmupProportion = 0 }, Optimiser = new() { MaxGradientNorm = 1e30 },
    };

    private static TokenBatch Batch(SafetensorsFile file)
    {
        long[] ids = file.Int64s("input_ids"), shape = [.. file.Find("input_ids")!.Shape];
        (int rows, int columns) = ((int)shape[0], (int)shape[1]);
        int[] lengths = file.Find("lengths") is not null ? [.. file.Int64s("lengths").Select(length => (int)length)]
            : file.Find("attention_mask") is null ? [.. Enumerable.Repeat(columns, rows)] : [.. file.Int64s("attention_mask").Chunk(columns).Select(row => (int)row.Sum())];
        return new TokenBatch(ids, lengths, rows, columns)
        {
            Classes = file.Find("labels") is null ? new long[rows] : file.Int64s("labels"), TokenTypeIds = file.Find("token_type_ids") is null ? null : file.Int64s("token_type_ids"),
        };
    }

    private TextModel BiLstm()
    {
        JsonObject config = JsonNode.Parse(File.ReadAllText(GoldenData.Path("families", "lstm", "config.json")))!.AsObject();
        config["model_type"] = BiLstmFamily.Instance.Name;
        _folder.Write("config.json", config.ToJsonString());
        _folder.Write(ModelFiles.WeightsFileName, File.ReadAllBytes(GoldenData.Path("families", "lstm", ModelFiles.WeightsFileName)));
        return ModelFiles.Load(_folder.Path);
    }

    /// <summary>Says what it was given to say, text by text.</summary>
    private sealed class GivenLogits(Architecture architecture, Tensor logits) : Teacher
    {
        public override Architecture Architecture => architecture;

        public override Wants Offers => Wants.Logits;

        public override TextModel? Model => null;

        internal override Precision Precision
        {
            set
            {
            }
        }

        internal override TeacherAnswer Answer(ModelInput input, long[] rows, long[]? targets, Wants wants, bool isByRows) => new(new Rows(logits), null, null);

        public override void Dispose()
        {
        }

        private sealed class Rows(Tensor all) : RowLogits
        {
            public override long VocabularySize => all.shape[1];

            public override void Write(long start, Tensor into, double temperature) => into.copy_(all.narrow(0, start, into.shape[0]));

            public override Tensor Of(long start, long count, Precision precision, double temperature) => all.narrow(0, start, count);
        }
    }
}
