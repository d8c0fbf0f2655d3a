using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Hosting;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Http;

/// <summary>
/// The files of a multipart request in the order in which they arrive, never held in memory; the other fields are collected on the way.
/// </summary>
internal sealed class MultipartFiles(HttpRequest request, HostSettings settings, params string[] knownFields)
{
    // RFC 2046 allows 70; some programs write more.
    private const int MaxBoundaryCharacters = 200;
    private const int MaxHeadersOfPart = 16;

    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private readonly InputLimits _limits = settings.Limits;
    private readonly Dictionary<string, string> _fields = [];
    private bool _listsKnown;

    /// <summary>Fields that cannot be used; complete when every file was read.</summary>
    public List<OptionProblem> Problems { get; } = [];

    /// <summary>A field's text, or null; complete when every file was read.</summary>
    public string? this[string field] => _fields.GetValueOrDefault(field);

    /// <summary>Reads on to the next file.</summary>
    /// <exception cref="BadHttpRequestException">415 when the request is not multipart/form-data, 413 when it has too many
    /// parts.</exception>
    /// <exception cref="OptionsInvalidException">It broke off, or is not well formed.</exception>
    public async IAsyncEnumerable<UploadedFile> ReadAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = settings.MaxUploadBytes + (long)_limits.FormParts * (_limits.FormPartHeaderBytes + _limits.FormFieldCharacters);
        string boundary = Boundary();
        var reader = new MultipartReader(boundary, request.Body)
        {
            HeadersCountLimit = MaxHeadersOfPart, HeadersLengthLimit = _limits.FormPartHeaderBytes,
        };
        int parts = 0;
        while (await NextAsync(reader, cancel) is MultipartSection section)
        {
            if (++parts > _limits.FormParts)
                throw new BadHttpRequestException($"The upload has more than {_limits.FormParts} parts, which is the limit "
                    + $"(Limits:{nameof(_limits.FormParts)}).", StatusCodes.Status413PayloadTooLarge);
            if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? disposition))
                throw new OptionsInvalidException("$", "A part of the upload has no Content-Disposition. Send multipart/form-data.");
            if (disposition.IsFileDisposition())
                yield return new UploadedFile(Text(disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName),
                    section.Body, Text(disposition.Name));
            else
                await AddFieldAsync(Text(disposition.Name), section, cancel);
        }
    }

    private string Boundary()
    {
        if (MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
            && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            && HeaderUtilities.RemoveQuotes(type.Boundary) is { Length: > 0 } boundary)
            return boundary.Length <= MaxBoundaryCharacters ? boundary.ToString() : throw new OptionsInvalidException("$",
                $"The boundary of the upload has {boundary.Length} characters, expected at most {MaxBoundaryCharacters}.");
        throw new BadHttpRequestException(
            $"The content type is '{ForeignText.Quote(request.ContentType)}', expected multipart/form-data with a boundary.",
                StatusCodes.Status415UnsupportedMediaType);
    }

    private static Task<MultipartSection?> NextAsync(MultipartReader reader, CancellationToken cancel) =>
        WholeAsync(() => reader.ReadNextSectionAsync(cancel));

    private static async Task<T> WholeAsync<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (e is IOException and not BadHttpRequestException or InvalidDataException)
        {
            throw new OptionsInvalidException("$", $"The upload broke off or is not multipart/form-data: {ForeignText.Quote(e.Message)} "
                + "Nothing of it is kept; upload it again.");
        }
    }

    private async Task AddFieldAsync(string name, MultipartSection section, CancellationToken cancel)
    {
        using var reader = new StreamReader(section.Body, s_utf8, detectEncodingFromByteOrderMarks: false);
        char[] text = new char[_limits.FormFieldCharacters + 1];
        int length = await WholeAsync(() => reader.ReadBlockAsync(text, cancel).AsTask());
        string shown = ForeignText.Quote(name);
        if (!knownFields.Contains(name))
        {
            // Said once: it is the same for all.
            Problems.Add(new OptionProblem(shown, _listsKnown ? $"'{shown}' is unknown."
                : $"'{shown}' is unknown. Known are: {string.Join(", ", knownFields)}."));
            _listsKnown = true;
        }
        else if (length > _limits.FormFieldCharacters)
            Problems.Add(new OptionProblem(name, $"The value is longer than {_limits.FormFieldCharacters} characters, which is the limit "
                + $"(Limits:{nameof(_limits.FormFieldCharacters)})."));
        else if (!_fields.TryAdd(name, new string(text, 0, length)))
            Problems.Add(new OptionProblem(name, $"'{name}' is given twice."));
    }

    private static string Text(Microsoft.Extensions.Primitives.StringSegment quoted) => HeaderUtilities.RemoveQuotes(quoted).ToString();
}
