using Bunit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.JSInterop;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Tests.Ui;

/// <summary>A place for files whose browser is slow.</summary>
public sealed class FileUploadTests : ComponentTests
{
    private static readonly ChosenFile[] s_files = [new("tales.txt", 12)];
    private readonly SlowBrowser _browser = new();

    [Fact]
    public async Task Choose_BeforeTheConnectionHasCome_IsLookedIntoOnceItHas()
    {
        UploadAnswer? answer = null;
        IRenderedComponent<FileUpload> upload = Draw(async place => answer = await place.AskAsync("/look", new Dictionary<string, string>(), "file", "tales.txt", 100));
        Task chosen = upload.Instance.ChooseAsync(s_files);
        Assert.Null(answer);
        _browser.Connected.SetResult();
        await chosen;
        Assert.Equal("looked", answer?.Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Choose_PageIsLeftMeanwhile_IsNoFault(bool isConnected)
    {
        if (isConnected)
            _browser.Connected.SetResult();
        _browser.Looked = new TaskCompletionSource();
        IRenderedComponent<FileUpload> upload = Draw(place => place.AskAsync("/look", new Dictionary<string, string>(), "file", "tales.txt", 100));
        Task chosen = upload.Instance.ChooseAsync(s_files);
        await upload.Instance.DisposeAsync();
        await chosen;
    }

    private IRenderedComponent<FileUpload> Draw(Func<FileUpload, Task> look)
    {
        Page.Services.AddSingleton<IJSRuntime>(_browser);
        IRenderedComponent<FileUpload>? drawn = null;
        return drawn = Page.Render<FileUpload>(parameters => parameters.Add(p => p.Id, "file").Add(p => p.OnChosen, _ => look(drawn!.Instance)));
    }

    private sealed class SlowBrowser : IJSRuntime, IJSObjectReference
    {
        public TaskCompletionSource Connected { get; } = new();

        public TaskCompletionSource? Looked { get; set; }

        public async ValueTask<TValue> InvokeAsync<TValue>(string identifier, CancellationToken cancellationToken, object?[]? args)
        {
            switch (identifier)
            {
                case "connect":
                    await Connected.Task;
                    break;
                case "ask" when Looked is not null:
                    await Looked.Task.WaitAsync(cancellationToken);
                    break;
                case "ask":
                    return (TValue)(object)new UploadAnswer(200, null, "looked", new Dictionary<string, string>());
            }
            return this is TValue self ? self : default!;
        }

        public ValueTask<TValue> InvokeAsync<TValue>(string identifier, object?[]? args) => InvokeAsync<TValue>(identifier, CancellationToken.None, args);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
