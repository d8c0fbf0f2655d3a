using System.Diagnostics;
using System.Globalization;
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
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;
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
    private readonly TextModel? _teacher;
    private readonly TokenFile? _validation;
    private readonly int _batchesPerEpoch;
    private readonly Func<TokenBatch> _nextBatch;
    private readonly BatchSampler? _sampler;
    private readonly Objective _objective;
    private readonly LearningRateSchedule _schedule;
    private readonly int _contextLength;
    private readonly AdamWOptimiser _optimiser;
    private readonly IDisposable _keptBlocks;
    private readonly List<string> _notes = [];
    private SamplerPosition? _samplerAfterUpdate;
    private List<TokenBatch>? _interrupted;
    private StepReport? _unreported;
    private int _validatedStep;
    private long _tokensSeen;
    private long _batchesUsed;

    /// <summary>Checks that options, models and corpus fit together and prepares the run.</summary>
    /// <param name="validation">Held-out split; null measures no perplexity.</param>
    /// <exception cref="ArgumentException">Something does not fit; the message states the values, what was expected and the
    /// fix.</exception>
    public Trainer(RunOptions options, TextModel? teacher, TextModel student, TokenFile train, TokenFile? validation)
        : this(options, teacher, student, train, validation, LossCatalogue.Active(options, teacher is not null))
    {
    }

    /// <summary>A run with losses that need not be of the catalogue.</summary>
    internal Trainer(
        RunOptions options, TextModel? teacher, TextModel student, TokenFile train, TokenFile? validation, IReadOnlyList<Loss> losses)
        : this(options, teacher, student, CreateSampler(options, teacher, student, train, validation), validation, losses)
    {
    }

    private Trainer(
        RunOptions options, TextModel? teacher, TextModel student, BatchSampler sampler, TokenFile? validation, IReadOnlyList<Loss> losses)
        : this(options, teacher, student, sampler.BatchesPerEpoch, sampler.Next, validation, losses)
    {
        _sampler = sampler;
        _samplerAfterUpdate = sampler.Position;
    }

    /// <summary>A run over batches from anywhere.</summary>
    /// <param name="batchesPerEpoch">L: micro-batches after which an epoch is over.</param>
    /// <param name="losses">What is minimised; null minimises what the options give a weight.</param>
    internal Trainer(RunOptions options, TextModel? teacher, TextModel student, int batchesPerEpoch, Func<TokenBatch> nextBatch,
        TokenFile? validation, IReadOnlyList<Loss>? losses = null)
    {
        _options = options;
        _teacher = teacher;
        Student = student;
        _validation = validation;
        _batchesPerEpoch = batchesPerEpoch;
        _nextBatch = nextBatch;
        _objective = new Objective(losses ?? LossCatalogue.Active(options, teacher is not null), options, student.Architecture, teacher?.Architecture);
        Series = LoopSeries.Of(_objective.Losses, options);
        _contextLength = RunPlan.ContextLength(options, teacher?.Architecture, student.Architecture);
        _schedule = LearningRateSchedule.Plan(options, batchesPerEpoch);

        student.Precision = options.Precision;
        if (teacher is not null)
            teacher.Precision = options.Precision;
        teacher?.eval();
        student.train();
        foreach (Parameter positions in student.PositionEmbeddings)
            positions.requires_grad = !options.FreezePositionEmbeddings;
        _optimiser = new AdamWOptimiser([.. Trained(student, options), .. _objective.Parameters()], options.AdamBeta1, options.AdamBeta2, options.AdamEpsilon);
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

    /// <summary>The teacher's perplexity on the held-out split, once measured by <see cref="Run"/>.</summary>
    public Perplexity? TeacherValidationPerplexity { get; private set; }

    /// <summary>The student's latest perplexity on the held-out split.</summary>
    public Perplexity? LastValidationPerplexity { get; private set; }

    /// <summary>What the reports hold.</summary>
    public IReadOnlyList<StepSeries> Series { get; }

    /// <summary>Where the time of the latest update went.</summary>
    public StepPhases LastStepPhases { get; private set; }

    /// <summary>The model in training.</summary>
    public TextModel Student { get; }

    /// <summary>Where the run stands after its last finished update, whatever was begun since.</summary>
    /// <exception cref="InvalidOperationException">The batches do not come from a corpus: there is no position to go back to.</exception>
    public TrainingState State => new()
    {
        Step = CompletedSteps,
        TokensSeen = _tokensSeen,
        BatchesUsed = _batchesUsed,
        Sampler = _samplerAfterUpdate
            ?? throw new InvalidOperationException("A run over batches from elsewhere has no state: only a corpus can be gone back to."),
        TeacherValidationPerplexity = TeacherValidationPerplexity?.Value,
        TeacherValidationNatsPerToken = TeacherValidationPerplexity?.NatsPerToken,
        LastValidationPerplexity = LastValidationPerplexity?.Value,
        LastValidationNatsPerToken = LastValidationPerplexity?.NatsPerToken,
        Unreported = _unreported,
    };

    /// <summary>Perplexity on the held-out split of the weights as they are; null when it was not measured for this update.</summary>
    public Perplexity? ValidationPerplexityOfState => _validatedStep == CompletedSteps ? LastValidationPerplexity : null;

    /// <summary>The optimiser's state of every trained parameter, live.</summary>
    internal IReadOnlyList<Moments> Moments => _optimiser.Moments;

    /// <summary>
    /// Takes a run that has made no update to where another one stood. Weights and <see cref="Moments"/> are the caller's part.
    /// </summary>
    /// <exception cref="InvalidOperationException">An update was made already.</exception>
    /// <exception cref="ArgumentException">The state cannot be one of a run with these options and this corpus.</exception>
    internal void GoOnFrom(TrainingState state)
    {
        if (CompletedSteps > 0 || _sampler is null)
            throw new InvalidOperationException($"Only a new run over a corpus can go on from a state; this one made {CompletedSteps} updates.");
        if (state.Step < 0 || state.Step > TotalSteps)
            throw new ArgumentException($"The state is that of update {state.Step}; expected 0 to {TotalSteps}, all the updates of the run.");
        _sampler.Position = state.Sampler;
        _samplerAfterUpdate = state.Sampler;
        CompletedSteps = state.Step;
        _tokensSeen = state.TokensSeen;
        _batchesUsed = state.BatchesUsed;
        TeacherValidationPerplexity = Perplexity.Stored(state.TeacherValidationPerplexity, state.TeacherValidationNatsPerToken);
        LastValidationPerplexity = Perplexity.Stored(state.LastValidationPerplexity, state.LastValidationNatsPerToken);
        _unreported = state.Unreported;
    }

    /// <summary>Trains to the end: updates, and validation at the interval.</summary>
    /// <param name="afterUpdate">Called after every update, once it is reported: the time to save a checkpoint.</param>
    /// <exception cref="OperationCanceledException">Cancelled, between two micro-batches or while the perplexity is measured; weights and
    /// <see cref="State"/> are those of the last finished update.</exception>
    /// <exception cref="TrainingDivergedException">A loss or the gradient became NaN or infinite.</exception>
    public void Run(IProgress<StepReport> progress, Action<string>? log, Action<Trainer>? afterUpdate, CancellationToken cancel)
    {
        foreach (string note in _notes)
            log?.Invoke(note);
        if (_teacher is not null && _validation is not null && TeacherValidationPerplexity is null)
        {
            TeacherValidationPerplexity = MeasurePerplexity(_teacher, cancel);
            log?.Invoke($"Teacher's perplexity on the held-out text: {TeacherValidationPerplexity}.");
        }

        while (CompletedSteps < TotalSteps || _unreported is not null)
        {
            // Remembered until it is reported: a run that is cut while the perplexity is measured loses no update.
            StepReport report = _unreported ??= Step(cancel);
            if (_validation is not null && IsValidationDue())
            {
                Perplexity measured = MeasurePerplexity(Student, cancel);
                LastValidationPerplexity = measured;
                _validatedStep = CompletedSteps;
                report = report.With((LoopSeries.ValidationPerplexity, measured.Value), (LoopSeries.ValidationNatsPerToken, measured.NatsPerToken));
                log?.Invoke(string.Create(CultureInfo.InvariantCulture,
                    $"Update {report.Step}: student's perplexity on the held-out text {measured}."));
            }
            progress.Report(report);
            _unreported = null;
            afterUpdate?.Invoke(this);
        }

        bool IsValidationDue() =>
            CompletedSteps == TotalSteps || _options.ValidationIntervalSteps is > 0 and int interval && CompletedSteps % interval == 0;
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
        int step = CompletedSteps + 1;
        long started = Stopwatch.GetTimestamp();
        List<TokenBatch> batches = _interrupted ?? NextUpdate();
        _interrupted = null;
        LossCounts total = batches.Select(batch => batch.Counts()).Aggregate((left, right) => left + right);

        using DisposeScope scope = NewDisposeScope();
        var clock = new PhaseClock();
        _optimiser.DropGradients();
        clock.Lap(Phase.Optimiser);
        var means = new double[_objective.Losses.Count];
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
            double[] sums = AccumulateGradients(batches[i], k => _objective.Share(k, own, total, _options.GradientAccumulation), step, clock);
            for (int k = 0; k < means.Length; k++)
                means[k] += sums[k] * _objective.Share(k, own, total, batches.Count);
        }

        double learningRate = _options.LearningRate * _schedule.Factor(CompletedSteps);
        double norm = _optimiser.Step(learningRate, _options.MaxGradientNorm);
        if (!double.IsFinite(norm))
            throw new TrainingDivergedException(step, "the gradient's norm", norm);
        _samplerAfterUpdate = _sampler?.Position;
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
        return new StepReport(step, (double)_batchesUsed / _batchesPerEpoch, _tokensSeen, _objective.Total(means), values);
    }

    /// <summary>Forward and backward of one micro-batch: adds to the gradients of the student's parameters.</summary>
    /// <param name="share">Factor of the k-th loss's sum in the objective, its weight excluded.</param>
    /// <returns>The sum of each loss over the batch.</returns>
    private double[] AccumulateGradients(TokenBatch batch, Func<int, double> share, int step, PhaseClock clock)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor ids = tensor(batch.Ids, [batch.Rows, batch.Columns], device: Engine.Device.Default);
        long[] rows = batch.TokenPlaces();
        Outputs? teacher = null;
        Tensor? teacherHidden = null;
        if (_teacher is not null)
        {
            using IDisposable noGradient = no_grad();
            using DisposeScope teacherScope = NewDisposeScope();
            Outputs answer = _teacher.Forward(new ModelInput(ids), _objective.OfTeacher);
            teacherHidden = Select(answer.Hidden, rows).MoveToOuterDisposeScope();
            // Where every loss is one over rows nobody looks at the padding, which need not be kept.
            teacher = _objective.IsByRows ? null : answer.MoveToOuterDisposeScope();
        }
        clock.Lap(Phase.TeacherForward);
        Outputs student = Student.Forward(new ModelInput(ids), _objective.OfStudent);
        Tensor hidden = Select(student.Hidden, rows);
        clock.Lap(Phase.StudentForward);

        ObjectiveSums objective = _objective.Sum(
            new LossHeadInput(hidden.detach(), Student.Head, teacherHidden, _teacher?.Head, batch.Targets(),
                _options.Temperature, _options.Precision), student, teacher, batch, ids, share);
        for (int k = 0; k < objective.Sums.Length; k++)
        {
            if (!double.IsFinite(objective.Sums[k]))
                throw new TrainingDivergedException(
                    step, $"the loss '{_objective.Losses[k].Name}' ({_objective.Losses[k].Title})", objective.Sums[k]);
        }
        clock.Lap(Phase.HeadAndLosses);
        try
        {
            // One pass for both kinds: what the head gave arrives at the last hidden states, where the graph of the whole losses begins as well.
            List<(Tensor Output, Tensor Gradient)> ends = [];
            if (objective.HiddenGradient is Tensor gradient)
                ends.Add((hidden, gradient));
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

    /// <summary>[B, T, C] to [N, C].</summary>
    private static Tensor Select(Tensor hidden, long[] rows)
    {
        Tensor all = hidden.reshape(-1, hidden.shape[2]);
        return rows.Length == all.shape[0] ? all : all.index_select(0, tensor(rows, [rows.Length], device: hidden.device));
    }

    /// <summary>The micro-batches of the next update.</summary>
    /// <remarks>
    /// Corrected: an epoch's left-overs make an update of their own. Reference: they stay in the gradient and are part of the next epoch's
    /// first update; those of the last epoch are never used.
    /// </remarks>
    private List<TokenBatch> NextUpdate()
    {
        int perEpoch = _batchesPerEpoch, accumulation = _options.GradientAccumulation;
        int indexInEpoch = CompletedSteps % _schedule.UpdatesPerEpoch;
        int count = Math.Min(accumulation, perEpoch - indexInEpoch * accumulation);
        if (_options.Semantics == TrainingSemantics.HuggingFaceExact && indexInEpoch == 0 && CompletedSteps > 0)
            count += perEpoch % accumulation;
        return [.. Enumerable.Range(0, count).Select(_ => _nextBatch())];
    }

    private static List<Moments> Trained(TextModel student, RunOptions options) =>
        [.. student.named_parameters().Where(pair => pair.parameter.requires_grad).Select(pair => new Moments(
            pair.name, pair.parameter, student.Decays(pair.name) ? options.WeightDecay : 0))];

    private Perplexity MeasurePerplexity(TextModel model, CancellationToken cancel) =>
        Perplexity.Measure(model, _validation!, _contextLength, _options.ValidationMaxTokens, cancel);

    private static BatchSampler CreateSampler(
        RunOptions options, TextModel? teacher, TextModel student, TokenFile train, TokenFile? validation)
    {
        // The ids in the options name stored things and mean nothing here: the models and the corpus are given.
        RunOptions named = options with
        {
            TeacherId = teacher is null ? null : "given", DatasetId = "given",
            StudentInitialisation = CheckpointInit.InitName, StudentModelId = "given",
        };
        List<OptionProblem> problems = [.. RunPlan.Validate(named)];
        if (problems.Count == 0)
            problems.AddRange(RunPlan.Check(named, teacher?.Architecture, student.Architecture, train.VocabularySize, null));
        if (validation is not null && validation.TokenizerSha256 != train.TokenizerSha256)
            problems.Add(new OptionProblem("datasetId",
                "The training and the held-out split were tokenised with different vocabularies. Prepare the data set again."));
        if (problems.Count > 0)
            throw new ArgumentException(string.Join(" ", problems.Select(problem => $"{problem.Field}: {problem.Message}")));
        int contextLength = RunPlan.ContextLength(options, teacher?.Architecture, student.Architecture);
        return new BatchSampler(
            train, options.SequenceMode, contextLength, options.BatchSize, options.Shuffle, options.GroupBySize, options.Seed);
    }

    private void NoteWhatIsUnusual()
    {
        int left = _batchesPerEpoch % _options.GradientAccumulation;
        if (_options.Semantics == TrainingSemantics.HuggingFaceExact)
        {
            _notes.Add("Bookkeeping of the reference: means of micro-batches are averaged, and the first update has learning rate 0 if "
                + "there is a warm-up.");
            if (left > 0)
                _notes.Add($"{left} micro-batches are left over in each epoch; they are carried into the next epoch's first update, and "
                    + "those of the last epoch are not used.");
        }
        else if (left > 0)
        {
            _notes.Add($"An epoch's last update is made of {left} instead of {_options.GradientAccumulation} micro-batches; each token "
                + "weighs the same in its update.");
        }
        if (_teacher is null)
            _notes.Add("There is no teacher: the causal language-model loss alone is minimised.");
        if (_validation is null)
            _notes.Add("There is no held-out text: no perplexity is measured.");
    }

    /// <summary>Frees the state of optimiser and losses; the models belong to the caller.</summary>
    public void Dispose()
    {
        _optimiser.Dispose();
        _objective.Dispose();
        _keptBlocks.Dispose();
    }
}
