using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;
using WebDistill.Web.Jobs;
using WebDistill.Web.Live;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Runs;

/// <summary>What people write about runs. A new note is told as an event; a change or a deletion of one is not.</summary>
public sealed class RunNotes(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, RunAnnouncements announcements, RunEvents events, TimeProvider time)
{
    /// <summary>Longest note, characters.</summary>
    public const int MaxCharacters = 10_000;

    /// <summary>The notes of a run, the oldest first, after the note <paramref name="after"/>.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    public async Task<IReadOnlyList<RunNote>> ListAsync(Guid runId, long after = 0, int limit = Lists.MostLimit, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        await db.RequireRunAsync(runId, cancel);
        return await db.RunNotes.AsNoTracking().Where(note => note.RunId == runId && note.Id > after).OrderBy(note => note.Id).Take(limit).ToListAsync(cancel);
    }

    /// <summary>Writes a note about a run.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    /// <exception cref="OptionsInvalidException">The text is blank, too long, or no text.</exception>
    public async Task<RunNote> AddAsync(Guid runId, string text, CancellationToken cancel = default)
    {
        var note = new RunNote { RunId = runId, At = time.GetUtcNow().UtcDateTime, Text = Checked(text) };
        Run run = await writer.WriteAsync(async db =>
        {
            Run found = await db.Runs.AsNoTracking().SingleOrDefaultAsync(run => run.Id == runId, cancel) ?? throw NotFoundException.Of("run", runId);
            db.RunNotes.Add(note);
            await db.SaveChangesAsync(cancel);
            return found;
        }, cancel);
        announcements.Announce(runId);
        events.Publish(new RunEvent(run, run.Status, Note: note));
        return note;
    }

    /// <summary>Gives a note another text.</summary>
    /// <exception cref="NotFoundException">The run has no such note.</exception>
    /// <exception cref="OptionsInvalidException">The text is blank, too long, or no text.</exception>
    public Task<RunNote> ChangeAsync(Guid runId, long id, string text, CancellationToken cancel = default)
    {
        string wanted = Checked(text);
        return ChangeAsync(runId, id, (_, note) =>
        {
            if (note.Text != wanted)
                (note.Text, note.EditedAt) = (wanted, time.GetUtcNow().UtcDateTime);
        }, cancel);
    }

    /// <summary>Removes a note.</summary>
    /// <returns>The note, with which <see cref="RestoreAsync"/> brings it back.</returns>
    /// <exception cref="NotFoundException">The run has no such note.</exception>
    public Task<RunNote> DeleteAsync(Guid runId, long id, CancellationToken cancel = default) =>
        ChangeAsync(runId, id, (db, note) => db.RunNotes.Remove(note), cancel);

    /// <summary>Brings a note back as it was; nothing is told of it.</summary>
    /// <exception cref="NotFoundException">Its run was deleted meanwhile.</exception>
    public async Task RestoreAsync(RunNote note, CancellationToken cancel = default)
    {
        await writer.WriteAsync(async db =>
        {
            await db.RequireRunAsync(note.RunId, cancel);
            RunNote? there = await db.RunNotes.FindAsync([note.Id], cancel);
            if (there is null)
                db.RunNotes.Add(note);
            else
                (there.Text, there.EditedAt) = (note.Text, note.EditedAt);
            await db.SaveChangesAsync(cancel);
        }, cancel);
        announcements.Announce(note.RunId);
    }

    private async Task<RunNote> ChangeAsync(Guid runId, long id, Action<WebDistillDb, RunNote> change, CancellationToken cancel)
    {
        RunNote changed = await writer.WriteAsync(async db =>
        {
            RunNote note = await db.RunNotes.SingleOrDefaultAsync(one => one.RunId == runId && one.Id == id, cancel)
                ?? throw new NotFoundException($"The run {runId} has no note {id}; it may have been deleted.");
            change(db, note);
            await db.SaveChangesAsync(cancel);
            return note;
        }, cancel);
        announcements.Announce(runId);
        return changed;
    }

    // Lines as every system reads them, without blanks around the whole.
    private static string Checked(string? given)
    {
        string text = (given ?? "").ReplaceLineEndings("\n").Trim();
        string? problem = text.Length == 0 ? "The note is blank. Write something."
            : text.Length > MaxCharacters ? $"The note has {text.Length} characters, expected at most {MaxCharacters}. Shorten it."
            : ForeignText.FirstUnprintable(text.Replace('\n', ' ').Replace('\t', ' ')) is int place
                ? $"The note has the character U+{(int)text[place]:X4} at place {place + 1}, expected lines of visible characters. Leave it out." : null;
        return problem is null ? text : throw new OptionsInvalidException("text", problem);
    }
}
