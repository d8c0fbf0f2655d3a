namespace TorchSharp.Autograd;

/// <summary>An output of a node; for a leaf the node collects gradients.</summary>
internal readonly record struct Edge(Node? Node, int Output);

/// <summary>
/// One recorded operation. A node is kept by the tensors it made and by the nodes that consume those; when the last of them is released,
/// the values it saved go back to the pool.
/// </summary>
internal abstract class Node
{
    private static long _nextSequence;

    private int _references;
    private List<SavedTensor>? _saved;
    private List<(int Output, WeakReference<torch.Tensor> Tensor)>? _retained;

    protected Node(string name, int outputs)
    {
        Name = name;
        Outputs = outputs;
    }

    internal string Name { get; }
    internal int Outputs { get; }

    /// <summary>Grows with time: a consumer always has a higher number than what it consumes.</summary>
    internal long Sequence { get; } = Interlocked.Increment(ref _nextSequence);

    internal Edge[] Inputs { get; private set; } = [];
    internal bool IsReleased { get; private set; }

    /// <summary>True when the gradient of this input is wanted.</summary>
    internal bool Needs(int input) => Inputs[input].Node is not null;

    /// <summary>The gradients of the inputs, null where not needed or zero; each result is a tensor of its own.</summary>
    internal abstract torch.Tensor?[] Backward(torch.Tensor?[] gradients);

    internal void Connect(ReadOnlySpan<torch.Tensor?> inputs)
    {
        Inputs = new Edge[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
        {
            if (inputs[i] is { requires_grad: true } input)
            {
                Inputs[i] = input.GradientEdge();
                Inputs[i].Node!.Retain();
            }
        }
    }

    internal SavedTensor Save(torch.Tensor tensor)
    {
        var saved = new SavedTensor(tensor, Name);
        (_saved ??= []).Add(saved);
        return saved;
    }

    /// <summary>Asks that the gradient of an output be kept in the tensor, which is not a leaf.</summary>
    internal void RetainGradient(int output, torch.Tensor tensor) =>
        (_retained ??= []).Add((output, new WeakReference<torch.Tensor>(tensor)));

    internal void KeepRetained(torch.Tensor?[] gradients)
    {
        foreach ((int output, WeakReference<torch.Tensor> reference) in _retained ?? [])
        {
            if (gradients[output] is { } gradient && reference.TryGetTarget(out torch.Tensor? tensor) && !tensor.IsInvalid)
            {
                tensor.AccumulateGradient(gradient);
            }
        }
    }

    /// <summary>Keeps what this node saved from memory that is about to be overwritten.</summary>
    internal void Preserve(NativeStorage storage)
    {
        foreach (SavedTensor saved in _saved ?? [])
        {
            saved.Preserve(storage);
        }
    }

    internal void Retain() => Interlocked.Increment(ref _references);

    internal void Release()
    {
        if (Interlocked.Decrement(ref _references) != 0)
        {
            return;
        }
        // A stack instead of recursion: a graph may be many thousand operations deep.
        var pending = new Stack<Node>();
        pending.Push(this);
        while (pending.TryPop(out Node? node))
        {
            node.ReleaseSaved();
            Edge[] inputs = node.Inputs;
            node.Inputs = [];
            foreach (Edge edge in inputs)
            {
                if (edge.Node is not null && Interlocked.Decrement(ref edge.Node._references) == 0)
                {
                    pending.Push(edge.Node);
                }
            }
        }
    }

    /// <summary>Gives back what backward needs; a second backward then throws.</summary>
    internal virtual void ReleaseSaved()
    {
        IsReleased = true;
        if (_saved is not null)
        {
            foreach (SavedTensor saved in _saved)
            {
                saved.Release();
            }
            _saved = null;
        }
    }
}

/// <summary>A value kept for backward: shares the memory, and notices when it was changed in between.</summary>
internal sealed class SavedTensor
{
    private torch.Tensor _value;
    private NativeStorage _storage;
    private int _version;
    private readonly string _operation;

    internal SavedTensor(torch.Tensor tensor, string operation)
    {
        _value = tensor.Share().DetachFromDisposeScope();
        _storage = tensor.Storage;
        _version = _storage.Version;
        _operation = operation;
    }

    /// <exception cref="InvalidOperationException">The value was modified by an in-place operation since it was saved.</exception>
    internal torch.Tensor Value
    {
        get
        {
            if (_storage.Version != _version)
            {
                throw new InvalidOperationException(
                    $"one of the variables needed for gradient computation has been modified by an inplace operation: a tensor of shape " +
                    $"{Shapes.Text(_value.ShapeArray)} saved by {_operation} is at version {_storage.Version}, expected version " +
                        $"{_version}");
            }
            return _value;
        }
    }

    /// <summary>Copies the value if it lies in memory that is about to be overwritten.</summary>
    internal void Preserve(NativeStorage storage)
    {
        if (ReferenceEquals(_storage, storage))
        {
            torch.Tensor copy = _value.clone().DetachFromDisposeScope();
            _value.Dispose();
            (_value, _storage, _version) = (copy, copy.Storage, copy.Storage.Version);
        }
    }

    internal void Release() => _value.Dispose();
}

/// <summary>A node whose derivative is a function of the gradient of its only output.</summary>
internal sealed class FunctionNode(string name) : Node(name, 1)
{
    internal Func<torch.Tensor, torch.Tensor?[]>? Derivative;

    internal override torch.Tensor?[] Backward(torch.Tensor?[] gradients) => Derivative!(gradients[0]!);

    internal override void ReleaseSaved()
    {
        base.ReleaseSaved();
        Derivative = null;
    }
}

/// <summary>A node with several outputs; the gradient of an output that nothing used is null.</summary>
internal sealed class MultiOutputNode(string name, int outputs) : Node(name, outputs)
{
    internal Func<torch.Tensor?[], torch.Tensor?[]>? Derivative;

    internal override torch.Tensor?[] Backward(torch.Tensor?[] gradients) => Derivative!(gradients);

    internal override void ReleaseSaved()
    {
        base.ReleaseSaved();
        Derivative = null;
    }
}

/// <summary>The end of the graph at a leaf: adds what arrives to the leaf's gradient.</summary>
internal sealed class LeafNode : Node
{
    private readonly WeakReference<torch.Tensor> _leaf;

    internal LeafNode(torch.Tensor leaf) : base("AccumulateGrad", 1) => _leaf = new WeakReference<torch.Tensor>(leaf);

    internal torch.Tensor? Leaf => _leaf.TryGetTarget(out torch.Tensor? leaf) && !leaf.IsInvalid ? leaf : null;

    internal override torch.Tensor?[] Backward(torch.Tensor?[] gradients) =>
        throw new InvalidOperationException("a leaf has no derivative");
}
