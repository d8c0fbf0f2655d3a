using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Tests.Options;

public sealed class OptionSchemaTests
{
    public static TheoryData<Type> Records => [typeof(RunOptions), typeof(GenerationOptions)];

    private static OptionSchema Schema(Type type) => type == typeof(RunOptions)
        ? OptionSchema.Of<RunOptions>() : OptionSchema.Of<GenerationOptions>();

    [Theory]
    [MemberData(nameof(Records))]
    public void Fields_OfARecord_AreItsPropertiesInTheirOrderAndSayWhatTheyAre(Type type)
    {
        IReadOnlyList<OptionField> fields = Schema(type).Fields;
        Assert.Equal(Paths(type, ""), fields.Select(field => field.Path));
        Assert.All(fields, field => Assert.True(field.Label.Length is > 0 and <= 40, field.Path));
        Assert.All(fields, field => Assert.EndsWith(".", field.What));
        Assert.Equal(fields.Count, fields.Select(field => field.Label).Distinct().Count());
        // A number without bounds would be one that nobody has thought about; a seed has none.
        Assert.All(fields.Where(field => field.Kind is OptionKind.Number or OptionKind.Integer && field.Path != "seed"),
            field => Assert.True(double.IsFinite(field.Minimum), field.Path));
        object defaults = Activator.CreateInstance(type)!;
        Assert.Empty(Schema(type).Problems(defaults));
    }

    [Theory]
    [MemberData(nameof(Records))]
    public void Problems_ANumberAtAndBeyondItsBounds_IsAllowedAndRefused(Type type)
    {
        int refused = 0;
        foreach (OptionField field in Schema(type).Fields.Where(field => field.Kind is OptionKind.Number or OptionKind.Integer))
        {
            foreach ((double bound, bool isExcluded, int beyond) in new[]
            {
                (field.Minimum, field.ExcludesMinimum, -1), (field.Maximum, field.ExcludesMaximum, 1),
            })
            {
                if (!double.IsFinite(bound))
                    continue;
                Assert.Equal(isExcluded, IsRefused(field, bound));
                double outside = field.Kind == OptionKind.Integer ? bound + beyond : beyond < 0 ? Math.BitDecrement(bound) : Math.BitIncrement(bound);
                Assert.True(IsRefused(field, outside), $"{field.Path}: {outside}");
                refused++;
            }
            if (field.Kind == OptionKind.Number)
                Assert.True(IsRefused(field, double.NaN) && IsRefused(field, double.PositiveInfinity) && IsRefused(field, double.NegativeInfinity), field.Path);
        }
        Assert.True(refused > 5);

        bool IsRefused(OptionField field, double value)
        {
            object options = Activator.CreateInstance(type)!;
            object record = options;
            string[] names = [.. field.Path.Split('.').Select(name => char.ToUpperInvariant(name[0]) + name[1..])];
            foreach (string group in names[..^1])
                record = record.GetType().GetProperty(group)!.GetValue(record)!;
            PropertyInfo property = record.GetType().GetProperty(names[^1])!;
            Type held = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            property.SetValue(record, Convert.ChangeType(value, held));
            List<OptionProblem> problems = [.. Schema(type).Problems(options)];
            Assert.All(problems, problem => Assert.Equal(field.Path, problem.Field));
            return problems.Count == 1;
        }
    }

    [Fact]
    public void InAndPut_EveryOptionOfARun_AreItsPlaceInTheJson()
    {
        var written = new JsonObject();
        foreach (OptionField field in LossCatalogue.RunSchema.Fields)
            field.Put(written, field.Path);
        Assert.Equal(LossCatalogue.RunSchema.Fields.Count, LossCatalogue.RunSchema.Fields.Select(field => field.Label).Distinct().Count());
        Assert.All(LossCatalogue.RunSchema.Fields, field => Assert.Equal(field.Path, field.In(written)!.GetValue<string>()));
        JsonObject defaults = LossCatalogue.RunSchema.Write(new RunOptions(), JsonSerializerOptions.Web);
        Assert.Equal(Leaves(defaults, "").Order(), Leaves(written, "").Order());

        static IEnumerable<string> Leaves(JsonObject json, string prefix) => json.SelectMany(pair =>
            pair.Value is JsonObject inner ? Leaves(inner, $"{prefix}{pair.Key}.") : [prefix + pair.Key]);
    }

    [Fact]
    public void Of_APropertyThatSaysNothing_IsRefusedWithItsName()
    {
        var refused = Assert.Throws<TypeInitializationException>(OptionSchema.Of<Silent>);
        Assert.Contains("Silent.Loudness has no [Option]", refused.InnerException!.Message);
    }

    private static IEnumerable<string> Paths(Type type, string prefix) => type.GetProperties()
        .Where(property => property.CanWrite && property.Name != nameof(RunOptions.Objective)).SelectMany(property => OptionSchema.IsGroup(property.PropertyType)
            ? Paths(property.PropertyType, $"{prefix}{JsonNamingPolicy.CamelCase.ConvertName(property.Name)}.")
            : [prefix + JsonNamingPolicy.CamelCase.ConvertName(property.Name)]);

    private sealed record Silent
    {
        public int Loudness { get; init; }
    }
}
