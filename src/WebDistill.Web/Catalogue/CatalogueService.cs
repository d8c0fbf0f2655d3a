using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Transforms;
using WebDistill.Web.Datasets;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;

namespace WebDistill.Web.Catalogue;

/// <summary>Reads what a run can be made of, with examples out of what is stored.</summary>
public sealed class CatalogueService(ModelService models, DatasetTable datasets)
{
    private const int ExampleUpdates = 20, ExampleContext = 64;

    /// <summary>All of it.</summary>
    public async Task<CatalogueResponse> ReadAsync(CancellationToken cancel = default)
    {
        Model? teacher = await models.LargestAsync(cancel: cancel);
        Dataset? text = (teacher?.TokenizerSha256 is string tokenizer ? await datasets.NewestReadyAsync(tokenizer, cancel: cancel) : null)
            ?? await datasets.NewestReadyAsync(null, cancel: cancel);
        if (text?.TokenizerSha256 is string expected && teacher?.TokenizerSha256 != expected)
            teacher = (await models.SliceAsync("", tokenizerSha256: expected, continuing: true, withSweeps: true, cancel: cancel)).Rows.FirstOrDefault();
        Model? other = teacher?.TokenizerSha256 is string shared
            ? (await models.SliceAsync("", tokenizerSha256: shared, continuing: true, withSweeps: true, cancel: cancel)).Rows.FirstOrDefault(model => model.Id != teacher.Id) : null;
        Model? filling = await models.LargestAsync(ModelHead.MaskedToken, cancel);
        Dataset? hidden = filling?.TokenizerSha256 is string withMask ? await datasets.NewestReadyAsync(withMask, cancel: cancel) : null;
        Library library = new(text, teacher, other, Library.OfTexts), masked = new(hidden, filling, null, Library.OfMasks),
            labelled = new(await datasets.NewestReadyAsync(null, holdsExamples: true, cancel: cancel), null, null, Library.OfClasses);
        JsonObject defaults = LossCatalogue.RunSchema.Write(new RunOptions(), WebJson.Options);
        return new CatalogueResponse(
            Entries(Method.Families), Entries(Method.Tasks), Entries(Method.Losses), Entries(Method.Teachers), Entries(Method.Students), Entries(Method.BatchSources), Entries(Method.Compressions), Transforms(teacher ?? filling), [.. library.Missing.Append(library.Other is null ? Library.NoOther : null).Concat(masked.Missing).Append(labelled.Text is null ? labelled.Lacking.Text : null).OfType<string>()]);

        IReadOnlyList<CatalogueEntry> Entries(IEnumerable<Method> methods) => [.. methods.Select(method => new CatalogueEntry(
            method.Name, method.Title, method.Text, method.Formula, method.Source, [.. method.Knobs.Select(path => CatalogueKnob.Of(LossCatalogue.RunSchema.Find(path), defaults))],
            Example(method, method.Task switch { ModelHead.MaskedToken => masked, ModelHead.Classes => labelled, _ => library }, defaults)))];
    }

    private static IReadOnlyList<CatalogueTransform> Transforms(Model? model) => [.. TransformCatalogue.All.Select(transform =>
    {
        JsonNode parameters = JsonSerializer.SerializeToNode(transform.Parameters, transform.Parameters.GetType(), WebJson.Options)!;
        var defaults = new JsonObject { [ModelTransform.Group] = parameters };
        return new CatalogueTransform(transform.Name, transform.Title, transform.What, transform.Formula, transform.Source, [.. transform.Fields.Select(field => CatalogueKnob.Of(field, defaults))],
            model is null ? null : $"/api/models/{model.Id}/compress", new JsonObject { ["transform"] = transform.Name, [ModelTransform.Group] = parameters.DeepClone() });
    })];

    private static JsonObject Example(Method method, Library library, JsonObject defaults)
    {
        var example = new JsonObject();
        Put("name", $"Example: {method.Title}"[..Math.Min(100, $"Example: {method.Title}".Length)]);
        Put("data.datasetId", library.Text?.Id.ToString() ?? library.Lacking.Text);
        Put("data.contextLength", Math.Min(ExampleContext, library.Teacher?.ContextLength ?? ExampleContext));
        Put("schedule.maxUpdates", ExampleUpdates);
        if (method.Teaching != Teaching.None)
            Put("teacher.modelId", library.Teacher?.Id.ToString() ?? library.Lacking.Teacher);
        if (method.Teaching == Teaching.Several)
            Put("teacher.others", (string[])[library.Other?.Id.ToString() ?? Library.NoOther]);
        foreach ((string path, object value) in method.Sets)
            Put(path, value);
        // What begins with a model begins with the teacher itself: a copy that goes on.
        if (method.Knobs.Contains("student.modelId"))
            Put("student.modelId", library.Teacher?.Id.ToString() ?? library.Lacking.Teacher);
        // Its knobs stand there to be turned; what is null follows from the models.
        foreach (OptionField knob in method.Knobs.Select(LossCatalogue.RunSchema.Find).Where(knob => knob.In(example) is null && knob.In(defaults) is not null))
            knob.Put(example, knob.In(defaults)!.DeepClone());
        return example;

        void Put(string path, object value) => LossCatalogue.RunSchema.Find(path).Put(example, JsonSerializer.SerializeToNode(value, WebJson.Options));
    }

    /// <summary>What the examples of a task are made with; null where there is none.</summary>
    /// <param name="Lacking">What stands in the place of what there is not.</param>
    private sealed record Library(Dataset? Text, Model? Teacher, Model? Other, (string Text, string Teacher) Lacking)
    {
        public const string NoOther = "ID of another model of that vocabulary";

        public static readonly (string, string) OfTexts = ("ID of a data set", "ID of a model of the data set's vocabulary"),
            OfMasks = ("ID of a data set of a vocabulary with a mask, as BERT's", "ID of a model of that vocabulary which fills masked words"),
            OfClasses = ("ID of a data set of labelled examples, with a vocabulary as BERT's", "ID of a model of its classes");

        public IEnumerable<string?> Missing => [Text is null ? Lacking.Text : null, Teacher is null ? Lacking.Teacher : null];
    }
}
