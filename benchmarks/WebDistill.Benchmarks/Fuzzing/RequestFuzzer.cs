using System.Text;
using System.Text.Json.Nodes;

namespace WebDistill.Benchmarks.Fuzzing;

/// <summary>
/// Makes a request out of a seed: an operation of the document, first as it should be, with ids that exist, then with up to two things wrong.
/// The same seed makes the same request, but for the ids, which each server gives anew.
/// </summary>
internal sealed class RequestFuzzer(ApiDocument document, FuzzLibrary library)
{
    private static readonly string[] s_ids =
    [
        "abc", "0", "-1", "1", "00000000-0000-0000-0000-000000000000", "0192f3a4-0000-7000-8000-000000000000", "%7B0192f3a4-0000-7000-8000-000000000000%7D",
        "..", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%00", "%ff%fe", "%ED%A0%80", "%", "%zz", "a b", "'%20OR%201=1--", "%F0%9F%90%A6", "1e400", "2147483648",
        "99999999999999999999", "null", "NaN", "%0d%0aX:%201", "webdistill.db", "*", ";", "%3Cscript%3E", "=1%2B1", "%E2%80%AE",
    ];

    private static readonly string[] s_headers =
    [
        "Accept: application/xml", "Accept: */*;q=nonsense", "Accept-Encoding: gzip, br", "Origin: http://example.org", "Origin: null", "Sec-Fetch-Site: cross-site",
        "Content-Encoding: gzip", "Expect: 100-continue", "Expect: nonsense", "If-None-Match: *", "If-Modified-Since: yesterday", "Range: bytes=99999999999-",
        "Range: bytes=0-0,1-1,2-2", "Transfer-Encoding: gzip", "Upgrade: websocket", "X-Forwarded-For: \u00e9", "X-HTTP-Method-Override: DELETE", "Cookie: a=b; a=c",
        "Accept-Language: tr-TR", "Authorization: Basic Og==", "Content-Language: \u0001",
    ];

    private static readonly string[] s_contentTypes =
    [
        "", "text/plain", "application/json; charset=utf-16", "application/json; charset=nonsense", "application/problem+json", "application/x-www-form-urlencoded",
        "application/json, text/plain", "multipart/form-data; boundary=x", ";", "application/json\u00e9",
    ];

