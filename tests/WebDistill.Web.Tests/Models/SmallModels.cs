using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Text.Stories;
using WebDistill.Web.Models;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Tests.Models;

/// <summary>Untrained models that a test makes in a moment; the same seed gives the same weights.</summary>
internal static class SmallModels
{
    private const int Vocabulary = 400;

    private static readonly Lazy<Gpt2Tokenizer> s_tokenizer = new(() => Gpt2Tokenizer.Train(StoryCorpus.Generate(1, 100), Vocabulary));

    /// <summary>Imports a model the way an upload does. Without an end-of-text id its texts end only at a limit.</summary>
    public static async Task<Model> ImportAsync(
        WebDistillApp app, string name, long seed, int positions = 128, bool withTokenizer = true, int? endOfTextId = null)
    {
        string folder = Directory.CreateTempSubdirectory("webdistill-model-").FullName;
        try
        {
            using (TextModel model = TextModel.CreateRandom(Config(positions, endOfTextId), seed))
                ModelFiles.Save(model, folder, FileLayer.Disk);
            if (withTokenizer)
                s_tokenizer.Value.Save(folder, FileLayer.Disk);
            return await app.Service<ModelService>().ImportAsync(name, Files(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Gpt2Config Config(int positions, int? endOfTextId) => new()
    {
        VocabSize = s_tokenizer.Value.Vocabulary.Size,
        NPositions = positions,
        NEmbd = 32,
        NLayer = 2,
        NHead = 2,
        InitializerRange = 0.2,
        EosTokenId = endOfTextId,
    };

    private static async IAsyncEnumerable<UploadedFile> Files(string folder)
    {
        foreach (string path in Directory.EnumerateFiles(folder))
        {
            await using FileStream file = File.OpenRead(path);
            yield return new UploadedFile(Path.GetFileName(path), file);
        }
    }
}
