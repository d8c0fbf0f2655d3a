using System.Text.Json.Serialization;

namespace WebDistill.Web.Playground;

/// <summary>What the playground does with a prompt.</summary>
public enum PlaygroundMode
{
    /// <summary>Two models go on from it.</summary>
    SideBySide,

    /// <summary>Two models score it.</summary>
    ScoreText,

    /// <summary>Every checkpoint of a run goes on from it.</summary>
    Checkpoints,
}

/// <summary>Whose text two models are compared on.</summary>
public enum WhoseText
{
    /// <summary>The student's own.</summary>
    Student,

    /// <summary>Nobody's: no comparison is made.</summary>
    Nobody,

    /// <summary>The teacher's, which the student follows.</summary>
    Teacher,
}

/// <summary>Everything that decides what the playground shows: a link and the history keep it.</summary>
public sealed record PlaygroundSettings
{
    /// <summary>The left model, which is the teacher of a comparison.</summary>
    public Guid? Left { get; init; }

    /// <summary>The right model, which is the student of a comparison.</summary>
    public Guid? Right { get; init; }

    /// <summary>The run whose checkpoints answer.</summary>
    public Guid? CheckpointsOf { get; init; }

    /// <summary>The text to go on from, or to score.</summary>
    public string Prompt { get; init; } = "";

    /// <summary>What is done with it.</summary>
    public PlaygroundMode Mode { get; init; }

    /// <summary>Whose text is compared token by token.</summary>
    public WhoseText Compare { get; init; }

    /// <summary>The options of the generation, as <see cref="SamplingDraft.Texts"/> gives them.</summary>
    public IReadOnlyDictionary<string, string> Sampling { get; init; } = new Dictionary<string, string>();

    /// <summary>The parameters of a link; what has no effect is left out.</summary>
    [JsonIgnore]
    public IReadOnlyDictionary<string, object?> Query
    {
        get
        {
            var query = new Dictionary<string, object?>
            {
                ["left"] = Left?.ToString("N"), ["right"] = Right?.ToString("N"), ["prompt"] = Prompt,
            };
            foreach ((string name, string text) in Sampling)
                query[name] = text == "" ? null : text;
            if (Mode != PlaygroundMode.SideBySide)
                query["mode"] = Mode.ToString();
            if (Compare != WhoseText.Student)
                query["compare"] = Compare.ToString();
            if (Mode == PlaygroundMode.Checkpoints)
                query["checkpointsOf"] = CheckpointsOf?.ToString("N");
            return query;
        }
    }
}
