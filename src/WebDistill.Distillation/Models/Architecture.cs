using System.Text.Json;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Weights;

namespace WebDistill.Distillation.Models;

/// <summary>
/// What a model's <c>config.json</c> says of its computation, in the terms that every family shares; each family's own record adds the rest. Two
/// records that are equal describe the same computation.
/// </summary>
public abstract record Architecture
{
    private protected const int MaxVocabulary = 4_194_304;
    private const long MaxParameters = 20_000_000_000;

    /// <summary>The family that reads, builds and writes it.</summary>
    public abstract ModelFamily Family { get; }

    /// <summary>What it makes of the hidden states.</summary>
    public abstract ModelHead Head { get; }

    /// <summary>V: number of token ids.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>Most tokens of one sequence.</summary>
    public abstract int Positions { get; }

    /// <summary>C: numbers per token between the layers.</summary>
    public abstract int Width { get; }

    /// <summary>Numbers per token inside a layer's feed-forward part.</summary>
    public abstract int InnerWidth { get; }

    /// <summary>Transformer blocks.</summary>
    public abstract int Layers { get; }

    /// <summary>H: attention heads per layer, which divides <see cref="Width"/>; 0 in a family without attention.</summary>
    public abstract int Heads { get; }

    /// <summary>Numbers per token that attention mixes, over all its heads.</summary>
    internal virtual int AttentionWidth => Width;

    /// <summary>Id that ends a text; null if the file names none.</summary>
    public abstract int? EndOfTextId { get; }

    /// <summary>Number of trained numbers; what is tied is counted once.</summary>
    public abstract long ParameterCount { get; }

    /// <summary>The same with another number of layers.</summary>
    public abstract Architecture WithLayers(int layers);

    /// <summary>Why layers of another model cannot be copied into it one by one, with what was expected and the fix; null when they can.</summary>
    /// <param name="source">Of this family.</param>
    /// <param name="layers">Which layer of the source each layer gets.</param>
    internal virtual string? ProblemOfCopying(Architecture source, IReadOnlyList<int> layers) => null;

    /// <summary>Kinds of sentences that it tells apart in a text, each with an embedding; 0 tells none apart.</summary>
    internal virtual int TokenTypes => 0;

    /// <summary>The classes that it sorts texts into; null where it does something else.</summary>
    internal virtual ClassHead? TextClasses => null;

    /// <summary>The same with a head for these classes in place of its own; null in a family that has none.</summary>
    internal virtual Architecture? WithClasses(ClassHead classes) => null;

    /// <summary>Logits of what is predicted at once: the classes of a text, else the vocabulary.</summary>
    internal int LogitsPerRow => TextClasses?.Count ?? VocabularySize;

    /// <summary>Numbers that they are made of: those of the one vector of a text, else the width of a token's.</summary>
    internal int RowWidth => TextClasses is null ? Width : PooledWidth;

    /// <summary>Numbers of the one vector of a text that classes are told by.</summary>
    internal virtual int PooledWidth => Width;

    /// <summary>The same with another width, and what follows from it: heads as many as are said, the inner width in proportion.</summary>
    /// <param name="heads">Must divide <paramref name="width"/>, which <see cref="Validate"/> says.</param>
    public abstract Architecture WithWidth(int width, int heads);

    /// <summary>The same with another width inside its feed-forward parts; null where none can be given.</summary>
    internal virtual Architecture? WithInnerWidth(int width) => null;

    /// <summary>The same with this probability wherever something is dropped in training.</summary>
    public abstract Architecture WithDropout(double probability);

    /// <summary>The same with this standard deviation of freshly drawn weights.</summary>
    public abstract Architecture WithInitialiserRange(double range);

    /// <summary>The <c>config.json</c> that Hugging Face's transformers reads back as this model.</summary>
    public abstract string ToJson();

    /// <summary>Checks every field before anything is allocated from it.</summary>
    /// <exception cref="InvalidDataException">Names the field, its value and what was expected.</exception>
    public abstract void Validate();

    /// <summary>
    /// Multiplications and additions of one token's way through the model: two per weight of each matrix product, and attention over half of
    /// the sequence on average. That of a block with four square products and two of the inner width, and of a head over the vocabulary.
    /// </summary>
    public virtual double ForwardFlopsPerToken(double sequenceLength)
    {
        double width = Width;
        double perLayer = 2 * (4 * width * width + 2 * width * InnerWidth) + 2 * 2 * width * (sequenceLength + 1) / 2;
        return Layers * perLayer + 2 * width * VocabularySize;
    }

