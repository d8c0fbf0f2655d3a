using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Web.Models;

/// <summary>A model as the API shows it.</summary>
public sealed record ModelResponse(
    Guid Id, string Name, ModelOrigin Origin, Guid? RunId, DateTime CreatedAt, string Family, ModelHead Head, int Layers, int Width, int Heads, int ContextLength,
    int VocabularySize, long ParameterCount, long WeightBytes, string WeightsSha256, string DataType, bool HasTokenizer,
    string? TokenizerSha256)
{
    /// <summary>The response of a model.</summary>
    public static ModelResponse Of(Model model) => new(
        model.Id, model.Name, model.Origin, model.RunId, model.CreatedAt, model.Family, model.HeadKind(), model.Layers, model.Width, model.Heads, model.ContextLength,
        model.VocabularySize, model.ParameterCount, model.WeightBytes, model.WeightsSha256, model.DataType,
        model.TokenizerSha256 is not null, model.TokenizerSha256);
}
