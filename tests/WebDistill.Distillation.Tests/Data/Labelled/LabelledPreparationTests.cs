using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Tests.Text;

namespace WebDistill.Distillation.Tests.Data.Labelled;

public sealed class LabelledPreparationTests : IDisposable
{
    private static readonly LabelledOptions s_options = new() { Format = "label-first" };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Prepare_TrainingAndHeldOutFile_HaveTheSameClassesAndAreCounted()
    {
        LabelledStatistics made = Prepare("b the cat\na a dog saw the cats\nb a\n", "a the cat saw the unwanted dog\n", s_options);
        Assert.Equal(["a", "b"], made.Classes.Names);
        Assert.Equal([1, 2], made.Classes.Counts);
        Assert.Equal([1, 0], made.HeldOutCounts!);
        // [CLS] the cat [SEP], [CLS] a dog saw the cat ##s [SEP], [CLS] a [SEP]; un ##want ##ed in the held-out one.
        Assert.Equal((10, (4 + 8 + 3) / 3.0), (made.LongestTokens, made.MeanTokens));
        using LabelledFile train = LabelledFile.Open(_folder.File("train.bin")), heldOut = LabelledFile.Open(_folder.File("heldout.bin"));
        Assert.Equal((3, 1), (train.ExampleCount, heldOut.ExampleCount));
        Assert.Equal(train.Classes, heldOut.Classes);
        Assert.Equal(WordPieces.Create().Vocabulary.Sha256, train.TokenizerSha256);
        Assert.Equal(1, train.Example(0).Class);
    }

    [Fact]
    public void Prepare_AShareOfOneFile_IsOfEachClassAndEveryExampleIsInOnePart()
    {
        string source = string.Concat(Enumerable.Range(0, 60).Select(i => $"{(i % 3 == 0 ? "a" : "b")} {string.Join(' ', Enumerable.Repeat("the", 1 + i))}\n")) + "rare cat\n";
        LabelledStatistics made = Prepare(source, null, s_options, share: 0.25);
        Assert.Equal(["a", "b", "rare"], made.Classes.Names);
        Assert.Equal([15, 30, 1], made.Classes.Counts);
        Assert.Equal([5, 10, 0], made.HeldOutCounts!);
        using LabelledFile train = LabelledFile.Open(_folder.File("train.bin")), heldOut = LabelledFile.Open(_folder.File("heldout.bin"));
        // Each text but the last has a length of its own.
        int[] lengths = [.. new[] { train, heldOut }.SelectMany(file => Enumerable.Range(0, (int)file.ExampleCount).Select(i => file.Example(i).First))];
        Assert.Equal([1, .. Enumerable.Range(1, 60)], lengths.Order());
        Assert.Equal((46, 15, 62), ((int)train.ExampleCount, (int)heldOut.ExampleCount, made.LongestTokens));
        Assert.Equal((train.TokenCount + 2 * 46, heldOut.TokenCount + 2 * 15), (made.TrainTokens, made.HeldOutTokens));
        byte[] first = File.ReadAllBytes(_folder.File("heldout.bin"));
        Prepare(source, null, s_options, share: 0.25);
        Assert.Equal(first, File.ReadAllBytes(_folder.File("heldout.bin")));
    }

    [Fact]
    public void Prepare_AShareOfSingleExamples_IsRefused_AndSoAreAShareAndAFile()
    {
        Assert.Contains("train.txt: each class has one example, of which the held-out share is 0.5; expected a class with 2",
            Assert.Throws<InvalidDataException>(() => Prepare("a the\nb cat\n", null, s_options, share: 0.5)).Message);
        Assert.Contains("a held-out share of 0.5 are both given", Assert.Throws<ArgumentException>(() => Prepare("a the\nb cat\n", "a the\n", s_options, share: 0.5)).Message);
        Assert.DoesNotContain(Directory.EnumerateFiles(_folder.Path), file => !file.EndsWith(".txt", StringComparison.Ordinal));
    }

    [Fact]
    public void Prepare_WithoutHeldOutFile_WritesOne()
    {
        Assert.Null(Prepare("b the cat\na a dog\n", null, s_options).HeldOutCounts);
        Assert.False(File.Exists(_folder.File("heldout.bin")));
    }

    [Fact]
    public void Prepare_WhatCannotBe_IsRefused_AndLeavesNothing()
    {
        Assert.Contains("heldout.txt, line 2: class 'c', which the training file lacks; expected one of 'a', 'b'. Correct the label", Refusal("a the\nb a\n", "a the\nc cat\n", s_options, WordPieces.Create()));
        Assert.Contains("train.txt: all 1 examples are of class 'a'", Refusal("a the\n", null, s_options, WordPieces.Create()));
        var pairs = new LabelledOptions { Format = "tsv", HasHeader = false, TextColumn = "1", SecondColumn = "2", LabelColumn = "3" };
        var gpt2 = new Vocabulary([.. Enumerable.Range(0, 256).Select(id => new byte[] { (byte)id })], 0, new string('0', 64));
        Assert.Contains("no id to put between two texts; expected one that has, as BERT's WordPiece",
            Refusal("x\ty\ta\nx\ty\tb\n", null, pairs, new TextTokenizer(WordPieces.Create(), gpt2, (_, _) => { })));
        Assert.DoesNotContain(Directory.EnumerateFiles(_folder.Path), file => !file.EndsWith(".txt", StringComparison.Ordinal));
    }

    [Fact]
    public void Prepare_Cancelled_LeavesNothing()
    {
        using var cancel = new CancellationTokenSource();
        cancel.Cancel();
        string source = _folder.Write("train.txt", "a the\nb a\n");
        Assert.Throws<OperationCanceledException>(() => LabelledPreparation.Prepare(
            source, null, 0, LabelledClasses.Find(source, s_options), s_options, WordPieces.Create(), _folder.File("train.bin"), _folder.File("heldout.bin"), FileLayer.Disk, cancel: cancel.Token));
        Assert.Throws<OperationCanceledException>(() => LabelledClasses.Find(source, s_options, cancel.Token));
        Assert.Equal([source], Directory.EnumerateFiles(_folder.Path));
    }

    private string Refusal(string train, string? heldOut, LabelledOptions options, TextTokenizer tokenizer) =>
        Assert.Throws<InvalidDataException>(() => Prepare(train, heldOut, options, tokenizer)).Message;

    private LabelledStatistics Prepare(string train, string? heldOut, LabelledOptions options, TextTokenizer? tokenizer = null, double share = 0) => ClassModels.Prepare(
        _folder.Write("train.txt", train), heldOut is null ? null : _folder.Write("heldout.txt", heldOut), options, tokenizer ?? WordPieces.Create(),
        _folder.File("train.bin"), _folder.File("heldout.bin"), share);
}
