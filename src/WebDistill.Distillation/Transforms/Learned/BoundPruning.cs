using System.Globalization;
using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Transforms.Learned;

/// <summary>Pruning at work: W′ = m∘W, with a mask m of each matrix that is chosen anew at its times.</summary>
internal abstract class BoundPruning : BoundMatrices
{
    private readonly Dictionary<HeldMatrix, Tensor> _masks;
    private readonly Dictionary<HeldMatrix, long> _zeros;
    // Of matrices of one size: a choice at every update would keep the collector at work.
    private readonly Dictionary<long, (float[] Numbers, bool[] Stays)> _rooms;
    private readonly PruningScope _scope;
    private readonly double _minimumKept;

    private protected BoundPruning(TextModel student, string name, bool keepsTrained, PruningScope scope, double minimumKept) : base(student, name, keepsTrained)
    {
        (_scope, _minimumKept) = (scope, minimumKept);
        _masks = Matrices.ToDictionary(matrix => matrix, matrix => ones(matrix.Weight.shape, ScalarType.Bool, matrix.Weight.device).DetachFromDisposeScope());
        _zeros = Matrices.ToDictionary(matrix => matrix, _ => 0L);
        _rooms = Matrices.Select(matrix => matrix.Matrix.Count).Distinct().ToDictionary(count => count, count => (new float[count], new bool[count]));
    }

    public override IReadOnlyList<KeptTensor> State => [.. base.State, .. Matrices.Select(OfMask)];

    public sealed override IReadOnlyList<double> Values => [Reached];

    public sealed override string Said => string.Create(CultureInfo.InvariantCulture,
        $"Of the {Count:N0} weights in the matrices of the layers {_zeros.Values.Sum():N0} are 0 ({100.0 * _zeros.Values.Sum() / Count:0.##} %): {4 * _zeros.Values.Sum():N0} of their {4 * Count:N0} bytes. A file of floats holds zeros as it holds other numbers.");

    /// <summary>What the zeros follow.</summary>
    private protected abstract CubicSparsity Schedule { get; }

    /// <summary>Whether the zeros are those that were asked for, and no fewer.</summary>
    public sealed override bool IsComplete => Updates >= Schedule.End && !IsBehind;

    /// <summary>The share of zeros that is due: that of the schedule, or the one that was reached already, by a run that was planned shorter before it was continued.</summary>
    private protected double Share => AheadOfSchedule > Rounding ? Reached : Schedule.At(Updates);

    /// <summary>Whether fewer are 0 than the schedule says for now: a run that was planned longer when they were chosen.</summary>
    private protected bool IsBehind => -AheadOfSchedule > Rounding;

    private double Reached => (double)_zeros.Values.Sum() / Count;

    private double AheadOfSchedule => Reached - Schedule.At(Updates);

    // Whole weights of each matrix.
    private double Rounding => (double)Matrices.Count / Count;

    /// <summary>m.</summary>
    private protected Tensor Mask(HeldMatrix matrix) => _masks[matrix];

    /// <summary>Chooses the masks: so many of the lowest numbers are 0, of equal ones the first.</summary>
    /// <param name="numbersOf">By which the weights of a matrix are ranked, stored as it is.</param>
    /// <param name="wanted">How many of so many weights are to be 0.</param>
    /// <param name="staysPruned">Whether no fewer of a matrix are 0 than now.</param>
    private protected void Choose(Func<HeldMatrix, Tensor> numbersOf, Func<float, uint> key, Func<long, long> wanted, bool staysPruned)
    {
        Func<float[]>[] read = [.. Matrices.Select(matrix => (Func<float[]>)(() => Read(matrix)))];
        long[] zeros = ZeroCounts.Of(_scope, [.. Matrices.Select((matrix, i) => new RankedNumbers(matrix.Matrix.Count, read[i]))], wanted, _minimumKept, key);
        foreach ((int i, HeldMatrix matrix) in Matrices.Index())
        {
            long count = staysPruned ? Math.Max(zeros[i], _zeros[matrix]) : zeros[i];
            float[] numbers = read[i]();
            bool[] stays = _rooms[numbers.Length].Stays;
            Array.Fill(stays, true);
            if (count > 0)
                SmallestNumbers.Of([() => numbers], count, key).Mark(numbers, place => stays[place] = false);
            using Tensor chosen = tensor(stays, matrix.Weight.shape, device: matrix.Weight.device);
            _masks[matrix].copy_(chosen);
            _zeros[matrix] = count;
        }

        float[] Read(HeldMatrix matrix)
        {
            float[] numbers = _rooms[matrix.Matrix.Count].Numbers;
            ParameterData.Read(numbersOf(matrix), numbers);
            return numbers;
        }
    }

    // A factor of 0 would leave −0, and what is not finite as it is.
    private protected sealed override Tensor Effective(HeldMatrix matrix) => matrix.Trained.masked_fill(_masks[matrix].logical_not(), 0);

    private KeptTensor OfMask(HeldMatrix matrix)
    {
        KeptTensor bits = KeptTensor.Bits(NameOf("mask", matrix), _masks[matrix]);
        return bits with
        {
            Read = file =>
            {
                bits.Read(file);
                using DisposeScope scope = NewDisposeScope();
                _zeros[matrix] = matrix.Matrix.Count - _masks[matrix].sum().cpu().item<long>();
            },
        };
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (Tensor mask in _masks.Values)
            mask.Dispose();
        base.Dispose();
    }
}
