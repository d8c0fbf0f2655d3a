using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Rendering;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using WebDistill.Distillation.Files;
using WebDistill.Web.Live;
using WebDistill.Web.Storage;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Tests.Ui;

/// <summary>What is shown at rest is what is stored, whenever it changed.</summary>
public sealed class LiveComponentTests : ComponentTests, IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory();
    private readonly DataFolder _folder;
    private readonly Stored _stored = new();

    public LiveComponentTests()
    {
        _folder = new DataFolder(_root.FullName, FileLayer.Disk);
        Page.Services.AddSingleton(new StorageHealth(
            _folder, new DiskReserve(_folder, 0), new StorageAnnouncements(NullLogger<StorageAnnouncements>.Instance), NullLogger<StorageHealth>.Instance));
        Page.Services.AddSingleton(_stored);
    }

    public void Dispose()
    {
        _folder.Dispose();
        _root.Delete(recursive: true);
    }

    [Fact]
    public void ChangedBetweenTheFirstReadingAndTheFirstDrawing_IsShown()
    {
        _stored.Readings.Enqueue(() =>
        {
            _stored.Change("Completed");
            return Task.CompletedTask;
        });

        IRenderedComponent<Shown> shown = Draw();

        shown.WaitForAssertion(() => shown.MarkupMatches("Completed"));
    }

    [Fact]
    public async Task ReadingThatBeganBeforeAChange_DoesNotPutBackWhatWas()
    {
        TaskCompletionSource slow = new();
        _stored.Readings.Enqueue(() => slow.Task);
        IRenderedComponent<Shown> shown = Draw();

        _stored.Change("Completed");
        // As long as a second reading needs that nothing holds up.
        await Task.Delay(TimeSpan.FromMilliseconds(200));
        slow.SetResult();

        shown.WaitForAssertion(() => Assert.Equal(2, _stored.Read));
        shown.WaitForAssertion(() => shown.MarkupMatches("Completed"));
    }

    [Fact]
    public void DrawnBeforehand_ListensToNothing()
    {
        IRenderedComponent<Shown> shown = Draw(isInteractive: false);

        _stored.Change("Completed");

        Assert.Equal(1, _stored.Read);
        shown.MarkupMatches("Running");
    }

    private IRenderedComponent<Shown> Draw(bool isInteractive = true)
    {
        Page.Renderer.SetRendererInfo(new RendererInfo(isInteractive ? "Server" : "Static", isInteractive));
        return Page.Render<Shown>();
    }

    /// <summary>What is stored, and what happens between one reading of it and the end of that reading.</summary>
    private sealed class Stored
    {
        public string Value { get; private set; } = "Running";

        public RunAnnouncements Bell { get; } = new(NullLogger<RunAnnouncements>.Instance);

        public Queue<Func<Task>> Readings { get; } = new();

        public int Read { get; private set; }

        public void Change(string value)
        {
            Value = value;
            Bell.Announce(Guid.NewGuid());
        }

        public async Task<string> ReadAsync()
        {
            string value = Value;
            if (Readings.TryDequeue(out Func<Task>? meanwhile))
                await meanwhile();
            Read++;
            return value;
        }
    }

    private sealed class Shown : LiveComponent
    {
        private string? _value;

        [Inject]
        public Stored Stored { get; set; } = null!;

        protected override IReadOnlyList<Bell> Bells => [new(Stored.Bell, TimeSpan.FromMilliseconds(1))];

        protected override Task OnInitializedAsync() => LoadAsync();

        protected override async Task FetchAsync() => _value = await Stored.ReadAsync();

        protected override void BuildRenderTree(RenderTreeBuilder builder) => builder.AddContent(0, _value);
    }
}
