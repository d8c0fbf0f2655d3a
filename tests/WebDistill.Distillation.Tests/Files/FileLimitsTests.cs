using System.Text;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Files;

/// <summary>
/// The findings that a text of 50 MB as a tensor's shape made a message of 100 MB, and that a million tensors or a vocabulary of 150 MB took
/// half a minute: what is too much is refused before it is read, in a short message that names the file and not where it stands.
/// </summary>
public sealed class FileLimitsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Safetensors_LongTextsInTheHeader_AreQuotedShortly()
    {
        string text = new('7', 5_000_000);
        string[] headers =
        [
            $$$"""{"a":{"dtype":"F32","shape":"{{{text}}}","data_offsets":[0,4]}}""",
            $$$"""{"a":{"dtype":"{{{text}}}","shape":[1],"data_offsets":[0,4]}}""",
            $$$"""{"a":{"dtype":"F32","shape":[1],"data_offsets":[{{{text}}},4]}}""",
            $$$"""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"{{{text}}}":1}}""",
            $$$"""{"{{{text}}}":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""",
            $$$"""{"{{{text}}}":1}""",
            $$$"""{"__metadata__":{"{{{text}}}":1}}""",
            $$$"""{"a":{"dtype":"F32","shape":[{{{string.Join(',', Enumerable.Repeat("1", 1_000_000))}}}],"data_offsets":[0,4]}}""",
            """{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""",
        ];
        foreach (string header in headers)
            Refused(() => SafetensorsFile.Open(Safetensors(header)), "model.safetensors");
    }

    [Fact]
    public void Safetensors_MoreTensorsOrHeaderThanTheLimit_AreRefusedWithIt()
    {
        string header = $"{{{string.Join(',', Enumerable.Range(0, FileLimits.Tensors + 1).Select(i => $"\"t{i}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"))}}}";
        Assert.Contains($"more than {FileLimits.Tensors} tensors", Refused(() => SafetensorsFile.Open(Safetensors(header)), "model.safetensors"));
        Assert.Contains($"at most {FileLimits.SafetensorsHeaderBytes} bytes",
            Refused(() => SafetensorsFile.Open(Safetensors("{}" + new string(' ', FileLimits.SafetensorsHeaderBytes))), "model.safetensors"));
    }

    [Theory]
    [InlineData("""{"weight_map": {"a\ud800": "model-00001-of-00001.safetensors"}}""")]
    [InlineData("""{"weight_map": {"a": "LONG"}}""")]
    [InlineData("""{"weight_map": {"a": ["LONG"]}}""")]
    [InlineData("""{"weight_map": {"LONG": 1}}""")]
    public void Index_HostileTexts_AreRefusedShortly(string index)
    {
        File.WriteAllText(_folder.File("model.safetensors.index.json"), index.Replace("LONG", new string('x', 1_000_000)));
        Refused(() => SafetensorsFile.OpenModel(_folder.Path), "model.safetensors.index.json");
    }

    [Theory]
    [InlineData("""{"a\ud800": 1}""")]
    [InlineData("""{"a": "LONG"}""")]
    [InlineData("""{"LONG": -1}""")]
    [InlineData("""{"LONG": 1}""")]
    [InlineData("""{"a": 0, "a": 0}""")]
    [InlineData("""["LONG"]""")]
    [InlineData("{\"a\": 1,\u0001}")]
    public void Vocabulary_HostileTexts_AreRefusedShortly(string vocabulary)
    {
        File.WriteAllText(_folder.File("vocab.json"), vocabulary.Replace("LONG", new string('x', 1_000_000)));
        File.WriteAllText(_folder.File("merges.txt"), "#version: 0.2\n");
        Refused(() => Gpt2Tokenizer.Load(_folder.Path), "vocab.json");
    }

    [Fact]
    public void Vocabulary_LargerThanTheLimits_IsRefusedWithThem()
    {
        File.WriteAllText(_folder.File("merges.txt"), "#version: 0.2\n");
        File.WriteAllText(_folder.File("vocab.json"), $"{{{string.Join(',', Enumerable.Range(0, FileLimits.VocabularyTokens + 1).Select(i => $"\"{i}\":{i}"))}}}");
        Assert.Contains($"more than {FileLimits.VocabularyTokens} tokens", Refused(() => Gpt2Tokenizer.Load(_folder.Path), "vocab.json"));
        using (FileStream file = File.OpenWrite(_folder.File("vocab.json")))
            file.SetLength(150_000_000);
        Assert.Contains($"at most {FileLimits.VocabularyBytes}", Refused(() => Gpt2Tokenizer.Load(_folder.Path), "vocab.json"));
        Gpt2Tokenizer.Train(["a b a b a b"], 258).Save(_folder.Path, FileLayer.Disk);
        File.WriteAllText(_folder.File("merges.txt"), $"#version: 0.2\n{new string('x', 1_000_000)}\n");
        Refused(() => Gpt2Tokenizer.Load(_folder.Path), "merges.txt");
    }

    [Theory]
    [InlineData("""{"model_type": "a\ud83d"}""")]
    [InlineData("""{"model_type": "LONG"}""")]
    [InlineData("""{"vocab_size": "LONG"}""")]
    [InlineData("""{"vocab_size": 5, "n_positions": 5, "n_embd": 4, "n_layer": 1, "n_head": 1, "activation_function": "LONG"}""")]
    public void Config_HostileTexts_AreRefusedShortly(string config)
    {
        File.WriteAllText(_folder.File("config.json"), config.Replace("LONG", new string('x', 500_000)));
        Refused(() => Architecture.Load(_folder.File("config.json")), null);
    }

    private string Safetensors(string header)
    {
        string path = _folder.File("model.safetensors");
        byte[] json = Encoding.UTF8.GetBytes(header);
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((ulong)json.Length), .. json, 0, 0, 0, 0]);
        return path;
    }

    private string Refused(Action read, string? file)
    {
        string message = Assert.Throws<InvalidDataException>(read).Message;
        Assert.InRange(message.Length, 10, 1000);
        Assert.DoesNotContain(_folder.Path, message);
        if (file is not null)
            Assert.StartsWith(file, message);
        return message;
    }
}
