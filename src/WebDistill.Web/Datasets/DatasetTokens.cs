using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Text;

namespace WebDistill.Web.Datasets;

/// <summary>One token of a preview.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">The token decoded alone.</param>
/// <param name="EndsDocument">Whether it ends a document.</param>
public sealed record PreviewToken(int Id, string Text, bool EndsDocument);

/// <summary>A piece of a data set as the model sees it.</summary>
/// <param name="Offset">Index of its first token in the training split; of a labelled example, its place in its split.</param>
/// <param name="Tokens">Its tokens in order.</param>
/// <param name="Class">The class of a labelled example; null of a text.</param>
public sealed record PreviewBlock(long Offset, IReadOnlyList<PreviewToken> Tokens, string? Class = null);

/// <summary>The tokens in a data set's folder, as a model is given them.</summary>
internal static class DatasetTokens
{
    /// <summary>Pieces of the training split, evenly spaced over it: of labelled examples, whole ones as far as <paramref name="most"/> tokens.</summary>
    /// <param name="most">Tokens of a piece.</param>
    /// <exception cref="InvalidDataException">The files are missing or damaged.</exception>
    public static IReadOnlyList<PreviewBlock> Pieces(string folder, int count, int most)
    {
        Vocabulary vocabulary = TokenizerKinds.Load(folder).Vocabulary;
        string path = DatasetFiles.Train(folder);
        if (LabelledFile.IsOne(path))
        {
            using LabelledFile examples = LabelledFile.Open(path);
            return [.. Starts(examples.ExampleCount, count).Distinct().Select(index => Example(examples, vocabulary, index, most))];
        }
        using TokenFile train = TokenFile.Open(path);
        return [.. Starts(train.TokenCount, count).Select(offset =>
        {
            int[] ids = new int[(int)Math.Min(most, train.TokenCount - offset)];
            train.Read(offset, ids);
            return new PreviewBlock(offset, [.. ids.Select(token => new PreviewToken(token, vocabulary.TokenText(token), token == train.EndOfTextId))]);
        })];
    }

    /// <summary>The tokens of one example, with those that begin, separate and end its texts.</summary>
    /// <param name="file">A labelled file of the folder.</param>
    /// <param name="index">Its place in that file.</param>
    /// <exception cref="InvalidDataException">The files are missing or damaged.</exception>
    public static PreviewBlock OfExample(string folder, string file, long index, int most)
    {
        Vocabulary vocabulary = TokenizerKinds.Load(folder).Vocabulary;
        using LabelledFile examples = LabelledFile.Open(file);
        return Example(examples, vocabulary, index, most);
    }

    private static PreviewBlock Example(LabelledFile file, Vocabulary vocabulary, long index, int most)
    {
        int[] ids = LabelledBatches.RowOf(file, index, most);
        return new PreviewBlock(index, [.. ids.Select(token => new PreviewToken(token, vocabulary.TokenText(token), EndsDocument: false))], file.Classes[file.Example(index).Class]);
    }

    private static IEnumerable<long> Starts(long all, int count) => Enumerable.Range(0, count).Select(piece => all * piece / count);
}
