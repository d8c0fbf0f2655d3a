using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Datasets;

/// <summary>The two parts of a data set.</summary>
public enum DatasetSplit
{
    /// <summary>Trained on.</summary>
    Train,

    /// <summary>Held out, and measured.</summary>
    HeldOut,
}

/// <summary>A labelled example, as far as a page shows it.</summary>
/// <param name="Index">Its place in its part, from 0.</param>
/// <param name="Class">The class that it belongs to.</param>
/// <param name="Characters">How long it is: both texts of a pair.</param>
/// <param name="Text">The beginning of its text, of a pair of the first.</param>
/// <param name="Second">The beginning of the second text of a pair.</param>
public sealed record ExamplePreview(long Index, string Class, int Characters, string Text, string? Second)
{
    /// <summary>The preview of an example.</summary>
    internal static ExamplePreview Of(long index, LabelledExample example) => new(index, example.Label, example.Text.Length + (example.Second?.Length ?? 0),
        DocumentPreview.Beginning(example.Text), example.Second is string second ? DocumentPreview.Beginning(second) : null);
}

/// <summary>A class with how many examples it has.</summary>
/// <param name="Train">Examples that are trained on.</param>
/// <param name="HeldOut">Examples that are held out; null where none are.</param>
public sealed record ClassCounts(string Name, long Train, long? HeldOut);

/// <summary>What the beginning of a file holds when it is read as labelled examples.</summary>
/// <param name="Options">How it was read: as asked, the rest guessed.</param>
/// <param name="LooksLabelled">Whether it seems to hold labelled examples at all.</param>
/// <param name="Columns">Those that can be chosen, the first 40; none of a format without.</param>
/// <param name="Examples">The first ones.</param>
/// <param name="Read">Examples in what was read.</param>
/// <param name="ClassCount">Classes of these.</param>
/// <param name="Classes">The most frequent of them.</param>
/// <param name="Problem">Why no further example can be read with these options; null where all were.</param>
/// <param name="Bytes">Bytes that were read.</param>
public sealed record ExampleFilePreview(LabelledOptions Options, bool LooksLabelled, IReadOnlyList<LabelledColumn> Columns, IReadOnlyList<ExamplePreview> Examples, int Read,
    int ClassCount, IReadOnlyList<ClassCounts> Classes, string? Problem, int Bytes)
{
    /// <summary>Whether the first row is longer than what was read: then the problem is the preview's, and the file may be good.</summary>
    public bool IsCutBeforeItsFirstRow { get; init; }
}

/// <summary>Labelled examples of files, stored or not yet sent.</summary>
public sealed class DatasetExamples(DataFolder folder)
{
    private const int MostColumns = 40, MostClasses = 12, MostTokens = 512;

    /// <summary>What the beginning of a file becomes with some options.</summary>
    /// <param name="head">Its first <see cref="DatasetDocuments.PreviewBytes"/>, or all of it.</param>
    /// <exception cref="OptionsInvalidException">The format is unknown, or the bytes are not text.</exception>
    public static ExampleFilePreview Preview(string fileName, ReadOnlyMemory<byte> head, bool isWholeFile, LabelledSampleOptions options)
    {
        if (options.Format is string name && LabelledFormats.All.All(format => format.Name != name))
            throw new OptionsInvalidException(new LabelledOptions { Format = name }.Validate());
        try
        {
            LabelledSample sample = LabelledSample.Read(fileName, head, isWholeFile, options);
            LabelledClasses classes = sample.Classes;
            return new ExampleFilePreview(sample.Options, sample.LooksLabelled, [.. sample.Columns.Take(MostColumns)],
                [.. sample.Examples.Take(DatasetDocuments.PreviewDocuments).Select((example, i) => ExamplePreview.Of(i, example))], sample.Examples.Count, classes.Names.Count,
                [.. classes.Names.Zip(classes.Counts, (label, count) => new ClassCounts(label, count, null)).OrderByDescending(label => label.Train).Take(MostClasses)], sample.Problem, sample.Bytes)
            {
                IsCutBeforeItsFirstRow = sample.IsCutBeforeItsFirstRow,
            };
        }
        catch (InvalidDataException e)
        {
            throw new OptionsInvalidException("file", e.Message);
        }
    }

    /// <summary>The classes of a data set that is ready, with the examples of each.</summary>
    public static IReadOnlyList<ClassCounts> Classes(LabelledStatistics statistics) =>
        [.. statistics.Classes.Names.Select((name, i) => new ClassCounts(name, statistics.Classes.Counts[i], statistics.HeldOutCounts?[i]))];

    /// <summary>The statistics of labelled examples that are ready, else null.</summary>
    public static LabelledStatistics? Statistics(Dataset dataset) =>
        dataset.HoldsExamples() && dataset.StatisticsJson is string json ? JsonSerializer.Deserialize<LabelledStatistics>(json, WebJson.Options) : null;

