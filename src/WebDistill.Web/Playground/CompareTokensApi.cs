using WebDistill.Web.Formats;
using WebDistill.Web.Http;
using WebDistill.Web.Security;

namespace WebDistill.Web.Playground;

/// <summary>A request to compare two models token by token on a text.</summary>
public sealed record CompareTokensRequest
{
    /// <summary>The model whose predictions are the standard.</summary>
    public required Guid TeacherId { get; init; }

    /// <summary>The model that is measured against them; its tokenizer must be the teacher's.</summary>
    public required Guid StudentId { get; init; }

    /// <summary>The text, or its beginning when <see cref="Ids"/> follow on it.</summary>
    public string? Text { get; init; }

    /// <summary>Token ids: the whole text, or what follows on <see cref="Text"/>.</summary>
    public IReadOnlyList<int>? Ids { get; init; }

    /// <summary>Tokens at the beginning that are read and not scored, at least 1; null takes those of the text when ids follow it, and
    /// else 1.</summary>
    public int? PromptTokens { get; init; }
}

/// <summary>/api/compare-tokens</summary>
internal static class CompareTokensApi
{
    public static void MapCompareTokens(this IEndpointRouteBuilder api) =>
        api.MapPost("/compare-tokens", CompareAsync)
            .Accepts<CompareTokensRequest>("application/json").Produces<TextComparison>().ProducesValidationProblem().ProducesProblem(404)
                .ProducesProblem(409).ProducesProblem(410).ProducesProblem(413).ProducesProblem(415).LimitExpensive()
            .WithTags("Playground")
            .WithSummary("Scores a text with a teacher and a student: KL(teacher ‖ student) in nats, rank and "
                + "likeliest tokens at every position");

    private static async Task<IResult> CompareAsync(HttpRequest body, ComparisonService service, CancellationToken cancel)
    {
        CompareTokensRequest request = await RequestBody.ReadWithTextAsync<CompareTokensRequest>(body, cancel);
        TextComparison comparison = await service.CompareAsync(request.TeacherId, request.StudentId,
            new ComparedText(request.Text, request.Ids, request.PromptTokens), cancel);
        return TypedResults.Json(comparison, WebJson.Measured);
    }
}
