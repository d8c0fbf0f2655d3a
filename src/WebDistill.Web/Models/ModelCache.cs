using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;
using WebDistill.Web.Hosting;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Models;

/// <summary>
/// Models that are loaded for generation. A few stay in memory after use, the least recently used leave first, and after some idle minutes
/// all do; one that is in use never does.
/// </summary>
public sealed class ModelCache : IDisposable
{
    private readonly ModelFolders _folders;
    private readonly HostSettings _settings;
    private readonly Func<Machine> _machine;
    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, Entry> _entries = [];
    private readonly Timer _idleTimer;
    private long _loadingBytes;

    /// <summary>Frees idle models from time to time.</summary>
    /// <param name="machine">Reads the machine as it is now.</param>
    public ModelCache(ModelFolders folders, HostSettings settings, Func<Machine> machine)
    {
        _folders = folders;
        _settings = settings;
        _machine = machine;
        _idleTimer = new Timer(_ => Trim(), null, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1));
    }

    /// <summary>Lends a model out, loading it on the calling thread if need be; dispose the lease to give it back.</summary>
    /// <param name="id">A model's or a checkpoint's.</param>
    /// <param name="keep">Whether somebody may soon want it again: otherwise <see cref="FreeUnkept"/> frees it as well.</param>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="FilesGoneException">Its files are gone or damaged.</exception>
    /// <exception cref="ConflictException">There is not enough memory for it at this moment.</exception>
    public ModelLease Acquire(Guid id, bool keep = true)
    {
        Entry entry;
        lock (_lock)
        {
            if (!_entries.TryGetValue(id, out entry!))
                _entries.Add(id, entry = new Entry(new Lazy<LoadedModel>(() => Load(id))));
            entry.Leases++;
            entry.Keep |= keep;
        }
        try
        {
            LoadedModel loaded = entry.Loaded.Value;
            return new ModelLease(loaded.Model, loaded.Tokenizer, loaded.WeightsSha256, () => Release(entry));
        }
        catch
        {
            // A failed load is not remembered: the next one tries again.
            lock (_lock)
            {
                entry.Leases--;
                if (_entries.GetValueOrDefault(id) == entry)
                    _entries.Remove(id);
            }
            throw;
        }
    }

    /// <summary>Frees every model that is not lent out: somebody needs the memory more.</summary>
    public void FreeUnused() => Free(_ => true);

    /// <summary>Frees every model that is not lent out and that nobody asked to be kept.</summary>
    public void FreeUnkept() => Free(entry => !entry.Keep);

    private void Free(Func<Entry, bool> isWanted)
    {
        bool any = false;
        lock (_lock)
        {
            foreach ((Guid id, Entry entry) in _entries.Where(pair => pair.Value.Leases == 0 && isWanted(pair.Value)).ToArray())
            {
                Remove(id, entry);
                any = true;
            }
        }
        if (any)
            ProcessMemory.GiveBack();
    }

    /// <summary>Frees a model that is not lent out; false when it is.</summary>
    public bool TryRemove(Guid id)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(id, out Entry? entry))
                return true;
            if (entry.Leases > 0)
                return false;
            Remove(id, entry);
            return true;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _idleTimer.Dispose();
        lock (_lock)
        {
            foreach ((Guid id, Entry entry) in _entries.Where(pair => pair.Value.Leases == 0).ToArray())
                Remove(id, entry);
        }
    }

    private LoadedModel Load(Guid id) => _folders.Read(id, Load);

    private LoadedModel Load(string path)
    {
        var config = Architecture.Load(Path.Combine(path, ModelFiles.ConfigFileName));
        long needed = Reserve(config);
        try
        {
            // Hashed as it is loaded, not looked up: the playground shows which weights really answer.
            string sha256 = ModelFiles.Inspect(path).WeightsSha256;
            TextTokenizer? tokenizer = TokenizerKinds.Find(path)?.Load(path);
            TextModel model = ModelFiles.Load(path);
            // For good: several readers may share it, and none must find dropout switched on by another.
            model.eval();
            return new LoadedModel(model, tokenizer, sha256);
        }
        finally
        {
            lock (_lock)
                _loadingBytes -= needed;
        }
    }

    /// <summary>Makes sure that there is memory for a model besides those that are being loaded, freeing unused ones if need be.</summary>
    private long Reserve(Architecture config)
    {
        string? Problem()
        {
            lock (_lock)
            {
                Machine now = _machine();
                now = now.Gpu is GpuMemory gpu
                    ? now with { Gpu = gpu with { FreeBytes = gpu.FreeBytes - _loadingBytes } }
                    : now with { FreeMemoryBytes = now.FreeMemoryBytes - _loadingBytes };
                if (RunFit.ProblemOfLoading(config, now) is string problem)
                    return problem;
                _loadingBytes += RunMemory.ToAnswer(config);
                return null;
            }
        }

        if (Problem() is not null)
        {
            FreeUnused();
            if (Problem() is string problem)
                throw new ConflictException($"There is not enough memory for this model: {problem}");
        }
        return RunMemory.ToAnswer(config);
    }

    private void Release(Entry entry)
    {
        lock (_lock)
        {
            entry.Leases--;
            entry.UsedAt = Environment.TickCount64;
        }
        Trim();
    }

    private void Trim()
    {
        bool any = false;
        long idleSince = Environment.TickCount64 - (long)TimeSpan.FromMinutes(_settings.IdleModelMinutes).TotalMilliseconds;
        lock (_lock)
        {
            var unused = _entries.Where(pair => pair.Value.Leases == 0).OrderBy(pair => pair.Value.UsedAt).ToArray();
            int surplus = _entries.Count - _settings.LoadedModels;
            foreach ((Guid id, Entry entry) in unused)
            {
                if (surplus-- > 0 || entry.UsedAt < idleSince)
                {
                    Remove(id, entry);
                    any = true;
                }
            }
        }
        if (any)
            ProcessMemory.GiveBack();
    }

    private void Remove(Guid id, Entry entry)
    {
        _entries.Remove(id);
        entry.Loaded.Value.Model.Dispose();
    }

    private sealed class Entry(Lazy<LoadedModel> loaded)
    {
        public Lazy<LoadedModel> Loaded => loaded;
        public int Leases { get; set; }
        public bool Keep { get; set; }
        public long UsedAt { get; set; }
    }

    private sealed record LoadedModel(TextModel Model, TextTokenizer? Tokenizer, string WeightsSha256);
}

