using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Compare;

/// <summary>
/// The run that says whether a distillation was worth it: the same student with the same beginning, text, order, updates and seed, which learns
/// from the text alone.
/// </summary>
public sealed class Baselines(IDbContextFactory<WebDistillDb> contexts, RunService runs)
{
    // Runs that are looked through for a baseline: an older one is trained anew.
    private const int MostSearched = 200;

    /// <summary>Whether nothing of a teacher is in what is minimised.</summary>
    public static bool IsTextAlone(RunOptions options) =>
        LossCatalogue.Active(options, options.Teacher.ModelId is not null).All(loss => !loss.NeedsTeacher);

    /// <summary>The options of the baseline of a distillation. The teacher stays: the student may begin with layers of it.</summary>
    public static RunOptions Of(Run run)
    {
        RunOptions options = StoredOptions.Of(run);
        ModelHead task = run.Task();
        return options with
        {
            Name = $"{Figures.Cut(options.Name, 160)}: {(task == ModelHead.Classes ? "labels" : "text")} alone",
            Teacher = new() { ModelId = options.Teacher.ModelId },
            Objective = new Dictionary<string, ObjectiveTerm> { [LossCatalogue.All.OfType<RowLoss>().First(loss => loss.Predicts == task).Name] = new(1) },
        };
    }

    /// <summary>
    /// What is trained as one text: equal for options under which the same is trained. A term that is switched off has no part in it, nor have when
    /// something is saved and, where the text is all that is learned, the weight of that.
    /// </summary>
    public static string Key(RunOptions options)
    {
        bool isTextAlone = IsTextAlone(options);
        HashSet<string> learned = [.. LossCatalogue.Active(options, options.Teacher.ModelId is not null).Where(_ => !isTextAlone).SelectMany(loss => loss.Fields).Select(field => field.Path)];
        return string.Join('\n', LossCatalogue.RunSchema.Settings
            .Where(field => !field.Path.StartsWith("checkpoints.", StringComparison.Ordinal)
                && (!field.Path.StartsWith("objective.", StringComparison.Ordinal) || learned.Contains(field.Path)))
            .Select(field => $"{field.Path}={field.Value(options)}"));
    }

    /// <summary>The baselines of some distillations that there are already, whether they are complete or will be; failed and stopped ones do not count.</summary>
    public async Task<IReadOnlyDictionary<string, Run>> FindAsync(IReadOnlyCollection<Run> distillations, CancellationToken cancel = default)
    {
        Guid[] texts = [.. distillations.Select(run => run.DatasetId).OfType<Guid>().Distinct()];
        Guid?[] teachers = [.. distillations.Select(run => run.TeacherId).Distinct()];
        HashSet<string> wanted = [.. distillations.Select(run => Key(Of(run)))];
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Dictionary<string, Run> found = [];
        await foreach (Run run in db.Runs.AsNoTracking()
            .Where(run => run.DatasetId != null && texts.Contains(run.DatasetId.Value) && teachers.Contains(run.TeacherId)
                && run.Status != RunStatus.Failed && run.Status != RunStatus.Stopped)
            .OrderByDescending(run => run.QueueOrder).Take(MostSearched).AsAsyncEnumerable().WithCancellation(cancel))
        {
            string key = Key(StoredOptions.Of(run));
            // A complete one rather than one that will be.
            if (wanted.Contains(key) && (!found.TryGetValue(key, out Run? there) || there.Status != RunStatus.Completed && run.Status == RunStatus.Completed))
                found[key] = run;
        }
        return found;
    }

    /// <summary>Makes sure that each of some distillations has its baseline: those that are missing are queued.</summary>
    /// <returns>The baselines, one for each set of options, and how many of them are new.</returns>
    /// <exception cref="OptionsInvalidException">One cannot be made, as when the teacher or the text was deleted; says why.</exception>
    public async Task<(IReadOnlyList<Run> Baselines, int Queued)> CompleteAsync(IReadOnlyList<Run> distillations, CancellationToken cancel = default)
    {
        IReadOnlyDictionary<string, Run> known = await FindAsync(distillations, cancel);
        List<Run> baselines = [];
        int queued = 0;
        foreach (RunOptions options in distillations.Select(Of).DistinctBy(Key))
        {
            if (known.TryGetValue(Key(options), out Run? there))
            {
                baselines.Add(there);
                continue;
            }
            baselines.Add(await runs.CreateAsync(options, cancel));
            queued++;
        }
        return (baselines, queued);
    }
}
