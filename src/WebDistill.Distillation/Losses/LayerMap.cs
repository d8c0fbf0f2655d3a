using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Losses;

/// <summary>Which teacher layer each student layer is compared with, where none are listed. Layer m of M, of a teacher of N, both counted from 1.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LayerMapping>))]
public enum LayerMapping
{
    /// <summary>Evenly over the whole depth: round(m N / M), so that the last layers meet.</summary>
    Skip,

    /// <summary>The teacher's last ones: m + N − M.</summary>
    Last,
}

/// <summary>A student's and a teacher's layer that are compared, as places in <see cref="Models.Outputs.Layers"/>: 0 is the embeddings, m the output of block m.</summary>
internal readonly record struct LayerPair(int Student, int Teacher);

/// <summary>Pairs the layers of two models.</summary>
/// <remarks>Lists count the teacher's layers from 0, as those that a student copies.</remarks>
internal static class LayerMap
{
    /// <summary>The pairs, in the order of the student's layers.</summary>
    /// <param name="listed">A teacher layer for each student layer, or for each but the last; null follows <paramref name="mapping"/>.</param>
    /// <param name="leavesLast">Whether the student's last layer is left out where nothing is listed; a student of one layer has no other.</param>
    public static IReadOnlyList<LayerPair> Pairs(LayerMapping mapping, IReadOnlyList<int>? listed, int studentLayers, int teacherLayers, bool leavesLast = false) =>
        listed is not null ? [.. listed.Select((layer, i) => new LayerPair(i + 1, layer + 1))]
        : [.. Enumerable.Range(1, leavesLast ? Math.Max(1, studentLayers - 1) : studentLayers).Select(m => new LayerPair(m, mapping == LayerMapping.Last
            ? m + teacherLayers - studentLayers
            : (int)Math.Round((double)m * teacherLayers / studentLayers, MidpointRounding.AwayFromZero)))];

    /// <summary>Why the layers cannot be paired, with what was expected and the fix; null when they can.</summary>
    /// <param name="label">The loss, as people know it.</param>
    public static string? Problem(string label, IReadOnlyList<int>? listed, int studentLayers, int teacherLayers, bool leavesLast = false)
    {
        if (listed is null)
        {
            return studentLayers <= teacherLayers ? null
                : $"The loss '{label}' compares each of the student's {studentLayers} layers with one of the teacher's, which has {teacherLayers}; expected a student of at most {teacherLayers}. "
                    + "Give the student fewer layers, or list a teacher layer for each of them.";
        }
        int least = leavesLast ? Math.Max(1, studentLayers - 1) : studentLayers;
        if (listed.Count < least || listed.Count > studentLayers)
        {
            return $"The loss '{label}' has a list of {listed.Count} teacher layers for a student of {studentLayers}; expected "
                + (least == studentLayers ? $"{studentLayers}, one for each. " : $"{least}, one for each but the last, or {studentLayers}. ") + "List as many, or leave the list blank.";
        }
        foreach (int layer in listed)
        {
            if (layer < 0 || layer >= teacherLayers)
                return $"The loss '{label}' lists the teacher layer {layer}; expected layers from 0 to {teacherLayers - 1}, which the teacher has. Name others, or leave the list blank.";
        }
        return null;
    }
}
