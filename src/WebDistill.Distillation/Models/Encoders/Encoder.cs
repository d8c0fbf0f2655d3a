using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>
/// A model that reads a text from both sides: embeddings, layers, and one of three heads. Weights are called as in Hugging Face's files.
/// </summary>
/// <remarks>
/// B rows, T positions, C width, E width of the token embeddings, V vocabulary. One instance may serve several readers but only one trainer.
/// </remarks>
internal abstract class Encoder : TextModel
{
    private readonly EncoderConfig _config;
    private readonly EncoderNames _names;
    private readonly EmbeddingTable _words, _positions;
    private readonly EmbeddingTable? _types;
    private readonly nn.Module<Tensor, Tensor> _embeddingNorm;
    private EncoderLayer[] _layers = [];
    private FeedForwardPart[] _feedForwardParts = [];
    private Dense? _transform, _pooler, _classifier;
    private LayerNorm? _transformNorm;
    private Parameter? _outputBias;
    private bool _hasFixedPositions;

    /// <summary>The embeddings. What follows a family adds in its own constructor, in the order of the text's way: <see cref="AddLayers"/>, then <see cref="AddHead"/>.</summary>
    private protected Encoder(EncoderConfig config, EncoderNames names, torch.Device device) : base(config)
    {
        (_config, _names) = (config, names);
        string at = $"{names.Root}.embeddings.";
        _words = this.Place($"{at}word_embeddings", new EmbeddingTable(config.VocabSize, config.EmbeddingWidth, device, config.PadTokenId));
        _positions = this.Place($"{at}position_embeddings", new EmbeddingTable(config.MaxPositionEmbeddings, config.SummedWidth, device));
        if (config.TypeVocabSize > 0)
            _types = this.Place($"{at}token_type_embeddings", new EmbeddingTable(config.TypeVocabSize, config.SummedWidth, device));
        _embeddingNorm = this.Place($"{at}LayerNorm", Norm(config.SummedWidth, device));
    }

    /// <summary>Between hidden states and logits stand a dense layer, its activation and a norm.</summary>
    internal sealed override Parameter? Head => null;

    internal sealed override Parameter TokenEmbeddings => _words.Weight;

    internal sealed override IReadOnlyList<FeedForwardPart> FeedForwardParts => _feedForwardParts;

    internal sealed override IEnumerable<Parameter> PositionEmbeddings => _hasFixedPositions ? [] : [_positions.Weight];

    internal sealed override IEnumerable<Parameter> TokenTypeEmbeddings => _types is null ? [] : [_types.Weight];

    private protected sealed override string LayersName => _names.Layers;

    // Its parts have been placed under the family's names.
    protected override void RegisterComponents()
    {
    }

    /// <summary>Adds the layers that a text passes, each distinct one under its number.</summary>
    /// <param name="distinct">Those with weights of their own.</param>
    /// <param name="order">Which of them each layer of the model is.</param>
    /// <param name="within">What stands between a layer's number and its parts in the family's files.</param>
    private protected void AddLayers(IReadOnlyList<EncoderLayer> distinct, Func<int, int> order, string within = "")
    {
        for (int number = 0; number < distinct.Count; number++)
            this.Place($"{_names.Layers}.{number}{within}", distinct[number]);
        _feedForwardParts = [.. distinct.SelectMany((layer, number) => layer.FeedForwardParts.Select(part => new FeedForwardPart(
            $"{_names.Layers}.{number}{within}.{part.Inner}", $"{_names.Layers}.{number}{within}.{part.Outer}", $"{_names.Layers}.{number}{within}.{part.Norm}")))];
        _layers = [.. Enumerable.Range(0, _config.Layers).Select(layer => distinct[order(layer)])];
    }

