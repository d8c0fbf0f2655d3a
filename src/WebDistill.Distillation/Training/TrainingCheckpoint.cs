using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Transforms.Learned;

namespace WebDistill.Distillation.Training;

/// <summary>The file of a checkpoint that lists the others.</summary>
/// <param name="Step">Updates done.</param>
/// <param name="SavedAt">When, UTC.</param>
/// <param name="ValidationPerplexity">Perplexity of these very weights on the held-out split; null when it was not measured.</param>
/// <param name="Files">Every other file of the folder.</param>
/// <param name="ValidationNatsPerToken">The mean loss that the perplexity is the exponential of; null where an early version saved it.</param>
/// <param name="ValidationOfClasses">What was measured of these very weights on held-out labelled examples, under the names of the series; null in a run over texts.</param>
public sealed record CheckpointManifest(
    int Step, DateTime SavedAt, double? ValidationPerplexity, IReadOnlyList<CheckpointFile> Files, double? ValidationNatsPerToken = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, double>? ValidationOfClasses = null)
{
    /// <summary>The perplexity with its mean loss; null when it was not measured.</summary>
    [JsonIgnore]
    public Perplexity? Validation => Perplexity.Stored(ValidationPerplexity, ValidationNatsPerToken);

    /// <summary>What ranks it: the perplexity or what was told of classes; null when nothing was measured.</summary>
    [JsonIgnore]
    public ValidationScore? Score => ValidationScore.Stored(Validation, ValidationOfClasses);

    /// <summary>Size of all the files that it lists.</summary>
    [JsonIgnore]
    public long Bytes => Files.Sum(file => file.Bytes);

    /// <summary>Hash of the student's weights.</summary>
    [JsonIgnore]
    public string WeightsSha256 => Files.Single(file => file.Name == ModelFiles.WeightsFileName).Sha256;
}

/// <summary>One file of a checkpoint.</summary>
public sealed record CheckpointFile(string Name, long Bytes, string Sha256);

/// <summary>
/// A folder from which a run goes on: a Hugging Face model (config.json, model.safetensors, the files of its tokenizer), the optimiser's moments
/// and the parameters of losses and what compression keeps (optimizer.safetensors), the rest of the state (training_state.json), and manifest.json with the size and hash of each.
/// </summary>
public static class TrainingCheckpoint
{
    /// <summary>Name of the list of files.</summary>
    public const string ManifestFileName = "manifest.json";

