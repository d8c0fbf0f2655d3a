using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Datasets;

/// <summary>The data sets that a page shows or offers, out of however many there are: chosen, ordered and cut by the database.</summary>
public sealed class DatasetTable(IDbContextFactory<WebDistillDb> contexts)
{
    /// <summary>A piece of the table of data sets.</summary>
    /// <param name="filter">Words; each stands in the name or in the state of a data set that matches.</param>
    /// <param name="readyOnly">Leaves out those that no run can use.</param>
    /// <param name="tokenizerSha256">Leaves out those of another tokenizer.</param>
    /// <param name="descending">Whether the greatest, or the newest, comes first.</param>
    public async Task<Slice<Dataset>> ReadAsync(string filter = "", int first = 0, bool readyOnly = false, string? tokenizerSha256 = null,
        DatasetOrder order = DatasetOrder.Added, bool descending = true, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        IQueryable<Dataset> datasets = db.Datasets.AsNoTracking();
        foreach (string word in Lists.Words(filter))
        {
            DatasetState[] meant = [.. Enum.GetValues<DatasetState>()
                .Where(state => state.ToString().Contains(word, StringComparison.OrdinalIgnoreCase))];
            datasets = datasets.Where(dataset => dataset.Name.ToUpper().Contains(word) || meant.Contains(dataset.State));
        }
        datasets = datasets.Where(dataset => (!readyOnly || dataset.State == DatasetState.Ready)
            && (tokenizerSha256 == null || dataset.TokenizerSha256 == tokenizerSha256));
        return await (order switch
        {
            DatasetOrder.Name => datasets.OrderedBy(dataset => dataset.Name, descending),
            DatasetOrder.State => datasets.OrderedBy(dataset => dataset.State, descending),
            DatasetOrder.Size => datasets.OrderedBy(dataset => dataset.Bytes, descending),
            DatasetOrder.Documents => datasets.OrderedBy(dataset => dataset.Documents, descending),
            DatasetOrder.Tokens => datasets.OrderedBy(dataset => dataset.Tokens, descending),
            DatasetOrder.Vocabulary => datasets.OrderedBy(dataset => dataset.VocabularySize, descending),
            _ => datasets.ByAge(descending),
        }).SliceAsync(first, cancel);
    }

    /// <summary>How many could not be prepared: failed, or cancelled.</summary>
    public async Task<int> FailedAsync(CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Datasets.CountAsync(dataset => dataset.State == DatasetState.Failed || dataset.State == DatasetState.Cancelled, cancel);
    }

    /// <summary>One data set; null when there is none with that id.</summary>
    public async Task<Dataset?> FindAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Datasets.AsNoTracking().SingleOrDefaultAsync(dataset => dataset.Id == id, cancel);
    }

    /// <summary>
    /// The newest one that is ready and was cut by a tokenizer, by any where it is null; of a certain text where there is one of it. Null
    /// when there is none.
    /// </summary>
    /// <param name="ofClasses">Whether it holds labelled examples; otherwise it is a text.</param>
    public async Task<Dataset?> NewestReadyAsync(string? tokenizerSha256, string? sha256 = null, bool ofClasses = false, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Datasets.AsNoTracking()
            .Where(dataset => dataset.State == DatasetState.Ready && dataset.LabelledJson != null == ofClasses && (tokenizerSha256 == null || dataset.TokenizerSha256 == tokenizerSha256))
            .OrderByDescending(dataset => sha256 != null && dataset.Sha256 == sha256).ThenByDescending(dataset => dataset.CreatedAt)
            .ThenByDescending(dataset => dataset.Id).FirstOrDefaultAsync(cancel);
    }

    /// <summary>The names of those among <paramref name="ids"/> that are data sets.</summary>
    public async Task<IReadOnlyDictionary<Guid, string>> NamesAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancel = default)
    {
        if (ids.Count == 0)
            return new Dictionary<Guid, string>();
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Datasets.Where(dataset => ids.Contains(dataset.Id)).Select(dataset => new { dataset.Id, dataset.Name })
            .ToDictionaryAsync(dataset => dataset.Id, dataset => dataset.Name, cancel);
    }
}

/// <summary>What the table of data sets is ordered by.</summary>
public enum DatasetOrder { Added, Name, State, Size, Documents, Tokens, Vocabulary }
