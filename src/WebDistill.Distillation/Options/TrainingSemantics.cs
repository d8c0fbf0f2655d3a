using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>Which bookkeeping the loop follows where the reference implementation has known defects.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TrainingSemantics>))]
public enum TrainingSemantics
{
    /// <summary>
    /// Every token of an update weighs the same, left-over micro-batches of an epoch make an update of their own, the schedule counts real
    /// updates.
    /// </summary>
    Corrected,

    /// <summary>
    /// Reproduces the reference: micro-batch means averaged, left-overs carried into the next epoch's first update, schedule over
    /// int(L/A*E)+1 updates.
    /// </summary>
    HuggingFaceExact,
}
