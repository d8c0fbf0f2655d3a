using System.Reflection;
using WebDistill.Distillation.Generation;
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
        Assert.Equal(type.GetProperties().Where(property => property.CanWrite).Select(property => property.Name),
            fields.Select(field => char.ToUpperInvariant(field.Name[0]) + field.Name[1..]));
        Assert.All(fields, field => Assert.True(field.Label.Length is > 0 and <= 40, field.Name));
        Assert.All(fields, field => Assert.EndsWith(".", field.What));
        Assert.Equal(fields.Count, fields.Select(field => field.Label).Distinct().Count());
        // A number without bounds would be one that nobody has thought about; a seed has none.
        Assert.All(fields.Where(field => field.Kind is OptionKind.Number or OptionKind.Integer && field.Name != "seed"),
            field => Assert.True(double.IsFinite(field.Minimum), field.Name));
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
                Assert.True(IsRefused(field, outside), $"{field.Name}: {outside}");
                refused++;
            }
            if (field.Kind == OptionKind.Number)
                Assert.True(IsRefused(field, double.NaN) && IsRefused(field, double.PositiveInfinity) && IsRefused(field, double.NegativeInfinity), field.Name);
        }
        Assert.True(refused > 5);

        bool IsRefused(OptionField field, double value)
        {
            object options = Activator.CreateInstance(type)!;
            PropertyInfo property = type.GetProperty(char.ToUpperInvariant(field.Name[0]) + field.Name[1..])!;
            Type held = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            property.SetValue(options, Convert.ChangeType(value, held));
            List<OptionProblem> problems = [.. Schema(type).Problems(options)];
            Assert.All(problems, problem => Assert.Equal(field.Name, problem.Field));
            return problems.Count == 1;
        }
    }

    [Fact]
    public void Of_APropertyThatSaysNothing_IsRefusedWithItsName()
    {
        var refused = Assert.Throws<TypeInitializationException>(OptionSchema.Of<Silent>);
        Assert.Contains("Silent.Loudness has no [Option]", refused.InnerException!.Message);
    }

    private sealed record Silent
    {
        public int Loudness { get; init; }
    }
}
