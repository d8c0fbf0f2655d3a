using System.Globalization;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>What is asked of a text that is classified, and so which loss its answer is learned by.</summary>
public enum ProblemType
{
    /// <summary>Which one of the classes: cross-entropy.</summary>
    SingleLabel,

    /// <summary>Which of the classes, any number: binary cross-entropy of each.</summary>
    MultiLabel,

    /// <summary>A number for each: squared error.</summary>
    Regression,
}

/// <summary>The classes of a classification head.</summary>
/// <param name="Labels">Their names, in the order of the logits; a single one is a number that is estimated.</param>
/// <param name="Problem">What is asked.</param>
public sealed record ClassHead(IReadOnlyList<string> Labels, ProblemType Problem)
{
    private const int MostLabels = 100_000;

    private static readonly (ProblemType Problem, string Name)[] s_problems =
    [
        (ProblemType.SingleLabel, "single_label_classification"), (ProblemType.MultiLabel, "multi_label_classification"), (ProblemType.Regression, "regression"),
    ];

    /// <summary>How many logits a text has.</summary>
    public int Count => Labels.Count;

    /// <summary>Two are the same when they have the same classes.</summary>
    public bool Equals(ClassHead? other) => other is not null && Problem == other.Problem && Labels.SequenceEqual(other.Labels);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Problem, Labels.Count, Labels.Count > 0 ? Labels[0] : "");

    /// <summary>Reads id2label or num_labels, and problem_type; what is not there is as transformers has it by default.</summary>
    internal static ClassHead Parse(ConfigFields fields)
    {
        IReadOnlyList<string>? names = fields.NumberedTexts("id2label");
        int? number = fields.Integer("num_labels");
        if (number is < 1 or > MostLabels)
            throw new InvalidDataException($"num_labels is {number}, expected 1 to {MostLabels}.");
        if (names is not null && number is int said && said != names.Count)
            throw new InvalidDataException($"num_labels is {said} and id2label names {names.Count} classes, expected as many. Correct one of them.");
        names ??= [.. Enumerable.Range(0, number ?? 2).Select(id => $"LABEL_{id}")];
        string? problem = fields.Text("problem_type");
        if (problem is null)
            return new ClassHead(names, names.Count == 1 ? ProblemType.Regression : ProblemType.SingleLabel);
        foreach ((ProblemType known, string name) in s_problems)
        {
            if (name == problem)
                return new ClassHead(names, known);
        }
        throw new InvalidDataException($"problem_type is '{ForeignText.Quote(problem)}', expected one of: "
            + $"{string.Join(", ", s_problems.Select(known => known.Name))}.");
    }

    internal void Write(JsonObject json)
    {
        var names = new JsonObject();
        var ids = new JsonObject();
        for (int id = 0; id < Labels.Count; id++)
        {
            names[id.ToString(CultureInfo.InvariantCulture)] = Labels[id];
            // Two classes of one name have one entry here, as in a dictionary of Python's: the last.
            ids[Labels[id]] = id;
        }
        (json["id2label"], json["label2id"]) = (names, ids);
        json["problem_type"] = s_problems.Single(known => known.Problem == Problem).Name;
    }
}
