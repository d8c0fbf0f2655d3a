using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Text;

/// <summary>Every case of tokenizer_cases.json and every file of token_counts.json, with GPT-2's real vocabulary.</summary>
public sealed class Gpt2TokenizerGoldenTests
{
    private const string Vocabulary = "gpt2-tokenizer/vocab.json";

    private static readonly Lazy<Gpt2Tokenizer> s_tokenizer = new(() => Gpt2Tokenizer.Load(GoldenData.Gpt2VocabularyFolder));
    private static readonly Lazy<JsonDocument> s_cases = new(() =>
        JsonDocument.Parse(File.ReadAllBytes(GoldenData.Path("tokenizer_cases.json"))));

    private static JsonElement Cases(string name) => s_cases.Value.RootElement.GetProperty(name);

    private static int[] Ids(JsonElement element) => [.. element.EnumerateArray().Select(id => id.GetInt32())];

    [DataFact(Vocabulary)]
    public void EncodeToIds_EveryCase_EqualsTheReference()
    {
        int count = 0;
        foreach (JsonElement entry in Cases("cases").EnumerateArray())
        {
            string text = entry.GetProperty("text").GetString()!;
            int[] expected = Ids(entry.GetProperty("ids"));
            Assert.True(expected.SequenceEqual(s_tokenizer.Value.EncodeToIds(text)),
                $"case {entry.GetProperty("n")} ({entry.GetProperty("category")}): expected {string.Join(' ', expected)}, got "
                    + $"{string.Join(' ', s_tokenizer.Value.EncodeToIds(text))}");
            Assert.Equal(expected.Length, s_tokenizer.Value.CountTokens(text));
            Assert.Equal(text, s_tokenizer.Value.Decode(expected));
            count++;
        }
        Assert.Equal(s_cases.Value.RootElement.GetProperty("n_cases").GetInt32(), count);
    }

    [DataFact(Vocabulary)]
    public void EncodeToIds_SpecialTokenInText_PlainOrRecognisedAsAsked()
    {
        foreach (JsonElement entry in Cases("special_token_cases").EnumerateArray())
        {
            string text = entry.GetProperty("text").GetString()!;
            Assert.Equal(Ids(entry.GetProperty("ids_plain")), s_tokenizer.Value.EncodeToIds(text));
            Assert.Equal(Ids(entry.GetProperty("ids_special")), s_tokenizer.Value.EncodeWithEndOfText(text));
        }
    }

    [DataFact(Vocabulary)]
    public void EncodeToIds_LoneSurrogate_IsTheReplacementCharacter()
    {
        foreach (JsonElement entry in Cases("lone_surrogate_cases").EnumerateArray())
        {
            string text = string.Concat(entry.GetProperty("text_utf16_units").EnumerateArray().Select(unit => (char)unit.GetInt32()));
            Assert.Equal(Ids(entry.GetProperty("ids_after_replacement")), s_tokenizer.Value.EncodeToIds(text));
        }
    }

    [DataFact(Vocabulary)]
    public void Decode_BytesThatAreNotUtf8_AreReplacedAsPythonDoes()
    {
        foreach (JsonElement entry in Cases("decode_cases").EnumerateArray())
        {
            int[] ids = Ids(entry.GetProperty("ids"));
            string expected = entry.GetProperty("text_errors_replace").GetString()!;
            Assert.Equal(expected, s_tokenizer.Value.Decode(ids));
            var streaming = new StreamingDecoder(s_tokenizer.Value.Vocabulary);
            Assert.Equal(expected, string.Concat(ids.Select(streaming.Add)) + streaming.Flush());
        }
    }

    [DataFact(Vocabulary)]
    public void Load_Gpt2_HasItsSizeAndEndOfText()
    {
        Assert.Equal(50257, s_tokenizer.Value.Vocabulary.Size);
        Assert.Equal(50256, s_tokenizer.Value.Vocabulary.EndOfTextId);
        Assert.Equal(" world", s_tokenizer.Value.Vocabulary.TokenText(995));
    }

    [DataFact(Vocabulary)]
    public void Save_Gpt2_LoadsBackEqual()
    {
        using var folder = new TemporaryFolder();
        s_tokenizer.Value.Save(folder.Path, FileLayer.Disk);
        Gpt2Tokenizer again = Gpt2Tokenizer.Load(folder.Path);
        Assert.Equal(s_tokenizer.Value.Vocabulary.Sha256, again.Vocabulary.Sha256);
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(GoldenData.Gpt2VocabularyFolder, "merges.txt")), File.ReadAllBytes(Path.Combine(folder.Path,
                "merges.txt")));
    }

    [DataFact("token_counts.json")]
    public void EncodeToIds_WholeFiles_EqualTheReferenceIdForId()
    {
        using JsonDocument counts = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(GoldenData.DataFolder, "token_counts.json")));
        int compared = 0;
        foreach (JsonElement entry in counts.RootElement.GetProperty("files").EnumerateArray())
        {
            string path = Path.Combine(GoldenData.DataFolder, entry.GetProperty("file").GetString()!);
            if (!File.Exists(path))
                continue;   // the list is longer than the folder
            var ids = new List<int>();
            if (entry.TryGetProperty("gpt2_tokens", out JsonElement tokens))
                s_tokenizer.Value.EncodeTo(File.ReadAllText(path, Encoding.UTF8), ids);
            else
            {
                tokens = entry.GetProperty("gpt2_tokens_sum_of_text_fields");
                IEnumerable<string> documents = CorpusPreparation.ReadDocuments(path, new CorpusOptions { Format = "json-lines" });
                foreach (string document in documents)
                    s_tokenizer.Value.EncodeTo(document, ids);
            }
            JsonElement hash = entry.TryGetProperty("sha256_uint16_le", out JsonElement whole) ? whole
                : entry.GetProperty("sha256_uint16_le_concatenated");
            Assert.Equal(tokens.GetInt32(), ids.Count);
            Assert.Equal(hash.GetString(), HashAsUInt16(ids));
            compared++;
        }
        Assert.True(compared > 0, $"none of the files of token_counts.json is in {GoldenData.DataFolder}");
    }

    private static string HashAsUInt16(List<int> ids)
    {
        var bytes = new byte[ids.Count * 2];
        for (int i = 0; i < ids.Count; i++)
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(i * 2), checked((ushort)ids[i]));
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }
}
