namespace WebDistill.Web.Hosting;

/// <summary>
/// How much of anything one client, or all together, may send or hold open: section <c>Limits:</c> of appsettings.json. What goes beyond is
/// answered with 400, 409, 413 or 429 and a sentence that says the limit. Limits of the files of models and texts, which hold without a
/// web host as well, stand in <see cref="Distillation.FileLimits"/>.
/// </summary>
public sealed record InputLimits
{
    /// <summary>Largest JSON body, kB of 1024 bytes: a sweep of a few thousand values fits.</summary>
    public int JsonKilobytes { get; init; } = 256;

    /// <summary>Largest JSON body of a request that carries a prompt or a text, kB of 1024 bytes: the longest prompt with every character escaped.</summary>
    public int PromptJsonKilobytes { get; init; } = 2048;

    /// <summary>Objects and lists inside each other in a JSON body; a sweep's plan has 5.</summary>
    public int JsonDepth { get; init; } = 16;

    /// <summary>Properties in a JSON body, those of inner objects counted.</summary>
    public int JsonProperties { get; init; } = 10_000;

    /// <summary>Parts of one upload: files and fields together. A model may come in many shards.</summary>
    public int FormParts { get; init; } = 300;

    /// <summary>Characters of one field of an upload that is no file.</summary>
    public int FormFieldCharacters { get; init; } = 4096;

    /// <summary>Bytes of the headers of one part of an upload.</summary>
    public int FormPartHeaderBytes { get; init; } = 8192;

    /// <summary>All headers of a request together, kB of 1024 bytes.</summary>
    public int HeaderKilobytes { get; init; } = 32;

    /// <summary>Headers of a request.</summary>
    public int Headers { get; init; } = 100;

    /// <summary>Runs that wait in the queue.</summary>
    public int QueuedRuns { get; init; } = 2000;

    /// <summary>Evaluations that wait.</summary>
    public int QueuedEvaluations { get; init; } = 2000;

    /// <summary>Generations and comparisons of models that are under way or wait for their turn, those of pages counted.</summary>
    public int OpenGenerations { get; init; } = 64;

    /// <summary>Runs that one client, known by its address, watches live at the same time.</summary>
    public int WatchesPerClient { get; init; } = 1000;

    /// <summary>Expensive requests (a generation, a comparison, a plan, an evaluation, a run, a sweep) of one client per second, on average.</summary>
    public int ExpensivePerSecond { get; init; } = 50;

    /// <summary>Expensive requests of one client at once, before <see cref="ExpensivePerSecond"/> holds.</summary>
    public int ExpensiveBurst { get; init; } = 500;

    /// <summary>Uploads, downloads of weights, backups, checks of the database and reports of one client at the same time; as many again wait.</summary>
    public int TransfersPerClient { get; init; } = 16;

