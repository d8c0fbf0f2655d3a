using Microsoft.Extensions.Logging.Abstractions;
using WebDistill.Web.Failures;
using WebDistill.Web.Live;

namespace WebDistill.Web.Tests.Live;

public sealed class SharedReadsTests
{
    [Fact]
    public async Task Read_ManyAtOnce_AskOnceUntilSomethingIsAnnounced()
    {
        var announcements = new RunAnnouncements(NullLogger<RunAnnouncements>.Instance);
        using var shared = new SharedReads(announcements);
        int asked = 0;
        Task<int> ReadAsync(string query) => shared.ReadAsync(query, () => Task.FromResult(Interlocked.Increment(ref asked)), default);
        int[] first = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => ReadAsync("a")));
        Assert.All(first, answer => Assert.Equal(1, answer));
        Assert.Equal(2, await ReadAsync("b"));
        announcements.Announce(Guid.NewGuid());
        // Whoever is told reads what is true now.
        Assert.Equal(3, await ReadAsync("a"));
    }

    [Fact]
    public async Task Read_OldAnswer_IsAskedAnew()
    {
        using var shared = new SharedReads(new RunAnnouncements(NullLogger<RunAnnouncements>.Instance));
        int asked = 0;
        Task<int> ReadAsync() => shared.ReadAsync("a", () => Task.FromResult(++asked), default);
        Assert.Equal(1, await ReadAsync());
        await Task.Delay(SharedReads.LongestMilliseconds + 50);
        Assert.Equal(2, await ReadAsync());
    }

    [Fact]
    public async Task Read_OneLeavesOrAllFail_TheOthersAreNotHarmed()
    {
        var announcements = new RunAnnouncements(NullLogger<RunAnnouncements>.Instance);
        using var shared = new SharedReads(announcements);
        var answer = new TaskCompletionSource<int>();
        using var leaving = new CancellationTokenSource();
        Task<int> stays = shared.ReadAsync("a", () => answer.Task, default), leaves = shared.ReadAsync("a", () => answer.Task, leaving.Token);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaves);
        answer.SetResult(7);
        Assert.Equal(7, await stays);
        await Assert.ThrowsAsync<NotFoundException>(() => shared.ReadAsync<int>("b", () => throw new NotFoundException("gone"), default));
        announcements.Announce(Guid.NewGuid());
        Assert.Equal(8, await shared.ReadAsync("b", () => Task.FromResult(8), default));
    }
}
