using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Failures;

namespace WebDistill.Web.Jobs;

/// <summary>What everything asks that works on a run by its id.</summary>
internal static class RunRows
{
    /// <summary>Throws unless there is a run with that id.</summary>
    /// <exception cref="NotFoundException">There is none.</exception>
    public static async Task RequireRunAsync(this WebDistillDb db, Guid runId, CancellationToken cancel)
    {
        if (!await db.Runs.AnyAsync(run => run.Id == runId, cancel))
            throw NotFoundException.Of("run", runId);
    }
}
