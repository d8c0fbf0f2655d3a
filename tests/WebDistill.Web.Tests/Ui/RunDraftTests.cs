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
            : type == typeof(double) ? (double)value! + 0.1250001
            : type == typeof(string) ? $"other {property.Name}"
            : type == typeof(IReadOnlyList<int>) ? (int[])[0, 3, 11]
            : type.IsEnum ? Enum.GetValues(type).Cast<object>().First(other => !other.Equals(value))
            : throw new NotSupportedException($"{property.Name}: give this test another value of {type}.");
    }
}
