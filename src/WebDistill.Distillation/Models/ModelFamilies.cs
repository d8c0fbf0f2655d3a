using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Recurrent;

namespace WebDistill.Distillation.Models;

/// <summary>The catalogue of model families. To add one: write its file and add one line to <see cref="All"/>.</summary>
public static class ModelFamilies
{
    /// <summary>Every family, in the order in which menus show them.</summary>
    public static IReadOnlyList<ModelFamily> All { get; } =
        [Gpt2Family.Instance, BertFamily.Instance, DistilBertFamily.Instance, AlbertFamily.Instance, MobileBertFamily.Instance, BiLstmFamily.Instance];

    /// <summary>Those of whose models a run can have a student.</summary>
    public static IReadOnlyList<ModelFamily> PredictingTokens { get; } = [.. All.Where(family => family.PredictsTokens)];

    /// <summary>Those that have models with a head for classes.</summary>
    public static IReadOnlyList<ModelFamily> SortingTexts { get; } = [.. All.Where(family => !family.ContinuesTexts)];

    /// <summary>The family of a new model, and that of a <c>config.json</c> that names none: those of the first years did not.</summary>
    public static ModelFamily Default => Gpt2Family.Instance;

    /// <summary>All of them in words, as in "GPT-2, BERT or DistilBERT".</summary>
    public static string Titles { get; } = $"{string.Join(", ", All.SkipLast(1).Select(family => family.Title))} or {All[^1].Title}";

    /// <summary>The family with that <c>model_type</c>.</summary>
    /// <exception cref="InvalidDataException">There is none; the message lists those that there are.</exception>
    public static ModelFamily Find(string? modelType) => modelType is null ? Default : All.FirstOrDefault(family => family.Name == modelType)
        ?? throw new InvalidDataException($"config.json: model_type is '{ForeignText.Quote(modelType)}', expected "
            + $"{string.Join(" or ", All.Select(family => $"'{family.Name}'"))}. Only {string.Join(", ", All.Select(family => family.Title))} models are supported.");
}