    private static readonly string[] s_methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "FOO", "get"];

    /// <summary>The request of a seed.</summary>
    public FuzzRequest Create(int seed)
    {
        var random = new Random(seed);
        return Create(seed, random, document.Operations[random.Next(document.Operations.Count)], random.Next(8) switch { 0 => 0, < 6 => 1, _ => 2 });
    }

    /// <summary>An operation as it should be asked for.</summary>
    public FuzzRequest CreateValid(ApiOperation operation, int seed) => Create(seed, new Random(seed), operation, mutations: 0);

    private FuzzRequest Create(int seed, Random random, ApiOperation operation, int mutations)
    {
        FuzzIds ids = library.Ids;
        List<string> done = [];
        Dictionary<string, string> path = [], query = [];
        foreach (ApiParameter parameter in operation.Parameters)
        {
            string value = Value(operation, parameter, ids, random);
            if (parameter.In == "path")
                path[parameter.Name] = value;
            else if (random.Next(2) == 0)
                query[parameter.Name] = value;
        }
        string method = operation.Method;
        List<string> headers = [];
        (string? contentType, byte[] body) = Body(operation, ids, random);
        FuzzCut cut = FuzzCut.None;
        for (int i = 0; i < mutations; i++)
        {
            switch (random.Next(12))
            {
                case < 6 when operation.ContentType == "application/json":
                    (body, string what) = new JsonFuzzer(random).Mutate(Json(operation, ids, random));
                    done.Add($"body: {what}");
                    break;
                case < 6 when operation.ContentType == "multipart/form-data":
                    (contentType, body, what) = new FormFuzzer(random).Mutate(Form(operation, ids, random));
                    done.Add($"form: {what}");
                    break;
                case < 4 when path.Count > 0:
                    string name = path.Keys.ElementAt(random.Next(path.Count));
                    path[name] = random.Next(6) switch
                    {
                        0 => new string('a', new[] { 200, 2_000, 20_000 }[random.Next(3)]),
                        1 when !Restores(operation) => ids.Any(random),
                        _ => s_ids[random.Next(s_ids.Length)],
                    };
                    done.Add($"{name} = {Short(path[name])}");
                    break;
                case < 7 when operation.Parameters.Any(parameter => parameter.In == "query"):
                    ApiParameter[] known = [.. operation.Parameters.Where(parameter => parameter.In == "query")];
                    name = random.Next(6) == 0 ? "unknown" : known[random.Next(known.Length)].Name;
                    query[name] = random.Next(8) == 0 ? string.Join(',', Enumerable.Repeat(ids.Any(random), 200)) : s_ids[random.Next(s_ids.Length)];
                    done.Add($"?{name} = {Short(query[name])}");
                    break;
                case < 8:
                    headers.Add(random.Next(8) == 0 ? $"X-Long: {new string('x', new[] { 5_000, 40_000 }[random.Next(2)])}" : s_headers[random.Next(s_headers.Length)]);
                    done.Add($"header {Short(headers[^1])}");
                    break;
                case 8:
                    contentType = s_contentTypes[random.Next(s_contentTypes.Length)];
                    done.Add($"content type '{contentType}'");
                    break;
                case 9:
                    method = s_methods[random.Next(s_methods.Length)];
                    done.Add($"method {method}");
                    break;
                case 10:
                    cut = random.Next(2) == 0 ? FuzzCut.HalfClose : FuzzCut.Abort;
                    done.Add($"cut: {cut}");
                    break;
                default:
                    body = [.. body, .. new byte[random.Next(1, 100)]];
                    done.Add("bytes behind the body");
                    break;
            }
        }
        string target = path.Aggregate(operation.Path, (text, pair) => text.Replace($"{{{pair.Key}}}", pair.Value, StringComparison.Ordinal))
            + (query.Count == 0 ? "" : "?" + string.Join('&', query.Select(pair => $"{pair.Key}={pair.Value}")));
        string head = $"{method} {target} HTTP/1.1\r\nHost: {library.Host}\r\nConnection: close\r\n"
            + (body.Length > 0 || operation.ContentType is not null ? $"Content-Length: {body.Length}\r\n" : "")
            + (contentType is { Length: > 0 } ? $"Content-Type: {contentType}\r\n" : "") + string.Concat(headers.Select(header => $"{header}\r\n")) + "\r\n";
        if (cut != FuzzCut.None)
            body = body[..random.Next(body.Length + 1)];
        return new FuzzRequest(seed, method, operation, done, Encoding.UTF8.GetBytes(head), body, cut);
    }

    private (string?, byte[]) Body(ApiOperation operation, FuzzIds ids, Random random) => operation.ContentType switch
    {
        null => (null, []),
        "multipart/form-data" => FormFuzzer.Write(Form(operation, ids, random)),
        _ => (operation.ContentType, Encoding.UTF8.GetBytes(Json(operation, ids, random)?.ToJsonString() ?? "null")),
    };

    // Mostly a body that is accepted; now and then one that fits the schema alone.
    private JsonNode? Json(ApiOperation operation, FuzzIds ids, Random random)
    {
        JsonNode? accepted = operation.Schema is null ? null : FuzzLibrary.Accepted(operation.Schema, ids, random);
        JsonNode? sample = operation.Schema is null ? new JsonObject() : document.Sample(operation.Schema, random);
        return accepted is null || random.Next(6) == 0 ? sample : accepted;
    }

    private List<FormPart> Form(ApiOperation operation, FuzzIds ids, Random random) => library.Form(operation.Schema!, ids, random)
        ?? [.. document.Properties(operation.Schema!).Select(name => new FormPart(name, null, "1"u8.ToArray()))];

    private static string Value(ApiOperation operation, ApiParameter parameter, FuzzIds ids, Random random) => (parameter.Name, parameter.In) switch
    {
        ("id", "path") => ids.Of(operation.Path.Split('/')[2], random),
        ("name", "path") => Restores(operation) ? "none.db" : ids.Of("backups", random),
        ("step", "path") => ids.Of("steps", random),
        ("run", _) => ids.Of("runs", random),
        ("models", _) => string.Join(',', Enumerable.Range(0, 1 + random.Next(3)).Select(_ => ids.Of("models", random))),
        ("teacher", _) => ids.Of("models", random),
        ("format", _) => new[] { "html", "md", "csv", "json" }[random.Next(4)],
        ("runs", _) => new[] { "keep", "delete" }[random.Next(2)],
        _ => random.Next(1, 100).ToString(System.Globalization.CultureInfo.InvariantCulture),
    };

    // Restoring a copy of the database starts the server anew, under everybody else's requests: it is asked for with names that do not exist.
    private static bool Restores(ApiOperation operation) => operation.Path.EndsWith("/restore", StringComparison.Ordinal);

    private static string Short(string text) => text.Length <= 60 ? text : $"{text[..60]}... ({text.Length} characters)";
}
