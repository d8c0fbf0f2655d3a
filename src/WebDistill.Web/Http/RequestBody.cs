using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;

namespace WebDistill.Web.Http;

/// <summary>The JSON body of a request, within its limits.</summary>
internal static class RequestBody
{
    /// <summary>The body as <typeparamref name="T"/>.</summary>
    /// <exception cref="OptionsInvalidException">Not JSON, not an object, or some properties cannot be read: names them.</exception>
    /// <exception cref="BadHttpRequestException">415 when the body is not said to be JSON, 413 when it is too large.</exception>
    public static async Task<T> ReadAsync<T>(HttpRequest request, CancellationToken cancel)
    {
        (T value, IReadOnlyList<OptionProblem> problems) = await ReadWithProblemsAsync<T>(request, cancel);
        return problems.Count == 0 ? value : throw new OptionsInvalidException(problems);
    }

    /// <summary>The same for a body that carries a prompt or a text, and may be as long as <see cref="InputLimits.PromptJsonKilobytes"/>
    /// says.</summary>
    public static async Task<T> ReadWithTextAsync<T>(HttpRequest request, CancellationToken cancel)
    {
        InputLimits limits = Limits(request);
        ReadOnlyMemory<byte> body = await ReadBytesAsync(request, limits, limits.PromptJsonKilobytes, nameof(limits.PromptJsonKilobytes), cancel);
        (T value, IReadOnlyList<OptionProblem> problems) = JsonBody.Read<T>(body);
        return problems.Count == 0 ? value : throw new OptionsInvalidException(problems);
    }

    /// <summary>The body as <typeparamref name="T"/> without the properties that cannot be read, and the problems of those.</summary>
    public static async Task<(T Value, IReadOnlyList<OptionProblem> Problems)> ReadWithProblemsAsync<T>(HttpRequest request,
        CancellationToken cancel) => JsonBody.Read<T>(await ReadBytesAsync(request, cancel));

    /// <summary>The body as it was sent, within the limits and with nothing in it that is no text, not even a byte-order mark.</summary>
    /// <exception cref="OptionsInvalidException">It passes a limit, or is not text.</exception>
    /// <exception cref="BadHttpRequestException">415 when it is not said to be JSON, 413 when it is too large.</exception>
    public static Task<ReadOnlyMemory<byte>> ReadBytesAsync(HttpRequest request, CancellationToken cancel)
    {
        InputLimits limits = Limits(request);
        return ReadBytesAsync(request, limits, limits.JsonKilobytes, nameof(limits.JsonKilobytes), cancel);
    }

    private static InputLimits Limits(HttpRequest request) => request.HttpContext.RequestServices.GetRequiredService<HostSettings>().Limits;

    private static async Task<ReadOnlyMemory<byte>> ReadBytesAsync(
        HttpRequest request, InputLimits limits, int kilobytes, string limit, CancellationToken cancel)
    {
        if (!request.HasJsonContentType())
        {
            throw new BadHttpRequestException($"The content type is '{ForeignText.Quote(request.ContentType)}', expected application/json.",
                StatusCodes.Status415UnsupportedMediaType);
        }
        long most = (long)kilobytes << 10;
        if (request.ContentLength > most)
            throw TooLong();
        using var bytes = new MemoryStream();
        byte[] buffer = new byte[64 << 10];
        for (int read; (read = await request.Body.ReadAsync(buffer, cancel)) > 0;)
        {
            if (bytes.Length + read > most)
                throw TooLong();
            bytes.Write(buffer, 0, read);
        }
        return JsonScan.Check(bytes.ToArray(), limits);

        BadHttpRequestException TooLong() => new(
            $"The body is longer than {kilobytes} kB, which is the limit (Limits:{limit}).", StatusCodes.Status413PayloadTooLarge);
    }
}
