using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Web.Failures;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Models;

/// <summary>Where the Hugging Face folders of everything stand that can answer a prompt: models, and checkpoints of runs.</summary>
public sealed class ModelFolders(IDbContextFactory<WebDistillDb> contexts, DataFolder folder)
{
    /// <summary>The folder of a model or of a checkpoint, with its weights in it.</summary>
    /// <exception cref="NotFoundException">There is neither with that id.</exception>
    /// <exception cref="FilesGoneException">There is, and its files are gone.</exception>
    public string Require(Guid id) => Read(id, path => path);

    /// <summary>What <paramref name="read"/> reads of the folder of a model or of a checkpoint.</summary>
    /// <exception cref="NotFoundException">There is neither with that id.</exception>
    /// <exception cref="FilesGoneException">There is, and its files are gone or damaged.</exception>
    public T Read<T>(Guid id, Func<string, T> read)
    {
        using WebDistillDb db = contexts.CreateDbContext();
        if (db.Models.Where(model => model.Id == id).Select(model => model.Name).SingleOrDefault() is string name)
            return StoredFiles.Read($"the model '{name}'", "Delete the model, and import it again or distil it anew.",
                () => read(WithFiles(folder.Model(id))));
        if (db.Checkpoints.AsNoTracking().SingleOrDefault(row => row.Id == id) is Checkpoint checkpoint)
            return ReadCheckpoint(checkpoint.RunId, checkpoint.Step, read);
        throw NotFoundException.Of("model", id);
    }

    /// <summary>Refuses a model or a checkpoint that cannot continue a text.</summary>
    /// <param name="field">The field that names it.</param>
    /// <exception cref="OptionsInvalidException">It cannot; says what it does instead, and what was expected.</exception>
    /// <inheritdoc cref="Require"/>
    public void RequireContinuing(string field, Guid id)
    {
        Architecture architecture = Read(id, path => Architecture.Load(Path.Combine(path, ModelFiles.ConfigFileName)));
        using WebDistillDb db = contexts.CreateDbContext();
        string subject = db.Models.Where(model => model.Id == id).Select(model => model.Name).SingleOrDefault() is string name ? $"'{name}'" : "The checkpoint";
        if (ModelHeads.ProblemOfContinuing(subject, architecture.Family, architecture.Head) is string problem)
            throw new OptionsInvalidException(field, problem);
    }

    /// <summary>What <paramref name="read"/> reads of the folder of a checkpoint that the database lists.</summary>
    /// <exception cref="FilesGoneException">Its files are gone or damaged.</exception>
    public T ReadCheckpoint<T>(Guid runId, int step, Func<string, T> read) => StoredFiles.Read(
        $"the checkpoint of update {step}", "Choose another checkpoint, or delete this one.", () => read(WithFiles(folder.CheckpointsOf(runId).Folder(step))));

    private static string WithFiles(string path)
    {
        string config = Path.Combine(path, ModelFiles.ConfigFileName);
        return File.Exists(config) ? path : throw new FileNotFoundException(null, config);
    }
}
