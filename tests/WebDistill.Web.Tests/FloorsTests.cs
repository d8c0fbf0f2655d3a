using System.Reflection;
using System.Text.RegularExpressions;
using NetArchTest.Rules;
using WebDistill.Web.Layout;

namespace WebDistill.Web.Tests;

/// <summary>
/// The folders of WebDistill.Web are floors: each uses only those before it in this list (docs/decisions/0021-feature-folders.md says what stands
/// where). Components count with the code that is generated from them.
/// </summary>
public sealed class FloorsTests
{
    private const string House = "WebDistill.Web.";

    private static readonly string[] s_floors =
    [
        "Failures", "Hosting", "Formats", "Security", "Live", "Storage", "Http", "Ui", "Glossary",
        "Models", "Datasets", "Catalogue", "Compress", "Jobs", "Runs", "Compare", "Sweeps", "Evaluations", "Playground", "Reports", "Settings",
        "Notifications", "Layout", "", "Headless",
    ];

    private static readonly Assembly s_assembly = typeof(App).Assembly;

    public static TheoryData<string> Floors => [.. s_floors.Where(floor => floor != "")];

    [Theory]
    [MemberData(nameof(Floors))]
    public void Folder_UsesOnlyThoseBelowIt(string floor)
    {
        Assert.Equal([], Upwards(TypesOf(floor), s_floors.SkipWhile(other => other != floor).Skip(1)));
        Assert.True(TypesOf(floor).GetTypes().Any(), $"{floor} is empty");
    }

    // What composes them all: the entry point and the commands of the terminal alone may use it.
    [Fact]
    public void Root_KnowsNoCommandOfTheTerminal() => Assert.Equal([], Upwards(TypesOf(""), ["Headless"]));

    [Fact]
    public void Rule_AnArrowThatIsThere_IsSeenAlsoInAComponent()
    {
        Assert.NotEmpty(Upwards(TypesOf("Jobs"), ["Storage"]));
        Assert.Contains("WebDistill.Web.Layout.MainLayout", Upwards(TypesOf("Layout"), ["Runs"]));
        Assert.NotEmpty(Upwards(TypesOf("Headless"), [""]));
    }

    [Fact]
    public void Types_OfTheHouse_StandOnOneOfTheFloors()
    {
        string[] elsewhere = [.. s_assembly.GetTypes().Select(type => type.Namespace).OfType<string>().Distinct()
            .Where(name => name.StartsWith("WebDistill", StringComparison.Ordinal) && name != "WebDistill.Web" && !s_floors.Contains(name[House.Length..]))];
        Assert.Equal([], elsewhere);
    }

    // What is nested, as a state machine is, has its outer type as its namespace here.
    private static PredicateList TypesOf(string floor) => Types.InAssembly(s_assembly).That().ResideInNamespaceMatching(floor == ""
        ? $@"^WebDistill\.Web$|^({string.Join('|', RootTypes().Select(Regex.Escape))})$"
        : $@"^WebDistill\.Web\.{floor}(\.|$)");

    private static string[] Upwards(PredicateList types, IEnumerable<string> above)
    {
        string[] names = [.. above.SelectMany(floor => floor == "" ? RootTypes() : [House + floor])];
        return names.Length == 0 ? [] : [.. types.And().HaveDependencyOnAny(names).GetTypes().Select(type => type.FullName!).Order()];
    }

    private static IEnumerable<string> RootTypes() =>
        s_assembly.GetTypes().Where(type => type is { Namespace: "WebDistill.Web", IsNested: false }).Select(type => type.FullName!);
}
