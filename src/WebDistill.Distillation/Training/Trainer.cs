using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Transforms.Learned;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Training;

/// <summary>Trains a student towards a teacher, or from the text alone when there is no teacher.</summary>
/// <remarks>
/// The method of Sanh et al. 2019 (DistilBERT, DistilGPT2) as in Hugging Face's distillation project, with its bookkeeping corrected unless
/// <see cref="TrainingSemantics.HuggingFaceExact"/> is asked for. One thread uses an instance. B rows, T columns, N rows that are not
/// padding, C width.
/// </remarks>
public sealed class Trainer : IDisposable
{
    private readonly RunOptions _options;
    private readonly TrainingParts _parts;
    private readonly int _batchesPerEpoch;
    private readonly Objective _objective;
    private readonly LearningRateSchedule _schedule;
    private readonly int _contextLength;
    private readonly RunCompression _compression;
    private readonly AdamWOptimiser _optimiser;
    private readonly HeldOutMeasure? _heldOut;
    private readonly Diagnoser _diagnoser;
    private readonly RunSamples? _samples;
    private readonly IDisposable _keptBlocks;
    private readonly List<string> _notes = [];
    private JsonElement _batchesAfterUpdate;
    private List<TokenBatch>? _interrupted;
    private StepReport? _unreported;
    private int _validatedStep;
    private long _tokensSeen;
    private long _batchesUsed;

    /// <summary>Prepares a run that has made no update.</summary>
    /// <exception cref="ArgumentException">A loss cannot compare the two models, or looks at what the teacher does not offer.</exception>
    public Trainer(TrainingParts parts, RunOptions options)
    {
        (_parts, _options) = (parts, options);
        _batchesPerEpoch = parts.Batches.BatchesPerEpoch;
        _batchesAfterUpdate = parts.Batches.Position;
        _objective = new Objective(parts, options);
        Series = LoopSeries.Of(parts.Losses, options, Student.Architecture.Head);
        _contextLength = RunPlan.ContextLength(options, parts.Teacher?.Architecture, Student.Architecture);
        _heldOut = HeldOutMeasure.Of(parts, options, _contextLength);
        _schedule = LearningRateSchedule.Plan(options, parts.Batches.Epoch);
        _samples = RunSamples.Of(parts, options, _schedule);

        Student.Precision = options.Precision;
        if (parts.Teacher is not null)
            parts.Teacher.Precision = options.Precision;
        Student.train();
        foreach (Parameter positions in Student.PositionEmbeddings)
            positions.requires_grad = !options.Student.FreezePositionEmbeddings;
        foreach (Parameter types in Student.TokenTypeEmbeddings)
            types.requires_grad = !options.Student.FreezeTokenTypeEmbeddings;
        _compression = new RunCompression(parts, options, TotalSteps);
        _optimiser = new AdamWOptimiser([.. Trained(Student, options), .. _objective.Parameters(), .. _compression.Parameters],
            options.Optimiser.AdamBeta1, options.Optimiser.AdamBeta2, options.Optimiser.AdamEpsilon);
        _diagnoser = new Diagnoser(parts, options, _contextLength, TotalSteps);
        if (parts.Teacher is EnsembleTeacher { NeedsMeasuring: true } && _heldOut is null)
            throw new ArgumentException("The teachers are weighted by their loss on held-out text, and there is none. Choose a text with a held-out part, or fixed weights.");
        NoteWhatIsUnusual();
        // Last: a run that cannot begin has nobody who would end it.
        _keptBlocks = NativeMemorySettings.KeepBlocks();
    }

    /// <summary>Updates of the whole run.</summary>
    public int TotalSteps => _schedule.TotalUpdates;

    /// <summary>Updates made so far.</summary>
    public int CompletedSteps { get; private set; }

    /// <summary>What a reader of the run's record should know about it.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>What was measured of the teacher on the held-out split, once by <see cref="Run"/>.</summary>
    public ValidationScore? TeacherValidation { get; private set; }

    /// <summary>What was measured last of the student on the held-out split.</summary>
    public ValidationScore? LastValidation { get; private set; }

    /// <summary>The teacher's perplexity on the held-out split, once measured; null where none is measured.</summary>
    public Perplexity? TeacherValidationPerplexity => TeacherValidation?.Perplexity;

