using System.Text.Json;
using System.Text.Json.Serialization;
using WebDistill.Distillation.Data;

namespace WebDistill.Distillation.Training;

/// <summary>
/// Where a run stands after an update: with the weights and the optimiser's moments, everything that the rest of the run depends on.
/// </summary>
/// <remarks>
/// Dropout needs no state of its own: its generator is seeded anew from seed, update and micro-batch. The learning rate is a function of
/// the update's number.
/// </remarks>
public sealed record TrainingState
{
    /// <summary>Updates done: also the position of the learning-rate schedule.</summary>
    public required int Step { get; init; }

    /// <summary>Tokens trained on.</summary>
    public required long TokensSeen { get; init; }

    /// <summary>Micro-batches used.</summary>
    public required long BatchesUsed { get; init; }

    /// <summary>Where the <see cref="BatchSource"/> stood after the last micro-batch of the update.</summary>
    [JsonPropertyName("sampler")]
    public required JsonElement Batches { get; init; }

    /// <summary>The teacher's perplexity on the held-out split, once measured.</summary>
    public double? TeacherValidationPerplexity { get; init; }

    /// <summary>The mean loss that it is the exponential of, nats per token; null in a state that an early version saved.</summary>
    public double? TeacherValidationNatsPerToken { get; init; }

    /// <summary>The student's latest perplexity on the held-out split.</summary>
    public double? LastValidationPerplexity { get; init; }

    /// <summary>The mean loss that it is the exponential of, nats per token; null in a state that an early version saved.</summary>
    public double? LastValidationNatsPerToken { get; init; }

    /// <summary>What was measured of the teacher on held-out labelled examples, under the names of the series; null in a run over texts.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double>? TeacherValidation { get; init; }

    /// <summary>What was measured last of the student on held-out labelled examples; null in a run over texts.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double>? LastValidation { get; init; }

    /// <summary>
    /// The report of this very update when the run was cut between the update and its report, in a measurement; it is
    /// measured and reported first when the run goes on.
    /// </summary>
    [JsonConverter(typeof(UnreportedStep))]
    public StepReport? Unreported { get; init; }

    /// <summary>What the <see cref="Unreported"/> update did to each layer; null where it is not looked at, or there is none.</summary>
    public IReadOnlyList<LayerNorms>? UnreportedLayers { get; init; }

    /// <summary>Weights of several teachers as they were measured before the first update; null where they are not measured.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<double>? TeacherWeights { get; init; }
}

/// <summary>What a run was made of: going on with anything else would be another run.</summary>
/// <param name="TeacherSha256">Hash of the teacher's weights; null without a teacher.</param>
/// <param name="TrainTokensSha256">Hash of the training split's token file.</param>
/// <param name="ValidationTokensSha256">Hash of the held-out split's token file; null without one.</param>
/// <param name="TokenizerSha256">Hash of the tokenizer.</param>
/// <param name="Engine">Tensor engine and device, with the number of threads.</param>
/// <param name="Version">Version of WebDistill.</param>
public sealed record TrainingProvenance(
    string? TeacherSha256, string TrainTokensSha256, string? ValidationTokensSha256, string TokenizerSha256, string Engine, string Version)
{
    /// <summary>Throws unless teacher, corpus and tokenizer are those of <paramref name="saved"/>.</summary>
    /// <exception cref="InvalidDataException">Names what changed, with both hashes.</exception>
    public void RequireSameAs(TrainingProvenance saved)
    {
        Require("The teacher's weights", TeacherSha256, saved.TeacherSha256);
        Require("The training split", TrainTokensSha256, saved.TrainTokensSha256);
        Require("The held-out split", ValidationTokensSha256, saved.ValidationTokensSha256);
        Require("The tokenizer", TokenizerSha256, saved.TokenizerSha256);

        static void Require(string what, string? now, string? then)
        {
            if (now != then)
                throw new InvalidDataException(
                    $"{what} changed since the checkpoint was saved: the SHA-256 is {now ?? "none"}, expected {then ?? "none"}. Going on "
                    + "would mix two experiments. Put back what was there, or clone the run and start it anew.");
        }
    }
}
