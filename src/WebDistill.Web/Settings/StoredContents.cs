using System.Globalization;
using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Settings;

/// <summary>What the files of a model, a data set or a run say about it when the database does not.</summary>
internal static class StoredContents
{
    /// <summary>In a sentence, from the headers of the files; and whether <see cref="Read"/> has enough to go by.</summary>
    public static (string Text, bool IsWhole) Describe(StoredKind kind, string path)
    {
        try
        {
            return (kind switch
            {
                StoredKind.Model => Describe(Architecture.Load(Path.Combine(path, "config.json"))),
                StoredKind.Dataset => DescribeDataset(path),
                _ => DescribeRun(path),
            }, true);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return (e.Message, false);
        }
    }

    /// <summary>Reads a folder whole and says which row it needs.</summary>
    /// <param name="path">Where it lies now.</param>
    /// <param name="folder">Where its row will look for it.</param>
    /// <exception cref="ConflictException">Its files are damaged or incomplete; says which.</exception>
    public static Action<WebDistillDb> Read(StoredKind kind, Guid id, string path, DataFolder folder)
    {
        try
        {
            return kind switch
            {
                StoredKind.Model => ReadModel(id, path),
                StoredKind.Dataset => ReadDataset(id, path),
                _ => ReadRun(id, path, folder),
            };
        }
        catch (Exception e) when (e is InvalidDataException or FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ConflictException($"It cannot be taken back: {e.Message}");
        }
    }

    private static string Describe(Architecture config) => string.Create(CultureInfo.InvariantCulture,
        $"{config.Family.Title}, {Counted(config.Layers, "layer")}, width {config.Width}, {config.ParameterCount:N0} parameters");

    private static string DescribeDataset(string path)
    {
        if (LabelledFile.IsOne(DatasetFiles.Train(path)))
        {
            using LabelledFile examples = LabelledFile.Open(DatasetFiles.Train(path));
            return string.Create(CultureInfo.InvariantCulture,
                $"{examples.ExampleCount:N0} examples of {Counted(examples.Classes.Count, "class", "classes")} to train on, vocabulary of {examples.VocabularySize:N0}");
        }
        using TokenFile train = TokenFile.Open(DatasetFiles.Train(path));
        return string.Create(CultureInfo.InvariantCulture,
            $"{train.TokenCount:N0} tokens to train on, vocabulary of {train.VocabularySize:N0}");
    }

    private static string DescribeRun(string path)
    {
        CheckpointStore store = Checkpoints(path);
        IReadOnlyList<CheckpointManifest> complete = store.List();
        if (complete is not [.., CheckpointManifest newest])
            throw NoCheckpoint();
        string name = TrainingCheckpoint.ReadState(store.Folder(newest.Step)).Options.Name;
        return string.Create(CultureInfo.InvariantCulture,
            $"'{name}': {Counted(complete.Count, "checkpoint")}, the newest after update {newest.Step:N0}");
    }

