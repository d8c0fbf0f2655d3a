using TorchSharp;

namespace WebDistill.Distillation.Models;

/// <summary>
/// A kind of model: how its <c>config.json</c> is read, how it is built, and what its weights are called in Hugging Face's files. The only place
/// that tells one kind from another; everybody else knows <see cref="Architecture"/> and <see cref="TextModel"/>.
/// </summary>
public abstract class ModelFamily
{
    /// <summary>As <c>model_type</c> of a <c>config.json</c> spells it.</summary>
    public abstract string Name { get; }

    /// <summary>As people write it.</summary>
    public abstract string Title { get; }

    /// <summary>What it is and what it is for, in a sentence or two.</summary>
    public abstract string What { get; }

    /// <summary>Where it comes from.</summary>
    public abstract string Source { get; }

    /// <summary>Whether it has models that continue a text.</summary>
    public abstract bool ContinuesTexts { get; }

    /// <summary>Whether it has models that predict tokens, those that follow or those that are masked: what a run can train.</summary>
    public virtual bool PredictsTokens => true;

    /// <summary>Whether its layers have heads of attention; of one that has none nobody needs to say how many.</summary>
    public virtual bool HasAttention => true;

    /// <summary>Whether Hugging Face's transformers library has it: such a model's folder is read there as it is.</summary>
    public virtual bool IsInTransformers => true;

    /// <summary>As people write the number that its norms usually add to the variance; null in a family without norms.</summary>
    internal virtual string? UsualNormEpsilon => null;

    /// <summary>Reads a <c>config.json</c>.</summary>
    /// <exception cref="InvalidDataException">A field is missing, mistyped or asks for what is not supported; the message names it.</exception>
    internal abstract Architecture Parse(ConfigFields fields);

    /// <summary>The architecture of a model that begins from nothing.</summary>
    internal abstract Architecture Create(NewModel model);

    /// <summary>The same architecture in this family, for a student that copies weights of another one; null where weights of that one mean something else here.</summary>
    internal virtual Architecture? From(Architecture other) => other.Family == this ? other : null;

    /// <summary>What the weight of that name is called in a model of which <see cref="From"/> made the architecture.</summary>
    internal virtual string NameIn(ModelFamily other, string weight) => weight;

    /// <summary>A model whose weights are still to be read or drawn.</summary>
    internal abstract TextModel Build(Architecture architecture, torch.Device device);

    /// <summary>What the weight of that name is called in a file that is written.</summary>
    internal abstract string StoredName(string weight);

    /// <summary>
    /// Which weight of such a model a file's tensor is; null for one that is none and may be there, such as a buffer of an old version, or a head that
    /// the model does not have.
    /// </summary>
    internal abstract string? WeightName(string stored, Architecture architecture);

    /// <summary>Names under which a file may hold a weight a second time, because it is used in two places, and the weight that it must equal.</summary>
    internal abstract IReadOnlyDictionary<string, string> TiedCopies { get; }

    /// <summary>Name and shape of every weight, without the memory for any.</summary>
    internal IReadOnlyList<WeightShape> Weights(Architecture architecture)
    {
        using TextModel model = Build(architecture, torch.META);
        return [.. model.named_parameters().Select(pair => new WeightShape(pair.name, pair.parameter.shape))];
    }
}

/// <summary>A weight as the model names it.</summary>
internal sealed record WeightShape(string Name, long[] Shape);

/// <summary>What is asked of a model that begins from nothing.</summary>
/// <param name="EndOfTextId">Id that ends a text.</param>
/// <param name="PaddingId">Id that fills rows up, for families that keep its embedding at nothing.</param>
internal sealed record NewModel(int VocabularySize, int Positions, int Width, int Layers, int Heads, int EndOfTextId, int PaddingId = 0);
