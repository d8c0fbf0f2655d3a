using WebDistill.Data;
using WebDistill.Web.Failures;
using WebDistill.Web.Hosting;
using WebDistill.Web.Http;
using WebDistill.Web.Security;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Models;

/// <summary>/api/models</summary>
internal static class ModelApi
{
    public static void MapModels(this IEndpointRouteBuilder api)
    {
        RouteGroupBuilder models = api.MapGroup("/models").WithTags("Models");

        models.MapGet("", ([AsParameters] ListQuery query, ModelService service, HttpContext context, CancellationToken cancel) =>
                query.AnswerAsync(context, (after, limit) => service.ListAsync(after, limit, cancel), model => model.Id, ModelResponse.Of))
            .ProducesValidationProblem().WithSummary("Models, newest first").WithDescription(ListQuery.Description);

        models.MapGet("/{id:guid}",
            async (Guid id, ModelService service, CancellationToken cancel) => ModelResponse.Of(await service.GetAsync(id, cancel)))
            .ProducesProblem(404).WithSummary("One model");

        models.MapPost("", UploadAsync).Accepts<ModelForm>("multipart/form-data").ProducesValidationProblem().ProducesProblem(413)
            .ProducesProblem(415).ProducesProblem(507).LimitTransfers()
            .WithSummary("Adds a model out of the files of a Hugging Face folder");

        models.MapGet("/{id:guid}/download", async (Guid id, ModelService service, ModelFolders folders, HttpContext context, CancellationToken cancel) =>
        {
            Model model = await service.GetAsync(id, cancel);
            return FolderArchive.Download(context, folders.Require(id), $"{model.Name}.zip");
        }).ProducesProblem(404).ProducesProblem(410).LimitTransfers().WithSummary("The model's Hugging Face folder as a zip archive");

        models.MapGet("/{id:guid}/card.md", async (Guid id, ModelLineage lineage, CancellationToken cancel) =>
                TypedResults.Text(ModelCard.Markdown(await lineage.OfAsync(id, cancel)), "text/markdown"))
            .ProducesProblem(404).WithSummary("The model's card in Markdown: what it is, where it comes from, how it was measured");

        models.MapGet("/{id:guid}/compression", (Guid id, ModelLineage lineage, CancellationToken cancel) => lineage.CompressionAsync(id, cancel))
            .ProducesProblem(404).ProducesProblem(410).WithSummary("What a model was made of without training, and what became of it");

        models.MapPatch("/{id:guid}", async (Guid id, HttpRequest request, ModelService service, CancellationToken cancel) =>
        {
            await service.RenameAsync(id, (await RequestBody.ReadAsync<NameRequest>(request, cancel)).Name, cancel);
            return ModelResponse.Of(await service.GetAsync(id, cancel));
        }).Accepts<NameRequest>("application/json").ProducesValidationProblem().ProducesProblem(404).ProducesProblem(413).ProducesProblem(415)
            .WithSummary("Gives a model another name");

        models.MapDelete("/{id:guid}", async (Guid id, bool? toTrash, ModelService service, CancellationToken cancel) =>
        {
            if (toTrash == true)
                await service.DeleteToTrashAsync(id, cancel);
            else
                await service.DeleteAsync(id, cancel);
            return TypedResults.NoContent();
        }).ProducesProblem(404).ProducesProblem(409).WithSummary("Removes a model with its files, for good or into the trash");
    }

    private static async Task<IResult> UploadAsync(HttpRequest request, ModelService service, DataFolder folder, StorageHealth storage, HostSettings settings,
        CancellationToken cancel)
    {
        var form = new MultipartFiles(request, settings, "name");
        storage.RequireRoom("the upload", Math.Min(request.ContentLength ?? 0, settings.MaxUploadBytes));
        string incoming = await service.ReceiveAsync(form.ReadAsync(cancel), cancel);
        if (form.Problems.Count > 0)
        {
            folder.Discard(incoming);
            throw new OptionsInvalidException(form.Problems);
        }
        string name = form["name"] is { Length: > 0 } given ? given : "Imported model";
        Model model = await service.ImportAsync(name, incoming, cancel);
        return TypedResults.Created($"/api/models/{model.Id}", ModelResponse.Of(model));
    }

    // Describes the parts of the form in /openapi/v1.json; the request is read in a stream and never bound to it.
    private sealed record ModelForm(IFormFileCollection Files, string? Name);
}
