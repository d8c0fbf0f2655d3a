using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Models;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Transforms.Learned;

/// <summary>A method that gives the matrices of the layers other values W′ than those W that are trained. What layers share is there once.</summary>
internal abstract class BoundMatrices : BoundCompression
{
    private readonly bool _keepsTrained;
    private bool _isTrainedInPlace;

    /// <summary>Updates made.</summary>
    private protected int Updates { get; private set; }

    /// <summary>W is what the student begins with.</summary>
    /// <param name="keepsTrained">Whether W is more than W′ says, so that it is kept beside it.</param>
    private protected BoundMatrices(TextModel student, string name, bool keepsTrained)
    {
        _keepsTrained = keepsTrained;
        Name = name;
        Matrices = [.. LayerMatrix.Of(student).Select(matrix => new HeldMatrix(matrix, keepsTrained))];
    }

    /// <summary>With which the names of its tensors begin.</summary>
    private protected string Name { get; }

    /// <summary>The matrices of the layers.</summary>
    private protected IReadOnlyList<HeldMatrix> Matrices { get; }

    /// <summary>Their numbers.</summary>
    private protected long Count => Matrices.Sum(matrix => matrix.Matrix.Count);

    /// <summary>The name of a tensor of the state.</summary>
    private protected string NameOf(string kind, HeldMatrix matrix) => $"{LearnedCompression.Group}.{Name}.{kind}.{matrix.Matrix.Name}";

    public override IReadOnlyList<KeptTensor> State => _keepsTrained ? [.. Matrices.Select(matrix => KeptTensor.Floats(NameOf("weights", matrix), matrix.Trained))] : [];

    public sealed override void BeforeUpdate()
    {
        using IDisposable noGradient = no_grad();
        foreach (HeldMatrix matrix in Matrices)
        {
            // What is computed of one matrix is freed before the next.
            using DisposeScope scope = NewDisposeScope();
            if (matrix.Weight.grad is Tensor gradient)
                Backward(matrix, gradient);
            if (_keepsTrained)
                matrix.Weight.copy_(matrix.Trained);
        }
        _isTrainedInPlace = true;
    }

    public sealed override void AfterUpdate(int updates)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        if (_isTrainedInPlace && _keepsTrained)
        {
            foreach (HeldMatrix matrix in Matrices)
                matrix.Trained.copy_(matrix.Weight);
        }
        _isTrainedInPlace = false;
        Updates = updates;
        Change();
        Show();
    }

    public sealed override void Drop()
    {
        _isTrainedInPlace = false;
        Restored(Updates);
    }

    public sealed override void Restored(int updates)
    {
        Updates = updates;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Show();
    }

    /// <summary>The gradient at W′ becomes that at W, and those of what the method trains are set.</summary>
    /// <param name="gradient">∂L/∂W′, changed in place.</param>
    private protected abstract void Backward(HeldMatrix matrix, Tensor gradient);

    /// <summary>What is due after <see cref="Updates"/> is changed.</summary>
    private protected virtual void Change()
    {
    }

    /// <summary>W′ as it is stored.</summary>
    private protected abstract Tensor Effective(HeldMatrix matrix);

    /// <summary>Something that is trained for a matrix, and stays until it is freed.</summary>
    private protected static Parameter Trainable(Func<Tensor> begin)
    {
        using DisposeScope scope = NewDisposeScope();
        Parameter trained = nn.Parameter(begin());
        trained.DetachFromDisposeScope();
        return trained;
    }

    /// <summary>Σ (W − W′)² / Σ W²; 0 of weights that are all 0. Between two updates.</summary>
    private protected double ErrorOfRounding()
    {
        using IDisposable noGradient = no_grad();
        (double error, double all) = (0, 0);
        foreach (HeldMatrix matrix in Matrices)
        {
            using DisposeScope scope = NewDisposeScope();
            (error, all) = (error + Squares(matrix.Trained - matrix.Weight), all + Squares(matrix.Trained));
        }
        return all > 0 ? error / all : 0;

        static double Squares(Tensor tensor) => tensor.square().sum().cpu().item<float>();
    }

    private void Show()
    {
        foreach (HeldMatrix matrix in Matrices)
        {
            using DisposeScope scope = NewDisposeScope();
            matrix.Weight.copy_(Effective(matrix));
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (HeldMatrix matrix in Matrices)
            matrix.Dispose();
    }

    /// <summary>A matrix with what is trained behind it.</summary>
    private protected sealed class HeldMatrix(LayerMatrix matrix, bool keepsTrained) : IDisposable
    {
        private readonly Tensor? _trained = keepsTrained ? matrix.Stored.detach().clone().DetachFromDisposeScope() : null;

        public LayerMatrix Matrix => matrix;

        /// <summary>The student's, which holds W′ between two updates and W while one is made.</summary>
        public Parameter Weight => matrix.Stored;

        /// <summary>W.</summary>
        public Tensor Trained => _trained ?? matrix.Stored;

        public void Dispose() => _trained?.Dispose();
    }
}
