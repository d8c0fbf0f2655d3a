using System.Reflection;
using NetArchTest.Rules;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Tests;

/// <summary>The folders of WebDistill.Distillation are floors: each uses only those before it in this list.</summary>
public sealed class FloorsTests
{
    private const string House = "WebDistill.Distillation.";

    private static readonly string[] s_floors =
        ["Files", "Options", "Optimisation", "Kernels", "Engine", "Models", "Text", "Losses", "Teachers", "Students", "Transforms", "Generation", "Data", "Evaluation", "Training", "Guards"];

    private static readonly Assembly s_assembly = typeof(DurableFile).Assembly;

    public static TheoryData<string> Floors => [.. s_floors];

    [Theory]
    [MemberData(nameof(Floors))]
    public void Folder_UsesOnlyThoseBelowIt(string floor)
    {
        string[] above = [.. s_floors.SkipWhile(other => other != floor).Skip(1).Select(other => House + other)];
        Assert.Equal([], Upwards(floor, above));
        Assert.True(above.Length == 0 || Types.InAssembly(s_assembly).That().ResideInNamespace(House + floor).GetTypes().Any(), $"{floor} is empty");
    }

    [Fact]
    public void Rule_AnArrowThatIsThere_IsSeen() =>
        Assert.NotEmpty(Upwards("Training", [House + "Losses"]));

    [Fact]
    public void Types_OfTheHouse_StandOnOneOfTheFloors()
    {
        string[] elsewhere = [.. s_assembly.GetTypes().Select(type => type.Namespace).OfType<string>().Distinct()
            .Where(name => name.StartsWith("WebDistill", StringComparison.Ordinal)
                && !s_floors.Any(floor => name == House + floor || name.StartsWith($"{House}{floor}.", StringComparison.Ordinal)))];
        Assert.Equal([], elsewhere);
    }

    private static string[] Upwards(string floor, string[] above) => above.Length == 0 ? [] : [.. Types.InAssembly(s_assembly)
        .That().ResideInNamespace(House + floor).And().HaveDependencyOnAny(above).GetTypes().Select(type => type.FullName!).Order()];
}
