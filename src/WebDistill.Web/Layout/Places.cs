using Microsoft.AspNetCore.Components.Routing;

namespace WebDistill.Web.Layout;

/// <summary>A page of its own, as the navigation and the palette name it.</summary>
/// <param name="Icon">Key of an icon.</param>
/// <param name="OnPhone">Whether a telephone shows it without asking for more.</param>
public sealed record Place(string Address, string Icon, string Word, bool OnPhone = false)
{
    /// <summary>When it is the page that is open: all runs stand at the beginning of every address.</summary>
    public NavLinkMatch Match => Address == "/" ? NavLinkMatch.All : NavLinkMatch.Prefix;
}

/// <summary>The pages, in the groups of the navigation.</summary>
public static class Places
{
    /// <summary>Where the trash is, among others.</summary>
    public const string Settings = "/settings";

    /// <summary>The groups in their order; what has no group stands last.</summary>
    public static IReadOnlyList<(string Group, IReadOnlyList<Place> Places)> Groups { get; } =
    [
        ("Work", [new("/", "runs", "Runs", OnPhone: true), new("/sweeps", "sweep", "Sweeps"), new("/compare", "compare", "Compare", OnPhone: true)]),
        ("Things", [new("/models", "model", "Models", OnPhone: true), new("/datasets", "database", "Datasets"), new("/evaluate", "evaluate", "Evaluations")]),
        ("Try", [new("/playground", "playground", "Playground", OnPhone: true)]),
        ("", [new("/glossary", "info", "Glossary"), new(Settings, "settings", "Settings")]),
    ];
}
