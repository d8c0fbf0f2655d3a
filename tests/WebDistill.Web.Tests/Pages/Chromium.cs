using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace WebDistill.Web.Tests.Pages;

/// <summary>A headless browser; without one the tests fail, they are not skipped.</summary>
public sealed class Chromium : IAsyncLifetime
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
        await _browser.DisposeAsync();
        _playwright.Dispose();
    }

    /// <summary>Opens an address in a context of its own and waits until the page answers.</summary>
    public async Task<IPage> OpenAsync(string address, ColorScheme theme = ColorScheme.Light, int width = 1280)
    {
        IBrowserContext context = await _browser.NewContextAsync(new BrowserNewContextOptions
        {
            ColorScheme = theme,
            ReducedMotion = ReducedMotion.Reduce,
            ViewportSize = new ViewportSize { Width = width, Height = 900 },
        });
        context.SetDefaultTimeout(20_000);
        IPage page = await context.NewPageAsync();
        // The frame's first call into the browser: by then the circuit has drawn the page and answers.
        var answers = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        page.WebSocket += (_, socket) => socket.FrameReceived += (_, frame) =>
        {
            if (frame.Binary is byte[] bytes && bytes.AsSpan().IndexOf("webdistillTheme.press"u8) >= 0)
                answers.TrySetResult();
        };
        await page.GotoAsync(address);
        await answers.Task.WaitAsync(TimeSpan.FromSeconds(20));
        return page;
    }

    /// <summary>Every violation of level serious or critical, one line per element.</summary>
    public static async Task<string> ViolationsAsync(IPage page)
    {
        AxeResult result = await page.RunAxe();
        return string.Join('\n', result.Violations.Where(violation => violation.Impact is "serious" or "critical")
            .SelectMany(violation => violation.Nodes.Select(node => $"{violation.Id} ({violation.Impact}): {node.Html}")));
    }
}
