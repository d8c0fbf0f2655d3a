using System.Collections.Concurrent;
using System.Text.RegularExpressions;
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

    /// <summary>The rows of a table of things, known by its name: "Runs".</summary>
    public ILocator Rows(string table) => Region(table).Locator("tbody tr");

    /// <summary>An entry of the menu that is open.</summary>
    public ILocator MenuItem(string name) => Page.GetByRole(AriaRole.Menuitem, new PageGetByRoleOptions { Name = name, Exact = true });

    /// <summary>Opens the menu of a thing and takes an entry.</summary>
    /// <param name="thing">As its menu names it: "Actions for" that.</param>
    public async Task ActAsync(string thing, string action)
    {
        await Button($"Actions for {thing}").ClickAsync();
        await MenuItem(action).ClickAsync();
    }

    /// <summary>The box of a field in which something is chosen, by its label.</summary>
    public ILocator Box(string label) => Page.GetByRole(AriaRole.Combobox, new PageGetByRoleOptions { Name = label, Exact = true });

    /// <summary>The box of a field in which something is typed, by its label, behind which its unit may stand.</summary>
    public ILocator Text(string label) => Page.GetByRole(AriaRole.Textbox, new PageGetByRoleOptions { NameRegex = new Regex($"^{Regex.Escape(label)}( \\(.*\\))?$") });

    /// <summary>Chooses one of the values of a field, by what they are called.</summary>
    public async Task ChooseAsync(string label, string option)
    {
        await Box(label).ClickAsync();
        await Page.GetByRole(AriaRole.Option, new PageGetByRoleOptions { Name = option, Exact = true }).ClickAsync();
    }

    /// <summary>Chooses one of many things of a field, found by words.</summary>
    public Task FindAsync(string label, string words) => PickAsync(Box(label), words);

    /// <summary>Shows a tab of the page.</summary>
    public Task TabAsync(string name) => Page.GetByRole(AriaRole.Tab, new PageGetByRoleOptions { Name = name, Exact = true }).ClickAsync();

    /// <summary>A part of the page that has a name.</summary>
    public ILocator Region(string name) => Page.GetByRole(AriaRole.Region, new PageGetByRoleOptions { Name = name, Exact = true });

    /// <summary>Chooses one of many things, found by words.</summary>
    /// <param name="box">Selects the box in which they are typed.</param>
    public static Task PickAsync(IPage page, string box, string words) => PickAsync(page.Locator(box), words);

    private static async Task PickAsync(ILocator box, string words)
    {
        await box.FillAsync(words);
        ILocator found = box.Page.GetByRole(AriaRole.Option).Filter(new LocatorFilterOptions { HasText = words });
        await found.First.ClickAsync();
        // A click into a list that is replaced at that moment chooses nothing, and the list stays: whoever sees that clicks again.
        for (int again = 0; again < 3 && !await ClosedAsync(); again++)
            await found.First.ClickAsync();

        async Task<bool> ClosedAsync()
        {
            try
            {
                await Assertions.Expect(found).ToHaveCountAsync(0, new() { Timeout = 5000 });
                return true;
            }
            catch (PlaywrightException)
            {
                return false;
            }
        }
    }

    /// <summary>Opens a chart's options and downloads.</summary>
    public Task OpenChartMenuAsync(string chart) => Button($"Options of {chart}").ClickAsync();

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

    /// <summary>Looks at the page wide and narrow, in both themes: pictures of all four, nothing serious for axe, nothing wider than the window.</summary>
    /// <remarks>Axe sees the wide one in the light and the narrow one in the dark theme: rules about colours see every colour, those about layout every layout, in half the time.</remarks>
    public async Task AssertInOrderAsync(string picture)
    {
        foreach ((int width, ColorScheme axe) in ((int, ColorScheme)[])[(1440, ColorScheme.Light), (400, ColorScheme.Dark)])
        {
            await Page.SetViewportSizeAsync(width, 900);
            foreach (ColorScheme theme in (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark])
            {
                await Page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = theme, ReducedMotion = ReducedMotion.Reduce });
                // First: of a page that fails, one wants to see the picture.
                await KeepPictureAsync($"{picture}-{width}-{theme}");
                if (theme == axe)
                    await AssertAccessibleAsync();
            }
            // A page that is wider than its window scrolls sideways.
            string wide = await Page.EvaluateAsync<string>("""
                () => document.documentElement.scrollWidth <= innerWidth ? "" : [...document.querySelectorAll("main *")]
                    .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".mud-table-container, .visually-hidden")).map(e => e.outerHTML.slice(0, 120)).slice(0, 5).join("\n")
                """);
            Assert.True(wide == "" && await Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), $"The page is wider than its window of {width} pixels: {wide}");
        }
        await Page.SetViewportSizeAsync(1440, 900);
    }

    /// <summary>Writes what the window shows to the folder that WEBDISTILL_SCREENSHOTS names (tests/screenshots); nothing without it.</summary>
    public async Task KeepPictureAsync(string name)
    {
        if (Environment.GetEnvironmentVariable("WEBDISTILL_SCREENSHOTS") is not { Length: > 0 } folder)
            return;
        string file = string.Concat(name.Trim('/').Select(c => char.IsLetterOrDigit(c) || c == '-' ? c : '_')).ToLowerInvariant();
        await Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, $"{(file.StartsWith('-') ? "runs" : "")}{file}.png"), FullPage = true });
    }

    public async ValueTask DisposeAsync() => await Page.Context.CloseAsync();
}