    /// <summary>Every limit, as configuration, the Settings page and docs/security.md list them.</summary>
    public static IReadOnlyList<InputLimit> All { get; } =
    [
        new(nameof(JsonKilobytes), "kB", 16, 65_536, l => l.JsonKilobytes, (l, v) => l with { JsonKilobytes = v },
            "Largest JSON body: options, plans of sweeps, evaluations, names. Beyond: 413."),
        new(nameof(PromptJsonKilobytes), "kB", 64, 65_536, l => l.PromptJsonKilobytes, (l, v) => l with { PromptJsonKilobytes = v },
            "Largest JSON body with a prompt or a text. Beyond: 413."),
        new(nameof(JsonDepth), "levels", 8, 64, l => l.JsonDepth, (l, v) => l with { JsonDepth = v },
            "Objects and lists inside each other in a JSON body. Beyond: 400."),
        new(nameof(JsonProperties), "properties", 200, 1_000_000, l => l.JsonProperties, (l, v) => l with { JsonProperties = v },
            "Properties in a JSON body. Beyond: 400."),
        new(nameof(FormParts), "parts", 8, 10_000, l => l.FormParts, (l, v) => l with { FormParts = v },
            "Files and fields of one upload. Beyond: 413."),
        new(nameof(FormFieldCharacters), "characters", 256, 1_000_000, l => l.FormFieldCharacters, (l, v) => l with { FormFieldCharacters = v },
            "Length of a field of an upload that is no file. Beyond: 400."),
        new(nameof(FormPartHeaderBytes), "bytes", 1024, 65_536, l => l.FormPartHeaderBytes, (l, v) => l with { FormPartHeaderBytes = v },
            "Headers of one part of an upload. Beyond: 400."),
        new(nameof(HeaderKilobytes), "kB", 8, 1024, l => l.HeaderKilobytes, (l, v) => l with { HeaderKilobytes = v },
            "All headers of a request together. Beyond: 431."),
        new(nameof(Headers), "headers", 20, 1000, l => l.Headers, (l, v) => l with { Headers = v },
            "Headers of a request. Beyond: 431."),
        new(nameof(QueuedRuns), "runs", 1, 1_000_000, l => l.QueuedRuns, (l, v) => l with { QueuedRuns = v },
            "Runs that wait in the queue, those of sweeps counted. Beyond: 409."),
        new(nameof(QueuedEvaluations), "evaluations", 1, 1_000_000, l => l.QueuedEvaluations, (l, v) => l with { QueuedEvaluations = v },
            "Evaluations that wait. Beyond: 409."),
        new(nameof(OpenGenerations), "generations", 1, 10_000, l => l.OpenGenerations, (l, v) => l with { OpenGenerations = v },
            "Generations and comparisons under way or waiting, on pages and over HTTP. Beyond: 429."),
        new(nameof(WatchesPerClient), "watches", 10, 1_000_000, l => l.WatchesPerClient, (l, v) => l with { WatchesPerClient = v },
            "Runs that one client watches live at the same time. Beyond: the hub refuses."),
        new(nameof(ExpensivePerSecond), "requests/s", 1, 100_000, l => l.ExpensivePerSecond, (l, v) => l with { ExpensivePerSecond = v },
            "Generations, comparisons, plans, evaluations, runs and sweeps that one client may ask for, on average. Beyond: 429."),
        new(nameof(ExpensiveBurst), "requests", 1, 1_000_000, l => l.ExpensiveBurst, (l, v) => l with { ExpensiveBurst = v },
            "How many of these at once before that average holds."),
        new(nameof(TransfersPerClient), "transfers", 1, 10_000, l => l.TransfersPerClient, (l, v) => l with { TransfersPerClient = v },
            "Uploads, downloads of weights, backups, checks and reports of one client at the same time; as many again wait. Beyond: 429."),
    ];

    /// <summary>Reads the section.</summary>
    /// <param name="integer">Reads a whole number: its key, its value when it is missing, smallest and largest value.</param>
    public static InputLimits Read(Func<string, long, long, long, long> integer) => All.Aggregate(new InputLimits(), (limits, limit) =>
        limit.Set(limits, (int)integer(limit.Key, limit.Get(limits), limit.Minimum, limit.Maximum)));
}

/// <summary>One limit.</summary>
/// <param name="Name">Name of the property of <see cref="InputLimits"/>.</param>
/// <param name="Unit">What is counted.</param>
/// <param name="Minimum">Smallest value that can be configured.</param>
/// <param name="Maximum">Largest value that can be configured.</param>
/// <param name="Get">Reads the property.</param>
/// <param name="Set">The limits with another value of the property.</param>
/// <param name="What">What it limits, and how what goes beyond is answered.</param>
public sealed record InputLimit(
    string Name, string Unit, int Minimum, int Maximum, Func<InputLimits, int> Get, Func<InputLimits, int, InputLimits> Set, string What)
{
    /// <summary>Its key in the configuration.</summary>
    public string Key => $"Limits:{Name}";
}
