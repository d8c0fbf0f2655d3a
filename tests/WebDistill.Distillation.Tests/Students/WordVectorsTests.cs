using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Recurrent;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Tests.Text;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Students;

public sealed class WordVectorsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Vocabulary _vocabulary = WordPieces.Create().Vocabulary;
    private readonly TextModel _model;

    public WordVectorsTests() => _model = TextModel.CreateRandom(new BiLstmConfig
    {
        VocabSize = _vocabulary.Size, EmbeddingDim = 3, HiddenSize = 2, NumLayers = 1, Classes = new ClassHead(["no", "yes"], ProblemType.SingleLabel),
    }, seed: 1);

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("")]
    [InlineData("6 3\n")]
    public void ReadInto_WordsOfTheVocabulary_GetTheirVectors_OthersStay(string header)
    {
        float[] drawn = Embeddings();
        string path = _folder.Write("v.txt", $"{header}cat 1 -2.5 3e-1 \nhouse 9 9 9\r\nthe 4 5 6\n. . . 7 8 9\n. 7 7 7\ns 8 8 8\ncat 0 0 0\né 1 1 1");
        WordVectorsRead read = WordVectors.ReadInto(_model, path, _vocabulary);
        Assert.Equal(new WordVectorsRead(8, 4), read);
        float[] now = Embeddings();
        foreach ((string word, float[] vector) in new (string, float[])[] { ("cat", [1, -2.5f, 0.3f]), ("the", [4, 5, 6]), (".", [7, 7, 7]), ("é", [1, 1, 1]) })
        {
            Assert.Equal(vector, now.AsSpan(3 * WordPieces.Id(word), 3).ToArray());
            drawn.AsSpan(3 * WordPieces.Id(word), 3).CopyTo(now.AsSpan(3 * WordPieces.Id(word)));
        }
        Assert.Equal(drawn, now);
    }

    [Fact]
    public void ReadInto_LargerThanAPiece_IsReadToItsEnd()
    {
        string path = _folder.Write("v.txt", string.Concat(Enumerable.Range(0, 200_000).Select(number => $"word{number} 1 2 3\n")) + "dog 4 5 6\n");
        Assert.Equal(new WordVectorsRead(200_001, 1), WordVectors.ReadInto(_model, path, _vocabulary));
        Assert.Equal([4, 5, 6], Embeddings().AsSpan(3 * WordPieces.Id("dog"), 3).ToArray());
    }

    [Theory]
    [InlineData("cat 1 2\n", "v.txt, line 1: 2 numbers behind 'cat'; expected 3, as the model's embeddings have. Choose other vectors")]
    [InlineData("cat 1 2 3 4\n", "v.txt, line 1: 4 numbers behind 'cat'; expected 3")]
    [InlineData("400000 300\ncat 1 2 3\n", "v.txt, line 1: vectors of 300 numbers; expected 3")]
    [InlineData("the 1 2 3\ncat 1 2\n", "v.txt, line 2: 2 numbers behind 'cat'; expected 3, as the model's embeddings have. The line is damaged")]
    [InlineData("the 1 2 3\ncat 1 x 3\n", "v.txt, line 2: number 2 is 'x'; expected a finite number")]
    [InlineData("the 1 2 3\n\ncat 1 NaN 3\n", "v.txt, line 3: number 2 is 'NaN'")]
    [InlineData("maison 1 2 3\nchat 1 2 3\n", "v.txt: none of its 2 words is among the")]
    public void ReadInto_WhatCannotBe_IsRefused_AndNothingIsChanged(string content, string expected)
    {
        float[] before = Embeddings();
        string path = _folder.Write("v.txt", content);
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => WordVectors.ReadInto(_model, path, _vocabulary)).Message);
        Assert.Equal(before, Embeddings());
    }

    [Fact]
    public void ReadInto_FilesAndModelsThatAreNone_AreRefused()
    {
        Assert.Contains("v.txt is missing", Assert.Throws<InvalidDataException>(() => WordVectors.ReadInto(_model, _folder.File("v.txt"), _vocabulary)).Message);
        Assert.Contains("not valid UTF-8", Assert.Throws<InvalidDataException>(() => WordVectors.ReadInto(_model, _folder.Write("v.txt", [.. "caf"u8, 0xE9, .. " 1 2 3"u8]), _vocabulary)).Message);
        using TextModel gpt2 = SmallModels.Random(1);
        Assert.Contains("read into a GPT-2; expected a BiLSTM", Assert.Throws<ArgumentException>(() => WordVectors.ReadInto(gpt2, _folder.File("v.txt"), _vocabulary)).Message);
        var other = new Vocabulary([[32]], 0, new string('0', 64));
        Assert.Contains("1 tokens and the model 22", Assert.Throws<ArgumentException>(() => WordVectors.ReadInto(_model, _folder.File("v.txt"), other)).Message);
    }

    private float[] Embeddings() => SmallModels.Weights(_model)["embedding.weight"];
}
