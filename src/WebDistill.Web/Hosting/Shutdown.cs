using System.Diagnostics;

namespace WebDistill.Web.Hosting;

/// <summary>
/// The end of the process: one deadline, counted from the first sign of it by the monotonic clock, that everybody shares who has something
/// left to do. Supervisors lose patience after 5 seconds.
/// </summary>
public sealed class Shutdown : IDisposable
{
    /// <summary>Browsers that have not answered the goodbye by then are left.</summary>
    public static readonly TimeSpan PagesPatience = TimeSpan.FromSeconds(1);

    /// <summary>A state that is not saved by then is not waited for: the last complete checkpoint stands.</summary>
    public static readonly TimeSpan StatePatience = TimeSpan.FromSeconds(3.5);

    /// <summary>Last words that are not delivered by then are not waited for.</summary>
    public static readonly TimeSpan WordsPatience = TimeSpan.FromSeconds(4);

    /// <summary>Whatever still holds the process then is not waited for: everything that counts is on the disk.</summary>
    public static readonly TimeSpan ProcessPatience = TimeSpan.FromSeconds(4.5);

    private readonly CancellationTokenSource _begun = new();
    private readonly CancellationTokenSource _pagesLeft = new();
    private long _beganAt;

    /// <summary>Signalled at the first sign of the end.</summary>
    public CancellationToken Begun => _begun.Token;

    /// <summary>Signalled when <see cref="PagesPatience"/> is over.</summary>
    public CancellationToken PagesLeft => _pagesLeft.Token;

    /// <summary>The first sign: the deadline runs from now on. A second one changes nothing.</summary>
    public void Begin()
    {
        if (Interlocked.CompareExchange(ref _beganAt, Stopwatch.GetTimestamp(), 0) != 0)
            return;
        _pagesLeft.CancelAfter(PagesPatience);
        _begun.Cancel();
    }

    /// <summary>What is left of a patience; all of it before the first sign.</summary>
    public TimeSpan Left(TimeSpan patience)
    {
        long began = Interlocked.Read(ref _beganAt);
        TimeSpan left = began == 0 ? patience : patience - Stopwatch.GetElapsedTime(began);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>
    /// Ends the process by force when <see cref="ProcessPatience"/> is over, on a thread of its own that waits for nothing else. For a signal
    /// to a real process only: a host inside another one must not take that with it.
    /// </summary>
    public void EndProcessInTime()
    {
        Begin();
        new Thread(() =>
        {
            Thread.Sleep(Left(ProcessPatience));
            Console.Error.WriteLine($"WebDistill did not end within {ProcessPatience.TotalSeconds} s of the signal and is ended by force. "
                + "What was saved is whole.");
            Process.GetCurrentProcess().Kill();
        })
        { Name = "Deadline", IsBackground = true, Priority = ThreadPriority.AboveNormal }.Start();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _begun.Dispose();
        _pagesLeft.Dispose();
    }
}
