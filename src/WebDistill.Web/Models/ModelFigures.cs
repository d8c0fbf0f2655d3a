using WebDistill.Data;
using WebDistill.Distillation.Models;

namespace WebDistill.Web.Models;

/// <summary>What several pages say about a model in the same way.</summary>
public static class ModelFigures
{
    /// <summary>Its page.</summary>
    public static string Address(this Model model) => $"/models/{model.Id:N}";

    /// <summary>Its family, as people write it.</summary>
    public static string FamilyTitle(this Model model) => ModelFamilies.Find(model.Family).Title;

    /// <summary>What it makes of a text.</summary>
    public static ModelHead HeadKind(this Model model) => Enum.Parse<ModelHead>(model.Head);

    /// <summary>Whether it can continue a text: write, be compared and measured.</summary>
    public static bool ContinuesTexts(this Model model) => model.HeadKind() == ModelHead.NextToken;

    /// <summary>The heads of models that a run can distil, or go on from.</summary>
    public static IReadOnlyList<ModelHead> Trainable { get; } = [ModelHead.NextToken, ModelHead.MaskedToken, ModelHead.Classes];

    /// <summary>Whether a run can distil it, or go on from it.</summary>
    public static bool IsTrainable(this Model model) => Trainable.Contains(model.HeadKind());

    /// <summary>Whether a run over a text can have it as its teacher, or one over labelled examples.</summary>
    public static bool Teaches(this Model model, bool classes) => model.IsTrainable() && model.HeadKind() == ModelHead.Classes == classes;

    /// <summary>Why it cannot; null when it can.</summary>
    public static string? ProblemOfContinuing(this Model model) =>
        ModelHeads.ProblemOfContinuing($"'{model.Name}'", ModelFamilies.Find(model.Family), model.HeadKind());
}
