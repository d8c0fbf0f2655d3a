namespace TorchSharp.Autograd;

/// <summary>Recording of operations, and the walk back through them.</summary>
internal static class Graph
{
    [ThreadStatic] private static bool _accumulatesIntoLeaves;

    /// <summary>
    /// The gradient that a backward pass now running has already collected at the leaf behind an input, for a node that can add to it in
    /// place; null when there is none, or when this pass does not accumulate into every leaf.
    /// </summary>
    internal static torch.Tensor? CollectedGradient(Node node, int input) =>
        _accumulatesIntoLeaves && node.Inputs[input].Node is LeafNode { Leaf.Gradient: { } gradient }
            && gradient.is_contiguous() && gradient.dtype == torch.ScalarType.Float32 ? gradient : null;

    /// <summary>True when an operation on these tensors has to be recorded.</summary>
    internal static bool Records(params ReadOnlySpan<torch.Tensor?> inputs)
    {
        if (!GradMode.IsEnabled)
        {
            return false;
        }
        foreach (torch.Tensor? input in inputs)
        {
            if (input is { requires_grad: true })
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Makes <paramref name="result"/> the output of a new node; null when nothing has to be recorded.</summary>
    internal static FunctionNode? Record(string name, torch.Tensor result, params ReadOnlySpan<torch.Tensor?> inputs)
    {
        if (!result.is_floating_point() || !Records(inputs))
        {
            return null;
        }
        var node = new FunctionNode(name);
        node.Connect(inputs);
        result.SetGradientNode(node, 0);
        return node;
    }

    internal static MultiOutputNode? RecordMany(string name, torch.Tensor[] results, params ReadOnlySpan<torch.Tensor?> inputs)
    {
        if (results.Length == 0 || !results[0].is_floating_point() || !Records(inputs))
        {
            return null;
        }
        var node = new MultiOutputNode(name, results.Length);
        node.Connect(inputs);
        for (int i = 0; i < results.Length; i++)
        {
            results[i].SetGradientNode(node, i);
        }
        return node;
    }

    /// <summary>Adds up the dimensions along which a tensor of <paramref name="shape"/> was stretched.</summary>
    internal static torch.Tensor SumTo(torch.Tensor gradient, long[] shape)
    {
        long[] from = gradient.ShapeArray;
        if (from.AsSpan().SequenceEqual(shape))
        {
            return gradient;
        }
        int added = from.Length - shape.Length;
        var dims = new List<long>();
        for (int i = 0; i < from.Length; i++)
        {
            if (i < added || (shape[i - added] == 1 && from[i] != 1))
            {
                dims.Add(i);
            }
        }
        torch.Tensor sum = dims.Count == 0 ? gradient : gradient.sum(dims.ToArray(), keepdim: true);
        return sum.reshape(shape);
    }

    /// <summary>
    /// Runs the graph backwards from <paramref name="roots"/>. With <paramref name="inputs"/> the gradients of those tensors are returned
    /// and no leaf is touched (<paramref name="accumulate"/> false), or only they are accumulated into.
    /// </summary>
    internal static torch.Tensor?[] Run(IList<torch.Tensor> roots, IList<torch.Tensor>? rootGradients, bool retainGraph,
        IList<torch.Tensor>? inputs, bool accumulate)
    {
        using var noGrad = new GradMode.Setting(enabled: false, inference: false);
        var pending = new PriorityQueue<Node, long>();
        var arrived = new Dictionary<Node, torch.Tensor?[]>(ReferenceEqualityComparer.Instance);
        var captured = new Dictionary<(Node, int), torch.Tensor>();
        var wanted = new HashSet<(Node, int)>();
        foreach (torch.Tensor input in inputs ?? [])
        {
            if (!input.requires_grad)
            {
                throw new InvalidOperationException(
                    $"a gradient was asked for a tensor of shape {Shapes.Text(input.ShapeArray)} that does not require one");
            }
            Edge edge = input.GradientEdge();
            wanted.Add((edge.Node!, edge.Output));
        }
        var held = new List<Node>();
        bool outer = _accumulatesIntoLeaves;
        _accumulatesIntoLeaves = accumulate && inputs is null;

        try
        {
            for (int i = 0; i < roots.Count; i++)
            {
                torch.Tensor root = roots[i];
                if (!root.requires_grad)
                {
                    throw new InvalidOperationException("element 0 of tensors does not require grad and does not have a grad_fn");
                }
                torch.Tensor start = StartGradient(root, rootGradients is not null && i < rootGradients.Count ? rootGradients[i] : null);
                Edge edge = root.GradientEdge();
                Arrive(edge, start);
            }

            while (pending.TryDequeue(out Node? node, out _))
            {
                torch.Tensor?[] gradients = arrived[node];
                arrived.Remove(node);
                Visit(node, gradients);
            }

            if (inputs is null)
            {
                return [];
            }
            var results = new torch.Tensor?[inputs.Count];
            for (int i = 0; i < inputs.Count; i++)
            {
                Edge edge = inputs[i].GradientEdge();
                results[i] = captured.TryGetValue((edge.Node!, edge.Output), out torch.Tensor? gradient) ? gradient.Share() : null;
            }
            return results;
        }
        finally
        {
            _accumulatesIntoLeaves = outer;
            foreach (torch.Tensor?[] left in arrived.Values)
            {
                DisposeAll(left);
            }
            foreach (torch.Tensor left in captured.Values)
            {
                left.Dispose();
            }
            foreach (Node node in held)
            {
                node.Release();
            }
        }

        void Arrive(Edge edge, torch.Tensor gradient)
        {
            Node node = edge.Node!;
            if (!arrived.TryGetValue(node, out torch.Tensor?[]? slots))
            {
                slots = new torch.Tensor?[node.Outputs];
                arrived.Add(node, slots);
                node.Retain();
                held.Add(node);
                pending.Enqueue(node, -node.Sequence);
            }
            slots[edge.Output] = slots[edge.Output] is { } present ? Add(present, gradient) : gradient;
        }

        void Visit(Node node, torch.Tensor?[] gradients)
        {
            for (int i = 0; i < gradients.Length; i++)
            {
                if (gradients[i] is { } gradient && wanted.Contains((node, i)))
                {
                    captured[(node, i)] = gradient.Share().DetachFromDisposeScope();
                }
            }
            node.KeepRetained(gradients);
            if (node is LeafNode leafNode)
            {
                if (accumulate && leafNode.Leaf is { } leaf && (inputs is null || wanted.Contains((node, 0))))
                {
                    leaf.AccumulateGradient(gradients[0]!);
                }
                DisposeAll(gradients);
                return;
            }
            try
            {
                Differentiate(node, gradients);
            }
            finally
            {
                DisposeAll(gradients);
            }
            if (!retainGraph)
            {
                node.ReleaseSaved();
            }
        }

        void Differentiate(Node node, torch.Tensor?[] gradients)
        {
            if (node.IsReleased)
            {
                throw new InvalidOperationException(
                    $"Trying to backward through the graph a second time: the values saved by {node.Name} were freed; pass retain_graph: " +
                        $"true the first time");
            }
            using DisposeScope scope = torch.NewDisposeScope();
            torch.Tensor?[] results = node.Backward(gradients);
            for (int i = 0; i < results.Length; i++)
            {
                Edge edge = node.Inputs[i];
                if (results[i] is not { } result || edge.Node is null)
                {
                    continue;
                }
                // A gradient handed through unchanged gets a handle of its own, because the arriving ones are disposed below.
                bool isShared = Array.IndexOf(gradients, result) >= 0 || Array.IndexOf(results, result) < i;
                Arrive(edge, (isShared ? result.Share() : result).DetachFromDisposeScope());
            }
        }
    }

    private static torch.Tensor StartGradient(torch.Tensor root, torch.Tensor? gradient)
    {
        if (gradient is null)
        {
            if (root.ElementCount != 1)
            {
                throw new InvalidOperationException(
                    $"grad can be implicitly created only for scalar outputs; this one has shape {Shapes.Text(root.ShapeArray)}, pass " +
                        $"grad_tensors");
            }
            return torch.Tensor.Full(root.ShapeArray, 1, root.dtype).DetachFromDisposeScope();
        }
        if (!gradient.ShapeArray.AsSpan().SequenceEqual(root.ShapeArray))
        {
            throw new ArgumentException(
                $"backward: a gradient of shape {Shapes.Text(gradient.ShapeArray)} was given for a tensor of shape " +
                    $"{Shapes.Text(root.ShapeArray)}");
        }
        return (gradient.dtype == root.dtype ? gradient.Share() : gradient.to(root.dtype)).DetachFromDisposeScope();
    }

    private static torch.Tensor Add(torch.Tensor present, torch.Tensor gradient)
    {
        if (present.OwnsItsMemoryAlone)
        {
            present.add_(gradient);
            gradient.Dispose();
            return present;
        }
        torch.Tensor sum = present.add(gradient).DetachFromDisposeScope();
        present.Dispose();
        gradient.Dispose();
        return sum;
    }

    private static void DisposeAll(torch.Tensor?[] tensors)
    {
        foreach (torch.Tensor? tensor in tensors)
        {
            tensor?.Dispose();
        }
    }
}
