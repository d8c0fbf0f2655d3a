namespace TorchSharp;

/// <summary>
/// Disposes every tensor created on this thread while it is the innermost scope, unless the tensor was moved out or detached. Scopes are
/// kept per thread: never <c>await </c> inside one.
/// </summary>
public sealed class DisposeScope : IDisposable
{
    [ThreadStatic] private static DisposeScope? _current;

    private readonly HashSet<IDisposable> _disposables = new(ReferenceEqualityComparer.Instance);
    private bool _isDisposed;

    internal DisposeScope()
    {
        OuterScope = _current;
        _current = this;
    }

    internal static DisposeScope? Current => _current;

    internal DisposeScope? OuterScope { get; private set; }

    public int DisposablesCount => _disposables.Count;

    public IReadOnlyList<IDisposable> DisposablesView => _disposables.ToList();

    public bool Contains(IDisposable disposable) => _disposables.Contains(disposable);

    internal void Register(torch.Tensor tensor)
    {
        tensor.Scope = this;
        _disposables.Add(tensor);
    }

    internal void Unregister(torch.Tensor tensor)
    {
        tensor.Scope = null;
        _disposables.Remove(tensor);
    }

    public void Attach(IDisposable disposable)
    {
        if (disposable is torch.Tensor tensor)
        {
            tensor.Scope?.Unregister(tensor);
            Register(tensor);
        }
        else
        {
            _disposables.Add(disposable);
        }
    }

    public void Attach(params IDisposable[] disposables)
    {
        foreach (IDisposable disposable in disposables)
        {
            Attach(disposable);
        }
    }

    public T Detach<T>(T disposable) where T : IDisposable
    {
        Remove(disposable);
        return disposable;
    }

    public void Detach(params IDisposable[] disposables)
    {
        foreach (IDisposable disposable in disposables)
        {
            Remove(disposable);
        }
    }

    /// <summary>Moves a value to the scope around this one; without one the value is detached.</summary>
    public T MoveToOuter<T>(T disposable) where T : IDisposable
    {
        Move(disposable, OuterScope);
        return disposable;
    }

    public (T1 first, T2 second) MoveToOuter<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable =>
        (MoveToOuter(first), MoveToOuter(second));

    public void MoveToOuter(params IDisposable[] disposables)
    {
        foreach (IDisposable disposable in disposables)
        {
            Move(disposable, OuterScope);
        }
    }

    public T MoveToOther<T>(DisposeScope? scope, T disposable) where T : IDisposable
    {
        Move(disposable, scope);
        return disposable;
    }

    public T DisposeEverythingBut<T>(T keep) where T : IDisposable
    {
        DisposeAll([keep]);
        return keep;
    }

    public void DisposeEverythingBut(params IDisposable[] keep) => DisposeAll(keep);

    public void DisposeEverything() => DisposeAll([]);

    /// <summary>Closes the scope. Scopes close innermost first.</summary>
    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }
        if (!ReferenceEquals(_current, this))
        {
            throw new InvalidOperationException(
                "a DisposeScope was disposed that is not the innermost one of this thread; dispose scopes in reverse order, on their own " +
                    "thread");
        }
        _isDisposed = true;
        _current = OuterScope;
        DisposeEverything();
    }

    private void Remove(IDisposable disposable)
    {
        if (disposable is torch.Tensor tensor)
        {
            if (ReferenceEquals(tensor.Scope, this))
            {
                Unregister(tensor);
            }
        }
        else
        {
            _disposables.Remove(disposable);
        }
    }

    private void Move(IDisposable disposable, DisposeScope? target)
    {
        Remove(disposable);
        target?.Attach(disposable);
    }

    private void DisposeAll(IDisposable[] keep)
    {
        var kept = new HashSet<IDisposable>(keep, ReferenceEqualityComparer.Instance);
        IDisposable[] all = [.. _disposables];
        _disposables.Clear();
        foreach (IDisposable disposable in all)
        {
            if (kept.Contains(disposable))
            {
                _disposables.Add(disposable);
                continue;
            }
            if (disposable is torch.Tensor tensor)
            {
                tensor.Scope = null;
            }
            disposable.Dispose();
        }
    }
}

public static partial class torch
{
    /// <summary>Opens a scope on this thread that disposes the tensors created in it; close it with <c>using</c>.</summary>
    public static DisposeScope NewDisposeScope() => new();
}
