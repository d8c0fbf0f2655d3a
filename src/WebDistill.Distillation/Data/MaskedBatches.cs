using System.Text.Json;
using System.Text.Json.Serialization;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data;

/// <summary>
/// The batches of another source with tokens in them to guess (<see cref="MaskDraw"/>), drawn anew for each: what the n-th batch hides depends on the seed, n and the
/// batch itself, and on nothing else.
/// </summary>
public sealed class MaskedBatches : BatchSource
{
    private readonly BatchSource _sequences;
    private readonly MaskDraw _draw;
    private long _seed;
    private long _batch;

    /// <param name="sequences">What is hidden from; it belongs to this source from now on.</param>
    /// <param name="file">The corpus that they are cut out of: its tokens are counted.</param>
    /// <exception cref="ArgumentException">The vocabulary has no mask, or an option cannot be used; says which, and what was expected.</exception>
    public MaskedBatches(BatchSource sequences, TokenFile file, MaskingOptions options, long seed)
    {
        if (file.Roles.Mask is not int mask)
            throw new ArgumentException("The corpus was tokenised with a vocabulary that has no mask; expected one that has, as BERT's. Tokenise it with the vocabulary of a masked "
                + "language model.", nameof(file));
        if (options.Validate() is { Count: > 0 } problems)
            throw new ArgumentException(string.Join(" ", problems.Select(problem => $"{problem.Field}: {problem.Message}")), nameof(options));
        _sequences = sequences;
        _draw = new MaskDraw(MaskDraw.Weights(MaskDraw.Counts(file), file.Roles, options.Smoothing), mask, options);
        _seed = seed;
    }

    /// <inheritdoc/>
    public override int BatchesPerEpoch => _sequences.BatchesPerEpoch;

    /// <inheritdoc/>
    public override EpochSize Epoch => _sequences.Epoch;

    /// <inheritdoc/>
    public override JsonElement Position
    {
        get => JsonSerializer.SerializeToElement(new Place(_sequences.Position, _batch, _seed), JsonSerializerOptions.Web);
        set
        {
            Place place = ReadPosition<Place>(value, "masked batches has sequences, batch and seed");
            if (place.Batch < 0)
                throw new ArgumentException($"Position of batch {place.Batch}; expected 0 or more.", nameof(value));
            _sequences.Position = place.Sequences;
            (_batch, _seed) = (place.Batch, place.Seed);
        }
    }

    /// <inheritdoc/>
    public override TokenBatch Next() => _draw.Apply(_sequences.Next(), new SeededRandom(SeededRandom.Combine(_seed, _batch++, 0)));

    /// <inheritdoc/>
    public override void Dispose()
    {
        _sequences.Dispose();
        base.Dispose();
    }

    /// <param name="Sequences">Where their source stands.</param>
    /// <param name="Batch">Batches returned so far.</param>
    /// <param name="Seed">Of what is hidden.</param>
    [method: JsonConstructor]
    private sealed record Place(
        [property: JsonRequired] JsonElement Sequences, [property: JsonRequired] long Batch, [property: JsonRequired] long Seed);
}
