using TorchSharp;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Transforms.Learned;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Training;

/// <summary>The methods that compress the student of a run while it trains; of most runs there is none.</summary>
internal sealed class RunCompression(TrainingParts parts, RunOptions options, int totalUpdates) : IDisposable
{
    private readonly IReadOnlyList<LearnedCompression> _methods = LearnedCatalogue.Active(options);
    private readonly IReadOnlyList<BoundCompression> _bound = LearnedCatalogue.Bind(options, parts.Losses, parts.Student, totalUpdates);

    /// <summary>What they train with the student.</summary>
    public IEnumerable<Moments> Parameters => _bound.SelectMany(method => method.Parameters);

    /// <summary>What else they keep, live.</summary>
    public IReadOnlyList<KeptTensor> State => [.. _bound.SelectMany(method => method.State)];

    /// <summary>A micro-batch is about to pass through the student.</summary>
    /// <param name="number">Of the micro-batch in its update, from 0.</param>
    public void Passing(TokenBatch batch, int update, int number)
    {
        if (_bound.Count == 0)
            return;
        // It lives as long as the update does.
        var passing = new PassingBatch(update, number, batch.HasPadding ? tensor(batch.IsToken(), [batch.Rows, batch.Columns], device: Engine.Device.Default) : null);
        foreach (BoundCompression method in _bound)
            method.Passing(passing);
    }

    /// <summary>Makes the update of what is trained behind the student's weights, with their gradients.</summary>
    /// <param name="update">Of that number; answers the gradient's norm, and changes nothing where that is not finite.</param>
    public double Around(int update, Func<double> step)
    {
        foreach (BoundCompression method in _bound)
            method.BeforeUpdate();
        double norm = step();
        foreach (BoundCompression method in _bound)
        {
            if (double.IsFinite(norm))
                method.AfterUpdate(update);
            else
                method.Drop();
        }
        return norm;
    }

    /// <summary>The run goes on after so many updates; the state was read.</summary>
    public void Restored(int updates)
    {
        foreach (BoundCompression method in _bound)
            method.Restored(updates);
    }

    /// <summary>Whether the student is what is to be saved in the end.</summary>
    public bool IsComplete => _bound.All(method => method.IsComplete);

    /// <summary>Adds what they say of the update that was made.</summary>
    public void Report(Dictionary<string, double> values)
    {
        foreach ((LearnedCompression method, BoundCompression bound) in _methods.Zip(_bound))
        {
            foreach ((StepSeries series, double value) in method.Series.Zip(bound.Values))
                values.Add(series.Name, value);
        }
    }

    /// <summary>What became of the student.</summary>
    public IEnumerable<string> Said => _bound.Select(method => method.Said);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (BoundCompression method in _bound)
            method.Dispose();
    }
}
