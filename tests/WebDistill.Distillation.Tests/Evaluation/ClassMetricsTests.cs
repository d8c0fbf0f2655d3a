using System.Text.Json;
using WebDistill.Distillation.Evaluation.ClassScores;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Tests.Evaluation;

public sealed class ClassMetricsTests
{
    public static TheoryData<string> Names => [.. ClassMetrics.All.Select(metric => metric.Name)];

    /// <summary>
    /// Computed in Python 3 from the list of texts that each matrix stands for, not from the matrix: precision, recall and F1 by counting texts for every class; Matthews' correlation by its definition,
    /// cov(Y, P) / √(cov(Y, Y)·cov(P, P)) of the tables of zeros and ones that say which class each text has and which was told (Gorodkin 2004), summed over the classes; 0 where nothing varies.
    /// </summary>
    [Theory]
    [InlineData("[[50,3],[7,40]]", "accuracy", 0.9)]
    [InlineData("[[50,3],[7,40]]", "f1", 0.888888888888889)]
    [InlineData("[[50,3],[7,40]]", "f1-macro", 0.898989898989899)]
    [InlineData("[[50,3],[7,40]]", "f1-micro", 0.9)]
    [InlineData("[[50,3],[7,40]]", "f1-weighted", 0.8995959595959596)]
    [InlineData("[[50,3],[7,40]]", "matthews", 0.8009165626710659)]
    [InlineData("[[0,4],[0,6]]", "accuracy", 0.6)]
    [InlineData("[[0,4],[0,6]]", "f1", 0.7499999999999999)]
    [InlineData("[[0,4],[0,6]]", "f1-macro", 0.37499999999999994)]
    [InlineData("[[0,4],[0,6]]", "f1-micro", 0.6)]
    [InlineData("[[0,4],[0,6]]", "f1-weighted", 0.4499999999999999)]
    [InlineData("[[0,4],[0,6]]", "matthews", 0.0)]
    [InlineData("[[5,1,0],[2,3,4],[0,0,7]]", "accuracy", 0.6818181818181818)]
    [InlineData("[[5,1,0],[2,3,4],[0,0,7]]", "f1-macro", 0.6695156695156695)]
    [InlineData("[[5,1,0],[2,3,4],[0,0,7]]", "f1-micro", 0.6818181818181818)]
    [InlineData("[[5,1,0],[2,3,4],[0,0,7]]", "f1-weighted", 0.6460761460761462)]
    [InlineData("[[5,1,0],[2,3,4],[0,0,7]]", "matthews", 0.5684815269337276)]
    [InlineData("[[3,0,1,0],[0,0,0,0],[2,0,5,0],[0,0,0,4]]", "accuracy", 0.8)]
    [InlineData("[[3,0,1,0],[0,0,0,0],[2,0,5,0],[0,0,0,4]]", "f1-macro", 0.8119658119658119)]
    [InlineData("[[3,0,1,0],[0,0,0,0],[2,0,5,0],[0,0,0,4]]", "f1-micro", 0.8)]
    [InlineData("[[3,0,1,0],[0,0,0,0],[2,0,5,0],[0,0,0,4]]", "f1-weighted", 0.8034188034188035)]
    [InlineData("[[3,0,1,0],[0,0,0,0],[2,0,5,0],[0,0,0,4]]", "matthews", 0.6986956960477684)]
    [InlineData("[[0,578],[0,1147]]", "accuracy", 0.664927536231884)]
    [InlineData("[[0,578],[0,1147]]", "f1", 0.7987465181058496)]
    [InlineData("[[0,578],[0,1147]]", "f1-macro", 0.3993732590529248)]
    [InlineData("[[0,578],[0,1147]]", "f1-micro", 0.664927536231884)]
    [InlineData("[[0,578],[0,1147]]", "f1-weighted", 0.5311085543579185)]
    [InlineData("[[0,578],[0,1147]]", "matthews", 0.0)]
    [InlineData("[[4,0,0],[0,5,0],[0,0,6]]", "accuracy", 1.0)]
    [InlineData("[[4,0,0],[0,5,0],[0,0,6]]", "f1-macro", 1.0)]
    [InlineData("[[4,0,0],[0,5,0],[0,0,6]]", "f1-micro", 1.0)]
    [InlineData("[[4,0,0],[0,5,0],[0,0,6]]", "f1-weighted", 1.0)]
    [InlineData("[[4,0,0],[0,5,0],[0,0,6]]", "matthews", 1.0)]
    [InlineData("[[0,5],[7,0]]", "accuracy", 0.0)]
    [InlineData("[[0,5],[7,0]]", "f1", 0.0)]
    [InlineData("[[0,5],[7,0]]", "f1-macro", 0.0)]
    [InlineData("[[0,5],[7,0]]", "f1-micro", 0.0)]
    [InlineData("[[0,5],[7,0]]", "f1-weighted", 0.0)]
    [InlineData("[[0,5],[7,0]]", "matthews", -0.9999999999999999)]
    public void Golden_EveryFigure_IsTheReferences(string matrix, string name, double expected) =>
        Assert.Equal(expected, ClassMetrics.Get(name).Of(Matrix(matrix)), 1e-12);

