using WebDistill.Data;
using WebDistill.Web.Http;
using WebDistill.Web.Models;
using WebDistill.Web.Security;

namespace WebDistill.Web.Compress;

/// <summary>/api/models/{id}/compress</summary>
internal static class CompressApi
{
    public static void MapCompress(this IEndpointRouteBuilder api) => api.MapPost("/models/{id:guid}/compress",
            async (Guid id, HttpRequest request, CompressService service, CancellationToken cancel) =>
            {
                Model model = await service.CompressAsync(id, await RequestBody.ReadAsync<CompressRequest>(request, cancel), cancel: cancel);
                return TypedResults.Created($"/api/models/{model.Id}", ModelResponse.Of(model));
            })
        .WithTags("Models").Accepts<CompressRequest>("application/json").ProducesValidationProblem().ProducesProblem(404).ProducesProblem(409).ProducesProblem(410)
        .ProducesProblem(413).ProducesProblem(415).ProducesProblem(507).LimitExpensive()
        .WithSummary("Makes a smaller or plainer model of a model, without training")
        .WithDescription("Answers when the new model is there. The transforms with their parameters and an example each are in `/api/catalogue`; what was done and what became of it, `GET /api/models/{id}/compression` of the new model says.");
}
