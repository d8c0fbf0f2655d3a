using WebDistill.Distillation.Data.Labelled;

namespace WebDistill.Distillation.Tests.Data.Labelled;

public sealed class LabelledClassesTests : IDisposable
{
    private static readonly LabelledOptions s_options = new() { Format = "label-first" };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void InOrder_WholeNumbersByValue_OthersByTheirCharacters()
    {
        Assert.Equal(["-1", "2", "10"], LabelledClasses.InOrder(["10", "2", "-1"]));
        Assert.Equal(["10", "2", "x"], LabelledClasses.InOrder(["x", "2", "10"]));
        Assert.Equal(["B", "a", "b"], LabelledClasses.InOrder(["b", "a", "B"]));
        Assert.Equal(["01", "1"], LabelledClasses.InOrder(["1", "01"]));
    }

    [Fact]
    public void Find_NamesAndCounts_AreThoseOfTheFileWhateverItsOrder()
    {
        LabelledClasses found = LabelledClasses.Find(_folder.Write("a.txt", "10 a\n2 b\n10 c\n"), s_options);
        Assert.Equal(["2", "10"], found.Names);
        Assert.Equal([1, 2], found.Counts);
        found = LabelledClasses.Find(_folder.Write("a.txt", "no a\nyes b\n"), s_options with { Classes = ["yes", " maybe ", "no"] });
        Assert.Equal(["yes", "maybe", "no"], found.Names);
        Assert.Equal([1, 0, 1], found.Counts);
    }

    [Fact]
    public void Find_WhatCannotBeClassified_IsRefused()
    {
        Assert.Contains("all 2 examples are of class 'x'; expected at least 2 classes", Refusal("x a\nx b\n", s_options));
        Assert.Contains("a.txt, line 2: class 'y', which the list of classes lacks; expected one of 'x', 'z'", Refusal("x a\ny b\n", s_options with { Classes = ["x", "z"] }));
        Assert.Contains("all 1 examples are of class 'x'", Refusal("x a\n", s_options with { Classes = ["x", "z"] }));
        string many = string.Concat(Enumerable.Range(0, LabelledClasses.Most + 1).Select(label => $"{label} a\n"));
        Assert.Contains($"line {LabelledClasses.Most + 1}: '{LabelledClasses.Most}' is class {LabelledClasses.Most + 1}; expected at most {LabelledClasses.Most}. Column 'label' seems to hold", Refusal(many, s_options));
        foreach ((string[] classes, string expected) in new (string[], string)[]
            { (["x"], "names 1 classes; expected 2"), (["x", ""], "an empty name"), (["x", "y", " x"], "names class 'x' 2 times") })
            Assert.Contains(expected, Assert.Throws<ArgumentException>(() => LabelledClasses.Find(_folder.Write("a.txt", "x a\n"), s_options with { Classes = classes })).Message);

        string Refusal(string content, LabelledOptions options)
        {
            string path = _folder.Write("a.txt", content);
            return Assert.Throws<InvalidDataException>(() => LabelledClasses.Find(path, options)).Message;
        }
    }
}