    [Fact]
    public void Figures_OfEachClass_AreCountedByHand()
    {
        // Of class 2 four are told right, one that is of class 1 is told, and none of it is missed.
        ConfusionMatrix counted = Matrix("[[2,1,0],[1,0,1],[0,0,4]]");
        Assert.Equal((9, 6), (counted.Total, counted.Correct));
        Assert.Equal([new(2 / 3.0, 2 / 3.0, 2 / 3.0, 3, 3), new(0, 0, 0, 2, 1), new ClassFigures(4 / 5.0, 1, 8 / 9.0, 4, 5)], counted.FiguresOfAll());
        Assert.Equal((1, 0), (counted[1, 2], counted[2, 1]));
    }

    /// <summary>Two classes: (TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN)), the formula of 1975.</summary>
    [Fact]
    public void Matthews_OfTwoClasses_IsTheFormulaOfTwo()
    {
        var random = new SeededRandom(4);
        for (int trial = 0; trial < 50; trial++)
        {
            long[] n = [.. Enumerable.Range(0, 4).Select(_ => (long)(random.NextDouble() * 30))];
            double below = Math.Sqrt((double)(n[3] + n[1]) * (n[3] + n[2]) * (n[0] + n[1]) * (n[0] + n[2]));
            if (n.Sum() == 0)
                continue;
            Assert.Equal(below == 0 ? 0 : ((double)n[3] * n[0] - (double)n[1] * n[2]) / below, ClassMetrics.Get("matthews").Of(Matrix($"[[{n[0]},{n[1]}],[{n[2]},{n[3]}]]")), 1e-12);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Of_AnyMatrix_IsWithinItsRange_BestWhenAllIsRight_AndTheNamesOfTheClassesDoNotMatter(string name)
    {
        ClassMetric metric = ClassMetrics.Get(name);
        var random = new SeededRandom(5);
        for (int trial = 0; trial < 100; trial++)
        {
            int classes = metric.NeedsTwoClasses ? 2 : 2 + (int)(random.NextDouble() * 5);
            ConfusionMatrix any = new(classes), right = new(classes), turned = new(classes);
            for (int text = 0; text < 40; text++)
            {
                int actual = (int)(random.NextDouble() * classes), told = (int)(random.NextDouble() * classes);
                any.Add(actual, told);
                right.Add(actual, actual);
                turned.Add((actual + 1) % classes, (told + 1) % classes);
            }
            Assert.InRange(metric.Of(any), metric.Lowest, metric.Highest);
            Assert.Equal(metric.Highest, metric.Of(right), 1e-12);
            if (!metric.NeedsTwoClasses)
                Assert.Equal(metric.Of(any), metric.Of(turned), 1e-12);
            Assert.True(metric.HigherIsBetter == (metric.Of(right) >= metric.Of(any)));
        }
    }

    [Fact]
    public void Of_OneMoreRightAnswer_IsNoWorse()
    {
        var random = new SeededRandom(6);
        for (int trial = 0; trial < 100; trial++)
        {
            ConfusionMatrix before = new(3), after = new(3);
            int actual = 0, told = 0;
            for (int text = 0; text < 30; text++)
            {
                (actual, told) = ((int)(random.NextDouble() * 3), (int)(random.NextDouble() * 3));
                before.Add(actual, told);
                if (text < 29)
                    after.Add(actual, told);
            }
            after.Add(actual, actual);   // the last one is told right now
            Assert.All(new[] { "accuracy", "f1-micro" }, name => Assert.Equal(actual == told ? 0 : 1 / 30.0, ClassMetrics.Get(name).Of(after) - ClassMetrics.Get(name).Of(before), 1e-12));
        }
    }

    [Fact]
    public void MicroF1_IsTheAccuracy_AndSwappingBothSidesChangesOnlyWhatCountsTexts()
    {
        var random = new SeededRandom(7);
        for (int trial = 0; trial < 50; trial++)
        {
            ConfusionMatrix counted = new(4), swapped = new(4);
            for (int text = 0; text < 25; text++)
            {
                (int actual, int told) = ((int)(random.NextDouble() * 4), (int)(random.NextDouble() * 4));
                counted.Add(actual, told);
                swapped.Add(told, actual);
            }
            Assert.Equal(ClassMetrics.Get("accuracy").Of(counted), ClassMetrics.Get("f1-micro").Of(counted), 1e-12);
            Assert.All(new[] { "accuracy", "f1-macro", "matthews" }, name => Assert.Equal(ClassMetrics.Get(name).Of(counted), ClassMetrics.Get(name).Of(swapped), 1e-12));
        }
    }

    [Fact]
    public void Of_WhatHasNoFigure_IsRefused()
    {
        Assert.Contains("expected one of: accuracy, f1, f1-macro", Assert.Throws<ArgumentException>(() => ClassMetrics.Get("bleu")).Message);
        Assert.Contains("Accuracy of no text; expected at least one", Assert.Throws<ArgumentException>(() => ClassMetrics.Get("accuracy").Of(new ConfusionMatrix(2))).Message);
        Assert.Contains("F1 is a figure of 2 classes, and there are 3; expected 2. Choose macro", Assert.Throws<ArgumentException>(() => ClassMetrics.Get("f1").Of(Matrix("[[1,0,0],[0,1,0],[0,0,1]]"))).Message);
        Assert.Equal(ClassMetrics.All.Where(metric => metric.Name != "f1"), ClassMetrics.For(3));
        Assert.Equal(ClassMetrics.All, ClassMetrics.For(2));
        Assert.Contains("1 classes; expected at least 2", Assert.Throws<ArgumentOutOfRangeException>(() => new ConfusionMatrix(1)).Message);
        Assert.Contains("Class 2; expected 0 to 1", Assert.Throws<ArgumentOutOfRangeException>(() => new ConfusionMatrix(2).Add(2, 0)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ConfusionMatrix(2)[0, -1]);
    }

    /// <summary>Guessing the largest class always: accuracy looks well, Matthews' correlation is 0. The figures of MRPC's test part are known.</summary>
    [Fact]
    public void OneClassToldAlone_IsNoCorrelation()
    {
        ConfusionMatrix mrpc = Matrix("[[0,578],[0,1147]]");
        Assert.Equal(0.665, ClassMetrics.Get("accuracy").Of(mrpc), 5e-4);
        Assert.Equal(0.799, ClassMetrics.Get("f1").Of(mrpc), 5e-4);
        Assert.Equal(0, ClassMetrics.Get("matthews").Of(mrpc));
    }

    private static ConfusionMatrix Matrix(string json)
    {
        int[][] rows = JsonSerializer.Deserialize<int[][]>(json)!;
        var matrix = new ConfusionMatrix(rows.Length);
        foreach ((int actual, int[] row) in rows.Index())
            foreach ((int told, int count) in row.Index())
                for (int text = 0; text < count; text++)
                    matrix.Add(actual, told);
        return matrix;
    }
}
