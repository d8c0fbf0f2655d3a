using WebDistill.Data;
using WebDistill.Web.Failures;

namespace WebDistill.Web.Runs;

/// <summary>/api/runs/baseline and /api/runs/{id}/baseline</summary>
internal static class PinnedBaselineApi
{
    public static void MapPinnedBaseline(this IEndpointRouteBuilder api)
    {
        RouteGroupBuilder runs = api.MapGroup("/runs").WithTags("Runs");

        runs.MapGet("/baseline", async (PinnedBaseline baseline, CancellationToken cancel) => await baseline.FindAsync(cancel) is Run run
                ? RunResponse.Of(run)
                : throw new NotFoundException("No run is pinned as the baseline. Pin one: PUT /api/runs/{id}/baseline."))
            .ProducesProblem(404).WithSummary("The run that is pinned as the baseline, with which all others are compared");

        runs.MapPut("/{id:guid}/baseline", async (Guid id, PinnedBaseline baseline, RunService service, CancellationToken cancel) =>
        {
            await baseline.PinAsync(id, cancel);
            return RunResponse.Of(await service.GetAsync(id, cancel));
        }).ProducesProblem(404).WithSummary("Pins a run as the baseline, in the place of another one");

        runs.MapDelete("/baseline", async (PinnedBaseline baseline, CancellationToken cancel) =>
        {
            await baseline.UnpinAsync(cancel);
            return TypedResults.NoContent();
        }).WithSummary("Pins no run as the baseline any more");
    }
}
