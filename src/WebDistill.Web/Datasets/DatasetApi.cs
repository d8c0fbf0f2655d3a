using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;
using WebDistill.Data;
using WebDistill.Distillation.Data.Labelled;
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
                DatasetResponse.Of(await service.GetAsync(id, cancel), service.Progress(id), withClasses: true))
            .ProducesProblem(404).WithSummary("One data set, with the progress of its preparation");

        datasets.MapPost("", UploadAsync).Accepts<DatasetUploadForm>("multipart/form-data").ProducesValidationProblem().ProducesProblem(413)
            .ProducesProblem(415).ProducesProblem(507).LimitTransfers()
            .WithSummary("Uploads a text, or examples with classes (file, and perhaps heldOut), and prepares it in the background; poll the data set until its state is Ready");

        datasets.MapPost("/{id:guid}/cancel", async (Guid id, DatasetService service, CancellationToken cancel) =>
        {
            await service.CancelAsync(id, cancel);
            return TypedResults.Accepted($"/api/datasets/{id}");
        }).ProducesProblem(404).ProducesProblem(409).WithSummary("Gives up a preparation that is under way");

        datasets.MapGet("/{id:guid}/preview", (Guid id, string? blocks, DatasetService service, CancellationToken cancel) =>
                service.PreviewAsync(id, QueryNumber.Read("blocks", blocks, 3, 1, 100), cancel: cancel))
            .ProducesProblem(404).ProducesProblem(409).ProducesProblem(410).WithSummary("Pieces of the training split, token by token; of labelled examples, whole ones");

        datasets.MapPost("/preview", PreviewAsync).Accepts<PreviewForm>("multipart/form-data").ProducesValidationProblem().ProducesProblem(413)
            .ProducesProblem(415).LimitTransfers()
            .WithSummary("What the beginning of a file would become: its first documents, as some options split it. Nothing is kept");

        datasets.MapPost("/preview-examples", PreviewExamplesAsync).Accepts<PreviewExamplesForm>("multipart/form-data").ProducesValidationProblem().ProducesProblem(413)
            .ProducesProblem(415).LimitTransfers()
            .WithSummary("What the beginning of a file holds as examples with classes: its columns, its first examples and their classes. What is not said is guessed; nothing is kept");

        datasets.MapGet("/{id:guid}/examples", async (Guid id, string? split, [FromQuery(Name = "class")] string? label, string? first, string? count, DatasetService service, DatasetExamples examples,
                CancellationToken cancel) =>
                await examples.ReadAsync(await service.GetAsync(id, cancel), Split(split), label, QueryNumber.Read("first", first, 0, 0, int.MaxValue), QueryNumber.Read("count", count, 20, 1, 100), cancel))
            .ProducesValidationProblem().ProducesProblem(404).ProducesProblem(409).ProducesProblem(410).LimitTransfers()
            .WithSummary("Labelled examples of a part (split: train or heldOut), perhaps of one class, each as far as 600 characters");

        datasets.MapGet("/{id:guid}/examples/{index:long}/tokens", async (Guid id, long index, string? split, DatasetService service, DatasetExamples examples, CancellationToken cancel) =>
                await examples.TokensAsync(await service.GetAsync(id, cancel), Split(split), index, cancel))
            .ProducesValidationProblem().ProducesProblem(404).ProducesProblem(409).ProducesProblem(410).WithSummary("The tokens of one labelled example, as a model is given them, as far as 512");

        datasets.MapGet("/{id:guid}/documents", async (Guid id, string? first, string? count, DatasetService service, DatasetDocuments documents, CancellationToken cancel) =>
                await documents.ReadAsync(await service.GetAsync(id, cancel), QueryNumber.Read("first", first, 0, 0, int.MaxValue), QueryNumber.Read("count", count, 20, 1, 100), cancel))
            .ProducesProblem(404).ProducesProblem(409).ProducesProblem(410).LimitTransfers().WithSummary("Documents of the text, each as far as 600 characters");

        datasets.MapGet("/{id:guid}/text", async (Guid id, string? split, DatasetService service, CancellationToken cancel) =>
            {
                (string path, string name) = await service.TextAsync(id, Split(split) == DatasetSplit.HeldOut, cancel);
                return TypedResults.PhysicalFile(path, "text/plain; charset=utf-8", name);
            }).ProducesProblem(404).ProducesProblem(410).LimitTransfers().WithSummary("The text, or the examples, as uploaded; with split=heldOut the file of held-out examples");

        datasets.MapPost("/{id:guid}/retry", async (Guid id, DatasetService service, CancellationToken cancel) =>
            TypedResults.Accepted($"/api/datasets/{id}", DatasetResponse.Of(await service.RetryAsync(id, cancel), service.Progress(id))))
            .ProducesProblem(404).ProducesProblem(409).WithSummary("Prepares a data set again whose preparation failed or was cancelled, with the same options");

        datasets.MapPost("/{id:guid}/tokenise-again", async (Guid id, HttpRequest request, DatasetService service, CancellationToken cancel) =>
        {
            var asked = await RequestBody.ReadAsync<TokeniseAgainRequest>(request, cancel);
            Dataset dataset = await service.TokeniseAgainAsync(id, asked.Name, asked.Options(await service.GetAsync(id, cancel)), cancel);
            return TypedResults.Accepted($"/api/datasets/{dataset.Id}", DatasetResponse.Of(dataset, service.Progress(dataset.Id)));
        }).Accepts<TokeniseAgainRequest>("application/json").ProducesValidationProblem().ProducesProblem(404).ProducesProblem(410).ProducesProblem(413).ProducesProblem(415)
            .ProducesProblem(507).LimitTransfers().WithSummary("Makes another data set of the same text, with a model's vocabulary or a new one");

        datasets.MapPost("/remove-failed", async (DatasetService service, CancellationToken cancel) => new RemovedResponse(await service.RemoveFailedAsync(cancel)))
            .WithSummary("Removes every data set whose preparation failed or was cancelled, with its files");

        datasets.MapPatch("/{id:guid}", async (Guid id, HttpRequest request, DatasetService service, CancellationToken cancel) =>
        {
            await service.RenameAsync(id, (await RequestBody.ReadAsync<NameRequest>(request, cancel)).Name, cancel);
            return DatasetResponse.Of(await service.GetAsync(id, cancel), service.Progress(id));
        }).Accepts<NameRequest>("application/json").ProducesValidationProblem().ProducesProblem(404).ProducesProblem(413).ProducesProblem(415)
            .WithSummary("Gives a data set another name");

        datasets.MapDelete("/{id:guid}", async (Guid id, bool? toTrash, DatasetService service, CancellationToken cancel) =>
        {
            if (toTrash == true)
                await service.DeleteToTrashAsync(id, cancel);
            else
                await service.DeleteAsync(id, cancel);
            return TypedResults.NoContent();
        }).ProducesProblem(404).ProducesProblem(409).WithSummary("Removes a data set with its files, for good or into the trash");
    }

    private static async Task<FilePreview> PreviewAsync(HttpRequest request, HostSettings settings, CancellationToken cancel)
    {
        var form = new MultipartFiles(request, settings, "format", "jsonField", "unwrapLines", "isWholeFile");
        (string fileName, byte[]? head) = await BeginningAsync(form, cancel);
        bool isWhole = DatasetForm.Flag(form, "isWholeFile") ?? false;
        var options = new DatasetOptions
        {
            Format = form["format"] is { Length: > 0 } format ? format : null, JsonField = form["jsonField"] ?? "text", UnwrapLines = DatasetForm.Flag(form, "unwrapLines") ?? false,
        };
        return form.Problems.Count == 0 ? DatasetDocuments.Preview(fileName, head, isWhole, options)
            : throw new OptionsInvalidException(OptionsInvalidException.Join(form.Problems, options.Validate()));
    }

    private static async Task<ExampleFilePreview> PreviewExamplesAsync(HttpRequest request, HostSettings settings, CancellationToken cancel)
    {
        var form = new MultipartFiles(request, settings, DatasetForm.ExampleFields);
        (string fileName, byte[]? head) = await BeginningAsync(form, cancel);
        bool isWhole = DatasetForm.Flag(form, "isWholeFile") ?? false;
        LabelledSampleOptions options = DatasetForm.ReadSample(form);
        return form.Problems.Count == 0 ? DatasetExamples.Preview(fileName, head, isWhole, options) : throw new OptionsInvalidException(form.Problems);
    }

    /// <summary>The beginning of the first file of a form, as far as a preview reads; without one the form has a problem.</summary>
    private static async Task<(string FileName, byte[]? Head)> BeginningAsync(MultipartFiles form, CancellationToken cancel)
    {
        await foreach (UploadedFile file in form.ReadAsync(cancel))
        {
            byte[] buffer = new byte[DatasetDocuments.PreviewBytes];
            int length = await file.Content.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancel);
            return (Names.OfFile(file.Name), buffer[..length]);
        }
        form.Problems.Add(new OptionProblem("file", "No file was uploaded. Send its beginning as a file part of multipart/form-data, after the fields."));
        return ("", null);
    }

    private static async Task<IResult> UploadAsync(HttpRequest request, DatasetService service, DataFolder folder, StorageHealth storage, HostSettings settings,
        CancellationToken cancel)
    {
        var form = new MultipartFiles(request, settings, DatasetForm.Fields);
        storage.RequireRoom("the upload", Math.Min(request.ContentLength ?? 0, settings.MaxUploadBytes));
        IncomingText? text = null;
        string fileName = "";
        DatasetOptions options;
        try
        {
            await foreach (UploadedFile file in form.ReadAsync(cancel))
            {
                if (file.Field == DatasetForm.HeldOutPart)
                {
                    if (text is null || text.HeldOutFileName is not null)
                        throw new OptionsInvalidException(DatasetForm.HeldOutPart, text is null ? "The held-out examples came before the others. Send the part 'file' first."
                            : "Several files of held-out examples were uploaded. Send one.");
                    text = await service.ReceiveHeldOutAsync(text, file.Name, file.Content, cancel);
                    continue;
                }
                if (text is not null)
                    throw new OptionsInvalidException("file", "Several files were uploaded. A data set is made of one, and of one of held-out examples (heldOut) where it has classes; "
                        + "upload them one by one.");
                fileName = file.Name;
                text = await service.ReceiveAsync(file.Content, cancel);
            }
            options = DatasetForm.Read(form, fileName, text?.HeldOutFileName is not null);
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
        Dataset dataset = await service.CreateAsync(name, fileName, text!, options, cancel);
        return TypedResults.Accepted($"/api/datasets/{dataset.Id}", DatasetResponse.Of(dataset, service.Progress(dataset.Id)));
    }

    private static DatasetSplit Split(string? text) => text switch
    {
        null or "train" => DatasetSplit.Train,
        "heldOut" => DatasetSplit.HeldOut,
        _ => throw new OptionsInvalidException("split", $"The value is '{ForeignText.Quote(text)}', expected train or heldOut."),
    };

    private static string DefaultName(string fileName)
    {
        string name = Names.OfFile(Path.GetFileNameWithoutExtension(fileName.Replace('\\', '/')));
        return string.IsNullOrWhiteSpace(name) ? "Uploaded text" : name;
    }

    // Describes the parts of the form in /openapi/v1.json; the request is read in a stream and never bound to it.
    [JsonNumberHandling(JsonNumberHandling.Strict)]
    private sealed record DatasetUploadForm(
        IFormFile File, IFormFile? HeldOut, string? Name, string? Task, string? Format, string? JsonField, bool? UnwrapLines, bool? HasHeader, string? TextColumn, string? SecondColumn,
        string? LabelColumn, string? Classes, Guid? TokenizerModelId, int? VocabularySize, double? ValidationProportion);

    // As above, for a preview.
    private sealed record PreviewForm(IFormFile File, string? Format, string? JsonField, bool? UnwrapLines, bool? IsWholeFile);

    private sealed record PreviewExamplesForm(
        IFormFile File, string? Format, bool? HasHeader, string? TextColumn, string? SecondColumn, string? LabelColumn, string? Classes, bool? IsWholeFile);

    private sealed record RemovedResponse(int Removed);
}
