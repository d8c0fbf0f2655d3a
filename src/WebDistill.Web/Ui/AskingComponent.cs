using Microsoft.AspNetCore.Components;
using WebDistill.Web.Failures;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Ui;

/// <summary>A component in which a person asks for something, which may not succeed.</summary>
public abstract class AskingComponent : ComponentBase, IDisposable
{
    private readonly CancellationTokenSource _disposed = new();

    /// <summary>Cancelled when the component goes away.</summary>
    protected CancellationToken Gone => _disposed.Token;

    /// <summary>Whether the disk takes what is written.</summary>
    [Inject]
    protected StorageHealth Storage { get; set; } = null!;

    /// <summary>Why the last thing that was asked for did not succeed; shown until it is closed or something else is asked for.</summary>
    protected Exception? Failure { get; set; }

    /// <summary>Does what is asked for. A failure that is foreseen becomes <see cref="Failure"/>; any other is the page's end.</summary>
    /// <returns>Whether it succeeded.</returns>
    protected async Task<bool> TryAsync(Func<Task> action)
    {
        Failure = null;
        try
        {
            await action();
            return true;
        }
        catch (Exception e) when (Told(e) is { } told)
        {
            Failure = told;
            return false;
        }
    }

    /// <summary>What a page shows of a failure and goes on; null for one that nobody foresaw.</summary>
    private Exception? Told(Exception failure) =>
        (Exception?)Storage.Explain(failure) ?? (ErrorId.Of(failure) == ErrorId.ServerError ? null : failure);

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        // Not disposed: a read that has just ended may still ask for its token.
        _disposed.Cancel();
        GC.SuppressFinalize(this);
    }
}