    /// <summary>The student's latest perplexity on the held-out split; null where none is measured.</summary>
    public Perplexity? LastValidationPerplexity => LastValidation?.Perplexity;

    /// <summary>What the reports hold.</summary>
    public IReadOnlyList<StepSeries> Series { get; }

    /// <summary>Where the time of the latest update went.</summary>
    public StepPhases LastStepPhases { get; private set; }

    /// <summary>The model in training.</summary>
    public TextModel Student => _parts.Student;

    /// <summary>Where the run stands after its last finished update, whatever was begun since.</summary>
    public TrainingState State => new()
    {
        Step = CompletedSteps,
        TokensSeen = _tokensSeen,
        BatchesUsed = _batchesUsed,
        Batches = _batchesAfterUpdate,
        TeacherValidationPerplexity = TeacherValidationPerplexity?.Value,
        TeacherValidationNatsPerToken = TeacherValidationPerplexity?.NatsPerToken,
        LastValidationPerplexity = LastValidationPerplexity?.Value,
        LastValidationNatsPerToken = LastValidationPerplexity?.NatsPerToken,
        TeacherValidation = TeacherValidation?.ToStore(),
        LastValidation = LastValidation?.ToStore(),
        Unreported = _unreported,
        UnreportedLayers = _unreported is null ? null : _diagnoser.Layers,
        TeacherWeights = (_parts.Teacher as EnsembleTeacher)?.MeasuredWeights,
    };

    /// <summary>What was measured on the held-out split of the weights as they are; null when nothing was for this update, or the student is not yet as compressed as it is to become.</summary>
    public ValidationScore? ValidationOfState => _validatedStep == CompletedSteps && _compression.IsComplete ? LastValidation : null;

    /// <summary>The optimiser's state of every trained parameter, live.</summary>
    internal IReadOnlyList<Moments> Moments => _optimiser.Moments;

    /// <summary>What its methods of compression keep beside the student and their <see cref="Moments"/>, live.</summary>
    internal IReadOnlyList<KeptTensor> CompressionState => _compression.State;

    /// <summary>
    /// Takes a run that has made no update to where another one stood. Weights, <see cref="Moments"/> and <see cref="CompressionState"/> are the caller's part, before.
    /// </summary>
    /// <exception cref="InvalidOperationException">An update was made already.</exception>
    /// <exception cref="ArgumentException">The state cannot be one of a run with these options and this corpus.</exception>
    internal void GoOnFrom(TrainingState state)
    {
        if (CompletedSteps > 0)
            throw new InvalidOperationException($"Only a new run can go on from a state; this one made {CompletedSteps} updates.");
        if (state.Step < 0 || state.Step > TotalSteps)
            throw new ArgumentException($"The state is that of update {state.Step}; expected 0 to {TotalSteps}, all the updates of the run.");
        _parts.Batches.Position = _batchesAfterUpdate = state.Batches;
        CompletedSteps = state.Step;
        _tokensSeen = state.TokensSeen;
        _batchesUsed = state.BatchesUsed;
        TeacherValidation = ValidationScore.Stored(Perplexity.Stored(state.TeacherValidationPerplexity, state.TeacherValidationNatsPerToken), state.TeacherValidation);
        LastValidation = ValidationScore.Stored(Perplexity.Stored(state.LastValidationPerplexity, state.LastValidationNatsPerToken), state.LastValidation);
        (_unreported, _diagnoser.Layers) = (state.Unreported, state.UnreportedLayers);
        if (_parts.Teacher is EnsembleTeacher several)
            several.MeasuredWeights = state.TeacherWeights;
        _compression.Restored(CompletedSteps);
    }