/// <summary>A loaded model on loan.</summary>
/// <param name="model">The model.</param>
/// <param name="tokenizer">Its tokenizer; null when it came without one.</param>
/// <param name="weightsSha256">Hash of the weights that were loaded.</param>
/// <param name="release">Gives it back.</param>
public sealed class ModelLease(TextModel model, TextTokenizer? tokenizer, string weightsSha256, Action release) : IDisposable
{
    private Action? _release = release;

    /// <summary>The model.</summary>
    public TextModel Model => model;

    /// <summary>Its tokenizer; null when it came without one.</summary>
    public TextTokenizer? Tokenizer => tokenizer;

    /// <summary>Hash of the weights that were loaded.</summary>
    public string WeightsSha256 => weightsSha256;

    /// <summary>A text as the model reads it; the empty one is the token that begins a document, which is GPT-2's end-of-text token.</summary>
    /// <exception cref="ArgumentException">It came without a tokenizer.</exception>
    public IReadOnlyList<int> Encode(string text)
    {
        if (tokenizer is null)
            throw new ArgumentException($"This model came without the files of a tokenizer ({TokenizerKinds.FilesInWords}): it cannot read text. Give token ids (promptIds) instead.");
        return text == "" ? [tokenizer.Vocabulary.Roles.BeginOfText] : tokenizer.Tokenizer.EncodeToIds(text);
    }

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
