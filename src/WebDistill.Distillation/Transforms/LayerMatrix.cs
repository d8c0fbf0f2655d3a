using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Transforms;

/// <summary>A weight matrix of a layer as [outputs, inputs], whichever way the family stores it: a row makes one output. Norms, biases, embeddings and heads are none.</summary>
internal sealed class LayerMatrix
{
    private readonly Parameter _stored;
    private readonly bool _isTransposed;

    private LayerMatrix(string name, Parameter stored, bool isTransposed)
    {
        (Name, _stored, _isTransposed) = (name, stored, isTransposed);
        (Outputs, Inputs) = isTransposed ? (stored.shape[1], stored.shape[0]) : (stored.shape[0], stored.shape[1]);
    }

    /// <summary>As the model calls it.</summary>
    public string Name { get; }

    /// <summary>Rows.</summary>
    public long Outputs { get; }

    /// <summary>Columns.</summary>
    public long Inputs { get; }

    /// <summary>The numbers as the model stores them.</summary>
    public Parameter Stored => _stored;

    /// <summary>Rows times columns.</summary>
    public long Count => Outputs * Inputs;

    /// <summary>Those of a model, in its order; what layers share is there once.</summary>
    public static IReadOnlyList<LayerMatrix> Of(TextModel model) => [.. model.named_parameters()
        .Where(pair => model.BlockOf(pair.name) is not null && pair.parameter.shape.Length == 2)
        .Select(pair => new LayerMatrix(pair.name, pair.parameter, model.StoresInputsFirst))];

    /// <summary>The table of the tokens' vectors [V, E], which is no layer's, in the same way: a row is a token.</summary>
    public static LayerMatrix OfTokens(TextModel model) => model.named_parameters().Where(pair => ReferenceEquals(pair.parameter, model.TokenEmbeddings))
        .Select(pair => new LayerMatrix(pair.name, pair.parameter, isTransposed: false)).Single();

    /// <summary>What a model of that architecture says of itself, built without the memory for any weight.</summary>
    public static T Described<T>(Architecture architecture, Func<TextModel, T> read)
    {
        using TextModel model = architecture.Family.Build(architecture, META);
        return read(model);
    }

    /// <summary>Every number, row by row.</summary>
    public float[] Read()
    {
        using DisposeScope scope = NewDisposeScope();
        return ParameterData.ToArray(Oriented());
    }

    /// <summary>The same in 64 bits, in the processor's memory; the caller's.</summary>
    public Tensor ReadDoubles()
    {
        using DisposeScope scope = NewDisposeScope();
        return Oriented().cpu().to(ScalarType.Float64).MoveToOuterDisposeScope();
    }

    /// <summary>Writes every number, row by row.</summary>
    public void Write(float[] values)
    {
        using DisposeScope scope = NewDisposeScope();
        ParameterData.Write(Oriented(), destination => values.CopyTo(destination));
    }

    /// <summary>A tensor that is stored as the matrix is, as [outputs, inputs].</summary>
    public Tensor Orient(Tensor stored) => _isTransposed ? stored.t() : stored;

    private Tensor Oriented() => Orient(_stored.detach());
}
