using System.Reflection;
using WebDistill.Web.Tests.Pages;

namespace WebDistill.Web.Tests;

/// <summary>What <c>tests/run --fast</c> leaves out is said where it is written, and every class that needs a browser says it.</summary>
public sealed class TraitsTests
{
    [Fact]
    public void Classes_ThatAreGivenABrowser_SayThatTheyNeedOne()
    {
        Type[] given = [.. typeof(TraitsTests).Assembly.GetTypes().Where(type => type.GetConstructors()
            .SelectMany(constructor => constructor.GetParameters()).Any(parameter => parameter.ParameterType == typeof(Chromium)))];
        Assert.True(given.Length > 15, $"{given.Length} classes are given a browser.");
        Assert.All(given, type => Assert.True(Traits(type).Any(trait => trait is ("needs", "browser" or "kill")), $"{type.Name} lacks [Trait(\"needs\", \"browser\")]."));
    }

    /// <summary>A word that the filter does not know would leave a test where nobody expects it.</summary>
    [Fact]
    public void Traits_AreThoseOfTheFilter()
    {
        string filter = File.ReadAllText(Path.Combine(WebDistillApp.RepositoryRoot, "tests", "run"));
        (string, string)[] found = [.. typeof(TraitsTests).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods().Cast<MemberInfo>().Append(type)).SelectMany(Traits).Distinct()];
        Assert.NotEmpty(found);
        Assert.All(found, trait => Assert.Contains($"{trait.Item1}!={trait.Item2}", filter, StringComparison.Ordinal));
    }

    private static IEnumerable<(string, string)> Traits(MemberInfo member) => member.GetCustomAttributesData()
        .Where(attribute => attribute.AttributeType == typeof(TraitAttribute))
        .Select(attribute => ((string)attribute.ConstructorArguments[0].Value!, (string)attribute.ConstructorArguments[1].Value!));
}
