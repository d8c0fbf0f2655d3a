using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace WebDistill.Web.Tests.Pages;

/// <summary>One tab, and everything that went wrong in it: console errors and warnings, failed requests, requests to other servers.</summary>
public sealed class Visit : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _faults = new();
    private readonly string _address;

    internal Visit(IPage page, string address)
    {
        Page = page;
        _address = address;
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning")
                _faults.Enqueue($"{message.Type}: {message.Text}");
        };
        page.PageError += (_, error) => _faults.Enqueue($"page error: {error}");
        page.Response += (_, response) =>
        {
            if (response.Status >= 400)
                _faults.Enqueue($"{response.Status} {response.Url}");
        };
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(address, StringComparison.Ordinal) && new Uri(request.Url).Scheme is not ("data" or "blob"))
                _faults.Enqueue($"external request: {request.Url}");
        };
    }

    public IPage Page { get; }

    /// <summary>Fails with everything that went wrong so far.</summary>
    public void AssertNoFaults()
    {
        if (!_faults.IsEmpty)
            Assert.Fail(string.Join('\n', _faults));
    }

    /// <summary>Loads a path in this tab.</summary>
    public Task GoAsync(string path) => Chromium.GoAsync(Page, _address + path);

    public ILocator Button(string name) => Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = name, Exact = true });

    public ILocator Link(string name) => Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = name, Exact = true });

    /// <summary>A number of the live charts' state, <c>window.webdistillCurves</c>.</summary>
    public Task<double> CurvesAsync(string number) => Page.EvaluateAsync<double>($"() => window.webdistillCurves?.{number} ?? -1");

    /// <summary>Waits until the charts hold at least so many points, and returns how many they hold.</summary>
    public async Task<double> WaitForPointsAsync(double atLeast, float timeoutSeconds = 60)
    {
        await Page.WaitForFunctionAsync("n => (window.webdistillCurves?.points ?? 0) >= n", atLeast,
            new PageWaitForFunctionOptions { Timeout = timeoutSeconds * 1000 });
        return await CurvesAsync("points");
    }

    /// <summary>Fails with the violations of level serious and critical, one line per element.</summary>
    public async Task AssertAccessibleAsync()
    {
        string violations = await Chromium.ViolationsAsync(Page);
        if (violations != "")
            Assert.Fail(violations);
    }

    public async ValueTask DisposeAsync() => await Page.Context.CloseAsync();
}
