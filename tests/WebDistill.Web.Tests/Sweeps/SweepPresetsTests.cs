using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Tests.Sweeps;

public sealed class SweepPresetsTests
{
    public static TheoryData<string> Names => [.. SweepPresets.All.Select(preset => preset.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Preset_IntoTheFormAndBack_IsTheSameValidDimension(string name)
    {
        SweepPreset preset = SweepPresets.All.Single(one => one.Name == name);
        var options = new RunOptions { Teacher = new() { ModelId = "teacher" }, Data = new() { DatasetId = "text" },
            Student = new() { TeacherLayers = [0, 2, 5] } };
        SweepDimension made = preset.Make(options, 6);
        Assert.Empty(new SweepPlan { Name = "Study", Options = options, Dimensions = [made] }.Validate());
        SweepDimension read = SweepDimensionDraft.Of(made).Read();
        Assert.Equal(made.Name, read.Name);
        Assert.Equal(made.Values.Select(value => value.Label), read.Values.Select(value => value.Label));
        Assert.All(made.Values.Zip(read.Values), pair =>
        {
            SweepPlan Plan(SweepValue value) =>
                new() { Name = "Study", Options = options, Dimensions = [new SweepDimension { Name = "x", Values = [value] }] };
            (SweepPlan first, SweepPlan second) = (Plan(pair.First), Plan(pair.Second));
            (RunOptions made, IReadOnlyList<OptionProblem> problems) = first.OptionsOf(first.Expand()[0]);
            Assert.Empty(problems);
            Assert.Equal(Json(made), Json(second.OptionsOf(second.Expand()[0]).Options));
        });
    }

    [Fact]
    public void Depths_TwelveLayers_AreSixEvenOnes()
    {
        SweepPreset depths = SweepPresets.All.Single(preset => preset.Name == "Student layers");
        Assert.Equal(["2", "4", "6", "8", "10", "12"], depths.Make(new RunOptions(), 12).Values.Select(value => value.Label));
    }

    [Fact]
    public void Draft_WhatCannotBeRead_IsNamedWithItsDimension()
    {
        var draft = new SweepDraft();
        draft.Dimensions.Add(new SweepDimensionDraft { Name = "T", Option = "objective.ce.temperature", Values = { "1", "hot" } });
        var several = new SweepDimensionDraft { Name = "objective" };
        several.Rows.Add(new SweepValueDraft { Label = "ce", Changes = "alphaCE = 5" });
        draft.Dimensions.Add(several);
        draft.Dimensions.Add(new SweepDimensionDraft { Name = "shuffle", Option = "data.shuffle", Values = { "yes" } });
        draft.Read(new RunOptions(), out IReadOnlyList<OptionProblem> problems);
        Assert.Equal(["dimensions[0]", "dimensions[1]", "dimensions[2]"], problems.Select(problem => problem.Field));
        Assert.Contains("“hot” is not a number", problems[0].Message);
        Assert.Contains("“alphaCE” of the value “ce” is no option", problems[1].Message);
        Assert.Contains("neither true nor false", problems[2].Message);
    }

    private static string Json(RunOptions options) =>
        System.Text.Json.JsonSerializer.Serialize(options with { Name = "" }, WebJson.Options);
}