    /// <summary>Adds what the head needs.</summary>
    private protected void AddHead(torch.Device device)
    {
        if (_config.HasPooler)
            _pooler = this.Place(_names.Pooler, new Dense(_config.Width, _config.Width, device));
        if (_config.FillsMasks)
        {
            _transform = this.Place(_names.Transform, new Dense(_config.Width, _config.TransformedWidth, device));
            _transformNorm = this.Place(_names.TransformNorm, nn.LayerNorm(_config.TransformedWidth, eps: _config.LayerNormEpsilon, device: device));
            _outputBias = this.Place(_names.OutputBias, nn.Parameter(zeros(_config.VocabSize, device: device)));
        }
        if (_config.Classes is ClassHead classes)
            _classifier = this.Place("classifier", new Dense(_config.Width, classes.Count, device));
    }

    /// <summary>Positions that no run trains.</summary>
    private protected void FixPositions() => (_hasFixedPositions, _positions.Weight.requires_grad) = (true, false);

    /// <summary>A norm between the layers.</summary>
    private protected virtual nn.Module<Tensor, Tensor> Norm(long width, torch.Device device) =>
        nn.LayerNorm(width, eps: _config.LayerNormEpsilon, device: device);

    /// <summary>What the ids bring to the sum of the embeddings, [B, T, summed width].</summary>
    /// <param name="words">Their rows of the table, [B, T, E].</param>
    private protected virtual Tensor Join(Tensor words, ScalarType type) => words;

    /// <summary>What the first layer gets of the embeddings, [B, T, C].</summary>
    private protected virtual Tensor Widen(Tensor embedded, ScalarType type) => embedded;

    /// <summary>The activation after the pooler.</summary>
    private protected virtual Tensor AfterPooler(Tensor pooled) => pooled.tanh();

    /// <summary>Logits [.., V] of the transformed hidden states.</summary>
    private protected virtual Tensor Project(Tensor transformed, Parameter words, Parameter bias) => nn.functional.linear(transformed, words, bias);

    internal sealed override Outputs Forward(ModelInput input, Wants wants, KeyValueCache? cache = null)
    {
        if (cache is not null)
            RequireContinuing();
        RequirePositions(input.Ids.shape[1]);
        List<Tensor> layers = [];
        var kept = new KeptAttention(wants);
        ScalarType type = Precision == Precision.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32;
        var pass = new EncoderPass(input.AttentionMask is null ? null : AdditiveMask(input.AttentionMask), kept, type);
        Tensor x = Embed(input, type);
        for (int layer = 0; layer < _layers.Length; layer++)
        {
            if (Skips(layer))
                continue;
            // What a layer computes on the way is freed at once, unless the backward pass keeps it or somebody asked for it.
            using DisposeScope scope = NewDisposeScope();
            Tensor output = _layers[layer].forward(x, pass).MoveToOuterDisposeScope();
            kept.MoveToOuterDisposeScope();
            if (wants.HasFlag(Wants.HiddenOfAllLayers))
                layers.Add(x);
            else
                x.Dispose();
            x = output;
        }
        if (wants.HasFlag(Wants.HiddenOfAllLayers))
            layers.Add(x);
        return new Outputs(x, layers, kept.Probabilities ?? [], wants.HasFlag(Wants.Pooled) ? Pool(x, type) : null)
        {
            Scores = kept.Scores ?? [], Inputs = kept.Inputs ?? [],
        };
    }

    /// <summary>Logits [.., V] of the words that stand where the hidden states [.., C] are.</summary>
    internal sealed override Tensor Logits(Tensor hidden)
    {
        if (_transform is null)
            throw new InvalidOperationException($"This {Architecture.Family.Title} does not fill masked words: it has no logits of words.");
        using DisposeScope scope = NewDisposeScope();
        Tensor transformed = _transformNorm!.forward(Activation.Run(_config.HiddenAct, _transform.forward(hidden, ScalarType.Float32)));
        return Project(transformed, _words.Weight, _outputBias!).MoveToOuterDisposeScope();
    }

