using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Tests.Ui;

public sealed class RunDraftTests
{
    [Fact]
    public void Read_EveryOptionAwayFromItsDefault_ComesBackAsItWas()
    {
        var options = new RunOptions();
        Change(options);
        JsonObject written = Json(options), defaults = Json(new RunOptions());
        // A value that is the default would prove nothing.
        Assert.All(LossCatalogue.RunSchema.Fields, field =>
            Assert.False(JsonNode.DeepEquals(field.In(defaults), field.In(written)), field.Path));

        RunOptions read = RunDraft.Of(options).Read(out IReadOnlyList<OptionProblem> problems);
        Assert.Empty(problems);
        Assert.Equal(written.ToJsonString(), Json(read).ToJsonString());
    }

    private static JsonObject Json(RunOptions options) => JsonSerializer.SerializeToNode(options, WebJson.Options)!.AsObject();

    private static void Change(object record)
    {
        foreach (PropertyInfo property in record.GetType().GetProperties().Where(property => property.CanWrite))
        {
            if (property.Name == nameof(RunOptions.Objective))
                property.SetValue(record, LossCatalogue.All.ToDictionary(loss => loss.Name, Term));
            else if (OptionSchema.IsGroup(property.PropertyType))
                Change(property.GetValue(record)!);
            else
                property.SetValue(record, Other(property, property.GetValue(record)));
        }
    }

    private static ObjectiveTerm Term(Loss loss)
    {
        object? parameters = loss.Parameters;
        if (parameters is not null)
            Change(parameters);
        return new ObjectiveTerm(7.25) { Parameters = parameters is null ? null : JsonSerializer.SerializeToElement(parameters, WebJson.Options).Deserialize<Dictionary<string, JsonElement>>() };
    }

    private static object Other(PropertyInfo property, object? value)
    {
        Type type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        return type == typeof(bool) ? !(bool)value!
            : type == typeof(int) ? (int?)value + 7 ?? 7
            : type == typeof(long) ? long.MaxValue - 1
            : type == typeof(double) ? (double?)value + 0.1250001 ?? 0.1250001
            : type == typeof(string) ? $"other {property.Name}"
            : type == typeof(IReadOnlyList<double>) ? (double[])[0.7, 2.5e-5, 1 / 3.0]
            : type == typeof(IReadOnlyList<int>) ? (int[])[0, 3, 11]
            : type == typeof(IReadOnlyList<string>) ? (string[])[" a, b ", "c\nd\te", "f\\n"]
            : type.IsEnum ? Enum.GetValues(type).Cast<object>().First(other => !other.Equals(value))
            : throw new NotSupportedException($"{property.Name}: give this test another value of {type}.");
    }

    [Fact]
    public void Parse_Json_IsTypedAndEveryProblemIsSaidByItsFieldOrByName()
    {
        RunDraft draft = RunDraft.Parse("""
            {"optimiser": {"learningRate": "fast"}, "schedule": {"epochs": 7}, "data": {"shuffle": "maybe"}, "objective": {"ce": {"weight": 3}}, "colour": 1}
            """u8.ToArray(), out IReadOnlyList<OptionProblem> problems);
        Assert.Equal("7", draft["schedule.epochs"]);
        Assert.Equal("3", draft["objective.ce.weight"]);
        // What a box can hold stands in it, and says there what is wrong.
        Assert.Equal("fast", draft["optimiser.learningRate"]);
        draft.Read(out IReadOnlyList<OptionProblem> unreadable);
        Assert.Equal(["optimiser.learningRate"], unreadable.Select(problem => problem.Field));
        // A switch cannot stand at "maybe", and no field is called colour.
        Assert.Equal(["colour", "data.shuffle"], problems.Select(problem => problem.Field).Order());
    }

    [Fact]
    public void Parse_WhatWasCopied_IsTheSameForm()
    {
        var options = new RunOptions { Name = "Copied", Student = new() { TeacherLayers = [0, 3] }, Optimiser = new() { LearningRate = 3e-4 } };
        RunDraft copied = RunDraft.Parse(System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(RunDraft.Of(options).Read(out _), WebJson.Options), out IReadOnlyList<OptionProblem> problems);
        Assert.Empty(problems);
        Assert.Equal(RunDraft.Of(options).Texts, copied.Texts);
    }
}
