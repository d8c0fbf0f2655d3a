using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;
using WebDistill.Distillation.Generation;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Http;
using WebDistill.Web.Models;
using WebDistill.Web.Security;
using WebDistill.Web.Storage;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Playground;

/// <summary>A request to continue a text.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record GenerateRequest
{
    /// <summary>The model that writes.</summary>
    public required Guid ModelId { get; init; }

    /// <summary>Text to continue, for models with a tokenizer; empty starts a new text.</summary>
    public string? Prompt { get; init; }

    /// <summary>Token ids to continue, instead of text.</summary>
    public IReadOnlyList<int>? PromptIds { get; init; }

    /// <summary>Answer event by event (application/x-ndjson) instead of once at the end.</summary>
    public bool Stream { get; init; }

    /// <inheritdoc cref="GenerationOptions.MaxNewTokens"/>
    public int MaxNewTokens { get; init; } = 64;

    /// <inheritdoc cref="GenerationOptions.Temperature"/>
    public double Temperature { get; init; } = 1;

    /// <inheritdoc cref="GenerationOptions.TopK"/>
    public int TopK { get; init; }

    /// <inheritdoc cref="GenerationOptions.TopP"/>
    public double TopP { get; init; } = 1;

    /// <inheritdoc cref="GenerationOptions.RepetitionPenalty"/>
    public double RepetitionPenalty { get; init; } = 1;

    /// <inheritdoc cref="GenerationOptions.StopStrings"/>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <inheritdoc cref="GenerationOptions.Greedy"/>
    public bool Greedy { get; init; }

    /// <inheritdoc cref="GenerationOptions.Seed"/>
    public long Seed { get; init; }

    /// <inheritdoc cref="GenerationOptions.StopAtEndOfText"/>
    public bool StopAtEndOfText { get; init; } = true;

    /// <summary>How the text is continued.</summary>
    public GenerationOptions Options() => new()
    {
        MaxNewTokens = MaxNewTokens,
        Temperature = Temperature,
        TopK = TopK,
        TopP = TopP,
        RepetitionPenalty = RepetitionPenalty,
        StopStrings = StopStrings,
        Greedy = Greedy,
        Seed = Seed,
        StopAtEndOfText = StopAtEndOfText,
    };
}

/// <summary>What a model wrote.</summary>
/// <param name="Text">The continuation, without the prompt; empty for a model without a tokenizer.</param>
/// <param name="Ids">The tokens of the continuation.</param>
/// <param name="WeightsSha256">Hash of the weights that answered.</param>
/// <param name="TokensPerSecond">Throughput, the prompt's pass included.</param>
/// <param name="StopReason">Why it ended.</param>
public sealed record GenerateResponse(string Text, IReadOnlyList<int> Ids, string WeightsSha256, double TokensPerSecond,
    StopReason? StopReason);

/// <summary>/api/generate</summary>
internal static class GenerateApi
{
    public static void MapGenerate(this IEndpointRouteBuilder api) =>
        api.MapPost("/generate", GenerateAsync)
            .Accepts<GenerateRequest>("application/json").Produces<GenerateResponse>().ProducesValidationProblem().ProducesProblem(404)
                .ProducesProblem(409).ProducesProblem(410).ProducesProblem(413).ProducesProblem(415).LimitExpensive()
            .WithTags("Playground")
            .WithSummary("Continues a prompt: one JSON object at the end, or with stream: true one JSON object per line as it is written");

    private static async Task GenerateAsync(HttpContext context, GenerationService service, EvaluationFiles files, CancellationToken cancel)
    {
        GenerateRequest request = await RequestBody.ReadWithTextAsync<GenerateRequest>(context.Request, cancel);
        await using IAsyncEnumerator<GenerationEvent> events = service
            .GenerateAsync(request.ModelId, new GenerationPrompt(request.Prompt, request.PromptIds), request.Options(), cancel)
            .GetAsyncEnumerator(cancel);
        if (request.Stream)
            await StreamAsync(context, events, files, cancel);
        else
            await context.Response.WriteAsJsonAsync(await CollectAsync(events), WebJson.Measured, cancel);
    }

    private static async Task<GenerateResponse> CollectAsync(IAsyncEnumerator<GenerationEvent> events)
    {
        var text = new StringBuilder();
        List<int> ids = [];
        GenerationEvent? last = null;
        while (await events.MoveNextAsync())
        {
            last = events.Current;
            text.Append(last.Text);
            if (last.Id is int id)
                ids.Add(id);
        }
        return new GenerateResponse(text.ToString(), ids, last!.WeightsSha256, last.TokensPerSecond, last.StopReason);
    }

    private static async Task StreamAsync(
        HttpContext context, IAsyncEnumerator<GenerationEvent> events, EvaluationFiles files, CancellationToken cancel)
    {
        // Asked for before anything is sent: a bad prompt is answered with its own status.
        bool more = await events.MoveNextAsync();
        context.Response.ContentType = "application/x-ndjson";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        while (more)
        {
            await WriteLineAsync(context.Response, events.Current, cancel);
            try
            {
                more = await events.MoveNextAsync();
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // The status is sent already: the last line says what happened.
                ProblemDetails problem = ErrorResponses.Describe(e, context.RequestServices.GetRequiredService<StorageHealth>());
                await WriteLineAsync(context.Response, new { error = ErrorResponses.Shown(problem.Detail!, files), errorId = problem.Extensions[ErrorId.Member] }, cancel);
                return;
            }
        }
    }

    private static async Task WriteLineAsync<T>(HttpResponse response, T value, CancellationToken cancel)
    {
        await JsonSerializer.SerializeAsync(response.Body, value, WebJson.Measured, cancel);
        await response.Body.WriteAsync("\n"u8.ToArray(), cancel);
        await response.Body.FlushAsync(cancel);
    }
}