    /// <summary>Logits [B, classes] of the pooled vectors [B, C].</summary>
    internal sealed override Tensor ClassLogits(Tensor pooled)
    {
        if (_classifier is null)
            return base.ClassLogits(pooled);
        using DisposeScope scope = NewDisposeScope();
        return _classifier.forward(SeededDropout.Run(pooled, _config.ClassifierDropout ?? _config.HiddenDropout, training), ScalarType.Float32).MoveToOuterDisposeScope();
    }

    internal sealed override KeyValueCache CreateCache(int rows = 1, int? positions = null) =>
        throw new ArgumentException(ModelHeads.ProblemOfContinuing("The model", Architecture.Family, Architecture.Head));

    private protected sealed override string PartOutsideOfBlocks(string parameter) =>
        parameter.StartsWith($"{_names.Root}.embeddings.", StringComparison.Ordinal) ? "embeddings"
        : parameter.StartsWith($"{_names.Pooler}.", StringComparison.Ordinal) ? "pooler"
        : parameter.StartsWith("classifier.", StringComparison.Ordinal) ? "classes"
        : parameter.StartsWith(_names.Root, StringComparison.Ordinal) ? "embeddings" : "masked words";

    /// <summary>N(0, initializer_range²), biases 0, norms 1 and 0, and the padding's row 0.</summary>
    private protected override void Draw(string name, Span<float> values, SeededRandom random)
    {
        if (name.EndsWith("bias", StringComparison.Ordinal))
            values.Clear();
        else if (name.EndsWith("LayerNorm.weight", StringComparison.Ordinal) || name.EndsWith("layer_norm.weight", StringComparison.Ordinal))
            values.Fill(1);
        else
        {
            random.FillNormal(values, _config.InitializerRange);
            if (name.EndsWith("word_embeddings.weight", StringComparison.Ordinal))
                values.Slice(_config.PadTokenId * _config.EmbeddingWidth, _config.EmbeddingWidth).Clear();
        }
    }

    private Tensor Embed(ModelInput input, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        long length = input.Ids.shape[1];
        Tensor sum = Join(_words.forward(input.Ids), type)
            + (input.PositionIds is null ? _positions.Weight.narrow(0, 0, length) : _positions.forward(input.PositionIds));
        if (_types is null)
            RequireNoTokenTypes(input.TokenTypeIds);
        else
            sum += input.TokenTypeIds is null ? _types.Weight.narrow(0, 0, 1) : _types.forward(input.TokenTypeIds);
        return Widen(SeededDropout.Run(_embeddingNorm.forward(sum), _config.HiddenDropout, training), type).MoveToOuterDisposeScope();
    }

    private Tensor Pool(Tensor hidden, ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor first = hidden.select(1, 0);
        return (_pooler is null ? first : AfterPooler(_pooler.forward(first, type).to(ScalarType.Float32))).MoveToOuterDisposeScope();
    }

    /// <summary>[B, 1, 1, T]: 0 where a position may be attended to, a very negative number where it may not.</summary>
    private static Tensor AdditiveMask(Tensor attentionMask)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor blocked = attentionMask.eq(0).view(attentionMask.shape[0], 1, 1, attentionMask.shape[1]);
        // Finite, so that a text of nothing but padding gets equal weights and not NaN.
        return zeros(blocked.shape, device: attentionMask.device).masked_fill_(blocked, -1e30f).MoveToOuterDisposeScope();
    }
}

/// <summary>Where the parts of a model stand in a family's files.</summary>
/// <param name="Root">The model without its head.</param>
/// <param name="Layers">What the layers' numbers stand behind.</param>
/// <param name="Pooler">The dense layer between the first token and the classes.</param>
/// <param name="Transform">The dense layer of the masked-word head.</param>
/// <param name="TransformNorm">Its norm.</param>
/// <param name="OutputBias">The bias of each word.</param>
internal sealed record EncoderNames(string Root, string Layers, string Pooler, string Transform, string TransformNorm, string OutputBias);
