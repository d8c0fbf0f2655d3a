using TorchSharp.Autograd;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        private LeafNode? _leafNode;

        /// <summary>True when operations on this tensor are recorded. Only floating point leaves can be switched.</summary>
        public bool requires_grad
        {
            get => _requiresGrad || _gradientNode is not null;
            set => requires_grad_(value);
        }

        public Tensor requires_grad_(bool requires_grad = true)
        {
            if (requires_grad && !is_floating_point())
            {
                throw new InvalidOperationException($"only tensors of floating point dtype can require gradients; this one is {_dtype}");
            }
            if (!requires_grad && _gradientNode is not null)
            {
                throw new InvalidOperationException("requires_grad can only be switched off for leaf tensors; use detach() for the result " +
                    "of an operation");
            }
            if (_gradientNode is null)
            {
                _requiresGrad = requires_grad;
            }
            return this;
        }

        public bool is_leaf => _gradientNode is null;

        /// <summary>Keeps the gradient of a tensor that is not a leaf.</summary>
        public void retain_grad()
        {
            if (!requires_grad)
            {
                throw new InvalidOperationException("can't retain_grad on a tensor that has requires_grad false");
            }
            _gradientNode?.RetainGradient(_gradientNodeOutput, this);
        }

        /// <summary>The gradient collected so far, as a new handle of the same memory; null before the first backward.</summary>
        public Tensor? grad
        {
            get => _grad?.Share();
            set
            {
                if (value is not null && !value._shape.AsSpan().SequenceEqual(_shape))
                {
                    throw new ArgumentException(
                        $"a gradient of shape {Shapes.Text(value._shape)} was assigned to a tensor of shape {Shapes.Text(_shape)}",
                            nameof(value));
                }
                Tensor? assigned = value?.Share().DetachFromDisposeScope();
                _grad?.Dispose();
                _grad = assigned;
            }
        }

        /// <summary>
        /// The gradient itself, owned by this tensor: for optimisers, which would otherwise make a handle per parameter and step.
        /// </summary>
        internal Tensor? Gradient => _grad;

        internal bool OwnsItsMemoryAlone => Storage.References == 1 && is_contiguous() && Storage.Bytes == ElementCount * ElementSize;

        internal Edge GradientEdge()
        {
            if (_gradientNode is not null)
            {
                return new Edge(_gradientNode, _gradientNodeOutput);
            }
            if (_leafNode is null)
            {
                _leafNode = new LeafNode(this);
                // The leaf keeps its own node for as long as it lives.
                _leafNode.Retain();
            }
            return new Edge(_leafNode, 0);
        }

        internal void SetGradientNode(Node node, int output)
        {
            node.Retain();
            _gradientNode?.Release();
            (_gradientNode, _gradientNodeOutput) = (node, output);
        }

        /// <summary>Adds to the collected gradient; the first one is taken over when nothing else uses its memory.</summary>
        internal void AccumulateGradient(Tensor gradient)
        {
            if (_grad is not null)
            {
                _grad.add_(gradient);
            }
            else if (gradient.OwnsItsMemoryAlone)
            {
                _grad = gradient.Share().DetachFromDisposeScope();
            }
            else
            {
                Tensor own = Empty(_shape, _dtype).DetachFromDisposeScope();
                Pointwise.Copy(own, gradient);
                _grad = own;
            }
        }

        public void backward() => backward(grad_tensors: null);

        /// <summary>Adds d(this)/d(leaf) to the gradient of every leaf that requires one.</summary>
        /// <param name="grad_tensors">The gradient with respect to this tensor; may be left out for a single element.</param>
        public void backward(IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false,
            IList<Tensor>? inputs = null) =>
            autograd.backward([this], grad_tensors, retain_graph, create_graph, inputs);
    }

    /// <summary>Differentiation of recorded operations.</summary>
    public static class autograd
    {
        /// <summary>Accumulates the gradients of the leaves; the graph is freed unless <paramref name="retain_graph"/>.</summary>
        public static void backward(IList<Tensor> tensors, IList<Tensor>? grad_tensors = null, bool? retain_graph = null,
            bool create_graph = false,
            IList<Tensor>? inputs = null)
        {
            RefuseHigherOrder(create_graph);
            Graph.Run(tensors, grad_tensors, retain_graph ?? create_graph, inputs, accumulate: true);
        }

        public static void backward(Tensor tensor, IList<Tensor>? grad_tensors = null, bool? retain_graph = null, bool create_graph = false,
            IList<Tensor>? inputs = null) => backward([tensor], grad_tensors, retain_graph, create_graph, inputs);

        public static void backward(Tensor tensor, Tensor grad_tensor, bool? retain_graph = null, bool create_graph = false,
            IList<Tensor>? inputs = null) =>
            backward([tensor], grad_tensor is null ? null : [grad_tensor], retain_graph, create_graph, inputs);

        /// <summary>
        /// The gradients of <paramref name="outputs"/> with respect to <paramref name="inputs"/>; leaves are not touched.
        /// </summary>
        public static IList<Tensor> grad(IList<Tensor> outputs, IList<Tensor> inputs, IList<Tensor>? grad_outputs = null,
            bool retain_graph = false,
            bool create_graph = false, bool allow_unused = false)
        {
            RefuseHigherOrder(create_graph);
            Tensor?[] gradients = Graph.Run(outputs, grad_outputs, retain_graph, inputs, accumulate: false);
            for (int i = 0; i < gradients.Length; i++)
            {
                if (gradients[i] is null && !allow_unused)
                {
                    throw new InvalidOperationException(
                        $"input {i} of shape {Shapes.Text(inputs[i].ShapeArray)} was not used in the graph; pass allow_unused: true if " +
                            $"that is meant");
                }
            }
            return gradients!;
        }

        private static void RefuseHigherOrder(bool createGraph)
        {
            if (createGraph)
            {
                throw new NotSupportedException("create_graph: the managed engine computes first derivatives only; use " +
                    "-p:TensorEngine=LibTorchCpu");
            }
        }
    }
}