    /// <summary>Some examples of a part, read from the beginning of its file.</summary>
    /// <param name="label">Only those of that class; null for all.</param>
    /// <param name="first">Examples before the first one, of these.</param>
    /// <exception cref="ConflictException">It holds a text, or is not ready.</exception>
    /// <exception cref="OptionsInvalidException">There is no such class.</exception>
    /// <exception cref="FilesGoneException">The file is gone or damaged.</exception>
    public Task<IReadOnlyList<ExamplePreview>> ReadAsync(Dataset dataset, DatasetSplit split, string? label, long first, int count, CancellationToken cancel = default)
    {
        LabelledStatistics statistics = Ready(dataset);
        if (label is not null && !statistics.Classes.Names.Contains(label, StringComparer.Ordinal))
            throw new OptionsInvalidException("class", $"There is no class '{ForeignText.Quote(label)}'. Choose one of: {string.Join(", ", statistics.Classes.Names.Take(20).Select(ForeignText.Quote))}.");
        return Task.Run(() => StoredFiles.Read<IReadOnlyList<ExamplePreview>>($"the data set '{dataset.Name}'", "Delete the data set and upload its examples again.", () =>
        {
            List<ExamplePreview> found = [];
            long index = 0, passed = 0;
            foreach (LabelledExample example in Examples(dataset, statistics, split))
            {
                cancel.ThrowIfCancellationRequested();
                if ((label is null || example.Label == label) && passed++ >= first)
                    found.Add(ExamplePreview.Of(index, example));
                index++;
                if (found.Count == count)
                    break;
            }
            return found;
        }), cancel);
    }

    /// <summary>The tokens of one example as a model is given them, as far as 512.</summary>
    /// <param name="index">Its place in its part.</param>
    /// <exception cref="ConflictException">It holds a text, or is not ready.</exception>
    /// <exception cref="NotFoundException">The part has no such example.</exception>
    /// <exception cref="FilesGoneException">The tokens are gone or damaged.</exception>
    public Task<PreviewBlock> TokensAsync(Dataset dataset, DatasetSplit split, long index, CancellationToken cancel = default)
    {
        LabelledStatistics statistics = Ready(dataset);
        long count = split == DatasetSplit.Train ? statistics.TrainExamples : statistics.HeldOutExamples;
        if (index < 0 || index >= count)
            throw new NotFoundException($"There is no example {index} {(split == DatasetSplit.Train ? "to train on" : "held out")} in '{dataset.Name}', which has {count} of them, from 0.");
        string path = folder.Dataset(dataset.Id);
        return Task.Run(() => StoredFiles.Read($"the data set '{dataset.Name}'", "Delete the data set and upload its examples again.",
            () => DatasetTokens.OfExample(path, split == DatasetSplit.Train ? DatasetFiles.Train(path) : DatasetFiles.Validation(path), index, MostTokens)), cancel);
    }

    private static LabelledStatistics Ready(Dataset dataset) =>
        !dataset.HoldsExamples() ? throw new ConflictException($"The data set '{dataset.Name}' holds a text and no examples with classes: read its documents.")
        : Statistics(dataset) ?? throw new ConflictException($"The data set '{dataset.Name}' is not ready ({dataset.State}). Which examples are held out is known when it is.");

    /// <summary>The examples of a part, in the order in which they were tokenised.</summary>
    private IEnumerable<LabelledExample> Examples(Dataset dataset, LabelledStatistics statistics, DatasetSplit split)
    {
        string path = folder.Dataset(dataset.Id);
        LabelledOptions options = dataset.Labelled()!;
        bool readsHeldOutFile = split == DatasetSplit.HeldOut && dataset.HeldOutFileName is not null;
        IEnumerable<LabelledExample> all = LabelledReader.Read(readsHeldOutFile ? DatasetFiles.HeldOut(path) : DatasetFiles.Source(path), options);
        if (dataset.HeldOutFileName is not null)
            return all;
        // The parts of one file are drawn again as they were when it was prepared.
        IReadOnlyList<string> names = statistics.Classes.Names;
        var number = names.Index().ToDictionary(entry => entry.Item, entry => entry.Index, StringComparer.Ordinal);
        var drawn = new LabelledSplit([.. names.Select((_, i) => statistics.Classes.Counts[i] + (statistics.HeldOutCounts?[i] ?? 0))], statistics.HeldOutCounts is null ? 0 : dataset.ValidationProportion);
        return all.Where(example => (drawn.Takes(Number(example)) ? DatasetSplit.HeldOut : DatasetSplit.Train) == split);

        int Number(LabelledExample example) => number.TryGetValue(example.Label, out int found) ? found
            : throw new InvalidDataException($"{DatasetFiles.SourceName}, line {example.Line}: class '{ForeignText.Quote(example.Label)}' was not there when it was prepared. The file has been changed.");
    }
}
