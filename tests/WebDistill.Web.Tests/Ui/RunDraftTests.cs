using System.Reflection;
using System.Text.Json;
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
        foreach (PropertyInfo property in typeof(RunOptions).GetProperties().Where(property => property.CanWrite))
            property.SetValue(options, Other(property, property.GetValue(options)));
        JsonElement written = JsonSerializer.SerializeToElement(options, WebJson.Options), defaults = JsonSerializer.SerializeToElement(new RunOptions(), WebJson.Options);
        // A value that is the default would prove nothing.
        Assert.All(OptionSchema.Of<RunOptions>().Fields, field =>
            Assert.NotEqual(defaults.GetProperty(field.Name).GetRawText(), written.GetProperty(field.Name).GetRawText()));

        RunOptions read = RunDraft.Of(options).Read(out IReadOnlyList<OptionProblem> problems);
        Assert.Empty(problems);
        Assert.Equal(written.GetRawText(), JsonSerializer.SerializeToElement(read, WebJson.Options).GetRawText());
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