    private const string MomentsFileName = "optimizer.safetensors";
    private const string StateFileName = "training_state.json";
    private const int FormatVersion = 1;

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        // A perplexity can be beyond the largest number.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>Writes a checkpoint into an empty folder, the manifest last.</summary>
    public static CheckpointManifest Write(
        string folder, Trainer trainer, TextTokenizer tokenizer, RunOptions options, TrainingProvenance provenance,
        FileLayer files)
    {
        files = new UnpublishedFolder(files);
        TrainingState state = trainer.State;
        CheckpointInfo model = ModelFiles.Save(trainer.Student, folder, files);
        tokenizer.Save(folder, files);
        string moments = SafetensorsWriter.Write(Path.Combine(folder, MomentsFileName), Tensors(trainer), files);
        DurableFile.WriteText(Path.Combine(folder, StateFileName),
            Text(new StateFile(state, options, provenance, [.. trainer.Moments.Select(one => one.Loss).OfType<string>().Distinct()])), files);

        var known = new Dictionary<string, string>
        {
            [ModelFiles.WeightsFileName] = model.WeightsSha256, [MomentsFileName] = moments,
        };
        var manifest = new CheckpointManifest(
            state.Step, DateTime.UtcNow, trainer.ValidationOfState?.Perplexity?.Value,
            [.. new DirectoryInfo(folder).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal).Select(file =>
                new CheckpointFile(file.Name, file.Length, known.GetValueOrDefault(file.Name) ?? FileHash.Sha256(file.FullName)))],
            trainer.ValidationOfState?.Perplexity?.NatsPerToken, trainer.ValidationOfState?.ToStore());
        DurableFile.WriteText(Path.Combine(folder, ManifestFileName), JsonSerializer.Serialize(manifest, s_json), files);
        return manifest;
    }

    /// <summary>Copies a checkpoint into an empty folder, for a run that goes on from it under other options.</summary>
    /// <exception cref="InvalidDataException">The checkpoint is damaged, or its state cannot be read.</exception>
    public static CheckpointManifest Copy(string source, string folder, RunOptions options, FileLayer files)
    {
        files = new UnpublishedFolder(files);
        CheckpointManifest manifest = Verify(source);
        StateFile saved = ReadFile(source);
        foreach (CheckpointFile file in manifest.Files.Where(file => file.Name != StateFileName))
        {
            using FileStream stream = File.OpenRead(Path.Combine(source, file.Name));
            DurableFile.Write(Path.Combine(folder, file.Name), target => stream.CopyTo(target, 1 << 20), files);
        }
        string copied = Path.Combine(folder, StateFileName);
        // What of the copied moments belongs to a loss that is off now, nobody goes on from: switched on again later, it begins anew.
        DurableFile.WriteText(copied, Text(saved with
        {
            Options = options, Losses = [.. saved.Losses.Where(loss => options.Objective.GetValueOrDefault(loss)?.Weight > 0)],
        }), files);
        CheckpointManifest own = manifest with
        {
            SavedAt = DateTime.UtcNow,
            Files = [.. manifest.Files.Select(file =>
                file.Name == StateFileName ? new CheckpointFile(file.Name, new FileInfo(copied).Length, FileHash.Sha256(copied)) : file)],
        };
        DurableFile.WriteText(Path.Combine(folder, ManifestFileName), JsonSerializer.Serialize(own, s_json), files);
        return own;
    }

    /// <summary>Reads the list of files and compares the sizes, not the hashes: for lists and for choosing what to keep.</summary>
    /// <exception cref="InvalidDataException">The folder is no complete checkpoint; says what is missing.</exception>
    public static CheckpointManifest ReadManifest(string folder)
    {
        CheckpointManifest manifest = Read<CheckpointManifest>(Path.Combine(folder, ManifestFileName));
        foreach (CheckpointFile file in manifest.Files)
        {
            var found = new FileInfo(Path.Combine(folder, file.Name));
            if (!found.Exists)
                throw new InvalidDataException($"{Place(found.FullName)} is missing.");
            if (found.Length != file.Bytes)
                throw new InvalidDataException($"{Place(found.FullName)} has {found.Length} bytes, expected {file.Bytes}.");
        }
        return manifest;
    }

    /// <summary>Compares every byte with the hashes that were saved.</summary>
    /// <exception cref="InvalidDataException">The checkpoint is damaged or incomplete; names the file.</exception>
    public static CheckpointManifest Verify(string folder)
    {
        CheckpointManifest manifest = ReadManifest(folder);
        foreach (CheckpointFile file in manifest.Files)
        {
            string path = Path.Combine(folder, file.Name), found = FileHash.Sha256(path);
            if (found != file.Sha256)
                throw new InvalidDataException($"{Place(path)} is damaged: its SHA-256 is {found}, expected {file.Sha256}.");
        }
        return manifest;
    }

    /// <summary>The options and the provenance that a checkpoint was saved with.</summary>
    /// <exception cref="InvalidDataException">The file cannot be read.</exception>
    public static (TrainingState State, RunOptions Options, TrainingProvenance Provenance) ReadState(string folder)
    {
        StateFile file = ReadFile(folder);
        return (file.State, file.Options, file.Provenance);
    }

    /// <summary>
    /// Puts a run that has made no update where the checkpoint was saved: moments, sampler, schedule and counters. The student must have
    /// been made of the checkpoint's weights.
    /// </summary>
    /// <returns>The names of losses of which the checkpoint holds nothing, because they were off when it was saved: their parameters stay as the run's seed
    /// drew them, their moments zero.</returns>
    /// <exception cref="InvalidDataException">The checkpoint does not fit the student or the corpus.</exception>
    public static IReadOnlyList<string> Restore(string folder, Trainer trainer)
    {
        StateFile saved = ReadFile(folder);
        using SafetensorsFile moments = SafetensorsFile.Open(Path.Combine(folder, MomentsFileName));
        HashSet<string> fresh = [];
        foreach (Moments state in trainer.Moments)
        {
            if (state.Loss is string loss && !saved.Losses.Contains(loss))
            {
                fresh.Add(loss);
                continue;
            }
            string name = state.Name;
            state.Steps = moments.Find(Steps(name)) is null ? throw Missing(Steps(name)) : ReadSteps(moments, Steps(name));
            ParameterData.Write(state.First, values => ReadMoment(moments, $"{name}.exp_avg", values));
            ParameterData.Write(state.Second, values => ReadMoment(moments, $"{name}.exp_avg_sq", values));
            if (state.IsBesideStudent)
                ParameterData.Write(state.Parameter, values => ReadMoment(moments, name, values));
        }
        foreach (KeptTensor kept in trainer.CompressionState)
        {
            if (moments.Find(kept.Written.Name) is not { } entry)
                throw Missing(kept.Written.Name);
            if (entry.Type != kept.Written.Type || !entry.Shape.SequenceEqual(kept.Written.Shape))
                throw new InvalidDataException($"{Path.GetFileName(folder)}: '{entry.Name}' is {entry.Type} [{string.Join(", ", entry.Shape)}], expected {kept.Written.Type} [{string.Join(", ", kept.Written.Shape)}].");
            kept.Read(moments);
        }
        try
        {
            trainer.GoOnFrom(saved.State);
        }
        catch (ArgumentException problem)
        {
            throw new InvalidDataException($"{Path.GetFileName(folder)}: {problem.Message}", problem);
        }
        return [.. fresh];

        void ReadMoment(SafetensorsFile file, string name, Span<float> values)
        {
            if (file.Find(name) is not { } entry)
                throw Missing(name);
            if (entry.ElementCount != values.Length)
                throw new InvalidDataException(
                    $"{Path.GetFileName(folder)}: '{name}' has {entry.ElementCount} numbers, the student's parameter {values.Length}.");
            file.ReadSingles(name, values);
        }

        InvalidDataException Missing(string name) => new($"{Path.GetFileName(folder)}/{MomentsFileName} has no tensor '{name}'.");
    }

    /// <summary>
    /// The options that a run which goes on from a checkpoint may not change, because the saved state means nothing under others. Those of a loss are
    /// among them only where it was on: one that was off left no state.
    /// </summary>
    public static IEnumerable<OptionField> Kept(RunOptions saved) => Kept(saved, LossCatalogue.All);

    private static IEnumerable<OptionField> Kept(RunOptions saved, IReadOnlyList<Loss> catalogue) => OptionSchema.Of<RunOptions>().Fields
        .Concat(LossCatalogue.Active(saved, catalogue, saved.Teacher.ModelId is not null).SelectMany(loss => loss.Fields))
        .Where(field => field.IsFixedOnceBegun);

    /// <summary>Every option of <see cref="Kept(RunOptions)"/> that is changed all the same; a loss that is switched off may say what it likes.</summary>
    public static IReadOnlyList<OptionProblem> CheckContinuation(RunOptions saved, RunOptions wanted) => CheckContinuation(saved, wanted, LossCatalogue.All);

    internal static IReadOnlyList<OptionProblem> CheckContinuation(RunOptions saved, RunOptions wanted, IReadOnlyList<Loss> catalogue)
    {
        var problems = new OptionProblems();
        foreach (OptionField field in Kept(saved, LossCatalogue.Active(wanted, catalogue, wanted.Teacher.ModelId is not null)))
        {
            if (!Equals(field.Value(saved), field.Value(wanted)))
                problems.Add(field.Path,
                    $"The value is {Text(field.Value(wanted))}, expected {Text(field.Value(saved))}: a run that goes on from a checkpoint keeps "
                    + "its corpus, its order, its student's shape and how that is compressed. Put the value back, or clone the run and start it anew.");
        }
        return problems.Found;

        static string Text(object? value) => value is null ? "not given" : $"'{value}'";
    }

    private static List<SafetensorsTensor> Tensors(Trainer trainer)
    {
        List<SafetensorsTensor> tensors = [];
        foreach (Moments state in trainer.Moments)
        {
            tensors.Add(SafetensorsTensor.Int64(Steps(state.Name), [1], values => values[0] = state.Steps));
            tensors.Add(SafetensorsTensor.Single($"{state.Name}.exp_avg", state.First.shape, values => ParameterData.Read(state.First, values)));
            tensors.Add(SafetensorsTensor.Single(
                $"{state.Name}.exp_avg_sq", state.Second.shape, values => ParameterData.Read(state.Second, values)));
            if (state.IsBesideStudent)
                tensors.Add(SafetensorsTensor.Single(state.Name, state.Parameter.shape, values => ParameterData.Read(state.Parameter, values)));
        }
        return [.. tensors, .. trainer.CompressionState.Select(kept => kept.Written)];
    }

    private static string Steps(string parameter) => $"{parameter}.step";

    private static long ReadSteps(SafetensorsFile file, string name)
    {
        long[] steps = [0];
        file.ReadInt64s(name, steps);
        return steps[0];
    }

    private static string Text(StateFile state) => JsonSerializer.Serialize(
        new WrittenState(FormatVersion, state.State, JsonSerializer.SerializeToElement(state.Options, s_json), state.Provenance, state.Losses), s_json);

    private static StateFile ReadFile(string folder)
    {
        string path = Path.Combine(folder, StateFileName);
        WrittenState file = Read<WrittenState>(path);
        return file.FormatVersion == FormatVersion
            ? new StateFile(file.State, ReadOptions(path, file.Options), file.Provenance, file.Losses ?? [])
            : throw new InvalidDataException(
                $"{Place(path)} has format version {file.FormatVersion}, expected {FormatVersion}. It was saved by another version of WebDistill.");
    }

    /// <summary>A file for messages: its name after that of the checkpoint's folder.</summary>
    private static string Place(string path) => $"{Path.GetFileName(Path.GetDirectoryName(path))}/{Path.GetFileName(path)}";

    private static T Read<T>(string path)
    {
        if (!File.Exists(path))
            throw new InvalidDataException($"{Place(path)} is missing: the checkpoint is not complete.");
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllBytes(path), s_json)
                ?? throw new InvalidDataException($"{Place(path)} is empty, expected a JSON object.");
        }
        catch (JsonException problem)
        {
            throw NotWritten(path, problem);
        }
    }

    private static RunOptions ReadOptions(string path, JsonElement written)
    {
        try
        {
            return FlatOptions.Grouped(written).Deserialize<RunOptions>(s_json)
                ?? throw new InvalidDataException($"{Place(path)} has no options, expected a JSON object.");
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            throw NotWritten(path, problem);
        }
    }

    private static InvalidDataException NotWritten(string path, Exception problem) =>
        new($"{Place(path)} is not what was written: {problem.Message}", problem);

    /// <summary>
    /// Files of a folder that nobody knows yet: their names need not survive before the folder's own does, which whoever publishes it sees
    /// to. Saves half of the waits for the disk.
    /// </summary>
    private sealed class UnpublishedFolder(FileLayer files) : FileLayer
    {
        public override void CreateFolder(string path) => files.CreateFolder(path);

        public override void CreatePrivateFolder(string path) => files.CreatePrivateFolder(path);

        public override Stream Create(string path) => files.Create(path);

        public override void Sync(Stream stream) => files.Sync(stream);

        public override void SyncFile(string path) => files.SyncFile(path);

        public override void RenameFile(string from, string to) => files.RenameFile(from, to);

        public override void RenameFolder(string from, string to) => files.RenameFolder(from, to);

        public override void DeleteFile(string path) => files.DeleteFile(path);

        public override void DeleteFolder(string path) => files.DeleteFolder(path);

        public override long FreeBytes(string folder) => files.FreeBytes(folder);

        public override void SyncFolder(string folder)
        {
        }
    }

    /// <param name="Losses">Names of the losses whose parameters and moments the checkpoint holds.</param>
    private sealed record StateFile(TrainingState State, RunOptions Options, TrainingProvenance Provenance, IReadOnlyList<string> Losses);

    /// <summary>The file's own words.</summary>
    /// <param name="Options">The <see cref="RunOptions"/>, perhaps as an earlier version spelled them.</param>
    /// <param name="Losses">Null where an early version wrote it, whose losses had no parameters.</param>
    private sealed record WrittenState(
        int FormatVersion, TrainingState State, JsonElement Options, TrainingProvenance Provenance, IReadOnlyList<string>? Losses = null);
}
