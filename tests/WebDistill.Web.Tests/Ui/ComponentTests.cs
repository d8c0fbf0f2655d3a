using Bunit;
using MudBlazor.Services;

namespace WebDistill.Web.Tests.Ui;

/// <summary>Tests of components that are drawn alone, in memory.</summary>
public abstract class ComponentTests : IAsyncLifetime
{
    /// <summary>Draws; asks nothing of a browser, and nothing of the page around.</summary>
    protected BunitContext Page { get; } = new();

    public Task InitializeAsync()
    {
        Page.JSInterop.Mode = JSRuntimeMode.Loose;
        // One second is little on a machine that does other work.
        BunitContext.DefaultWaitTimeout = TimeSpan.FromSeconds(60);
        Page.Services.AddMudServices(mud => mud.PopoverOptions.CheckForPopoverProvider = false);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await Page.DisposeAsync();
}
