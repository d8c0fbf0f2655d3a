using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests;

/// <summary>Models that fill masked words and texts of their tokens, small enough that a test trains them in a moment.</summary>
internal static class MaskedModels
{
    public const int Vocabulary = 60, Positions = 24;

    public static readonly TokenRoles Roles = new(BeginOfText: 2, EndOfText: 3, Padding: 0, Unknown: 1, Mask: 4);

    public static Architecture Config(string family = "bert", int layers = 2, int width = 16) =>
        ModelFamilies.Find(family).Create(new NewModel(Vocabulary, Positions, width, layers, 2, Roles.EndOfText, Roles.Padding)).WithDropout(0).WithInitialiserRange(0.2);

    public static TextModel Random(long seed, string family = "bert", int layers = 2, int width = 16) => TextModel.CreateRandom(Config(family, layers, width), seed);

    /// <summary>Options of a run that learns the text alone with a freshly drawn student.</summary>
    public static RunOptions Options { get; } = new()
    {
        Data = new() { DatasetId = "text", ContextLength = 16 },
        Student = new() { Initialisation = "random", Family = "bert", LayerCount = 2, Width = 16, Heads = 2, Dropout = 0 },
        Objective = new Dictionary<string, ObjectiveTerm> { ["mlm"] = new(1) },
        Schedule = new() { Epochs = 4, BatchSize = 4, GradientAccumulation = 1, ValidationIntervalSteps = 0, ValidationMaxTokens = 400 },
        Optimiser = new() { LearningRate = 1e-2 },
    };

    /// <summary>A token file of documents in which each token says which one comes next.</summary>
    public static TokenFile Tokens(TemporaryFolder folder, int documents = 40, string name = "masked.bin")
    {
        var random = new SeededRandom(documents);
        string path = folder.File(name);
        using (var writer = new TokenFileWriter(path, Vocabulary, Roles, new string('0', 64), FileLayer.Disk))
        {
            for (int document = 0; document < documents; document++)
            {
                int first = (int)(random.NextBits() % 50);
                writer.AppendDocument([Roles.BeginOfText, .. Enumerable.Range(0, 12 + (int)(random.NextBits() % 16)).Select(i => 5 + (first + i * 5) % 12)]);
            }
            writer.Commit();
        }
        return TokenFile.Open(path);
    }
}
