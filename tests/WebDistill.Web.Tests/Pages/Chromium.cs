using System.Collections.Concurrent;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace WebDistill.Web.Tests.Pages;

/// <summary>
/// A headless Chromium, Debian's unless WEBDISTILL_CHROMIUM names another; without one the tests fail, they are not skipped. All classes share
/// its process, which ends with theirs; each has contexts of its own, which share nothing.
/// </summary>
public sealed class Chromium : IAsyncLifetime
{
    // Generous, for machines with other work to do: what fails, fails after it.
    private const int PatienceMilliseconds = 60_000;

    // What is in order is not listed element by element.
    private static readonly AxeRunOptions s_axe = new() { ResultTypes = [ResultType.Violations] };

    private static readonly Lazy<Task<IBrowser>> s_browser = new(LaunchAsync);

    private readonly ConcurrentQueue<IBrowserContext> _contexts = new();
    private IBrowser _browser = null!;

    public async Task InitializeAsync() => _browser = await s_browser.Value;

    public async Task DisposeAsync()
    {
        foreach (IBrowserContext context in _contexts)
            await context.CloseAsync();
    }

    private static async Task<IBrowser> LaunchAsync()
    {
        Assertions.SetDefaultExpectTimeout(PatienceMilliseconds);
        IPlaywright playwright = await Playwright.CreateAsync();
        return await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Environment.GetEnvironmentVariable("WEBDISTILL_CHROMIUM") ?? "/usr/bin/chromium",
            Args =
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync",
            ],
        });
    }

    /// <summary>Opens an address in a context of its own and waits until the page answers.</summary>
    public async Task<IPage> OpenAsync(string address, ColorScheme theme = ColorScheme.Light, int width = 1280)
    {
        IPage page = await NewPageAsync(theme, width, ReducedMotion.Reduce);
        await GoAsync(page, address);
        return page;
    }

    /// <summary>Opens a path of the product in a tab that records everything that goes wrong in it.</summary>
    public async Task<Visit> VisitAsync(WebDistillApp app, string path, ColorScheme theme = ColorScheme.Light, int width = 1400)
    {
        var visit = new Visit(await NewPageAsync(theme, width, ReducedMotion.NoPreference), app.Address);
        await visit.GoAsync(path);
        return visit;
    }

    /// <summary>Loads an address and waits until the circuit has drawn the page: from then on every button answers.</summary>
    internal static async Task GoAsync(IPage page, string address)
    {
        await page.GotoAsync(address);
        await page.WaitForFunctionAsync("() => 'interactive' in document.documentElement.dataset && window.webdistill !== undefined");
    }

    private async Task<IPage> NewPageAsync(ColorScheme theme, int width, ReducedMotion motion)
    {
        IBrowserContext context = await _browser.NewContextAsync(new BrowserNewContextOptions
        {
            ColorScheme = theme,
            ReducedMotion = motion,
            ViewportSize = new ViewportSize { Width = width, Height = 900 },
        });
        _contexts.Enqueue(context);
        context.SetDefaultTimeout(PatienceMilliseconds);
        return await context.NewPageAsync();
    }

    /// <summary>Every violation of level serious or critical, one line per element.</summary>
    public static async Task<string> ViolationsAsync(IPage page)
    {
        // What is still fading in or out has less contrast than it will have.
        await page.WaitForFunctionAsync("() => !document.getAnimations().some(one => one instanceof CSSTransition && one.playState === 'running')");
        AxeResult result = await page.RunAxe(s_axe);
        return string.Join('\n', result.Violations.Where(violation => violation.Impact is "serious" or "critical")
            .SelectMany(violation => violation.Nodes.Select(node => $"{violation.Id} ({violation.Impact}): {node.Html}")));
    }
}