    /// <summary>Keys and values that it remembers of each token of a text that it writes, over all layers.</summary>
    public virtual long CachedNumbersPerToken => 2L * Layers * Width;

    /// <summary>
    /// Floats that a layer keeps of each token for the backward pass: both norms' inputs and outputs, q, k and v, attention's result and
    /// statistics, the two sides of the activation. Dropout keeps no mask, it is made again, but what goes in and comes out.
    /// </summary>
    /// <param name="context">Tokens of a sequence.</param>
    public virtual long ActivationsPerTokenAndLayer(bool hasDropout, int context) => 8L * Width + 2L * InnerWidth + Heads + (hasDropout ? 4L * Width : 0);

    /// <summary>Reads and checks a <c>config.json</c> of any family.</summary>
    /// <exception cref="InvalidDataException">The file is missing, or not a configuration of a known family; the message names the field.</exception>
    public static Architecture Load(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists)
            throw new InvalidDataException($"'{file.Name}' is missing. A model folder needs config.json beside its weights.");
        if (file.Length > FileLimits.ConfigBytes)
            throw new InvalidDataException(
                $"'{file.Name}' has {file.Length} bytes, expected at most {FileLimits.ConfigBytes}. It is not a model configuration.");
        return Parse(File.ReadAllText(path), () => TensorNames(file.DirectoryName!));
    }

    /// <summary>Reads and checks the text of a <c>config.json</c>. Fields that do not change the computation are ignored.</summary>
    /// <exception cref="InvalidDataException">Not JSON, a required field is missing, a value is out of range, or the architecture is not
    /// supported.</exception>
    public static Architecture Parse(string json) => Parse(json, () => []);

    private static Architecture Parse(string json, Func<IReadOnlyList<string>> tensorNames)
    {
        JsonElement root;
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            root = document.RootElement.Clone();
        }
        catch (JsonException problem)
        {
            throw new InvalidDataException($"config.json is not valid JSON: {problem.Message}", problem);
        }
        if (root.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"config.json holds a JSON {root.ValueKind}, expected an object.");
        var fields = new ConfigFields(root, tensorNames);
        Architecture architecture = ModelFamilies.Find(fields.Text("model_type")).Parse(fields);
        architecture.Validate();
        return architecture;
    }

    /// <summary>Refuses a field that is out of range.</summary>
    private protected static void InRange(string name, int value, int minimum, int maximum)
    {
        if (value < minimum || value > maximum)
            throw new InvalidDataException($"{name} is {value}, expected {minimum} to {maximum}.");
    }

    /// <summary>Refuses what is no probability of dropping something.</summary>
    private protected static void IsProbability(string name, double value)
    {
        if (!(value >= 0 && value < 1))
            throw new InvalidDataException($"{name} is {value}, expected 0 <= p < 1.");
    }

    /// <summary>Refuses what no norm and no draw of weights can use, and models beyond all sizes.</summary>
    private protected void ValidateNumbers(string epsilonName, double epsilon, double initialiserRange)
    {
        ValidateNumbers(initialiserRange);
        if (!(epsilon > 0 && epsilon < 1))
            throw new InvalidDataException($"{epsilonName} is {epsilon}, expected a number between 0 and 1, usually {Family.UsualNormEpsilon}.");
    }

    /// <summary>The same of a model without norms.</summary>
    private protected void ValidateNumbers(double initialiserRange)
    {
        if (ParameterCount > MaxParameters)
            throw new InvalidDataException(
                $"The configuration describes {ParameterCount:N0} parameters, expected at most {MaxParameters:N0}.");
        if (!(initialiserRange >= 0 && double.IsFinite(initialiserRange)))
            throw new InvalidDataException(
                $"initializer_range is {initialiserRange}, expected a finite number of at least 0, usually 0.02.");
    }

    private static IReadOnlyList<string> TensorNames(string folder)
    {
        using SafetensorsFile file = SafetensorsFile.OpenModel(folder);
        return [.. file.Tensors.Select(tensor => tensor.Name)];
    }
}
