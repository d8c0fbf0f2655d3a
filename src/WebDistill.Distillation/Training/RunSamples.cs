using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Training;

/// <summary>Answers the prompts of a run as its training goes on. It reads weights, draws no random number and leaves the student as it was.</summary>
internal sealed class RunSamples
{
    private readonly TextModel _student;
    private readonly TextModel? _teacher;
    private readonly SamplePrompts _prompts;
    private readonly int _positions;
    private readonly int _newTokens;
    private readonly int _interval;
    private readonly int _lastUpdate;
    private IReadOnlyList<int[]>? _taught;

    private RunSamples(TrainingParts parts, SamplePrompts prompts, int newTokens, int interval, int lastUpdate)
    {
        (_student, _teacher, _prompts) = (parts.Student, parts.Teacher?.Model, prompts);
        // Both models read what either wrote.
        _positions = Math.Min(_student.Architecture.Positions, _teacher?.Architecture.Positions ?? int.MaxValue);
        (_newTokens, _interval, _lastUpdate) = (newTokens, interval, lastUpdate);
    }

    /// <summary>Null where nothing is to be answered.</summary>
    public static RunSamples? Of(TrainingParts parts, RunOptions options, LearningRateSchedule schedule)
    {
        if (parts.Prompts is not { Ids.Count: > 0 } prompts || parts.Student.Architecture.Head != ModelHead.NextToken)
            return null;
        int interval = RunPlan.SampleInterval(options, schedule, parts.Batches.Epoch);
        return interval == 0 ? null : new RunSamples(parts, prompts, options.Samples.MaxNewTokens, interval, schedule.TotalUpdates);
    }

    /// <summary>Answers the prompts if they are due.</summary>
    /// <exception cref="OperationCanceledException">Cancelled, between two tokens.</exception>
    public void After(int update, IRunJournal journal, CancellationToken cancel)
    {
        if (update > 0 && update < _lastUpdate && update % _interval > 0)
            return;
        bool wasTraining = _student.training;
        SampleSet samples;
        try
        {
            samples = new SampleSet(update, Answer(cancel));
        }
        catch (InvalidDataException e)
        {
            // Weights that run away are the loop's to tell of, at its next update; what has no answer is no reason to end it.
            journal.Note(update, $"There is no sample of update {update}: {e.Message}", isWarning: true);
            return;
        }
        finally
        {
            _student.train(wasTraining);
        }
        journal.Sampled(samples);
    }

    private List<SampledAnswer> Answer(CancellationToken cancel)
    {
        // The teacher does not change: it answers once.
        if (_teacher is not null)
            _taught ??= LikeliestTexts.Continue(_teacher, _prompts.Ids, _newTokens, _positions, cancel);
        IReadOnlyList<int[]> written = LikeliestTexts.Continue(_student, _prompts.Ids, _newTokens, _positions, cancel);
        var answers = new List<SampledAnswer>();
        for (int i = 0; i < written.Count; i++)
        {
            IReadOnlyList<ComparedToken>? compared = _teacher is null ? null
                : TokenComparison.Compare(_teacher, _student, [.. _prompts.Ids[i], .. written[i]], _prompts.Ids[i].Count, cancel);
            answers.Add(new SampledAnswer(_prompts.TextOf(_prompts.Ids[i]), _taught is null ? null : _prompts.TextOf(_taught[i]),
                [.. written[i].Select((id, k) => new SampledToken(id, _prompts.Vocabulary.TokenText(id), compared?[k].KlNats))]));
        }
        return answers;
    }
}
