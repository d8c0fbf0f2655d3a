using System.Globalization;
using WebDistill.Data;
using WebDistill.Web.Failures;

namespace WebDistill.Web.Jobs;

/// <summary>What a training does while the disk refuses: it rests with its state in memory, says so, and goes on by itself.</summary>
internal sealed partial class RunJournal
{
    private static readonly TimeSpan RoomPollInterval = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    /// <remarks>
    /// While the disk refuses, rests until there is room or somebody says to try again, and begins anew. A wish to end, or the end of the process, gets one
    /// last try and then the last complete checkpoint must do.
    /// </remarks>
    public T WhenTheDiskTakesIt<T>(int step, long bytes, Func<T> write)
    {
        // As much again as a margin for the database.
        long needed = 2 * bytes;
        string needs = string.Create(CultureInfo.InvariantCulture, $"a checkpoint needs {needed:N0} bytes");
        while (true)
        {
            try
            {
                _storage.RequireRoom();
                return write();
            }
            catch (Exception e) when (_storage.Explain(e, needs) is { } refused)
            {
                _storage.Note(refused);
                WaitForBetterTimes(step, refused, needed);
            }
        }
    }

    private void WaitForBetterTimes(int step, StorageRefusedException refused, long needed)
    {
        if (_signals.Ended.IsCancellationRequested)
        {
            Note(step, $"The state after update {step} could not be saved. {refused.Message}", isWarning: true);
            throw new OperationCanceledException(_signals.Ended);
        }
        Move(from: RunStatus.Running, to: RunStatus.Paused, Reason(refused));
        do
        {
            _signals.WaitForRetry(RoomPollInterval);
            _storage.Look();
        }
        while (refused.IsFull && _folder.FreeBytes < needed && !_signals.Ended.IsCancellationRequested);
        Move(from: RunStatus.Paused, to: RunStatus.Running);
    }

    private static string Reason(StorageRefusedException refused) =>
        $"{refused.Message} Nothing is lost; the run goes on by itself when the disk takes it, or at once when it is resumed.";

    /// <summary>Says in the run's status that it rests because its steps cannot be recorded, and with null that it goes on.</summary>
    /// <returns>False when that cannot be recorded either.</returns>
    private async Task<bool> RestAsync(StorageRefusedException? refused)
    {
        (RunStatus from, RunStatus to) = refused is null ? (RunStatus.Paused, RunStatus.Running) : (RunStatus.Running, RunStatus.Paused);
        try
        {
            await _lifecycle.MoveAsync(_run.Id, run => run.Status == from ? to : run.Status, error: refused is null ? null : Reason(refused),
                cause: RunErrorCause.Disk);
            return true;
        }
        catch (Exception e) when (_storage.Explain(e) is { } again)
        {
            _storage.Note(again);
            return false;
        }
    }

    /// <summary>Moves the run on, with what the disk refuses as the only error, unless somebody's wish has changed its status meanwhile.</summary>
    private void Move(RunStatus from, RunStatus to, string? error = null) => _storage.Persist(() => _lifecycle
        .MoveAsync(_run.Id, run => run.Status == from ? to : run.Status, error: error, cause: RunErrorCause.Disk).GetAwaiter().GetResult(),
        _signals.Ended);
}
