using System.Text.Json;
using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Models;

/// <summary>
/// Models that read a text from both sides against Hugging Face's in float64: every case of every model of golden/families, whatever their sizes.
/// </summary>
public sealed class EncoderGoldenTests
{
    private const string HubWeights = "hub.safetensors";

    private static readonly string[] s_families = [.. ModelFamilies.All.OfType<EncoderFamily>().Select(family => family.Name)];

    public static TheoryData<string, string, string> Cases() => Rows((family, model, item) => (family, model, item.GetProperty("name").GetString()!));

    public static TheoryData<string, string, string> CasesWithGradients() =>
        Rows((family, model, item) => item.TryGetProperty("grad_l2", out _) ? (family, model, item.GetProperty("name").GetString()!) : null);

    public static TheoryData<string, string> Models()
    {
        var rows = new TheoryData<string, string>();
        foreach (string family in s_families)
        {
            foreach (JsonElement model in ModelsOf(family))
                rows.Add(family, model.GetProperty("dir").GetString()!);
        }
        return rows;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Forward_EveryCase_MatchesTheReference(string family, string folder, string name)
    {
        using var golden = new GoldenCase(family, folder, name);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using var model = (Encoder)ModelFiles.Load(GoldenData.Path("families", family, folder));
        model.eval();
        golden.AssertMatches(model);
    }

    [Theory]
    [MemberData(nameof(CasesWithGradients))]
    public void Gradients_EveryParameter_AreTheReferences(string family, string folder, string name)
    {
        using var golden = new GoldenCase(family, folder, name);
        using DisposeScope scope = NewDisposeScope();
        using var model = (Encoder)ModelFiles.Load(GoldenData.Path("families", family, folder));
        model.train();
        Outputs outputs = model.Forward(golden.Input, Wants.Hidden | Wants.Pooled);
        using Tensor loss = golden.Loss(model, outputs);
        loss.backward();

        JsonElement item = golden.Item;
        double tolerance = Math.Max(1e-5, 20 * item.GetProperty("grad_hf_float32_max_abs_err").GetDouble());
        Dictionary<string, Parameter> parameters = model.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter);
        Assert.Equal(parameters.Keys.Order(StringComparer.Ordinal), item.GetProperty("grad_l2").EnumerateObject().Select(entry => entry.Name).Order(StringComparer.Ordinal));
        double all = 0;
        foreach (JsonProperty expected in item.GetProperty("grad_l2").EnumerateObject())
        {
            double squares = ParameterData.ToArray(parameters[expected.Name].grad!).Sum(value => (double)value * value);
            all += squares;
            // The bias of the keys has none in exact arithmetic.
            GoldenFiles.AssertNear(expected.Value.GetDouble(), Math.Sqrt(squares), 1e-5, tolerance, $"L2 norm of the gradient of {expected.Name}");
        }
        GoldenFiles.AssertNear(item.GetProperty("grad_l2_total").GetDouble(), Math.Sqrt(all), 1e-5, 1e-6, "L2 norm of all gradients");
        foreach (string tensor in golden.Tensors.Where(tensor => tensor.StartsWith("grad.", StringComparison.Ordinal)))
            GoldenFiles.AssertClose(golden.File.Singles(tensor), ParameterData.ToArray(parameters[tensor["grad.".Length..]].grad!), tolerance, tensor);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Save_WhatWasLoaded_HasTheTensorsAndFieldsOfTheFile(string family, string folder)
    {
        using var saved = new TemporaryFolder();
        string original = GoldenData.Path("families", family, folder);
        using (TextModel model = ModelFiles.Load(original))
            ModelFiles.Save(model, saved.Path, WebDistill.Distillation.Files.FileLayer.Disk);
        AssertSameTensors(Path.Combine(original, ModelFiles.WeightsFileName), saved.File(ModelFiles.WeightsFileName));
        Assert.Equal(Architecture.Load(Path.Combine(original, "config.json")), Architecture.Load(saved.File("config.json")));
        JsonElement index = ModelsOf(family).Single(model => model.GetProperty("dir").GetString() == folder);
        JsonElement written = JsonDocument.Parse(File.ReadAllText(saved.File("config.json"))).RootElement;
        Assert.Equal(index.GetProperty("architecture").GetString(), written.GetProperty("architectures")[0].GetString());
        // Every field that the reference writes and that says anything of the computation says the same here.
        string[] saysNothing = ["transformers_version", "qa_dropout", "use_cache"];
        foreach (JsonProperty field in JsonDocument.Parse(File.ReadAllText(Path.Combine(original, "config.json"))).RootElement.EnumerateObject())
        {
            if (!saysNothing.Contains(field.Name))
                Assert.True(JsonElement.DeepEquals(field.Value, written.GetProperty(field.Name)), $"{field.Name} is {written.GetProperty(field.Name)}, expected {field.Value}.");
        }
    }

    /// <summary>Other layouts of the same weights: what Hugging Face's first checkpoints had, and a tied decoder that is stored or is not.</summary>
    [Fact]
    public void Load_FirstPublishedLayout_IsTheSameModel()
    {
        foreach ((string family, string folder) in s_families.SelectMany(family => ModelsOf(family).Select(model => (family, model.GetProperty("dir").GetString()!)))
            .Where(pair => File.Exists(GoldenData.Path("families", pair.family, pair.Item2, HubWeights))))
        {
            string original = GoldenData.Path("families", family, folder);
            using var hub = new TemporaryFolder();
            File.Copy(Path.Combine(original, "config.json"), hub.File("config.json"));
            File.Copy(Path.Combine(original, HubWeights), hub.File(ModelFiles.WeightsFileName));
            using DisposeScope scope = NewDisposeScope();
            using IDisposable noGradient = no_grad();
            using var model = (Encoder)ModelFiles.Load(hub.Path);
            model.eval();
            foreach (JsonElement item in ModelsOf(family).Single(entry => entry.GetProperty("dir").GetString() == folder).GetProperty("cases").EnumerateArray())
            {
                using var golden = new GoldenCase(family, folder, item.GetProperty("name").GetString()!);
                golden.AssertMatches(model);
            }
            // Written again it is in the layout of today.
            using var saved = new TemporaryFolder();
            ModelFiles.Save(model, saved.Path, WebDistill.Distillation.Files.FileLayer.Disk);
            AssertSameTensors(Path.Combine(original, ModelFiles.WeightsFileName), saved.File(ModelFiles.WeightsFileName));
        }
    }

    private static void AssertSameTensors(string expectedPath, string actualPath)
    {
        using SafetensorsFile expected = SafetensorsFile.Open(expectedPath), actual = SafetensorsFile.Open(actualPath);
        Assert.Equal(expected.Tensors.Select(tensor => $"{tensor.Name} {tensor}").Order(StringComparer.Ordinal), actual.Tensors.Select(tensor => $"{tensor.Name} {tensor}").Order(StringComparer.Ordinal));
        Assert.All(expected.Tensors, tensor => Assert.True(expected.Bytes(tensor.Name).SequenceEqual(actual.Bytes(tensor.Name)), tensor.Name));
    }

    private static JsonElement[] ModelsOf(string family) => [.. GoldenFiles.Json("families", family, "index.json").GetProperty("models").EnumerateArray()];

    private static TheoryData<string, string, string> Rows(Func<string, string, JsonElement, (string, string, string)?> row)
    {
        var rows = new TheoryData<string, string, string>();
        foreach (string family in s_families)
        {
            foreach (JsonElement model in ModelsOf(family))
            {
                foreach (JsonElement item in model.GetProperty("cases").EnumerateArray())
                {
                    if (row(family, model.GetProperty("dir").GetString()!, item) is var (first, second, third))
                        rows.Add(first, second, third);
                }
            }
        }
        return rows;
    }

    /// <summary>One case: what goes in, and what must come out.</summary>
    private sealed class GoldenCase : IDisposable
    {
        public GoldenCase(string family, string folder, string name)
        {
            Item = ModelsOf(family).Single(model => model.GetProperty("dir").GetString() == folder).GetProperty("cases").EnumerateArray()
                .Single(item => item.GetProperty("name").GetString() == name);
            File = GoldenFiles.Tensors($"families/{family}/{Item.GetProperty("file").GetString()}");
        }

        public JsonElement Item { get; }

        public SafetensorsFile File { get; }

        public IEnumerable<string> Tensors => File.Tensors.Select(tensor => tensor.Name);

        public ModelInput Input => new(File.Int64Tensor("input_ids"), Optional("attention_mask"), Optional("position_ids"), Optional("token_type_ids"));

        /// <summary>Hidden states, attentions, logits, pooled vectors and loss, by either way through attention.</summary>
        public void AssertMatches(Encoder model)
        {
            long[] shape = Input.Ids.shape;
            int length = (int)shape[1], heads = model.Architecture.Heads, width = model.Architecture.Width, vocabulary = model.Architecture.VocabularySize;
            // Queries at padding have the reference's own constant for a mask to look at.
            long[]? kept = File.Find("attention_mask") is null ? null : File.Int64s("attention_mask");
            bool Compared(int token) => kept is null || kept[token] != 0;
            JsonElement tolerances = Item.GetProperty("suggested_abs_tol");
            double ofHidden = tolerances.GetProperty("hidden_states").GetDouble(), ofLogits = tolerances.GetProperty("logits").GetDouble();

            bool pools = model.Architecture.Head != ModelHead.MaskedToken;
            Wants wants = Wants.Hidden | (pools ? Wants.Pooled : Wants.None);
            Outputs composed = model.Forward(Input, wants | Wants.HiddenOfAllLayers | Wants.Attentions), fused = model.Forward(Input, wants);
            Assert.Equal((model.Architecture.Layers + 1, model.Architecture.Layers), (composed.Layers.Count, composed.Attentions.Count));
            for (int i = 0; File.Find($"hidden_states.{i}") is not null; i++)
                Close($"hidden_states.{i}", composed.Layers[i], ofHidden, k => Compared(k / width));
            for (int i = 0; File.Find($"attentions.{i}") is not null; i++)
                Close($"attentions.{i}", composed.Attentions[i], ofHidden, k => Compared(k / length % length + k / (length * length * heads) * length));
            foreach (Outputs outputs in new[] { composed, fused })
            {
                if (File.Find("last_hidden_state") is not null)
                    Close("last_hidden_state", outputs.Hidden, ofHidden, k => Compared(k / width));
                if (File.Find("pooler_output") is not null)
                    Close("pooler_output", outputs.Pooled!, ofHidden, null);
                if (File.Find("logits") is not null)
                    Close("logits", Logits(model, outputs), ofLogits, pools ? null : k => Compared(k / vocabulary));
                if (Item.TryGetProperty("loss", out JsonElement loss))
                    GoldenFiles.AssertNear(loss.GetDouble(), Loss(model, outputs).item<float>(), 1e-6, ofLogits, "loss");
            }
            Assert.True(File.Find("logits") is not null || File.Find("last_hidden_state") is not null, "The case says nothing of what comes out.");
        }

        /// <summary>The mean over what has a label, as the labels' type and shape say which it is.</summary>
        public Tensor Loss(Encoder model, Outputs outputs)
        {
            Tensor logits = Logits(model, outputs);
            SafetensorsEntry labels = File.Find("labels")!;
            if (labels.Type != SafetensorsType.F32)
                return nn.functional.cross_entropy(logits.reshape(-1, logits.shape[^1]), File.Int64Tensor("labels").reshape(-1), ignore_index: -100);
            Tensor expected = tensor(File.Singles("labels"), labels.Shape.ToArray(), device: logits.device);
            return labels.Shape.Count == 1
                ? nn.functional.mse_loss(logits.reshape(-1), expected)
                : nn.functional.binary_cross_entropy_with_logits(logits, expected);
        }

        public void Dispose() => File.Dispose();

        private static Tensor Logits(Encoder model, Outputs outputs) =>
            model.Architecture.Head == ModelHead.Classes ? model.ClassLogits(outputs.Pooled!) : model.Logits(outputs.Hidden);

        private Tensor? Optional(string name) => File.Find(name) is null ? null : File.Int64Tensor(name);

        private void Close(string name, Tensor actual, double tolerance, Func<int, bool>? where) =>
            GoldenFiles.AssertClose(File.Singles(name), ParameterData.ToArray(actual), tolerance, name, where);
    }
}
