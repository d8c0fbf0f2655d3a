using WebDistill.Web.Failures;

namespace WebDistill.Web.Storage;

/// <summary>
/// Writes what became of work that has ended: again and again while the database cannot, whatever its reason, until the process ends. Given up,
/// a run, a data set or an evaluation would stand for ever where it stood, or be done once more from the start.
/// </summary>
public sealed class OutcomeWriter(StorageHealth storage, ILogger<OutcomeWriter> logger)
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    /// <summary>Tries to write until it succeeds. A <see cref="ConflictException"/> or <see cref="NotFoundException"/> is an answer, and goes to
    /// the caller.</summary>
    /// <param name="whose">The work, to end a sentence's part: "run 42".</param>
    /// <param name="ended">Signalled at the end of the process: then it is tried once more, and the exception goes to the caller.</param>
    /// <param name="waits">Told the reason before every pause.</param>
    public async Task<T> WriteAsync<T>(string whose, Func<Task<T>> write, CancellationToken ended, Action<string>? waits = null)
    {
        while (true)
        {
            try
            {
                return await write();
            }
            catch (Exception e) when (e is not (ConflictException or NotFoundException) && !ended.IsCancellationRequested)
            {
                StorageRefusedException? refused = storage.Explain(e);
                if (refused is not null)
                    storage.Note(refused);
                else
                    logger.LogError(e, "What became of {Whose} could not be saved; trying again in {Delay}", whose, RetryDelay);
                waits?.Invoke(refused?.Message ?? e.Message);
                await Task.WhenAny(Task.Delay(RetryDelay, ended));
                storage.Look();
            }
        }
    }

    /// <inheritdoc cref="WriteAsync{T}"/>
    public Task WriteAsync(string whose, Func<Task> write, CancellationToken ended, Action<string>? waits = null) =>
        WriteAsync(whose, async () =>
        {
            await write();
            return true;
        }, ended, waits);
}
