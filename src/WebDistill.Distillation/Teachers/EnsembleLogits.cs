using TorchSharp;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Teachers;

/// <summary>
/// The logits of several models combined to those of one, a chunk of rows at a time, such that their softmax at temperature T is the combined distribution:
/// T ln Σ w_m softmax(z_m / T) for a mean of probabilities, Σ w_m z_m for one of logits. N rows, V words, M models.
/// </summary>
/// <remarks>
/// A mean of losses Σ w_m T² KL(p_m ‖ q) has the gradient of the mean of probabilities p̄, and is T² Σ w_m KL(p_m ‖ p̄) larger than T² KL(p̄ ‖ q): the weighted
/// Jensen-Shannon divergence, which is what the models disagree by (<see cref="DisagreementNats"/>).
/// </remarks>
internal sealed class EnsembleLogits : RowLogits
{
    private readonly IReadOnlyList<RowLogits> _members;
    private readonly IReadOnlyList<double> _weights;
    private readonly TeacherOptions _options;
    private readonly long[]? _targets;
    private readonly int _rows;
    private readonly double[] _agreeing, _weighing;
    private long _asked;
    private double _disagreement;

    /// <param name="weights">One for each member; looked at where they are not weighted token by token.</param>
    /// <param name="rows">N.</param>
    /// <param name="targets">The token that follows each row, <see cref="LogitLosses.NoTarget"/> where none does; null where nobody knows.</param>
    public EnsembleLogits(IReadOnlyList<RowLogits> members, IReadOnlyList<double> weights, TeacherOptions options, int rows, long[]? targets)
    {
        (_members, _weights, _options, _rows, _targets) = (members, weights, options, rows, targets);
        (_agreeing, _weighing) = (new double[members.Count], new double[members.Count]);
    }

    public override long VocabularySize => _members[0].VocabularySize;

    /// <summary>How they are combined.</summary>
    public TeacherCombination Combination => _options.Combination;

    /// <summary>Σ over all rows of Σ_m w_m KL(p_m ‖ p̄) at the temperature of the last question, nats; 0 before one.</summary>
    public double DisagreementNats => Over(_disagreement);

    /// <summary>At how many rows each one's likeliest token is the combined one's.</summary>
    public IEnumerable<double> Agreeing => _agreeing.Select(Over);

    /// <summary>Σ over all rows of each one's weight.</summary>
    public IEnumerable<double> Weighing => _weighing.Select(Over);

    public override void Write(long start, Tensor logits, double temperature)
    {
        using Tensor combined = Of(start, logits.shape[0], Precision.Float32, temperature);
        logits.copy_(combined);
    }

    public override Tensor Of(long start, long count, Precision precision, double temperature)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Tensor[] logits = [.. _members.Select(member => member.Of(start, count, precision, temperature))];
        Tensor logWeights_nM = LogWeights(logits, start, count);
        Tensor[] logP = [.. logits.Select(one => nn.functional.log_softmax(one * (1 / temperature), dim: -1))];
        // In logarithms throughout: a probability that no 32 bits hold is none that a student should be told is 0.
        Tensor mixture = LogWeight(0) + logP[0];
        for (int m = 1; m < logP.Length; m++)
            mixture = logaddexp(mixture, LogWeight(m) + logP[m]);
        Tensor combined = _options.Combination == TeacherCombination.Logits
            ? logits.Select((one, m) => one * LogWeight(m).exp()).Aggregate((sum, one) => sum + one)
            : mixture * temperature;
        Measure(logits, logP, mixture, combined, logWeights_nM.exp());
        return combined.MoveToOuterDisposeScope();

        Tensor LogWeight(int m) => logWeights_nM.narrow(1, m, 1);
    }

    /// <summary>ln w [n, M], or [1, M] where they are the same for all rows.</summary>
    private Tensor LogWeights(Tensor[] logits, long start, long count)
    {
        torch.Device device = logits[0].device;
        if (_options.Weighting != TeacherWeighting.ByGoldToken || _targets is null)
            return tensor([.. _weights.Select(weight => (float)Math.Log(weight))], [1, _weights.Count], device: device);
        Tensor targets = tensor(_targets.AsSpan((int)start, (int)count).ToArray(), [count, 1], device: device);
        Tensor isKnown = targets.ne(LogitLosses.NoTarget), gold = targets.clamp(min: 0);
        // ln p of the gold token, at temperature 1; where there is none, the same for all.
        Tensor[] logP = [.. logits.Select(one => nn.functional.log_softmax(one, dim: -1).gather(1, gold))];
        return nn.functional.log_softmax(where(isKnown, cat(logP, 1), zeros(1, device: device)), dim: -1);
    }

    // Asked for the same rows a second time, by losses of another kind, it only measures the same again: the sums are over N whatever was asked.
    private void Measure(Tensor[] logits, Tensor[] logP, Tensor mixture, Tensor combined, Tensor weights)
    {
        long count = combined.shape[0];
        Tensor likeliest = combined.argmax(-1);
        for (int m = 0; m < logits.Length; m++)
        {
            Tensor weight = weights.narrow(1, m, 1);
            Tensor kl = (logP[m].exp() * (logP[m] - mixture)).sum([-1L], keepdim: true, type: ScalarType.Float64);
            // A weight of 0 makes an infinite distance of nothing.
            _disagreement += where(weight > 0, kl * weight, zeros(1, dtype: ScalarType.Float64, device: kl.device)).sum().cpu().item<double>();
            _agreeing[m] += logits[m].argmax(-1).eq(likeliest).sum().cpu().item<long>();
            _weighing[m] += weight.expand(count, 1).sum(ScalarType.Float64).cpu().item<double>();
        }
        _asked += count;
    }

    private double Over(double sum) => _asked == 0 ? 0 : sum / _asked * _rows;
}
