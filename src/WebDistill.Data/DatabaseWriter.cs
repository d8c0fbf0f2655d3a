using Microsoft.EntityFrameworkCore;

namespace WebDistill.Data;

/// <summary>
/// Lets one change at a time into the database. SQLite allows one writer and answers a second with "database is locked";
/// waiting here instead keeps that error from ever being seen. Reading needs no such turn: it never waits for a writer under WAL.
/// </summary>
/// <remarks>A change that fails on a full disk is made once more on a new context if room could be made for it: it must not mind.</remarks>
/// <param name="makeRoom">Given what a change failed with, says whether there is room now that there was not; null makes none.</param>
public sealed class DatabaseWriter(IDbContextFactory<WebDistillDb> contexts, Func<Exception, bool>? makeRoom = null) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>Runs <paramref name="change"/> on a context of its own when its turn has come; it calls SaveChanges itself.</summary>
    public async Task<T> WriteAsync<T>(Func<WebDistillDb, Task<T>> change, CancellationToken cancel = default)
    {
        await _turn.WaitAsync(cancel);
        try
        {
            try
            {
                return await ChangeAsync(change, cancel);
            }
            catch (Exception e) when (makeRoom is not null)
            {
                if (!makeRoom(e))
                    throw;
            }
            return await ChangeAsync(change, cancel);
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

    /// <summary>The same for what is much and can wait: no room is made for it.</summary>
    public async Task WriteBulkAsync(Func<WebDistillDb, Task> change)
    {
        await _turn.WaitAsync();
        try
        {
            await using WebDistillDb db = await contexts.CreateDbContextAsync();
            await change(db);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>The same as <see cref="WriteAsync(Func{WebDistillDb, Task}, CancellationToken)"/> for a thread that must not await: the
    /// training thread.</summary>
    public void Write(Action<WebDistillDb> change)
    {
        _turn.Wait();
        try
        {
            try
            {
                Change(change);
                return;
            }
            catch (Exception e) when (makeRoom is not null)
            {
                if (!makeRoom(e))
                    throw;
            }
            Change(change);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<T> ChangeAsync<T>(Func<WebDistillDb, Task<T>> change, CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await change(db);
    }

    private void Change(Action<WebDistillDb> change)
    {
        using WebDistillDb db = contexts.CreateDbContext();
        change(db);
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();
}
