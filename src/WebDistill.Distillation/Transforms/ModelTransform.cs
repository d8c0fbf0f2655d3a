using System.Reflection;
using System.Text.Json;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Transforms;

/// <summary>A way to make a smaller or plainer model of a trained one without training: what comes out is a model of the same family, read, trained, talked to and exported like any other.</summary>
public abstract class ModelTransform
{
    /// <summary>What the paths of parameters begin with.</summary>
    public const string Group = "parameters";

    /// <summary>Short name, as used in messages and answers.</summary>
    public abstract string Name { get; }

    /// <summary>What it is called in the literature.</summary>
    public abstract string Title { get; }

    /// <summary>What it does and when it is the right choice, in a sentence or two.</summary>
    public abstract string What { get; }

    /// <summary>Formula, for people.</summary>
    public abstract string Formula { get; }

    /// <summary>Where it comes from.</summary>
    public abstract string Source { get; }

    /// <summary>A record of its parameters with their defaults, each property with its <see cref="OptionAttribute"/>.</summary>
    public abstract object Parameters { get; }

    /// <summary>Its parameters: what form, API and validation know of them.</summary>
    public IReadOnlyList<OptionField> Fields => field ??= [.. OptionSchema.Declared(Parameters.GetType())
        .Select(declared => OptionField.Of([Group, declared.Property.Name], declared.Property, declared.Said, parameters => parameters))];

    /// <summary>Every problem of parameters as they were written, whatever the model is; empty when there is none.</summary>
    /// <param name="written">By their names in camelCase; a missing one has its default.</param>
    public IReadOnlyList<OptionProblem> Problems(IReadOnlyDictionary<string, JsonElement> written)
    {
        var problems = new OptionProblems();
        foreach ((string name, JsonElement value) in written)
        {
            string path = $"{Group}.{ForeignText.Quote(name)}";
            if (Fields.FirstOrDefault(field => field.Path == path) is not OptionField own)
                problems.Add(path, $"'{ForeignText.Quote(name)}' is no parameter of '{Title}'. Known are: {string.Join(", ", Fields.Select(field => field.Path.Split('.')[^1]))}.");
            else if (own.Unreadable(value) is string problem)
                problems.Add(path, problem);
        }
        if (problems.Found.Count > 0)
            return problems.Found;
        object parameters = Read(written);
        foreach (OptionField field in Fields)
        {
            if (field.Problem(parameters) is string refusal)
                problems.Add(field.Path, refusal);
        }
        if (problems.Found.Count == 0)
            Check(parameters, problems.In(Group));
        return problems.Found;
    }

    /// <summary>A record like <see cref="Parameters"/> with what was written.</summary>
    /// <exception cref="JsonException">Something is no value of a parameter: <see cref="Problems"/> says what.</exception>
    public object Read(IReadOnlyDictionary<string, JsonElement> written) =>
        JsonSerializer.SerializeToElement(written).Deserialize(Parameters.GetType(), JsonSerializerOptions.Web)!;

    /// <summary>Why it cannot be applied to models of that architecture, with what was expected and the fix; null when it can. Asked before anything is read.</summary>
    /// <param name="parameters">As <see cref="Read"/> gives them, without <see cref="Problems"/>.</param>
    public abstract OptionProblem? Mismatch(Architecture architecture, object parameters);

    /// <summary>Adds what its parameters demand of each other.</summary>
    private protected virtual void Check(object parameters, OptionProblems problems)
    {
    }

    /// <summary>The new model, which is the caller's; the source is only read.</summary>
    /// <param name="parameters">Without a <see cref="Mismatch"/>.</param>
    /// <exception cref="ArgumentException">The weights themselves do not allow it.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, between two matrices.</exception>
    internal abstract TextModel Apply(TextModel source, object parameters, TransformWork work);

    /// <summary>A refusal that concerns the model more than a parameter.</summary>
    private protected static OptionProblem OfModel(string message) => new("transform", message);

    /// <summary>A refusal at a parameter.</summary>
    /// <param name="parameter">In camelCase.</param>
    private protected static OptionProblem At(string parameter, string message) => new($"{Group}.{parameter}", message);
}

/// <summary>A transform that gives weights other values and leaves the architecture as it is.</summary>
public abstract class WeightTransform : ModelTransform
{
    internal sealed override TextModel Apply(TextModel source, object parameters, TransformWork work)
    {
        TextModel copy = TextModel.CreateFrom(source.Architecture, source, [.. Enumerable.Range(0, source.Architecture.Layers)]);
        try
        {
            Change(copy, parameters, work);
        }
        catch
        {
            copy.Dispose();
            throw;
        }
        return copy;
    }

    /// <summary>Writes the new values.</summary>
    private protected abstract void Change(TextModel model, object parameters, TransformWork work);
}
