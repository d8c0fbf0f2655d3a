using System.Text.Json;
using TorchSharp;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Generation;

/// <summary>Greedy continuation against Hugging Face's generate().</summary>
public sealed class TextGeneratorGoldenTests
{
    [Fact]
    public void Generate_GreedyPrompts_GivesTheReferencesTokens()
    {
        JsonElement golden = GoldenFiles.Json("generate_greedy.json");
        using TextModel model = Load(golden);
        var generator = new TextGenerator(model);
        var options = new GenerationOptions { Greedy = true, MaxNewTokens = golden.GetProperty("max_new_tokens").GetInt32(
            ), StopAtEndOfText = false };
        foreach (JsonElement item in golden.GetProperty("cases").EnumerateArray())
        {
            Assert.Equal(item.GetProperty("generated").Ids(
                ), generator.Generate(item.GetProperty("prompt").Ids(), options).Select(token => token.Id));
            Assert.Equal(StopReason.MaxNewTokens, generator.StopReason);
        }
    }

    [Fact]
    public void Generate_EndOfTextId_StopsThereAndYieldsIt()
    {
        JsonElement golden = GoldenFiles.Json("generate_greedy.json"), item = golden.GetProperty("eos_stop");
        using var folder = new TemporaryFolder();
        string source = Path.GetDirectoryName(GoldenData.Path(golden.GetProperty("model").GetString()!.Split('/')))!;
        File.Copy(Path.Combine(source, "model.safetensors"), folder.File("model.safetensors"));
        var stored = (Gpt2Config)Architecture.Load(Path.Combine(source, "config.json"));
        Gpt2Config config = stored with { EosTokenId = item.GetProperty("eos_token_id").GetInt32() };
        File.WriteAllText(folder.File("config.json"), config.ToJson());
        using TextModel model = ModelFiles.Load(folder.Path);
        var generator = new TextGenerator(model);
        var options = new GenerationOptions { Greedy = true, MaxNewTokens = golden.GetProperty("max_new_tokens").GetInt32() };
        Assert.Equal(item.GetProperty("generated_including_eos").Ids(
            ), generator.Generate(item.GetProperty("prompt").Ids(), options).Select(token => token.Id));
        Assert.Equal(StopReason.EndOfText, generator.StopReason);
    }

    [Fact]
    public void Hidden_LeftPaddedBatch_ChoosesTheSameTokens()
    {
        JsonElement golden = GoldenFiles.Json("generate_greedy.json"), batch = golden.GetProperty("batched_left_padded");
        using TextModel model = Load(golden);
        model.eval();
        List<long>[] rows = [.. batch.GetProperty("input_ids").EnumerateArray().Select(row => row.Ids().Select(id => (long)id).ToList())];
        List<long>[] masks = [.. batch.GetProperty("attention_mask").EnumerateArray(
            ).Select(row => row.Ids().Select(id => (long)id).ToList())];
        int[][] expected = [.. golden.GetProperty("cases").EnumerateArray().Select(item => item.GetProperty("generated").Ids())];
        for (int step = 0; step < golden.GetProperty("max_new_tokens").GetInt32(); step++)
        {
            using DisposeScope scope = NewDisposeScope();
            using IDisposable noGradient = no_grad();
            long length = rows[0].Count, count = rows.Length;
            Tensor ids = tensor(rows.SelectMany(row => row).ToArray(), [count, length]);
            Tensor mask = tensor(masks.SelectMany(row => row).ToArray(), [count, length]);
            Tensor positions = tensor(masks.SelectMany(Positions).ToArray(), [count, length]);
            Tensor last = model.Hidden(new ModelInput(ids, mask, positions)).narrow(1, length - 1, 1);
            float[] logits = ParameterData.ToArray(model.Logits(last));
            for (int row = 0; row < count; row++)
            {
                float[] own = logits[(row * model.Architecture.VocabularySize)..((row + 1) * model.Architecture.VocabularySize)];
                int best = Array.IndexOf(own, own.Max());
                Assert.Equal(expected[row][step], best);
                rows[row].Add(best);
                masks[row].Add(1);
            }
        }

        // As generate() builds them: counted over what is not padding, 1 at padding.
        static IEnumerable<long> Positions(List<long> mask)
        {
            long seen = 0;
            foreach (long kept in mask)
                yield return kept == 0 ? 1 : seen++;
        }
    }

    private static TextModel Load(JsonElement golden) =>
        ModelFiles.Load(Path.GetDirectoryName(GoldenData.Path(golden.GetProperty("model").GetString()!.Split('/')))!);
}
