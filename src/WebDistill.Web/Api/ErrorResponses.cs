using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Api;

/// <summary>
/// Turns an exception of an API request into RFC 9457 problem details; fields that are wrong stand in <c>errors</c>, each with its
/// messages.
/// </summary>
internal sealed class ErrorResponses(IProblemDetailsService problems, StorageHealth storage, ILogger<ErrorResponses> logger) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken cancel)
    {
        if (!context.Request.Path.StartsWithSegments("/api"))
            return false;
        ProblemDetails details = Describe(exception, storage);
        if (details.Status == StatusCodes.Status500InternalServerError)
            logger.LogError(exception, "{Method} {Path} failed", context.Request.Method, context.Request.Path);
        context.Response.StatusCode = details.Status!.Value;
        return await problems.TryWriteAsync(
            new ProblemDetailsContext { HttpContext = context, ProblemDetails = details, Exception = exception });
    }

    /// <summary>The problem details of an exception.</summary>
    public static ProblemDetails Describe(Exception exception, StorageHealth storage) => exception switch
    {
        OptionsInvalidException invalid => new HttpValidationProblemDetails(invalid.Problems
            .GroupBy(problem => problem.Field)
            .ToDictionary(group => group.Key, group => group.Select(problem => problem.Message).ToArray()))
        {
            Status = StatusCodes.Status400BadRequest,
            Title = "Some fields have values that cannot be used",
            Detail = invalid.Message,
        },
        NotFoundException => Problem(StatusCodes.Status404NotFound, "Not found", exception.Message),
        ConflictException => Problem(StatusCodes.Status409Conflict, "Not possible in the present state", exception.Message),
        BadHttpRequestException bad => Problem(bad.StatusCode, "The request cannot be read", bad.Message),
        _ when storage.Explain(exception) is { } refused => refused.IsFull
            ? Problem(StatusCodes.Status507InsufficientStorage, "The disk is full", refused.Message)
            : Problem(StatusCodes.Status503ServiceUnavailable, "The disk takes no writes", refused.Message),
        _ => Problem(StatusCodes.Status500InternalServerError, "The server met an "
            + "error", $"{exception.GetType().Name}: {exception.Message}"),
    };

    private static ProblemDetails Problem(int status, string title, string detail) =>
        new() { Status = status, Title = title, Detail = detail };
}
