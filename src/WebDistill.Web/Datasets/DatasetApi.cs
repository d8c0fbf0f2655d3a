using System.Globalization;
using System.Text.Json.Serialization;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Http;
using WebDistill.Web.Security;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Datasets;

/// <summary>/api/datasets</summary>
internal static class DatasetApi
{
    public static void MapDatasets(this IEndpointRouteBuilder api)
    {
        RouteGroupBuilder datasets = api.MapGroup("/datasets").WithTags("Data sets");

        datasets.MapGet("", ([AsParameters] ListQuery query, DatasetService service, HttpContext context, CancellationToken cancel) =>
                query.AnswerAsync(context, (after, limit) => service.ListAsync(after, limit, cancel), dataset => dataset.Id,
                    dataset => DatasetResponse.Of(dataset, service.Progress(dataset.Id))))
            .ProducesValidationProblem().WithSummary("Data sets, newest first").WithDescription(ListQuery.Description);

        datasets.MapGet("/{id:guid}", async (Guid id, DatasetService service, CancellationToken cancel) =>
                DatasetResponse.Of(await service.GetAsync(id, cancel), service.Progress(id)))
            .ProducesProblem(404).WithSummary("One data set, with the progress of its preparation");

        datasets.MapPost("", UploadAsync).Accepts<DatasetForm>("multipart/form-data").ProducesValidationProblem().ProducesProblem(413)
            .ProducesProblem(415).ProducesProblem(507).LimitTransfers()
            .WithSummary("Uploads a text (file) and prepares it in the background; poll the data set until its state is Ready");

        datasets.MapPost("/{id:guid}/cancel", async (Guid id, DatasetService service, CancellationToken cancel) =>
        {
            await service.CancelAsync(id, cancel);
            return TypedResults.Accepted($"/api/datasets/{id}");
        }).ProducesProblem(404).ProducesProblem(409).WithSummary("Gives up a preparation that is under way");

        datasets.MapGet("/{id:guid}/preview", (Guid id, string? blocks, DatasetService service, CancellationToken cancel) =>
                service.PreviewAsync(id, QueryNumber.Read("blocks", blocks, 3, 1, 100), cancel: cancel))
            .ProducesProblem(404).ProducesProblem(409).ProducesProblem(410).WithSummary("Pieces of the training split, token by token");

        datasets.MapDelete("/{id:guid}", async (Guid id, DatasetService service, CancellationToken cancel) =>
        {
            await service.DeleteAsync(id, cancel);
            return TypedResults.NoContent();
        }).ProducesProblem(404).ProducesProblem(409).WithSummary("Removes a data set with its files");
    }

    private static async Task<IResult> UploadAsync(HttpRequest request, DatasetService service, DataFolder folder, StorageHealth storage, HostSettings settings,
        CancellationToken cancel)
    {
        var form = new MultipartFiles(
            request, settings, "name", "format", "jsonField", "tokenizerModelId", "vocabularySize", "validationProportion");
        storage.RequireRoom("the upload", Math.Min(request.ContentLength ?? 0, settings.MaxUploadBytes));
        IncomingText? text = null;
        string fileName = "";
        try
        {
            await foreach (UploadedFile file in form.ReadAsync(cancel))
            {
                if (text is not null)
                    throw new OptionsInvalidException("file", "Several files were uploaded. A data set is made of one; upload them one "
                        + "by one.");
                fileName = file.Name;
                text = await service.ReceiveAsync(file.Content, cancel);
            }
            DatasetOptions options = Options(form);
            if (text is null)
                form.Problems.Add(new OptionProblem("file", "No file was uploaded. Send the text as a file part of multipart/form-data."));
            if (form.Problems.Count > 0)
                throw new OptionsInvalidException(OptionsInvalidException.Join(form.Problems, options.Validate()));
        }
        catch when (text is not null)
        {
            folder.Discard(text.Folder);
            throw;
        }
        string name = form["name"] is { Length: > 0 } given ? given : DefaultName(fileName);
        Dataset dataset = await service.CreateAsync(name, fileName, text!, Options(form), cancel);
        return TypedResults.Accepted($"/api/datasets/{dataset.Id}", DatasetResponse.Of(dataset, service.Progress(dataset.Id)));
    }

    private static string DefaultName(string fileName)
    {
        string name = Names.OfFile(Path.GetFileNameWithoutExtension(fileName.Replace('\\', '/')));
        return string.IsNullOrWhiteSpace(name) ? "Uploaded text" : name;
    }

    private static DatasetOptions Options(MultipartFiles form) => new()
    {
        Format = form["format"] is { Length: > 0 } format ? format : null,
        JsonField = form["jsonField"] ?? "text",
        TokenizerModelId = Parse(form, "tokenizerModelId", "the id of a model", (string text, out Guid id) => Guid.TryParse(text, out id)),
        VocabularySize = Parse(form, "vocabularySize", "a whole number",
            (string text, out int size) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out size)),
        ValidationProportion = Parse(form, "validationProportion", "a number such as 0.05",
            (string text, out double share) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out share)) ?? 0.05,
    };

    private delegate bool TryParse<T>(string text, out T value);

    private static T? Parse<T>(MultipartFiles form, string field, string expected, TryParse<T> parse) where T : struct
    {
        if (form[field] is not { Length: > 0 } text)
            return null;
        if (parse(text, out T value))
            return value;
        form.Problems.Add(new OptionProblem(field, $"The value is '{ForeignText.Quote(text)}', expected {expected}."));
        return null;
    }

    // Describes the parts of the form in /openapi/v1.json; the request is read in a stream and never bound to it.
    [JsonNumberHandling(JsonNumberHandling.Strict)]
    private sealed record DatasetForm(
        IFormFile File, string? Name, string? Format, string? JsonField, Guid? TokenizerModelId, int? VocabularySize,
            double? ValidationProportion);
}
