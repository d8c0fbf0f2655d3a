using System.Text.Json;
using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Live;

namespace WebDistill.Web.Jobs;

/// <summary>
/// The runs that wait, in order. One that cannot start yet (its data set is being prepared, the run it waits for is not complete) lets
/// later ones pass.
/// </summary>
public sealed class RunQueue(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, RunAnnouncements announcements, RunLifecycle lifecycle,
    HostSettings settings)
{
    private readonly Channel<bool> _changed =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Puts a run at the end of the queue. The options must have been checked.</summary>
    /// <param name="afterRunId">A run that must be complete first.</param>
    /// <param name="quickStartId">Joins runs that were made together.</param>
    /// <param name="id">The run's id, where its files are there already.</param>
    /// <param name="complete">Completes the row before it is saved.</param>
    /// <exception cref="ConflictException">As many runs wait as may.</exception>
    /// <exception cref="OptionsInvalidException">What the run needs was deleted since the options were checked.</exception>
    public async Task<Run> EnqueueAsync(
        RunOptions options, CancellationToken cancel, Guid? afterRunId = null, Guid? quickStartId = null,
        Guid? id = null, Action<WebDistillDb, Run>? complete = null)
    {
        Run run = await writer.WriteAsync(async db =>
        {
            await RequireRoomAsync(db, 1, cancel);
            Run added = await DescribeAsync(db, options, await BackAsync(db, cancel) + 1, afterRunId, cancel);
            added.Id = id ?? added.Id;
            added.AfterRunId = afterRunId;
            added.QuickStartId = quickStartId;
            db.Runs.Add(added);
            complete?.Invoke(db, added);
            await db.SaveChangesAsync(cancel);
            return added;
        }, cancel);
        announcements.Announce(run.Id);
        Wake();
        return run;
    }

    /// <summary>Puts runs at the end of the queue, in this order and all or none. The options must have been checked.</summary>
    /// <param name="complete">Completes the rows before they are saved.</param>
    /// <exception cref="ConflictException">More runs would wait than may.</exception>
    /// <exception cref="OptionsInvalidException">What a run needs was deleted since the options were checked.</exception>
    public async Task<IReadOnlyList<Run>> EnqueueAllAsync(
        IReadOnlyList<RunOptions> options, Action<WebDistillDb, IReadOnlyList<Run>> complete, CancellationToken cancel)
    {
        IReadOnlyList<Run> runs = await writer.WriteAsync(async db =>
        {
            await RequireRoomAsync(db, options.Count, cancel);
            long order = await BackAsync(db, cancel);
            List<Run> added = [];
            foreach (RunOptions one in options)
                added.Add(await DescribeAsync(db, one, ++order, null, cancel));
            db.Runs.AddRange(added);
            complete(db, added);
            await db.SaveChangesAsync(cancel);
            return added;
        }, cancel);
        foreach (Run run in runs)
            announcements.Announce(run.Id);
        Wake();
        return runs;
    }

    /// <summary>Throws when so many more runs would not have a place in the queue.</summary>
    /// <exception cref="ConflictException">More runs would wait than may.</exception>
    public async Task RequireRoomAsync(int more, CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        await RequireRoomAsync(db, more, cancel);
    }

    private async Task RequireRoomAsync(WebDistillDb db, int more, CancellationToken cancel)
    {
        int queued = await db.Runs.CountAsync(run => run.Status == RunStatus.Queued, cancel);
        if (queued + more > settings.Limits.QueuedRuns)
            throw new ConflictException($"{queued} runs wait already and {more} more would be queued; at most {settings.Limits.QueuedRuns} may "
                + $"wait (Limits:{nameof(InputLimits.QueuedRuns)}). Wait until some have begun, or stop some.");
    }

    // In the writer's turn: what is there now can no longer be deleted under the run, which needs it from here on.
    private static async Task<Run> DescribeAsync(
        WebDistillDb db, RunOptions options, long queueOrder, Guid? afterRunId, CancellationToken cancel)
    {
        Guid? teacherId = options.Teacher.ModelId is null ? null : Guid.Parse(options.Teacher.ModelId);
        Guid datasetId = Guid.Parse(options.Data.DatasetId);
        string datasetName = await db.Datasets.Where(d => d.Id == datasetId).Select(d => d.Name).SingleOrDefaultAsync(cancel)
            ?? throw Gone("data.datasetId", "data set", datasetId);
        string? teacherName = teacherId is Guid teacher ? await ModelNameAsync("teacher.modelId", teacher) : null;
        Guid[] others = [.. options.Teacher.Beside.Select(Guid.Parse)];
        foreach (Guid other in others)
            await ModelNameAsync("teacher.others", other);
        Guid? firstModelId = CheckpointInit.ModelOf(options);
        if (firstModelId is Guid first)
            await ModelNameAsync("student.modelId", first);
        string name = options.Name.Trim();
        if (name == "")
            name = teacherName is null ? $"Training on {datasetName}"
                : $"{teacherName}{(others.Length == 0 ? "" : $" and {others.Length} more")}, distilled on {datasetName}";
        return new Run
        {
            Id = Guid.CreateVersion7(),
            Name = name,
            Kind = teacherId is null ? RunKind.Training : RunKind.Distillation,
            Status = RunStatus.Queued,
            // The ids in one notation: whoever asks which runs need a model finds it by its text.
            OptionsJson = JsonSerializer.Serialize(
                options with { Name = name, Teacher = options.Teacher with { Others = [.. others.Select(other => other.ToString("N"))] } }, WebJson.Options),
            TeacherId = teacherId,
            FirstModelId = firstModelId,
            DatasetId = datasetId,
            QueueOrder = queueOrder,
            CreatedAt = DateTime.UtcNow,
        };

        async Task<string?> ModelNameAsync(string field, Guid id)
        {
            // The model of a run has the run's id: one that is still to be trained is not there yet.
            string? name = await db.Models.Where(model => model.Id == id).Select(model => model.Name).SingleOrDefaultAsync(cancel);
            return name is not null || id == afterRunId ? name : throw Gone(field, "model", id);
        }
    }

    private static OptionsInvalidException Gone(string field, string what, Guid id) =>
        new(field, $"There is no {what} '{id}' any more: it was deleted in this moment. Choose another one.");

    private static async Task<long> BackAsync(WebDistillDb db, CancellationToken cancel) =>
        await db.Runs.MaxAsync(run => (long?)run.QueueOrder, cancel) ?? 0;

    /// <summary>The queue number that stands before all that wait.</summary>
    public static long Front(WebDistillDb db) =>
        (db.Runs.Where(run => run.Status == RunStatus.Queued).Min(run => (long?)run.QueueOrder) ?? 1) - 1;

    /// <summary>Moves a waiting run to another place.</summary>
    /// <param name="position">From 1, the next one to start.</param>
    /// <exception cref="NotFoundException">There is no such run.</exception>
    /// <exception cref="ConflictException">It does not wait any more.</exception>
    /// <exception cref="OptionsInvalidException">There is no such place.</exception>
    public async Task MoveAsync(Guid id, int position, CancellationToken cancel = default)
    {
        await writer.WriteAsync(async db =>
        {
            Run run = await db.Runs.FindAsync([id], cancel) ?? throw NotFoundException.Of("run", id);
            if (run.Status != RunStatus.Queued)
                throw new ConflictException($"The run '{run.Name}' is {run.Status}: only one that waits has a place in the queue.");
            List<Run> queued =
                await db.Runs.Where(r => r.Status == RunStatus.Queued).OrderBy(r => r.QueueOrder).ThenBy(r => r.Id).ToListAsync(cancel);
            if (position < 1 || position > queued.Count)
                throw new OptionsInvalidException("position", $"The position is {position}, expected 1 to {queued.Count}.");
            // The same numbers, given out anew: no run that is not in the queue is touched.
            long[] numbers = [.. queued.Select(r => r.QueueOrder)];
            queued.Remove(run);
            queued.Insert(position - 1, run);
            foreach ((Run moved, long number) in queued.Zip(numbers))
                moved.QueueOrder = number;
            await db.SaveChangesAsync(cancel);
        }, cancel);
        announcements.Announce(id);
        Wake();
    }

    /// <summary>Makes <see cref="ChangedAsync"/> return: something may be able to start now.</summary>
    public void Wake() => _changed.Writer.TryWrite(true);

    /// <summary>Waits until something may be able to start.</summary>
    public async Task ChangedAsync(CancellationToken cancel) => await _changed.Reader.ReadAsync(cancel);

    /// <summary>The first run that can start; null when there is none. Those that never will are failed with the reason.</summary>
    public async Task<Run?> NextAsync(CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        // Only what decides: a queue may be long, and a data set's row is wide.
        List<Waiting> queued = await (
            from run in db.Runs
            where run.Status == RunStatus.Queued
            join other in db.Runs on run.AfterRunId equals other.Id into others
            from before in others.DefaultIfEmpty()
            join needed in db.Datasets on run.DatasetId equals needed.Id into neededs
            from dataset in neededs.DefaultIfEmpty()
            orderby run.QueueOrder, run.Id
            select new Waiting(
                run.Id, run.AfterRunId != null,
                before == null ? null : new Before(before.Name, before.Status, before.Error),
                dataset == null ? null : new Needed(dataset.Name, dataset.State, dataset.Error))).ToListAsync(cancel);
        foreach (Waiting waiting in queued)
        {
            if (Never(waiting) is string never)
            {
                try
                {
                    await lifecycle.MoveAsync(waiting.Id, _ => RunStatus.Failed, error: never, cancel: cancel);
                }
                catch (Exception e) when (e is ConflictException or NotFoundException)
                {
                    // Stopped or deleted in the same moment: that is its end as well.
                }
            }
            else if (waiting.Before is null or { Status: RunStatus.Completed } && waiting.Dataset!.State == DatasetState.Ready
                // Null when it was stopped or deleted in the same moment: then a later one's turn has come.
                && await db.Runs.AsNoTracking().SingleOrDefaultAsync(run => run.Id == waiting.Id && run.Status == RunStatus.Queued, cancel) is Run next)
            {
                return next;
            }
        }
        return null;
    }

    private static string? Never(Waiting run) => run switch
    {
        { Follows: true, Before: null } => "The run that it waited for was deleted.",
        { Before: { Status: RunStatus.Failed or RunStatus.Stopped } before } =>
            $"The run '{before.Name}' that it waited for did not complete: {before.Status}. {before.Error}".TrimEnd(),
        { Dataset: null } => "Its data set was deleted.",
        { Dataset: { State: DatasetState.Failed or DatasetState.Cancelled } dataset } =>
            $"Its data set '{dataset.Name}' could not be prepared: {dataset.Error}",
        _ => null,
    };

    /// <summary>A run of the queue with what decides whether it can start.</summary>
    /// <param name="Follows">Whether it waits for another run, which may have been deleted.</param>
    private sealed record Waiting(Guid Id, bool Follows, Before? Before, Needed? Dataset);

    private sealed record Before(string Name, RunStatus Status, string? Error);

    private sealed record Needed(string Name, DatasetState State, string? Error);
}
