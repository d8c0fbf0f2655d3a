using System.Diagnostics;
using System.Globalization;
using Microsoft.Playwright;

namespace WebDistill.Benchmarks;

/// <summary>
/// Tabs of a headless Chromium, each with a page of the product and the circuit behind it: what readers really have open. A browser computes too,
/// more than what it watches costs the server: <see cref="ProcessorTime"/> says how much.
/// </summary>
internal sealed class OpenPages : IAsyncDisposable
{
    private readonly IPlaywright _playwright;
    private readonly IBrowser _browser;
    private readonly List<IPage> _pages = [];

    private OpenPages(IPlaywright playwright, IBrowser browser) => (_playwright, _browser) = (playwright, browser);

    /// <summary>The first tab.</summary>
    public IPage Front => _pages[0];

    public static async Task<OpenPages> StartAsync(int count)
    {
        IPlaywright playwright = await Playwright.CreateAsync();
        IBrowser browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Environment.GetEnvironmentVariable("WEBDISTILL_CHROMIUM") ?? "/usr/bin/chromium",
            // What is not in front is drawn as rarely as in a reader's browser; only its connection must not be put to sleep.
            Args = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"],
        });
        var pages = new OpenPages(playwright, browser);
        for (int i = 0; i < count; i++)
            pages._pages.Add(await browser.NewPageAsync());
        return pages;
    }

    /// <summary>Opens an address in every tab and returns when each has its circuit.</summary>
    public async Task GoAsync(string address)
    {
        foreach (IPage page in _pages)
        {
            await page.GotoAsync(address);
            // By the clock, not by frames: a tab that is not in front draws none.
            await page.WaitForFunctionAsync("() => 'interactive' in document.documentElement.dataset", null, new() { PollingInterval = 100 });
        }
    }

    /// <summary>Leaves the pages; the tabs stay.</summary>
    public async Task LeaveAsync()
    {
        foreach (IPage page in _pages)
            await page.GotoAsync("about:blank");
    }

    /// <summary>What the browser's processes have computed so far: all that descend from this one.</summary>
    public static TimeSpan ProcessorTime
    {
        get
        {
            const double ticksPerSecond = 100; // sysconf(_SC_CLK_TCK) on every Linux that .NET runs on.
            Dictionary<int, (int Parent, long Ticks)> processes = [];
            foreach (string folder in Directory.EnumerateDirectories("/proc"))
            {
                if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int id) && Read(folder) is { } stat)
                    processes[id] = stat;
            }
            long ticks = processes.Where(process => IsDescendant(process.Key)).Sum(process => process.Value.Ticks);
            return TimeSpan.FromSeconds(ticks / ticksPerSecond);

            bool IsDescendant(int id)
            {
                for (int parent = processes[id].Parent; processes.TryGetValue(parent, out var above); parent = above.Parent)
                {
                    if (parent == Environment.ProcessId)
                        return true;
                }
                return false;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        _playwright.Dispose();
    }

    // proc(5): "pid (name) state ppid ... utime stime cutime cstime"; the name may hold anything.
    private static (int Parent, long Ticks)? Read(string folder)
    {
        try
        {
            string stat = File.ReadAllText(Path.Combine(folder, "stat"));
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (int.Parse(fields[1], CultureInfo.InvariantCulture), fields[11..15].Sum(field => long.Parse(field, CultureInfo.InvariantCulture)));
        }
        catch (IOException)
        {
            return null; // It has just ended.
        }
    }
}
