using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Library;

/// <summary>Where the Hugging Face folders of everything stand that can answer a prompt: models, and checkpoints of runs.</summary>
public sealed class ModelFolders(IDbContextFactory<WebDistillDb> contexts, DataFolder folder)
{
    /// <summary>The folder of a model or of a checkpoint; null when there is none with that id.</summary>
    public string? Find(Guid id)
    {
        using WebDistillDb db = contexts.CreateDbContext();
        if (db.Models.Any(model => model.Id == id))
            return folder.Model(id);
        return db.Checkpoints.AsNoTracking().SingleOrDefault(row => row.Id == id) is Checkpoint checkpoint
            ? folder.CheckpointsOf(checkpoint.RunId).Folder(checkpoint.Step)
            : null;
    }

    /// <summary>Throws unless there is a model or a checkpoint with that id.</summary>
    /// <exception cref="NotFoundException">There is none.</exception>
    public void Require(Guid id)
    {
        if (Find(id) is null)
            throw new NotFoundException($"There is no model {id}; it may have been deleted.");
    }
}
