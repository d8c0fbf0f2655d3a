using System.Diagnostics;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Jobs;
using WebDistill.Web.Models;
using WebDistill.Web.Storage;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Evaluations;

/// <summary>
/// Computes the queued evaluations, one at a time and in the order in which they were asked for. What was reached is saved on the way: after a
/// restart an evaluation goes on from there. No evaluation's failure ends the queue. What depends on the machine as much as on the model waits until no run
/// trains, unless somebody wants it now: then its figures say what trained beside it.
/// </summary>
public sealed class EvaluationWorker(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder, ModelCache cache, EvaluationFiles files,
    EvaluationQueue queue, EvaluationAnnouncements announcements, RunEvents runEvents, StorageHealth storage, OutcomeWriter outcomes, IHostApplicationLifetime lifetime,
    ILogger<EvaluationWorker> logger)
    : BackgroundService
{
    private static readonly string[] s_ofTheMachine = [.. EvaluationSets.All.Where(set => set.DependsOnMachine).Select(set => set.Name)];
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ReportInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        CancellationToken shutdown = ended.Token;
        bool computed = false;
        // A run that came to rest may be what an evaluation has waited for.
        using IDisposable events = runEvents.Subscribe(_ => queue.Wake());
        while (!shutdown.IsCancellationRequested)
        {
            try
            {
                if (await NextAsync(shutdown) is Evaluation evaluation)
                {
                    await RunAsync(evaluation, shutdown);
                    computed = true;
                    continue;
                }
                // The next one often asks the same model: only the last gives the memory back.
                if (computed)
                    await Task.Run(() =>
                    {
                        cache.FreeUnkept();
                        ProcessMemory.GiveBack();
                    }, CancellationToken.None);
                computed = false;
                await queue.ChangedAsync(shutdown);
            }
            catch (OperationCanceledException) when (shutdown.IsCancellationRequested)
            {
                logger.LogDebug("The queue of evaluations is closed");
            }
            catch (Exception e)
            {
                logger.LogError(e, "The queue of evaluations could not go on; trying again in {Delay}", RetryDelay);
                await Task.WhenAny(Task.Delay(RetryDelay, shutdown));
            }
        }
    }

    /// <summary>The next one to compute; one that an earlier process left running goes first.</summary>
    private Task<Evaluation?> NextAsync(CancellationToken cancel) => writer.WriteAsync(async db =>
    {
        bool isTraining = await db.Runs.AnyAsync(run => Run.ActiveStatuses.Contains(run.Status), cancel);
        IReadOnlyList<Guid> wanted = queue.DespiteTraining;
        Evaluation? next = await db.Evaluations
            .Where(e => e.Status == EvaluationStatus.Running || e.Status == EvaluationStatus.Queued)
            .Where(e => !isTraining || !s_ofTheMachine.Contains(e.Set) || wanted.Contains(e.Id))
            .OrderByDescending(e => e.Status == EvaluationStatus.Running).ThenBy(e => e.CreatedAt).ThenBy(e => e.Id)
            .FirstOrDefaultAsync(cancel);
        if (next is not null)
        {
            next.Status = EvaluationStatus.Running;
            await db.SaveChangesAsync(cancel);
        }
        return next;
    }, cancel);

    private async Task RunAsync(Evaluation evaluation, CancellationToken shutdown)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(shutdown);
        var watch = new Stopwatch();
        try
        {
            queue.Begin(evaluation.Id, ended);
            // A thread of its own: what computes must not hold one of the pool's.
            Action<Evaluation> end = await Task.Factory.StartNew(
                () => Compute(evaluation, watch, ended), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            watch.Stop();
            await outcomes.WriteAsync($"evaluation {evaluation.Id}", () => writer.WriteAsync(async db =>
            {
                Change(db, evaluation.Id, row =>
                {
                    end(row);
                    row.ComputedSeconds += watch.Elapsed.TotalSeconds;
                });
                await db.SaveChangesAsync();
            }), shutdown);
            announcements.Announce(evaluation.Id);
        }
        finally
        {
            queue.Begin(null, null);
        }
    }

    /// <summary>Computes, and returns what the evaluation becomes.</summary>
    private Action<Evaluation> Compute(Evaluation evaluation, Stopwatch watch, CancellationTokenSource ended)
    {
        EvaluationTask? task = null;
        try
        {
            if (!IsWanted(evaluation.Id))
                ended.Cancel(); // Cancelled before this thread could hear of it.
            announcements.Announce(evaluation.Id);
            ended.Token.ThrowIfCancellationRequested();
            EvaluationSet set = EvaluationSets.Get(evaluation.Set);
            using ModelLease model = cache.Acquire(evaluation.ModelId, keep: false);
            Require(model, evaluation.WeightsSha256, evaluation.ModelName);
            using ModelLease? reference = evaluation.ReferenceModelId is Guid other ? cache.Acquire(other, keep: false) : null;
            if (reference is not null)
                Require(reference, evaluation.ReferenceSha256!, evaluation.ReferenceName!);
            using TokenFile? tokens = OpenTokens(evaluation);
            task = set.Open(new EvaluationInput
            {
                Model = model.Model,
                Tokenizer = model.Tokenizer,
                Reference = reference?.Model,
                File = set.Source == EvaluationSource.File ? files.Find(set) ?? throw new InvalidDataException(files.WhereFrom(set))
                    : evaluation.DatasetId is null && set.Source == EvaluationSource.AnyText ? files.FindText(evaluation.SourceName) : null,
                Tokens = tokens,
                ContextLength = evaluation.ContextLength,
                Stride = evaluation.Stride,
                // What the machine did beside an earlier part is not known any more: a speed is measured anew.
                State = evaluation.StateJson is string state && !set.DependsOnMachine ? JsonDocument.Parse(state).RootElement : null,
            });
            watch.Start();
            HashSet<string> trained = set.DependsOnMachine ? [.. Training()] : [];
            Advance(evaluation, task, watch, ended.Token, () =>
            {
                if (set.DependsOnMachine)
                    trained.UnionWith(Training());
            });
            string result = JsonSerializer.Serialize(task.Result() with { Disturbance = trained.Count == 0 ? null
                : $"Measured while {string.Join(" and ", trained.Order())} trained: an idle machine is faster." }, WebJson.Measured);
            return row =>
            {
                // Cancelled at the very end: the figures are there, and stay.
                (row.Status, row.FinishedAt, row.Error) = (EvaluationStatus.Completed, DateTime.UtcNow, null);
                (row.DoneUnits, row.TotalUnits, row.StateJson) = (task.Done, task.Total, null);
                (row.Engine, row.Version) = (Device.Name, ProductVersion.Text);
                row.ResultJson = result;
            };
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // At the end of the process it stays Running and goes on after the next start; a person's wish has set its status already.
            return row => Keep(row, task);
        }
        catch (Exception e)
        {
            logger.LogWarning(e, "The evaluation {Id} of {Model} on {Set} failed", evaluation.Id,
                ForeignText.Quote(evaluation.ModelName), evaluation.Set);
            string error = files.Hide(LibTorch.Describe(e));
            return row =>
            {
                Keep(row, task);
                (row.Status, row.FinishedAt, row.Error) = (EvaluationStatus.Failed, DateTime.UtcNow, error);
            };
        }
    }

    // The names of the runs that have the machine now.
    private List<string> Training()
    {
        using WebDistillDb db = contexts.CreateDbContext();
        return [.. db.Runs.Where(run => Run.ActiveStatuses.Contains(run.Status)).Select(run => run.Name)];
    }

    private void Advance(Evaluation evaluation, EvaluationTask task, Stopwatch watch, CancellationToken cancel, Action afterPart)
    {
        TimeSpan reported = TimeSpan.Zero, saved = TimeSpan.Zero;
        while (task.Done < task.Total)
        {
            cancel.ThrowIfCancellationRequested();
            task.Advance();
            afterPart();
            if (watch.Elapsed - reported < ReportInterval)
                continue;
            reported = watch.Elapsed;
            bool isTimeToSave = watch.Elapsed - saved >= SaveInterval;
            if (isTimeToSave)
                saved = watch.Elapsed;
            Save(evaluation, cancel, row =>
            {
                if (isTimeToSave)
                    Keep(row, task);
                else
                    (row.DoneUnits, row.TotalUnits) = (task.Done, task.Total);
            });
        }
    }

    private bool IsWanted(Guid id)
    {
        using WebDistillDb db = contexts.CreateDbContext();
        return db.Evaluations.Any(e => e.Id == id && e.Status == EvaluationStatus.Running);
    }

    private static void Keep(Evaluation row, EvaluationTask? task)
    {
        if (task is null)
            return;
        (row.DoneUnits, row.TotalUnits) = (task.Done, task.Total);
        row.StateJson = task.State().GetRawText();
    }

    // While the disk refuses, the evaluation waits with what it has.
    private void Save(Evaluation evaluation, CancellationToken ended, Action<Evaluation> change)
    {
        storage.Persist(() => writer.Write(db =>
        {
            Change(db, evaluation.Id, change);
            db.SaveChanges();
        }), ended);
        announcements.Announce(evaluation.Id);
    }

    // Deleted meanwhile: nobody waits for it.
    private static void Change(WebDistillDb db, Guid id, Action<Evaluation> change)
    {
        if (db.Evaluations.SingleOrDefault(e => e.Id == id) is Evaluation row)
            change(row);
    }

    private TokenFile? OpenTokens(Evaluation evaluation)
    {
        if (evaluation.DatasetId is not Guid id)
            return null;
        using WebDistillDb db = contexts.CreateDbContext();
        Dataset dataset = db.Datasets.AsNoTracking().SingleOrDefault(row => row.Id == id)
            ?? throw new InvalidDataException("Its data set was deleted. Ask for the evaluation with another one.");
        return TokenFile.Open(EvaluationService.SourceOf(dataset, folder).Path!);
    }

    private static void Require(ModelLease model, string weightsSha256, string name)
    {
        if (model.WeightsSha256 != weightsSha256)
            throw new InvalidDataException($"The weights of '{name}' have the hash {model.WeightsSha256[..12]}…, expected "
                + $"{weightsSha256[..12]}…: the files changed after the evaluation was asked for. Ask for it again.");
    }
}
