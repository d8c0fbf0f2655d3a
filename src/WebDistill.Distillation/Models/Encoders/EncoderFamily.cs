using System.Text.RegularExpressions;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>
/// A family of models that read a text from both sides. Which head a model has, <c>architectures</c> of its config.json says, and where that is missing the
/// names of its weights.
/// </summary>
internal abstract partial class EncoderFamily : ModelFamily
{
    private const string Masked = "ForMaskedLM", Pretraining = "ForPreTraining", Classifying = "ForSequenceClassification", Bare = "Model";

    public sealed override bool ContinuesTexts => false;

    internal sealed override string UsualNormEpsilon => "1e-12";

    /// <summary>What its config.json calls what all have.</summary>
    internal virtual EncoderFields Fields => EncoderFields.Bert;

    /// <summary>What the names of its classes begin with, as <c>Bert</c> in BertForMaskedLM.</summary>
    private protected abstract string ClassPrefix { get; }

    /// <summary>Before the weights of the model without its head, as <c>bert.</c>; a file of that model alone leaves it out.</summary>
    private protected abstract string Prefix { get; }

    /// <summary>What weights begin with that need the prefix.</summary>
    private protected abstract IReadOnlyList<string> Unprefixed { get; }

    /// <summary>What weights begin with that belong to the masked-word head alone.</summary>
    private protected abstract IReadOnlyList<string> OfMaskedHead { get; }

    /// <summary>The name of the class that has such a head.</summary>
    public string ClassName(ModelHead head) => ClassPrefix + head switch
    {
        ModelHead.MaskedToken => Masked,
        ModelHead.Classes => Classifying,
        _ => Bare,
    };

    internal sealed override Architecture Parse(ConfigFields fields)
    {
        fields.RequireSwitch("tie_word_embeddings", required: true);
        fields.RequireSwitch("is_decoder", required: false);
        fields.RequireSwitch("add_cross_attention", required: false);
        if (fields.Text("position_embedding_type") is string positions && positions != "absolute")
            throw new InvalidDataException($"config.json: position_embedding_type is '{ForeignText.Quote(positions)}', only 'absolute' is supported.");
        ModelHead head = HeadOf(fields);
        EncoderConfig own = ParseOwn(fields);
        return own with
        {
            HiddenAct = fields.Text(Fields.Activation) ?? own.HiddenAct,
            HiddenDropout = fields.Number(Fields.Dropout) ?? own.HiddenDropout,
            AttentionDropout = fields.Number(Fields.AttentionDropout) ?? own.AttentionDropout,
            ClassifierDropout = fields.Number(Fields.ClassifierDropout) ?? own.ClassifierDropout,
            InitializerRange = fields.Number("initializer_range") ?? own.InitializerRange,
            PadTokenId = fields.Integer("pad_token_id") ?? own.PadTokenId,
            BosTokenId = fields.Integer("bos_token_id"),
            EosTokenId = fields.Integer("eos_token_id"),
            FillsMasks = head == ModelHead.MaskedToken,
            Classes = head == ModelHead.Classes ? ClassHead.Parse(fields) : null,
        };
    }

    /// <summary>The record of the family with the required fields and its own; the rest is as transformers has it by default.</summary>
    private protected abstract EncoderConfig ParseOwn(ConfigFields fields);

    internal sealed override string StoredName(string weight) => weight;

    internal sealed override string? WeightName(string stored, Architecture architecture)
    {
        string name = OldNorm().Replace(stored, match => match.Groups[1].Value + (match.Groups[2].Value == "gamma" ? "weight" : "bias"));
        if (Unprefixed.Any(beginning => name.StartsWith(beginning, StringComparison.Ordinal)))
            name = Prefix + name;
        return IsBuffer().IsMatch(name) || architecture.Head == ModelHead.MaskedToken && IsOfPretraining().IsMatch(name) ? null : name;
    }

    private ModelHead HeadOf(ConfigFields fields)
    {
        if (fields.Texts("architectures") is { Count: > 0 } named)
        {
            return named[0].StartsWith(ClassPrefix, StringComparison.Ordinal) ? named[0][ClassPrefix.Length..] switch
            {
                Masked or Pretraining => ModelHead.MaskedToken,
                Classifying => ModelHead.Classes,
                Bare => ModelHead.None,
                _ => throw Unknown(named[0]),
            } : throw Unknown(named[0]);
        }
        IReadOnlyList<string> weights = fields.TensorNames();
        return weights.Any(name => name.StartsWith("classifier.", StringComparison.Ordinal)) ? ModelHead.Classes
            : weights.Count == 0 || weights.Any(name => OfMaskedHead.Any(beginning => name.StartsWith(beginning, StringComparison.Ordinal))) ? ModelHead.MaskedToken
            : ModelHead.None;
    }

    private InvalidDataException Unknown(string named) => new($"config.json: architectures names '{ForeignText.Quote(named)}', expected one of: "
        + $"{string.Join(", ", new[] { Masked, Classifying, Bare }.Select(suffix => $"'{ClassPrefix}{suffix}'"))}. Models with another head are not supported.");

    /// <summary>What the first published checkpoints call weight and bias of a norm.</summary>
    [GeneratedRegex(@"(LayerNorm\.)(gamma|beta)$")]
    private static partial Regex OldNorm();

    /// <summary>The places 0, 1, 2, … and zeros for token types, which older versions stored.</summary>
    [GeneratedRegex(@"\.embeddings\.(position_ids|token_type_ids)$")]
    private static partial Regex IsBuffer();

    /// <summary>The other head of pre-training and what leads to it, which published masked-word models hold as well.</summary>
    [GeneratedRegex(@"^(\w+\.pooler|cls\.seq_relationship|sop_classifier(\.\w+)?)\.")]
    private static partial Regex IsOfPretraining();
}
