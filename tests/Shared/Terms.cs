using System.Text.Json;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;

namespace WebDistill.Tests;

/// <summary>Objectives of the four first losses in a line: what is not named has its default, or stays as it was.</summary>
internal static class Terms
{
    public static IReadOnlyDictionary<string, ObjectiveTerm> Of(
        double? ce = null, double? clm = null, double? mse = null, double? cos = null, double? temperature = null, MseReduction? reduction = null) =>
        new RunOptions().Objective.With(ce, clm, mse, cos, temperature, reduction);

    public static IReadOnlyDictionary<string, ObjectiveTerm> With(this IReadOnlyDictionary<string, ObjectiveTerm> objective,
        double? ce = null, double? clm = null, double? mse = null, double? cos = null, double? temperature = null, MseReduction? reduction = null)
    {
        var changed = new Dictionary<string, ObjectiveTerm>(objective);
        foreach ((string loss, double? weight) in new[] { ("ce", ce), ("clm", clm), ("mse", mse), ("cos", cos) })
        {
            if (weight is double given)
                changed[loss] = Term(loss) with { Weight = given };
        }
        if (temperature is double t)
            changed["ce"] = Term("ce") with { Parameters = new() { ["temperature"] = double.IsFinite(t) ? JsonSerializer.SerializeToElement(t) : JsonSerializer.Deserialize<JsonElement>("1e999") } };
        if (reduction is MseReduction divided)
            changed["mse"] = Term("mse") with { Parameters = new() { ["reduction"] = JsonSerializer.SerializeToElement(divided.ToString()) } };
        return changed;

        ObjectiveTerm Term(string loss) => changed.GetValueOrDefault(loss) ?? new ObjectiveTerm(0);
    }
}
