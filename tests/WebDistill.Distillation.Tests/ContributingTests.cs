using System.Text.RegularExpressions;

namespace WebDistill.Distillation.Tests;

/// <summary>What CONTRIBUTING.md and README.md name is there: folders, files, and the catalogues that a line is added to.</summary>
public sealed partial class ContributingTests
{
    private static readonly string s_root = FindRoot();

    [Fact]
    public void TableOfPlaces_NamesWhatIsThere()
    {
        List<string> missing = [];
        int places = 0, catalogues = 0;
        string[] sources = [.. new[] { "src", "benchmarks" }.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(s_root, folder), "*.cs", SearchOption.AllDirectories))
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal))];
        foreach (string row in File.ReadLines(Path.Combine(s_root, "CONTRIBUTING.md")).Where(line => line.StartsWith("| ", StringComparison.Ordinal)))
        {
            foreach (string code in Code().Matches(row).Select(match => match.Groups[1].Value))
            {
                if (Place().Match(code) is { Success: true } place)
                {
                    places++;
                    string path = place.Value.Split('<')[0];
                    // Up to the part that whoever adds something chooses.
                    path = path.EndsWith('/') || File.Exists(Path.Combine(s_root, path)) || Directory.Exists(Path.Combine(s_root, path)) ? path : path[..path.LastIndexOf('/')];
                    if (!File.Exists(Path.Combine(s_root, path)) && !Directory.Exists(Path.Combine(s_root, path)) || !code.Contains('<') && path != place.Value)
                        missing.Add(code);
                }
                else if (Member().Match(code) is { Success: true } member)
                {
                    catalogues++;
                    string type = member.Groups[1].Value;
                    string[] declared = [.. sources.Where(file => Path.GetFileName(file).Split('.')[0] == type)];
                    if (!declared.Any(file => Regex.IsMatch(File.ReadAllText(file), $@"\b{member.Groups[2].Value}\b")))
                        missing.Add(code);
                }
            }
        }
        Assert.Equal([], missing);
        Assert.True(places >= 10 && catalogues >= 5, $"{places} places and {catalogues} catalogues were looked for");
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("CONTRIBUTING.md")]
    public void Links_LeadSomewhere(string document)
    {
        string[] links = [.. Link().Matches(File.ReadAllText(Path.Combine(s_root, document))).Select(match => match.Groups[1].Value)
            .Where(link => !link.Contains("://", StringComparison.Ordinal) && !link.StartsWith('#'))];
        Assert.Equal([], links.Where(link => !Path.Exists(Path.Combine(s_root, link.Split('#')[0]))));
    }

    internal static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "WebDistill.sln")))
            folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds WebDistill.sln.");
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"^(?:src|tests|benchmarks|docs|wwwroot|migrations)/[\w./<>-]*")]
    private static partial Regex Place();

    [GeneratedRegex(@"^([A-Z]\w+)\.([A-Z]\w+)$")]
    private static partial Regex Member();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
