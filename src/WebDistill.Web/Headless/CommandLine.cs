using System.CommandLine;
using System.CommandLine.Parsing;

namespace WebDistill.Web.Headless;

/// <summary>
/// The words after the program's name: a command or a call for help, or settings of the server and nothing else. A command's own words come
/// first; settings may follow it.
/// </summary>
internal static class CommandLine
{
    /// <summary>Exit code of words that are no command, or that a command cannot take.</summary>
    public const int BadArguments = 2;

    /// <summary>Said in every command's help.</summary>
    public const string SettingsHelp = "Any setting of appsettings.json can follow, for example --Storage:Root=/data/webdistill (default data).";

    /// <summary>Settings of the host that stand in no section.</summary>
    private static readonly string[] s_hostSettings = ["environment", "contentRoot", "applicationName"];

    /// <summary>Runs the command that the arguments name and returns its exit code; null when they are for the server.</summary>
    /// <param name="contentRoot">The folder of appsettings.json.</param>
    public static async Task<int?> ExecuteAsync(string[] arguments, string contentRoot)
    {
        if (arguments is not [string first, ..] || IsForServer(first))
            return null;
        string[] words = [.. arguments.TakeWhile(word => !IsSetting(word))];
        string[] settings = arguments[words.Length..];
        RootCommand root = Create(settings, contentRoot);
        ParseResult parsed = root.Parse(words, new ParserConfiguration { ResponseFileTokenReplacer = null });
        List<string> problems = parsed.CommandResult.Command == root && parsed.Errors.Count > 0
            ? [$"'{first}' is no command; expected {string.Join(", ", root.Subcommands.Select(command => command.Name))}, or only settings of the server such as "
                + "--urls ADDRESS."]
            : [.. parsed.Errors.Select(error => error.Message)];
        problems.AddRange(settings.Where(word => word.StartsWith("--", StringComparison.Ordinal) && !IsSetting(word)).Select(word =>
            $"'{word}' stands among the settings and is none; expected a name such as --Storage:Root. The command's own words come before them."));
        if (problems.Count > 0)
        {
            foreach (string problem in problems)
                await Console.Error.WriteLineAsync(problem);
            await Console.Error.WriteLineAsync(
                $"{(parsed.CommandResult.Command == root ? "" : $"{parsed.CommandResult.Command.Name} ")}--help says what is expected.");
            return BadArguments;
        }
        // Signals are the commands' own: they end with a checkpoint.
        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    private static RootCommand Create(string[] settings, string contentRoot) => new("""
        Distils language models. Without a command the server starts and takes any setting of appsettings.json, for example:
          --urls http://127.0.0.1:8000     where it listens (default http://127.0.0.1:5080)
          --Storage:Root /data/webdistill  folder of the database, models, data sets and checkpoints (default data)
        """)
    {
        HeadlessRun.Create(settings, contentRoot),
        HeadlessSweep.Create(settings, contentRoot),
        RestoreCommand.Create(settings, contentRoot),
    };

    private static bool IsForServer(string first) =>
        first is not ("--help" or "-h" or "-?" or "--version") && (first.StartsWith('-') || first.StartsWith('/') || first.Contains('='));

    /// <summary>Whether configuration takes the word as a key: "--Key value", "--Key=value", "/Key value" or "Key=value", the key in a section.</summary>
    private static bool IsSetting(string word)
    {
        bool isMarked = word.StartsWith("--", StringComparison.Ordinal) || word.StartsWith('/');
        string key = word.TrimStart('-', '/').Split('=')[0];
        return (isMarked || word.Contains('='))
            && (key.Contains(':') && !key.Contains('/') || isMarked && s_hostSettings.Contains(key, StringComparer.OrdinalIgnoreCase));
    }
}
