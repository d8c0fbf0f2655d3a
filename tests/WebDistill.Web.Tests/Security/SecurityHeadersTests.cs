using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;

namespace WebDistill.Web.Tests.Security;

/// <summary>The finding that API error answers carried no security headers: they stand on every answer, whatever wrote it.</summary>
public sealed class SecurityHeadersTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Theory]
    [InlineData("GET", "/", 200)]
    [InlineData("GET", "/js/curves.js", 200)]
    [InlineData("GET", "/api/runs", 200)]
    [InlineData("GET", "/healthz", 200)]
    [InlineData("GET", "/openapi/v1.json", 200)]
    [InlineData("GET", "/nowhere", 404)]
    [InlineData("GET", "/js/nowhere.js", 404)]
    [InlineData("GET", "/api/nowhere", 404)]
    [InlineData("GET", "/api/runs/not-an-id", 404)]
    [InlineData("GET", "/api/runs/00000000-0000-0000-0000-000000000001", 404)]
    [InlineData("PATCH", "/api/runs", 405)]
    [InlineData("POST", "/api/runs", 415)]
    [InlineData("GET", "/api/runs/00000000-0000-0000-0000-000000000001/steps?after=x", 400)]
    [InlineData("GET", "/api/reports?run=x", 400)]
    [InlineData("POST", "/hubs/curves", 400)]
    public async Task Answer_OfAnyStatus_CarriesThem(string method, string path, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using HttpResponseMessage response = await app.Http.SendAsync(request);
        AssertProtected(response, (HttpStatusCode)status);
    }

    [Fact]
    public async Task Answer_TooLargeForeignOrNotAcceptable_CarriesThem()
    {
        using HttpResponseMessage large =
            await app.Http.PostAsync("/api/runs", new StringContent(new string(' ', 300_000), Encoding.UTF8, "application/json"));
        AssertProtected(large, HttpStatusCode.RequestEntityTooLarge);
        using HttpResponseMessage bad = await app.Http.PostAsJsonAsync("/api/runs", new { });
        AssertProtected(bad, HttpStatusCode.BadRequest);
        // Whatever a client says that it accepts: an answer that cannot be written in it must not become a 500.
        foreach (string host in new[] { "127.0.0.1", "evil.example" })
        {
            foreach (string path in new[] { "/api/runs/00000000-0000-0000-0000-000000000001", "/api/sweeps/00000000-0000-0000-0000-000000000001/table.csv", "/api/nowhere" })
            {
                using var picky = new HttpRequestMessage(HttpMethod.Get, path);
                picky.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/csv"));
                picky.Headers.Host = host;
                using HttpResponseMessage response = await app.Http.SendAsync(picky);
                AssertProtected(response, host == "127.0.0.1" ? HttpStatusCode.NotFound : HttpStatusCode.Forbidden);
            }
        }
    }

    private static void AssertProtected(HttpResponseMessage response, HttpStatusCode status)
    {
        Assert.Equal(status, response.StatusCode);
        (string Header, string Part)[] expected =
        [
            ("Content-Security-Policy", "default-src 'self'"), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Opener-Policy", "same-origin"), ("Cross-Origin-Resource-Policy", "same-origin"), ("Permissions-Policy", "camera=()"),
        ];
        foreach ((string header, string part) in expected)
        {
            Assert.True(response.Headers.TryGetValues(header, out IEnumerable<string>? values), $"{status}: {header} is missing.");
            Assert.Contains(part, Assert.Single(values));
        }
    }
}