    /// <summary>Trains to the end: updates, and validation, samples and diagnosis at their intervals.</summary>
    /// <param name="journal">Told of every update, and of what a reader should know.</param>
    /// <param name="afterUpdate">Called after every update, once it is reported: the time to save a checkpoint.</param>
    /// <param name="measuredStep">An update after which the perplexity is measured whatever the interval is; null for none.</param>
    /// <exception cref="OperationCanceledException">Cancelled, between two micro-batches or while something is measured; weights and
    /// <see cref="State"/> are those of the last finished update.</exception>
    /// <exception cref="TrainingDivergedException">A loss or the gradient became NaN or infinite.</exception>
    public void Run(IRunJournal journal, Action? afterUpdate, CancellationToken cancel, int? measuredStep = null)
    {
        foreach (string note in _notes)
            journal.Note(CompletedSteps, note);
        WeighTeachers(journal, cancel);
        if (_parts.Teacher is Teacher teacher && teacher.Offers.HasFlag(Wants.Logits) && _heldOut is not null && TeacherValidation is null)
        {
            TeacherValidation = _heldOut.OfTeacher(teacher, cancel);
            journal.Note(CompletedSteps, $"Teacher's {Figure} on the held-out {Data}: {TeacherValidation}.");
        }
        if (TeacherValidation is ValidationScore ofTeacher)
            journal.TeacherMeasured(ofTeacher);
        if (CompletedSteps == 0)
            _samples?.After(0, journal, cancel);

        while (CompletedSteps < TotalSteps || _unreported is not null)
        {
            // Remembered until it is reported: a run that is cut while the perplexity is measured, or the prompts are answered, loses no update.
            StepReport report = _unreported ??= Step(cancel);
            if (_heldOut is not null && IsValidationDue())
            {
                LastValidation = _heldOut.OfModel(Student, cancel);
                _validatedStep = CompletedSteps;
                report = report.With(LastValidation.Values);
                journal.Note(CompletedSteps, $"Update {report.Step}: {(_parts.Teacher is null ? Figure : $"student's {Figure}")} on the held-out {Data} {LastValidation}.");
            }
            _samples?.After(CompletedSteps, journal, cancel);
            Diagnosis? diagnosis = _diagnoser.Of(report, cancel);
            journal.Report(report);
            if (diagnosis is not null)
                journal.Diagnosed(diagnosis);
            _unreported = null;
            afterUpdate?.Invoke();
        }
        foreach (string said in _compression.Said)
            journal.Note(CompletedSteps, said);

        bool IsValidationDue() =>
            CompletedSteps == TotalSteps || CompletedSteps == measuredStep || _options.Schedule.ValidationIntervalSteps is > 0 and int interval && CompletedSteps % interval == 0;
    }

    /// <summary>Weighs several teachers by their loss on the held-out text where they are to be and are not yet.</summary>
    private void WeighTeachers(IRunJournal? journal, CancellationToken cancel)
    {
        if (_parts.Teacher is not EnsembleTeacher { NeedsMeasuring: true } several)
            return;
        IReadOnlyList<double> losses = several.Measure(model => _heldOut!.OfModel(model, cancel).NatsOnAverage);
        journal?.Note(CompletedSteps, "Weights of the teachers by their loss on the held-out text: " + string.Join(", ", several.MeasuredWeights!.Select((weight, m) =>
            string.Create(CultureInfo.InvariantCulture, $"{weight:0.0000} ({losses[m]:0.0000} nats/token)"))) + ".");
    }

    /// <summary>One update.</summary>
    /// <exception cref="InvalidOperationException">All updates are done.</exception>
    /// <exception cref="TrainingDivergedException">A loss or the gradient became NaN or infinite; the weights are those of the last good
    /// update.</exception>
    public StepReport Step() => Step(CancellationToken.None);

    private StepReport Step(CancellationToken cancel)
    {
        if (CompletedSteps == TotalSteps)
            throw new InvalidOperationException($"All {TotalSteps} updates of the run are done.");
        WeighTeachers(journal: null, cancel);
        int step = CompletedSteps + 1;
        _objective.Begin(step, TotalSteps);
        long started = Stopwatch.GetTimestamp();
        List<TokenBatch> batches = _interrupted ?? NextUpdate();
        _interrupted = null;
        LossCounts total = batches.Select(batch => batch.Counts()).Aggregate((left, right) => left + right);

        using DisposeScope scope = NewDisposeScope();
        var clock = new PhaseClock();
        _optimiser.DropGradients();
        clock.Lap(Phase.Optimiser);
        var means = new double[_objective.Losses.Count];
        var ofTeachers = new Dictionary<string, double>();
        for (int i = 0; i < batches.Count; i++)
        {
            if (cancel.IsCancellationRequested)
            {
                _interrupted = batches;
                cancel.ThrowIfCancellationRequested();
            }
            // Dropout depends on nothing but seed, update and micro-batch, so that a run repeats itself whatever else draws random numbers.
            manual_seed(SeededRandom.Combine(_options.Seed, step, i));
            LossCounts own = batches[i].Counts();
            _compression.Passing(batches[i], step, i);
            double[] sums = AccumulateGradients(batches[i], k => _objective.Share(k, own, total, _options.Schedule.GradientAccumulation), step, clock, ofTeachers);
            for (int k = 0; k < means.Length; k++)
                means[k] += sums[k] * _objective.Share(k, own, total, batches.Count);
        }

        double learningRate = _options.Optimiser.LearningRate * _schedule.Factor(CompletedSteps);
        double norm = _compression.Around(step, () => _optimiser.Step(learningRate, _options.Optimiser.MaxGradientNorm, _diagnoser.Before(step)));
        if (!double.IsFinite(norm))
            throw new TrainingDivergedException(step, "the gradient's norm", norm);
        _diagnoser.Updated();
        _batchesAfterUpdate = _parts.Batches.Position;
        clock.Lap(Phase.Optimiser);

        LastStepPhases = clock.Phases;
        CompletedSteps = step;
        _tokensSeen += total.Rows;
        _batchesUsed += batches.Count;
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var values = new Dictionary<string, double>
        {
            [LoopSeries.LearningRate.Name] = learningRate,
            [LoopSeries.GradientNorm.Name] = norm,
            [LoopSeries.TokensPerSecond.Name] = total.Rows / seconds,
            [LoopSeries.StepSeconds.Name] = seconds,
            [LoopSeries.MemoryBytes.Name] = Engine.Device.MemoryBytes,
        };
        for (int k = 0; k < means.Length; k++)
            values.Add(_objective.Losses[k].Name, means[k]);
        foreach ((string name, double sum) in ofTeachers.Where(one => Series.Any(series => series.Name == one.Key)))
            values.Add(name, sum / total.Rows);
        if (Series.Contains(LoopSeries.Temperature))
            values.Add(LoopSeries.Temperature.Name, _objective.Temperature);
        _compression.Report(values);
        return new StepReport(step, (double)_batchesUsed / _batchesPerEpoch, _tokensSeen, _objective.Total(means), values);
    }

    /// <summary>Forward and backward of one micro-batch: adds to the gradients of the student's parameters.</summary>
    /// <param name="share">Factor of the k-th loss's sum in the objective, its weight excluded.</param>
    /// <param name="ofTeachers">Gets what several teachers say of each other, summed over the batch.</param>
    /// <returns>The sum of each loss over the batch.</returns>
    private double[] AccumulateGradients(TokenBatch batch, Func<int, double> share, int step, PhaseClock clock, Dictionary<string, double> ofTeachers)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor ids_BT = tensor(batch.Ids, [batch.Rows, batch.Columns], device: Engine.Device.Default);
        long[] rows = batch.TokenPlaces(), targets = batch.Targets();
        TeacherAnswer? teacher = _parts.Teacher is Teacher taught
            ? taught.Answer(batch.InputOf(ids_BT, taught.Architecture), rows, targets, _objective.OfTeacher, _objective.IsByRows) : null;
        clock.Lap(Phase.TeacherForward);
        Outputs student = Student.Forward(batch.InputOf(ids_BT, Student.Architecture), _objective.OfStudent);
        Tensor hidden_NC = student.RowsOf(rows, Student.Architecture.Head);
        clock.Lap(Phase.StudentForward);

        ObjectiveSums objective = _objective.Sum(
            new LossHeadInput(hidden_NC.detach(), Student.Head, teacher?.Hidden, teacher?.Logits, targets, _options.Precision)
            {
                Temperature = _objective.Temperature, StudentLogits = Student.Head is null ? Student.LogitsOfRows : null,
                IsExact = Student.Architecture.Head == ModelHead.Classes,
            },
            student, teacher?.Whole, batch, ids_BT, share);
        for (int k = 0; k < objective.Sums.Length; k++)
        {
            if (!double.IsFinite(objective.Sums[k]))
                throw new TrainingDivergedException(
                    step, $"the loss '{_objective.Losses[k].Name}' ({_objective.Losses[k].Title})", objective.Sums[k]);
        }
        TeacherSeries.Add(teacher?.Logits, ofTeachers);
        clock.Lap(Phase.HeadAndLosses);
        try
        {
            // One pass for both kinds: what the head gave arrives at the last hidden states, where the graph of the whole losses begins as well.
            List<(Tensor Output, Tensor Gradient)> ends = [];
            if (objective.HiddenGradient is Tensor gradient_NC)
                ends.Add((hidden_NC, gradient_NC));
            if (objective.Whole is Tensor whole)
                ends.Add((whole, ones_like(whole)));
            autograd.backward([.. ends.Select(end => end.Output)], [.. ends.Select(end => end.Gradient)]);
        }
        finally
        {
            BackwardResults.End();
        }
        clock.Lap(Phase.Backward);
        return objective.Sums;
    }

