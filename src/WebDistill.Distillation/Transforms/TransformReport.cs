namespace WebDistill.Distillation.Transforms;

/// <summary>How large a model is.</summary>
/// <param name="Parameters">Trained numbers; what is tied is counted once.</param>
/// <param name="NonZeroParameters">Those of them that are not 0.</param>
/// <param name="Bytes">Of the weights as a file of 32-bit numbers stores them, which is what an export writes.</param>
/// <param name="OperationsPerToken">Multiplications and additions of one token's way through it, zeros included: a dense product does not leave them out.</param>
public sealed record ModelSize(long Parameters, long NonZeroParameters, long Bytes, double OperationsPerToken);

/// <summary>A number of a transform's report.</summary>
/// <param name="Name">As answers spell it.</param>
/// <param name="Title">As people read it.</param>
/// <param name="Unit">What it counts.</param>
public sealed record TransformFigure(string Name, string Title, double Value, string Unit);

/// <summary>A matrix whose values a transform changed.</summary>
/// <param name="Outputs">Its rows, whichever way it is stored.</param>
/// <param name="Inputs">Its columns.</param>
/// <param name="Zeros">Numbers that are 0 now.</param>
/// <param name="SquaredError">Σ (w − w′)².</param>
/// <param name="RelativeError">The same, divided by Σ w²; 0 of a matrix of zeros.</param>
/// <param name="Rank">That was chosen for it; null where none was.</param>
public sealed record TransformedMatrix(string Name, long Outputs, long Inputs, long Zeros, double SquaredError, double RelativeError, int? Rank);

/// <summary>What became of a model.</summary>
/// <param name="Context">Tokens of the sequence that operations per token are told for.</param>
/// <param name="Figures">What this transform alone has to say.</param>
/// <param name="Matrices">Those with other values than before, where the architecture is the same; empty where it is not.</param>
public sealed record TransformReport(ModelSize Before, ModelSize After, int Context, IReadOnlyList<TransformFigure> Figures, IReadOnlyList<TransformedMatrix> Matrices);
