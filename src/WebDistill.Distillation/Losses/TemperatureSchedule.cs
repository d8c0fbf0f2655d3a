using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Losses;

/// <summary>How a temperature goes on over the updates of a run.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TemperatureSchedule>))]
public enum TemperatureSchedule
{
    /// <summary>Stays as it is.</summary>
    Constant,

    /// <summary>In a straight line from a first to a last one.</summary>
    Linear,
}
