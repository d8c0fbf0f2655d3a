namespace WebDistill.Web.Catalogue;

/// <summary>/api/catalogue</summary>
internal static class CatalogueApi
{
    public static void MapCatalogue(this IEndpointRouteBuilder api) =>
        api.MapGet("/catalogue", (CatalogueService service, CancellationToken cancel) => service.ReadAsync(cancel)).WithTags("Catalogue")
            .WithSummary("Every family, task, loss, teacher, student, source of batches, compression that is learned and transform of a model, with formula, source, knobs and an example")
            .WithDescription("`example` is a complete body for `POST /api/runs`, 20 updates long, with a text and models of this library. Where the library has none, the example says what is to stand in its place, "
                + "and `missing` lists it. That of a transform is a body for its `address`.");
}