    /// <summary>The micro-batches of the next update.</summary>
    /// <remarks>
    /// Corrected: an epoch's left-overs make an update of their own. Reference: they stay in the gradient and are part of the next epoch's
    /// first update; those of the last epoch are never used.
    /// </remarks>
    private List<TokenBatch> NextUpdate()
    {
        int perEpoch = _batchesPerEpoch, accumulation = _options.Schedule.GradientAccumulation;
        int indexInEpoch = CompletedSteps % _schedule.UpdatesPerEpoch;
        int count = Math.Min(accumulation, perEpoch - indexInEpoch * accumulation);
        if (_options.Schedule.Semantics == TrainingSemantics.HuggingFaceExact && indexInEpoch == 0 && CompletedSteps > 0)
            count += perEpoch % accumulation;
        return [.. Enumerable.Range(0, count).Select(_ => _parts.Batches.Next())];
    }

    private static List<Moments> Trained(TextModel student, RunOptions options) =>
        [.. student.named_parameters().Where(pair => pair.parameter.requires_grad).Select(pair => new Moments(
            pair.name, pair.parameter, student.Decays(pair.name) ? options.Optimiser.WeightDecay : 0))];

    private string Figure => HeldOutMeasure.InWords(Student.Architecture.Head).Figure;

    private string Data => HeldOutMeasure.InWords(Student.Architecture.Head).Data;

