using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using WebDistill.Distillation;
using WebDistill.Web.Library;

namespace WebDistill.Web.Api;

/// <summary>
/// The files of a multipart request in the order in which they arrive, never held in memory; the other fields are collected on the way.
/// </summary>
internal sealed class MultipartFiles(HttpRequest request, long maxBytes, params string[] knownFields)
{
    private const int MaxFieldCharacters = 4096;
    private const long HeaderAllowanceBytes = 1 << 20;

    private readonly Dictionary<string, string> _fields = [];

    /// <summary>Fields that cannot be used; complete when every file was read.</summary>
    public List<OptionProblem> Problems { get; } = [];

    /// <summary>A field's text, or null; complete when every file was read.</summary>
    public string? this[string field] => _fields.GetValueOrDefault(field);

    /// <summary>Reads on to the next file.</summary>
    /// <exception cref="BadHttpRequestException">415 when the request is not multipart/form-data.</exception>
    public async IAsyncEnumerable<UploadedFile> ReadAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
            limit.MaxRequestBodySize = maxBytes + HeaderAllowanceBytes;
        string boundary = Boundary();
        var reader = new MultipartReader(boundary, request.Body);
        while (await NextAsync(reader, cancel) is MultipartSection section)
        {
            if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? disposition))
                throw new OptionsInvalidException("$", "A part of the upload has no Content-Disposition. Send multipart/form-data.");
            if (disposition.IsFileDisposition())
                yield return new UploadedFile(Text(disposition.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName),
                    section.Body);
            else
                await AddFieldAsync(Text(disposition.Name), section, cancel);
        }
    }

    private string Boundary()
    {
        if (MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
            && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            && HeaderUtilities.RemoveQuotes(type.Boundary) is { Length: > 0 } boundary)
            return boundary.ToString();
        throw new BadHttpRequestException(
            $"The content type is '{request.ContentType}', expected multipart/form-data with a boundary.",
                StatusCodes.Status415UnsupportedMediaType);
    }

    private static async Task<MultipartSection?> NextAsync(MultipartReader reader, CancellationToken cancel)
    {
        try
        {
            return await reader.ReadNextSectionAsync(cancel);
        }
        catch (Exception e) when (e is IOException and not BadHttpRequestException or InvalidDataException)
        {
            throw new OptionsInvalidException("$", $"The upload broke off or is not multipart/form-data: {e.Message} Nothing of it is "
                + "kept; upload it again.");
        }
    }

    private async Task AddFieldAsync(string name, MultipartSection section, CancellationToken cancel)
    {
        using var reader = new StreamReader(section.Body);
        char[] text = new char[MaxFieldCharacters + 1];
        int length = await reader.ReadBlockAsync(text, cancel);
        if (!knownFields.Contains(name))
            Problems.Add(new OptionProblem(name, $"'{name}' is unknown. Known are: {string.Join(", ", knownFields)}."));
        else if (length > MaxFieldCharacters)
            Problems.Add(new OptionProblem(name, $"The value is longer than {MaxFieldCharacters} characters."));
        else if (!_fields.TryAdd(name, new string(text, 0, length)))
            Problems.Add(new OptionProblem(name, $"'{name}' is given twice."));
    }

    private static string Text(Microsoft.Extensions.Primitives.StringSegment quoted) => HeaderUtilities.RemoveQuotes(quoted).ToString();
}
