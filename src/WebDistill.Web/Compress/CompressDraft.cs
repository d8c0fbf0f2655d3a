using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Transforms;
using WebDistill.Web.Formats;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Compress;

/// <summary>The parameters of a transform as they are typed: each as a text, by the path of its option.</summary>
public sealed class CompressDraft
{
    private readonly Dictionary<string, string> _texts;
    private readonly JsonObject _defaults;

    /// <summary>That of a transform, each parameter at its default.</summary>
    public CompressDraft(ModelTransform transform)
    {
        Transform = transform;
        _defaults = new JsonObject { [ModelTransform.Group] = JsonSerializer.SerializeToNode(transform.Parameters, transform.Parameters.GetType(), WebJson.Options) };
        _texts = transform.Fields.ToDictionary(field => field.Path, Default);
    }

    /// <summary>Whose parameters they are.</summary>
    public ModelTransform Transform { get; }

    /// <summary>What is typed at a path.</summary>
    public string this[string path]
    {
        get => _texts[path];
        set => _texts[path] = value;
    }

    /// <summary>The default of a parameter, as it would be typed.</summary>
    public string Default(OptionField field) => RunDraft.Write(field.In(_defaults));

    /// <summary>The parameters for a request; what cannot be read is left out of them and told.</summary>
    public IReadOnlyDictionary<string, JsonElement> Read(out IReadOnlyList<OptionProblem> problems)
    {
        List<OptionProblem> found = [];
        var read = new Dictionary<string, JsonElement>();
        foreach (OptionField field in Transform.Fields)
        {
            try
            {
                if (RunDraft.Parse(field, _texts[field.Path]) is JsonNode value)
                    read.Add(field.Path[(ModelTransform.Group.Length + 1)..], JsonSerializer.SerializeToElement(value));
            }
            catch (FormatException e)
            {
                found.Add(new OptionProblem(field.Path, e.Message));
            }
        }
        problems = found;
        return read;
    }
}
