using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models;

/// <summary>
/// A model of any family that turns token ids into hidden states, and hidden states into logits. Names of fields are the keys of Hugging Face's
/// checkpoints.
/// </summary>
/// <remarks>
/// B rows, T positions, C width, V vocabulary. One instance may serve several readers but only one trainer.
/// </remarks>
public abstract class TextModel : nn.Module<Tensor, Tensor>
{
    /// <summary>A model whose weights are still to be read or drawn.</summary>
    private protected TextModel(Architecture architecture) : base(architecture.Family.Name) => Architecture = architecture;

    /// <summary>What it is.</summary>
    public Architecture Architecture { get; }

    /// <summary>In which numbers linear layers and attention are computed; the weights are of 32 bits in any case.</summary>
    public Precision Precision { get; set; } = Precision.Float32;

    /// <summary>
    /// The output projection [V, C] of a model whose logits are nothing but its product with the hidden states, the token embedding where the two are tied; null where there is more
    /// between them, and <see cref="Logits"/> is all that there is to ask for.
    /// </summary>
    internal abstract Parameter? Head { get; }

    /// <summary>The table of the tokens' vectors [V, E].</summary>
    internal virtual Parameter TokenEmbeddings => Head!;

    /// <summary>Whether the matrices of its layers are stored [inputs, outputs], as no linear layer of the others is.</summary>
    internal virtual bool StoresInputsFirst => false;

    /// <summary>The feed-forward parts of its layers, in the order of a text's way through those that have weights of their own; empty in a family without any.</summary>
    internal virtual IReadOnlyList<FeedForwardPart> FeedForwardParts => [];

    /// <summary>Which layers a text passes by on its way, while the model trains; null where it passes through all of them.</summary>
    internal Func<int, bool>? IsSkipped { get; set; }

    /// <summary>Whether a text passes by that layer now.</summary>
    private protected bool Skips(int layer) => IsSkipped is not null && training && IsSkipped(layer);

    /// <summary>What a run that freezes the positions' embeddings does not train.</summary>
    internal virtual IEnumerable<Parameter> PositionEmbeddings => [];

    /// <summary>What a run that freezes the embeddings of token types does not train; empty where the family has none.</summary>
    internal virtual IEnumerable<Parameter> TokenTypeEmbeddings => [];

    /// <summary>Before its layer's number in a parameter's name, such as <c>h</c> in <c>h.0.ln_1.weight</c>.</summary>
    private protected abstract string LayersName { get; }

    /// <summary>
    /// A model with fresh weights, as its family draws them. The numbers come from a generator of this project, so that a seed means the same
    /// model on every device and with every libtorch.
    /// </summary>
    public static TextModel CreateRandom(Architecture architecture, long seed)
    {
        TextModel model = Create(architecture);
        var random = new SeededRandom(seed);
        foreach ((string name, Parameter parameter) in model.named_parameters())
            ParameterData.Write(parameter, values => model.Draw(name, values, random));
        return model;
    }

    /// <summary>A model whose weights are still to be read or drawn.</summary>
    /// <exception cref="InvalidDataException">The architecture is not a valid one.</exception>
    internal static TextModel Create(Architecture architecture)
    {
        architecture.Validate();
        return architecture.Family.Build(architecture, Engine.Device.Default);
    }