    private static string Counted(int count, string one, string? several = null) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? one : several ?? $"{one}s")}");

    private static Action<WebDistillDb> ReadModel(Guid id, string path)
    {
        Model model = ModelDescription.Read(id, $"Taken back: {Describe(Architecture.Load(Path.Combine(path, "config.json")))}", path);
        return db =>
        {
            // A run and its first model have one id.
            if (db.Runs.Find(id) is Run maker)
                (model.Name, model.Origin, model.RunId, maker.StudentModelId) = (maker.Name, ModelOrigin.Run, id, id);
            db.Models.Add(model);
        };
    }

    private static Action<WebDistillDb> ReadDataset(Guid id, string path)
    {
        if (LabelledFile.IsOne(DatasetFiles.Train(path)))
            return ReadExamples(id, path);
        Vocabulary vocabulary = TokenizerKinds.Load(path).Vocabulary;
        string validationPath = DatasetFiles.Validation(path), source = DatasetFiles.Source(path);
        using TokenFile train = TokenFile.Open(DatasetFiles.Train(path));
        using TokenFile? validation = File.Exists(validationPath) ? TokenFile.Open(validationPath) : null;
        CheckTokenizer(vocabulary, train.TokenizerSha256, validation?.TokenizerSha256);
        long heldOut = validation?.TokenCount ?? 0;
        var dataset = new Dataset
        {
            Id = id,
            Name = $"Taken back: {DescribeDataset(path)}",
            FileName = Path.GetFileName(source),
            State = DatasetState.Ready,
            Format = CorpusFormats.ForFileName(source).Name,
            JsonField = new DatasetOptions().JsonField,
            ValidationProportion = (double)heldOut / (train.TokenCount + heldOut),
            Bytes = File.Exists(source) ? new FileInfo(source).Length : 0,
            Sha256 = File.Exists(source) ? FileHash.Sha256(source) : null,
            TokenizerSha256 = vocabulary.Sha256,
            VocabularySize = vocabulary.Size,
            Documents = train.DocumentCount + (validation?.DocumentCount ?? 0),
            Tokens = train.TokenCount + heldOut,
            TrainTokens = train.TokenCount,
            ValidationTokens = heldOut,
            CreatedAt = DateTime.UtcNow,
        };
        return db => db.Datasets.Add(dataset);
    }

    private static Action<WebDistillDb> ReadExamples(Guid id, string path)
    {
        Vocabulary vocabulary = TokenizerKinds.Load(path).Vocabulary;
        StoredExamples stored = StoredExamples.Read(path);
        string validationPath = DatasetFiles.Validation(path), source = DatasetFiles.Source(path);
        using LabelledFile train = LabelledFile.Open(DatasetFiles.Train(path));
        using LabelledFile? heldOut = File.Exists(validationPath) ? LabelledFile.Open(validationPath) : null;
        CheckTokenizer(vocabulary, train.TokenizerSha256, heldOut?.TokenizerSha256);
        var dataset = new Dataset
        {
            Id = id,
            Name = $"Taken back: {DescribeDataset(path)}",
            FileName = Names.OfFile(stored.FileName),
            HeldOutFileName = stored.HeldOutFileName is string name ? Names.OfFile(name) : null,
            State = DatasetState.Ready,
            Format = stored.Options.Format,
            JsonField = new DatasetOptions().JsonField,
            LabelledJson = JsonSerializer.Serialize(stored.Options, WebJson.Options),
            ValidationProportion = stored.HeldOutShare,
            Bytes = new[] { source, DatasetFiles.HeldOut(path) }.Where(File.Exists).Sum(file => new FileInfo(file).Length),
            Sha256 = File.Exists(source) ? FileHash.Sha256(source) : null,
            TokenizerSha256 = vocabulary.Sha256,
            VocabularySize = vocabulary.Size,
            CreatedAt = DateTime.UtcNow,
        };
        dataset.Describe(LabelledStatistics.Of(train, heldOut));
        return db => db.Datasets.Add(dataset);
    }

    private static void CheckTokenizer(Vocabulary vocabulary, string train, string? heldOut)
    {
        if (train != vocabulary.Sha256 || heldOut is not null && heldOut != vocabulary.Sha256)
            throw new InvalidDataException("Its tokens were made by another tokenizer than the one beside them.");
    }

    private static Action<WebDistillDb> ReadRun(Guid id, string path, DataFolder folder)
    {
        CheckpointStore store = Checkpoints(path);
        (CheckpointManifest newest, string checkpoint) = store.Newest(out _) ?? throw NoCheckpoint();
        IReadOnlyList<CheckpointManifest> complete = store.List();
        (TrainingState state, RunOptions options, TrainingProvenance provenance) = TrainingCheckpoint.ReadState(checkpoint);
        Guid? teacherId = options.Teacher.ModelId is string teacher ? Guid.Parse(teacher) : null;
        Guid datasetId = Guid.Parse(options.Data.DatasetId);
        Architecture student = Architecture.Load(Path.Combine(checkpoint, "config.json"));
        int planned = Math.Max(state.Step, PlannedUpdates(options, student, teacherId, datasetId, folder));
        var run = new Run
        {
            Id = id,
            Name = Names.OfFile(options.Name),
            Kind = teacherId is null ? RunKind.Training : RunKind.Distillation,
            Status = RunStatus.Stopped,
            Step = state.Step,
            TotalSteps = planned,
            OptionsJson = JsonSerializer.Serialize(options, WebJson.Options),
            TeacherId = teacherId,
            FirstModelId = CheckpointInit.ModelOf(options),
            DatasetId = datasetId,
            CreatedAt = newest.SavedAt,
            StartedAt = newest.SavedAt,
            FinishedAt = newest.SavedAt,
            Attempt = 1,
            AttemptFromStep = state.Step,
            StudentLayers = student.Layers,
            StudentParameters = student.ParameterCount,
            TeacherSha256 = provenance.TeacherSha256,
            TokenizerSha256 = provenance.TokenizerSha256,
            Engine = provenance.Engine,
            Version = provenance.Version,
        };
        if (ValidationScore.Stored(Perplexity.Stored(state.TeacherValidationPerplexity, state.TeacherValidationNatsPerToken), state.TeacherValidation) is ValidationScore taught)
            run.PutTeacher(taught);
        if (ValidationScore.Stored(Perplexity.Stored(state.LastValidationPerplexity, state.LastValidationNatsPerToken), state.LastValidation) is ValidationScore last)
            run.Put(last);
        return db =>
        {
            run.QueueOrder = (db.Runs.Max(other => (long?)other.QueueOrder) ?? 0) + 1;
            // Complete when its last state is a model already.
            if (db.Models.Find(id) is Model made && made.WeightsSha256 == newest.WeightsSha256)
            {
                (run.Status, run.StudentModelId) = (RunStatus.Completed, id);
                (made.Name, made.RunId, made.Origin) = (run.Name, id, ModelOrigin.Run);
            }
            db.Runs.Add(run);
            RunCheckpoints.List(db, id, complete);
            db.LogLines.Add(new LogLine
            {
                RunId = id,
                At = DateTime.UtcNow,
                Step = state.Step,
                Severity = LogSeverity.Warning,
                Text = $"Taken back from the trash after update {state.Step}: its curves and its log up to there were in the database alone.",
            });
        };
    }

    private static CheckpointStore Checkpoints(string path) => new(Path.Combine(path, DataFolder.CheckpointsFolder), FileLayer.Disk);

    private static InvalidDataException NoCheckpoint() => new("It holds no complete checkpoint.");

    // A number to show until the run is resumed and counts again; 0 where the files that it needs are gone or others by now.
    private static int PlannedUpdates(RunOptions options, Architecture student, Guid? teacherId, Guid datasetId, DataFolder folder)
    {
        string tokens = DatasetFiles.Train(folder.Dataset(datasetId));
        string? teacher = teacherId is Guid named ? Path.Combine(folder.Model(named), "config.json") : null;
        if (!File.Exists(tokens) || teacher is not null && !File.Exists(teacher))
            return 0;
        try
        {
            using TrainingData data = TrainingData.Open(tokens, heldOut: null);
            Architecture? taught = teacher is null ? null : Architecture.Load(teacher);
            return RunPlan.Compute(options, taught, student, data.Measure(options, taught, student)).TotalUpdates;
        }
        catch (Exception e) when (e is InvalidDataException or ArgumentException)
        {
            return 0;
        }
    }
}
