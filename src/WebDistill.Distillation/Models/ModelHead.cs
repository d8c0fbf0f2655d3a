namespace WebDistill.Distillation.Models;

/// <summary>What a model makes of the hidden states of a text.</summary>
public enum ModelHead
{
    /// <summary>The token that follows each: it can continue a text.</summary>
    NextToken,

    /// <summary>The token that stands at each place, seen from both sides: it fills masked words.</summary>
    MaskedToken,

    /// <summary>The classes of the text.</summary>
    Classes,

    /// <summary>Nothing: the hidden states are what it has to offer.</summary>
    None,
}

/// <summary>What can be done with which head.</summary>
public static class ModelHeads
{
    /// <summary>
    /// Why a model cannot be used where a text is continued, which generations, comparisons and evaluations do; null when it can.
    /// </summary>
    /// <param name="subject">The model, as the sentence begins: "'name'" or "The teacher".</param>
    public static string? ProblemOfContinuing(string subject, ModelFamily family, ModelHead head) => head == ModelHead.NextToken ? null
        : $"{subject} is {WithArticle(family.Title)} model, which {Does(head)} and cannot continue a text; expected {Continuing} model. Choose one of those.";

    /// <summary>Why a run can have no use for a model, as its teacher or what its student begins with; null when it can.</summary>
    /// <param name="subject">The model, as the sentence begins.</param>
    public static string? ProblemOfTraining(string subject, ModelFamily family, ModelHead head) => head is ModelHead.NextToken or ModelHead.MaskedToken ? null
        : $"{subject} is {WithArticle(family.Title)} model, which {Does(head)}; expected one that {Does(ModelHead.NextToken)} or {Does(ModelHead.MaskedToken)}. Choose one of those.";

    /// <summary>The same of a run over labelled examples; null when it can.</summary>
    /// <param name="subject">The model, as the sentence begins.</param>
    public static string? ProblemOfSorting(string subject, ModelFamily family, ModelHead head) => head == ModelHead.Classes ? null
        : $"{subject} is {WithArticle(family.Title)} model, which {Does(head)}, and the data set has classes; expected one that {Does(ModelHead.Classes)}. Choose one of those, or a data set of texts.";

    /// <summary>What a model with such a head does, as in "it fills masked words".</summary>
    public static string Does(ModelHead head) => head switch
    {
        ModelHead.NextToken => "continues texts",
        ModelHead.MaskedToken => "fills masked words",
        ModelHead.Classes => "sorts texts into classes",
        _ => "answers with hidden states alone",
    };

    /// <summary>Families that continue texts: "a GPT-2".</summary>
    public static string Continuing => string.Join(" or ", ModelFamilies.All.Where(family => family.ContinuesTexts).Select(family => WithArticle(family.Title)));

    /// <summary>"a BERT", "an ALBERT".</summary>
    internal static string WithArticle(string title) => $"{("AEIOU".Contains(title[0]) ? "an" : "a")} {title}";
}