    private void NoteWhatIsUnusual()
    {
        int left = _batchesPerEpoch % _options.Schedule.GradientAccumulation;
        if (_options.Schedule.Semantics == TrainingSemantics.HuggingFaceExact)
        {
            _notes.Add("Bookkeeping of the reference: means of micro-batches are averaged, and the first update has learning rate 0 if "
                + "there is a warm-up.");
            if (left > 0)
                _notes.Add($"{left} micro-batches are left over in each epoch; they are carried into the next epoch's first update, and "
                    + "those of the last epoch are not used.");
        }
        else if (left > 0)
        {
            _notes.Add($"An epoch's last update is made of {left} instead of {_options.Schedule.GradientAccumulation} micro-batches; each token "
                + "weighs the same in its update.");
        }
        if (_schedule.EndsBy != OptionPath.Of(_options.Schedule.Epochs))
            _notes.Add($"The budget ({_schedule.EndsBy}) ends the run after {TotalSteps} updates, before its {_options.Schedule.Epochs} epochs are over.");
        if (_parts.Teacher is null)
            _notes.Add($"There is no teacher: the {LossCatalogue.Predicting(Student.Architecture.Head) switch { MaskedLanguageModel => "masked language-model loss", ClassLabels => "cross-entropy of the labels",
                _ => "causal language-model loss" }} alone is minimised.");
        if (_heldOut is null)
            _notes.Add($"There is no held-out {Data}: no {Figure} is measured.");
        if (Student.Architecture.Head != ModelHead.NextToken && (_options.Samples.IntervalSteps != 0 || _options.Diagnosis.IntervalSteps != 0))
            _notes.Add($"The student {ModelHeads.Does(Student.Architecture.Head)}: no prompts are answered, and of the diagnosis its layers are looked at and not its predictions.");
    }

    /// <summary>Frees the state of optimiser and losses; the parts belong to the caller.</summary>
    public void Dispose()
    {
        _optimiser.Dispose();
        _objective.Dispose();
        _compression.Dispose();
        _keptBlocks.Dispose();
    }
}
