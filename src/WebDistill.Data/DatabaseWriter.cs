using Microsoft.EntityFrameworkCore;

namespace WebDistill.Data;

/// <summary>
/// Lets one change at a time into the database. SQLite allows one writer and answers a second with "database is locked";
/// waiting here instead keeps that error from ever being seen. Reading needs no such turn: it never waits for a writer under WAL.
/// </summary>
public sealed class DatabaseWriter(IDbContextFactory<WebDistillDb> contexts) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>Runs <paramref name="change"/> on a context of its own when its turn has come; it calls SaveChanges itself.</summary>
    public async Task<T> WriteAsync<T>(Func<WebDistillDb, Task<T>> change, CancellationToken cancel = default)
    {
        await _turn.WaitAsync(cancel);
        try
        {
            await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
            return await change(db);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Runs <paramref name="change"/> on a context of its own when its turn has come; it calls SaveChanges itself.</summary>
    public Task WriteAsync(Func<WebDistillDb, Task> change, CancellationToken cancel = default) =>
        WriteAsync(async db =>
        {
            await change(db);
            return true;
        }, cancel);

    /// <summary>The same for a thread that must not await: the training thread.</summary>
    public void Write(Action<WebDistillDb> change)
    {
        _turn.Wait();
        try
        {
            using WebDistillDb db = contexts.CreateDbContext();
            change(db);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();
}
