using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using WebDistill.Web.Failures;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Http;

/// <summary>
/// Turns an exception of an API request into RFC 9457 problem details; fields that are wrong stand in <c>errors</c>, each with its
/// messages.
/// </summary>
internal sealed class ErrorResponses(EvaluationFiles files, StorageHealth storage, ILogger<ErrorResponses> logger) : IExceptionHandler
{
    private const int MaxDetailCharacters = 4000;
    private const string RetryAfterSeconds = "1";

    public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken cancel)
    {
        if (!context.Request.Path.StartsWithSegments("/api"))
            return false;
        ProblemDetails details = Describe(exception, storage);
        if (details.Status == StatusCodes.Status500InternalServerError)
            logger.LogError(exception, "{Method} {Path} failed", context.Request.Method, context.Request.Path);
        details.Detail = Shown(details.Detail!, files);
        if (exception is BusyException)
            context.Response.Headers.RetryAfter = RetryAfterSeconds;
        // Whatever the client accepts: a refusal in JSON says more than none at all.
        await TypedResults.Problem(details).ExecuteAsync(context);
        return true;
    }

    /// <summary>A message as a client may see it: short, and without the place of the data folder.</summary>
    public static string Shown(string message, EvaluationFiles files)
    {
        message = files.Hide(message);
        return message.Length <= MaxDetailCharacters ? message : $"{message[..MaxDetailCharacters]}…";
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
        BusyException => Problem(StatusCodes.Status429TooManyRequests, "Too much at once", exception.Message),
        FilesGoneException => Problem(StatusCodes.Status410Gone, "Its files are gone", exception.Message),
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