    /// <summary>
    /// A model with the weights of one of the same width: those of the layers that are named, and everything that is outside of the layers and that it has. The other one may be of
    /// another family, if this one's is made from it (<see cref="ModelFamily.From"/>).
    /// </summary>
    /// <param name="layers">Which layer of the source each layer of the new one gets.</param>
    /// <param name="seed">Of the weights that the source has not, a head that it lacks; null where it has them all.</param>
    /// <exception cref="ArgumentException">Layers that share their weights are to get those of different ones.</exception>
    internal static TextModel CreateFrom(Architecture architecture, TextModel source, IReadOnlyList<int> layers, long? seed = null)
    {
        TextModel model = Create(architecture);
        SeededRandom? random = seed is long given ? new SeededRandom(given) : null;
        Dictionary<string, Parameter> from = source.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter);
        using IDisposable noGradient = no_grad();
        try
        {
            foreach ((string name, Parameter parameter) in model.named_parameters())
            {
                string theirs = architecture.Family.NameIn(source.Architecture.Family,
                    model.BlockOf(name) is var (block, within) ? $"{model.LayersName}.{model.SourceBlock(block, source.Architecture, layers)}{within}" : name);
                if (random is not null && !from.ContainsKey(theirs))
                    ParameterData.Write(parameter, values => model.Draw(name, values, random));
                else
                    parameter.copy_(from[theirs]);
            }
        }
        catch
        {
            model.Dispose();
            throw;
        }
        return model;
    }

    /// <summary>Which block of the source a block of this model is copied from.</summary>
    /// <exception cref="ArgumentException">Layers that share their weights are to get those of different ones.</exception>
    private protected virtual int SourceBlock(int block, Architecture source, IReadOnlyList<int> layers) => layers[block];

    /// <summary>The part of the model that a parameter belongs to, as people call it: "embeddings", "block 0", "final norm".</summary>
    /// <param name="parameter">Its name in the model.</param>
    internal string PartOf(string parameter) => BlockOf(parameter) is var (block, _) ? $"block {block}" : PartOutsideOfBlocks(parameter);

    /// <summary>The same of one that is in no block.</summary>
    private protected abstract string PartOutsideOfBlocks(string parameter);

    /// <summary>Which block a parameter is in, and how its name goes on after the block's number; null outside of the blocks.</summary>
    /// <param name="parameter">Its name in the model.</param>
    internal (int Number, string Within)? BlockOf(string parameter)
    {
        string prefix = LayersName + '.';
        if (!parameter.StartsWith(prefix, StringComparison.Ordinal))
            return null;
        int end = parameter.IndexOf('.', prefix.Length);
        return (int.Parse(parameter.AsSpan(prefix.Length, end - prefix.Length)), parameter[end..]);
    }

    /// <summary>What is asked for, and nothing else.</summary>
    /// <param name="cache">Keys and values of the positions before; the new ones are added to it.</param>
    /// <exception cref="ArgumentException">More positions than the model has.</exception>
    internal abstract Outputs Forward(ModelInput input, Wants wants, KeyValueCache? cache = null);

    /// <summary>Draws or sets the weight of that name, row by row.</summary>
    private protected abstract void Draw(string name, Span<float> values, SeededRandom random);

    /// <summary>
    /// Whether weight decay applies to the parameter of that name: the reference spares those with "bias" or "LayerNorm.weight". GPT-2 calls its
    /// norms ln_1, ln_2 and ln_f, so their weights decay.
    /// </summary>
    internal virtual bool Decays(string parameter) => !parameter.Contains("bias") && !parameter.Contains("LayerNorm.weight");

    /// <summary>Logits [.., V] of hidden states [.., C]: their product with <see cref="Head"/>, unless there is more between them.</summary>
    internal virtual Tensor Logits(Tensor hidden) => RowProduct.Fits(hidden, Head!)
        ? RowProduct.Run(hidden, Head!, isTransposed: true, bias: null).view([.. hidden.shape[..^1], Architecture.VocabularySize])
        : nn.functional.linear(hidden, Head!);

    /// <summary>Logits [B, classes] of the pooled vectors of B texts.</summary>
    /// <exception cref="InvalidOperationException">It has no classes.</exception>
    internal virtual Tensor ClassLogits(Tensor pooled) => throw new InvalidOperationException($"This {Architecture.Family.Title} has no classes.");

    /// <summary>Logits of what <see cref="Outputs.RowsOf"/> gives: of classes, or of words.</summary>
    internal Tensor LogitsOfRows(Tensor rows) => Architecture.Head == ModelHead.Classes ? ClassLogits(rows) : Logits(rows);

    /// <summary>Room for keys and values.</summary>
    /// <param name="rows">Texts that are continued side by side.</param>
    /// <param name="positions">Of each; null is a whole context.</param>
    internal virtual KeyValueCache CreateCache(int rows = 1, int? positions = null) =>
        new(Architecture.Layers, rows, Architecture.Heads, positions ?? Architecture.Positions, Architecture.Width / Architecture.Heads);

    /// <summary>Hidden states after the last layer norm, [B, T, C].</summary>
    internal Tensor Hidden(ModelInput input, KeyValueCache? cache = null) => Forward(input, Wants.Hidden, cache).Hidden;

    /// <summary>Hidden states after the last layer norm.</summary>
    /// <param name="input">Token ids, int64 [B, T].</param>
    /// <returns>[B, T, C].</returns>
    public sealed override Tensor forward(Tensor input) => Hidden(new ModelInput(input));

    /// <summary>Throws unless the positions fit.</summary>
    private protected void RequirePositions(long count)
    {
        if (count > Architecture.Positions)
            throw new ArgumentException($"{count} positions do not fit into the model's {Architecture.Positions}. Shorten the text.");
    }

    /// <summary>Throws unless it can continue a text.</summary>
    /// <param name="subject">The model, as the sentence begins.</param>
    internal void RequireContinuing(string subject = "The model")
    {
        if (ModelHeads.ProblemOfContinuing(subject, Architecture.Family, Architecture.Head) is string problem)
            throw new ArgumentException(problem);
    }

    /// <summary>Throws if the model is told of sentences that it does not tell apart.</summary>
    private protected void RequireNoTokenTypes(Tensor? tokenTypeIds)
    {
        if (tokenTypeIds is not null)
            throw new ArgumentException($"Token types are given, and {Architecture.Family.Title} has none. Leave them out.");
    }
}

/// <summary>What goes into a model.</summary>
/// <param name="Ids">Token ids, int64 [B, T].</param>
/// <param name="AttentionMask">int64 [B, T], 0 at padding, which no position attends to; null attends to everything that the model sees.</param>
/// <param name="PositionIds">int64 [B, T]; null counts from 0, or from the end of the cache.</param>
/// <param name="TokenTypeIds">int64 [B, T], which of two sentences each token belongs to, for models that tell them apart; null is all 0.</param>
internal sealed record ModelInput(Tensor Ids, Tensor? AttentionMask = null, Tensor? PositionIds = null, Tensor? TokenTypeIds = null);

/// <summary>Where a feed-forward part W₂ act(W₁ x + b₁) + b₂ stands in a model: what the names of its weights begin with.</summary>
/// <param name="Inner">W₁ and b₁, as in <c>h.0.mlp.c_fc</c>.</param>
/// <param name="Outer">W₂ and b₂.</param>
/// <param name="Norm">The norm before it, or behind it.</param>
internal sealed record FeedForwardPart(string Inner, string Outer, string Norm);
