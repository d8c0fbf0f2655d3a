using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Models;

/// <summary>Models: Hugging Face folders in and out.</summary>
public sealed partial class ModelService(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder, ModelCache cache, ModelFolders folders,
    StorageHealth storage, TrashFolder trash, HostSettings settings)
{
    // Read by nobody here, and part of most published folders: left out without complaint.
    private static readonly HashSet<string> _ignored =
    [
        "generation_config.json", "tokenizer.json", "added_tokens.json", "README.md", ".gitattributes", "LICENSE", CompressionRecord.FileName,
    ];

    /// <summary>Models, newest first: the newest ones, or those that follow another one.</summary>
    /// <inheritdoc cref="Lists.AfterAsync"/>
    public async Task<IReadOnlyList<Model>> ListAsync(
        Guid? after = null, int limit = Lists.DefaultLimit, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Models.AsNoTracking().AfterAsync(after, limit, "model", cancel);
    }

    /// <summary>A piece of the table of models.</summary>
    /// <param name="filter">Words; each stands in the name of a model that matches, or begins the hash of its weights.</param>
    /// <param name="withTokenizer">Leaves out models that cannot be used with text.</param>
    /// <param name="tokenizerSha256">Leaves out those of another tokenizer.</param>
    /// <param name="continuing">Leaves out those that cannot continue a text.</param>
    /// <param name="heads">Leaves out those with another head; null leaves out none.</param>
    /// <param name="withSweeps">Whether models that the runs of sweeps made are among them: there may be hundreds that nobody will name.</param>
    /// <param name="descending">Whether the greatest, or the newest, comes first.</param>
    public async Task<Slice<Model>> SliceAsync(string filter = "", int first = 0, bool withTokenizer = false, string? tokenizerSha256 = null,
        bool continuing = false, IReadOnlyCollection<ModelHead>? heads = null, bool withSweeps = true, ModelOrder order = ModelOrder.Added, bool descending = true, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        IQueryable<Model> models = db.Models.AsNoTracking();
        if (heads is not null)
        {
            string[] wanted = [.. heads.Select(head => head.ToString())];
            models = models.Where(model => wanted.Contains(model.Head));
        }
        foreach (string word in Lists.Words(filter))
        {
            string hash = word.ToLowerInvariant();
            models = models.Where(model => model.Name.ToUpper().Contains(word) || model.WeightsSha256.StartsWith(hash));
        }
        if (tokenizerSha256 is not null)
            models = models.Where(model => model.TokenizerSha256 == tokenizerSha256);
        models = models.Where(model => (!withTokenizer || model.TokenizerSha256 != null) && (!continuing || model.Head == nameof(ModelHead.NextToken)))
            .Where(model => withSweeps || !db.Runs.Any(run => run.Id == model.RunId && run.SweepId != null));
        return await (order switch
        {
            ModelOrder.Name => models.OrderedBy(model => model.Name, descending),
            ModelOrder.Layers => models.OrderedBy(model => model.Layers, descending),
            ModelOrder.Parameters => models.OrderedBy(model => model.ParameterCount, descending),
            ModelOrder.Vocabulary => models.OrderedBy(model => model.VocabularySize, descending),
            ModelOrder.Size => models.OrderedBy(model => model.WeightBytes, descending),
            _ => models.ByAge(descending),
        }).SliceAsync(first, cancel);
    }

    /// <summary>The names of those among <paramref name="ids"/> that are models.</summary>
    public async Task<IReadOnlyDictionary<Guid, string>> NamesAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancel = default)
    {
        if (ids.Count == 0)
            return new Dictionary<Guid, string>();
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Models.Where(model => ids.Contains(model.Id)).Select(model => new { model.Id, model.Name })
            .ToDictionaryAsync(model => model.Id, model => model.Name, cancel);
    }

    /// <summary>Those among <paramref name="names"/> that more than one model has.</summary>
    public async Task<IReadOnlySet<string>> RepeatedAsync(IReadOnlyCollection<string> names, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Models.Where(model => names.Contains(model.Name)).GroupBy(model => model.Name).Where(group => group.Count() > 1)
            .Select(group => group.Key).ToHashSetAsync(cancel);
    }

    /// <summary>Of the models that can be used with text, and have that head, the one with the most parameters; null when there is none.</summary>
    public async Task<Model?> LargestAsync(ModelHead head = ModelHead.NextToken, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        string wanted = head.ToString();
        return await db.Models.AsNoTracking().Where(model => model.TokenizerSha256 != null && model.Head == wanted)
            .OrderByDescending(model => model.ParameterCount).ThenByDescending(model => model.CreatedAt).ThenByDescending(model => model.Id)
            .FirstOrDefaultAsync(cancel);
    }

    /// <summary>One model.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    public async Task<Model> GetAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Models.AsNoTracking().SingleOrDefaultAsync(model => model.Id == id, cancel) ?? throw NotFoundException.Of("model", id);
    }

    /// <summary>One model; null when there is none with that id.</summary>
    public async Task<Model?> FindModelAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Models.AsNoTracking().SingleOrDefaultAsync(model => model.Id == id, cancel);
    }

    /// <summary>A model, or a checkpoint as the model that it is; null when there is neither with that id.</summary>
    /// <exception cref="FilesGoneException">It is a checkpoint whose files are gone or damaged; names the file.</exception>
    public async Task<Model?> FindAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Models.AsNoTracking().SingleOrDefaultAsync(model => model.Id == id, cancel) ?? await FindCheckpointAsync(id, cancel);
    }

    /// <summary>A checkpoint of a run as the model that it is, under a name that says which; null when there is none with that
    /// id.</summary>
    /// <exception cref="FilesGoneException">There is, and its files are gone or damaged; names the file.</exception>
    public async Task<Model?> FindCheckpointAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        if (await db.Checkpoints.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, cancel) is not Checkpoint checkpoint)
            return null;
        if (await db.Runs.AsNoTracking().SingleOrDefaultAsync(row => row.Id == checkpoint.RunId, cancel) is not Run run)
            return null;
        string name = string.Create(CultureInfo.InvariantCulture, $"{run.Name}, update {checkpoint.Step}");
        Model model = await Task.Run(() => folders.ReadCheckpoint(run.Id, checkpoint.Step, path =>
            ModelDescription.Create(id, name, ModelFiles.Describe(path, checkpoint.WeightsSha256), run.TokenizerSha256)), cancel);
        (model.Origin, model.RunId, model.CreatedAt) = (ModelOrigin.Run, run.Id, checkpoint.CreatedAt);
        return model;
    }

    /// <summary>
    /// Adds a model out of the files of a Hugging Face folder: config.json, and model.safetensors or its shards with
    /// model.safetensors.index.json; with the files of a tokenizer (<see cref="TokenizerKinds"/>) it can be used with text. Every number of it
    /// is read once before it is accepted, in a stream: a model may be larger than the memory. A refused or interrupted upload leaves nothing.
    /// </summary>
    /// <exception cref="OptionsInvalidException">The name or a file cannot be used; says which and why.</exception>
    public async Task<Model> ImportAsync(string name, IAsyncEnumerable<UploadedFile> files, CancellationToken cancel = default)
    {
        string incoming = await ReceiveAsync(files, cancel);
        return await ImportAsync(name, incoming, cancel);
    }

    /// <summary>
    /// The first half of <see cref="ImportAsync(string, IAsyncEnumerable{UploadedFile}, CancellationToken)"/>: stores the files under
    /// incoming/ and returns that folder.
    /// </summary>
    /// <exception cref="OptionsInvalidException">A file has no place in a model folder, comes twice or is too large.</exception>
    public async Task<string> ReceiveAsync(IAsyncEnumerable<UploadedFile> files, CancellationToken cancel)
    {
        storage.RequireRoom();
        string incoming = folder.CreateIncoming();
        try
        {
            long left = settings.MaxUploadBytes;
            await foreach (UploadedFile file in files.WithCancellation(cancel))
            {
                if (!_ignored.Contains(file.Name))
                    left -= await StoreAsync(incoming, file, left, cancel);
            }
            return incoming;
        }
        catch
        {
            folder.Discard(incoming);
            throw;
        }
    }

    /// <summary>The second half: checks the stored files and makes a model of them. On failure they are removed.</summary>
    /// <exception cref="OptionsInvalidException">The name cannot be used, or the files are not a model of a known family.</exception>
    public async Task<Model> ImportAsync(string name, string incoming, CancellationToken cancel)
    {
        try
        {
            Names.Check("name", name);
            var id = Guid.CreateVersion7();
            Model model = await Task.Run(() => Describe(id, name.Trim(), incoming), cancel);
            // The header, the vocabulary and the buffers of an upload of gigabytes.
            await Task.Run(ProcessMemory.GiveBack, cancel);
            folder.Publish(incoming, folder.Model(id));
            try
            {
                await writer.WriteAsync(async db =>
                {
                    db.Models.Add(model);
                    await db.SaveChangesAsync(cancel);
                }, cancel);
            }
            catch
            {
                folder.Delete(folder.Model(id));
                throw;
            }
            return model;
        }
        catch
        {
            folder.Discard(incoming);
            throw;
        }
    }

    /// <summary>Gives a model another name; what was measured of it is found under that one from then on.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="OptionsInvalidException">The name is blank, too long or not printable.</exception>
    public async Task RenameAsync(Guid id, string name, CancellationToken cancel = default)
    {
        Names.Check("name", name);
        string given = name.Trim();
        await writer.WriteAsync(async db =>
        {
            Model model = await db.Models.SingleOrDefaultAsync(m => m.Id == id, cancel) ?? throw NotFoundException.Of("model", id);
            model.Name = given;
            await using IDbContextTransaction all = await db.Database.BeginTransactionAsync(cancel);
            await db.Evaluations.Where(e => e.ModelId == id).ExecuteUpdateAsync(set => set.SetProperty(e => e.ModelName, given), cancel);
            await db.Evaluations.Where(e => e.ReferenceModelId == id).ExecuteUpdateAsync(set => set.SetProperty(e => e.ReferenceName, given), cancel);
            await db.SaveChangesAsync(cancel);
            await all.CommitAsync(cancel);
        }, cancel);
    }

    /// <summary>Removes a model with its files.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">A queued or running run, the preparation of a data set, or a generation uses it.</exception>
    public Task DeleteAsync(Guid id, CancellationToken cancel = default) => storage.DeleteAsync(() => RemoveAsync(id, cancel), folder.Model(id));

    /// <summary>The same into the trash.</summary>
    /// <returns>Its name there, to take it back; null where the disk is full, and it is gone for good.</returns>
    /// <inheritdoc cref="DeleteAsync"/>
    public Task<string?> DeleteToTrashAsync(Guid id, CancellationToken cancel = default) =>
        storage.DeleteToTrashAsync(async () => await RemoveAsync(id, cancel), StoredKind.Model, id, trash);

    /// <summary>Takes back a model that <see cref="DeleteToTrashAsync"/> put into the trash under that name.</summary>
    /// <exception cref="NotFoundException">It is not there any more.</exception>
    public Task UndoDeleteAsync(string inTrash) => trash.TakeBackAsync(inTrash);

    private async Task<Model> RemoveAsync(Guid id, CancellationToken cancel) => await writer.WriteAsync(async db =>
    {
        Model model = await db.Models.SingleOrDefaultAsync(m => m.Id == id, cancel) ?? throw NotFoundException.Of("model", id);
        // Of several teachers only the first one has a column.
        string named = id.ToString("N");
        List<Run> mayUse = await db.Runs.Where(run => Run.StatusesThatNeedFiles.Contains(run.Status)
            && (run.TeacherId == id || run.FirstModelId == id || run.OptionsJson.Contains(named))).ToListAsync(cancel);
        Run? user = mayUse.FirstOrDefault(run => run.TeacherId == id || run.FirstModelId == id || StoredOptions.Of(run).Teacher.Others.Contains(named));
        if (user is not null)
            throw new ConflictException($"The run '{user.Name}' uses the model '{model.Name}' ({user.Status}). Stop it first.");
        Dataset? dataset = await db.Datasets.FirstOrDefaultAsync(d => d.TokenizerModelId == id && d.State == DatasetState.Preparing,
            cancel);
        if (dataset is not null)
            throw new ConflictException($"The data set '{dataset.Name}' is being prepared with the tokenizer of the model "
                + $"'{model.Name}'. Wait until it is ready.");
        if (!cache.TryRemove(id))
            throw new ConflictException($"The model '{model.Name}' is generating text, being evaluated or made into another. Wait until that has finished, or "
                + "stop it.");
        db.Models.Remove(model);
        foreach (Run maker in await db.Runs.Where(run => run.StudentModelId == id).ToListAsync(cancel))
            maker.StudentModelId = null;
        await db.SaveChangesAsync(cancel);
        return model;
    }, cancel);

    private async Task<long> StoreAsync(string incoming, UploadedFile file, long bytesLeft, CancellationToken cancel)
    {
        if (!ModelFileName().IsMatch(file.Name) && !TokenizerKinds.All.Any(kind => kind.AllFiles.Contains(file.Name)))
        {
            throw new OptionsInvalidException("files", $"The file '{ForeignText.Quote(file.Name)}' has no place in a model folder. Upload config.json, "
                + "model.safetensors (or model-00001-of-0000N.safetensors with model.safetensors.index.json), and the files of its tokenizer: "
                + $"{TokenizerKinds.FilesInWords}.");
        }
        string path = Path.Combine(incoming, file.Name);
        if (File.Exists(path))
            throw new OptionsInvalidException("files", $"The file '{file.Name}' was uploaded twice.");
        return (await Upload.StoreAsync(file.Content, path, folder.Files, bytesLeft, "files", cancel)).Bytes;
    }

    private Model Describe(Guid id, string name, string incoming)
    {
        try
        {
            Model model = ModelDescription.Read(id, name, incoming);
            // Part of most published folders, and read by nobody here.
            foreach (string file in TokenizerKinds.Unread(incoming))
                folder.Files.DeleteFile(Path.Combine(incoming, file));
            return model;
        }
        catch (InvalidDataException problem)
        {
            throw new OptionsInvalidException("files", problem.Message);
        }
    }

    [GeneratedRegex(@"^(config\.json|model\.safetensors|model\.safetensors\.index\.json|model-\d{5}-of-\d{5}\.safetensors)\z")]
    private static partial Regex ModelFileName();
}

/// <summary>What the table of models is ordered by.</summary>
public enum ModelOrder { Added, Name, Layers, Parameters, Vocabulary, Size }
