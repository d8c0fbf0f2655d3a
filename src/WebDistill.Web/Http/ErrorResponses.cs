using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using WebDistill.Distillation.Files;
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
        return message.Length <= MaxDetailCharacters ? message : $"{ForeignText.Beginning(message, MaxDetailCharacters)}…";
    }

    /// <summary>The problem details of an exception.</summary>
    public static ProblemDetails Describe(Exception exception, StorageHealth storage) => exception switch
    {
        OptionsInvalidException invalid => ErrorId.OptionsInvalid.Mark(new HttpValidationProblemDetails(invalid.Problems
            .GroupBy(problem => problem.Field)
            .ToDictionary(group => group.Key, group => group.Select(problem => problem.Message).ToArray()))
        {
            Status = ErrorId.OptionsInvalid.Status,
            Title = ErrorId.OptionsInvalid.Title,
            Detail = invalid.Message,
        }),
        NotFoundException or ConflictException => ErrorId.Of(exception).Problem(exception.Message),
        BadHttpRequestException bad => ErrorId.RequestUnreadable.Problem(bad.Message, bad.StatusCode),
        _ when storage.Explain(exception) is { } refused => ErrorId.Of(refused).Problem(refused.Message),
        _ => ErrorId.Of(exception).Problem($"{exception.GetType().Name}: {exception.Message}"),
    };
}
