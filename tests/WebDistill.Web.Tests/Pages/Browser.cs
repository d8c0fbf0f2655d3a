using System.Collections.Concurrent;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace WebDistill.Web.Tests.Pages;

/// <summary>A headless Chromium for a test class. A missing one fails the tests: Debian's stands in /usr/bin/chromium, WEBDISTILL_CHROMIUM names another.</summary>
public sealed class Browser : IAsyncLifetime
{
    private IPlaywright _playwright = null!;
    private IBrowser _browser = null!;

    public async Task InitializeAsync()
    {
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Environment.GetEnvironmentVariable("WEBDISTILL_CHROMIUM") ?? "/usr/bin/chromium",
            Args =
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync",
            ],
        });
    }

    public async Task DisposeAsync()
    {
        await _browser.CloseAsync();
        _playwright.Dispose();
    }

    /// <summary>Opens a path of the product in a tab of its own and waits until the circuit answers.</summary>
    public async Task<Visit> OpenAsync(WebDistillApp app, string path, ColorScheme theme = ColorScheme.Light, int width = 1400)
    {
        IBrowserContext context = await _browser.NewContextAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = 900 },
            ColorScheme = theme,
            AcceptDownloads = true,
        });
        context.SetDefaultTimeout(20_000);
        IPage page = await context.NewPageAsync();
        var visit = new Visit(page, app.Address);
        await visit.GoAsync(path);
        return visit;
    }
}

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
    public async Task GoAsync(string path)
    {
        await Page.GotoAsync(_address + path);
        await Page.WaitForFunctionAsync("() => 'interactive' in document.documentElement.dataset && window.webdistill !== undefined");
    }

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
        AxeResult result = await Page.RunAxe();
        string violations = string.Join('\n', result.Violations.Where(violation => violation.Impact is "serious" or "critical")
            .SelectMany(violation => violation.Nodes.Select(node => $"{violation.Id} ({violation.Impact}): {node.Html}")));
        if (violations != "")
            Assert.Fail(violations);
    }

    public async ValueTask DisposeAsync() => await Page.Context.CloseAsync();
}
