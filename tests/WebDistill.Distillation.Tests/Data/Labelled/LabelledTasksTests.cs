using WebDistill.Distillation.Data.Labelled;

namespace WebDistill.Distillation.Tests.Data.Labelled;

/// <summary>Published sets as they are published: rows and classes are those that their authors count.</summary>
public sealed class LabelledTasksTests
{
    [DataFact("tasks/trec/test.txt")]
    public void Trec_LabelFirst_AndTheTrainingFileIsNoUtf8()
    {
        Assert.Equal(["138", "94", "9", "65", "81", "113"], Counts("trec/test.txt", new LabelledOptions { Format = "label-first" }));
        Assert.Contains("which is not valid UTF-8", Assert.Throws<InvalidDataException>(() => Counts("trec/train.txt", new LabelledOptions { Format = "label-first" })).Message);
    }

    [DataFact("tasks/sst2/train.txt")]
    public void Sst2_LabelFirst() => Assert.Equal(["3310", "3610"], Counts("sst2/train.txt", new LabelledOptions { Format = "label-first" }));

    [DataFact("tasks/banking77/train.csv")]
    public void Banking77_CsvWithLinesInItsFields()
    {
        LabelledClasses classes = Find("banking77/train.csv", new LabelledOptions { Format = "csv", LabelColumn = "category" });
        Assert.Equal((77, 10_003, 35, 187), (classes.Names.Count, classes.Counts.Sum(), classes.Counts.Min(), classes.Counts.Max()));
        Assert.All(Find("banking77/test.csv", new LabelledOptions { Format = "csv", LabelColumn = "category", Classes = classes.Names }).Counts, count => Assert.Equal(40, count));
    }

    [DataFact("tasks/ag_news/test_first3500.csv")]
    public void AgNews_CsvWithoutHeader() =>
        Assert.Equal(["880", "883", "839", "898"], Counts("ag_news/test_first3500.csv", new LabelledOptions { Format = "csv", HasHeader = false, LabelColumn = "1", TextColumn = "3" }));

    [DataFact("tasks/cola/train.tsv")]
    public void Cola_TsvWithoutHeader() =>
        Assert.Equal(8551, Find("cola/train.tsv", new LabelledOptions { Format = "tsv", HasHeader = false, LabelColumn = "2", TextColumn = "4" }).Counts.Sum());

    [DataFact("tasks/mrpc/train.txt")]
    public void Mrpc_PairsBehindAByteOrderMark_QuotesAreCharacters() => Assert.Equal(["1323", "2753"],
        Counts("mrpc/train.txt", new LabelledOptions { Format = "tsv", LabelColumn = "Quality", TextColumn = "#1 String", SecondColumn = "#2 String" }));

    [DataFact("tasks/rte/train.tsv")]
    public void Rte_Pairs() => Assert.Equal(["1249", "1241"],
        Counts("rte/train.tsv", new LabelledOptions { Format = "tsv", TextColumn = "sentence1", SecondColumn = "sentence2" }));

    private static IEnumerable<string> Counts(string file, LabelledOptions options) => Find(file, options).Counts.Select(count => $"{count}");

    private static LabelledClasses Find(string file, LabelledOptions options) => LabelledClasses.Find(Path.Combine(GoldenData.DataFolder, "tasks", file), options);
}
