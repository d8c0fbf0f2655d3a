using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Tests.Text;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests;

/// <summary>Texts of which one word says the class, or none, and models that learn it in a moment.</summary>
internal static class ClassModels
{
    public const int Positions = 16;

    public static readonly string[] Classes = ["cat", "dog", "nobody"];

    private static readonly string[] s_words = ["the", "saw", "a", "unwanted", "running", "é"];

    public static BertWordPiece Tokenizer { get; } = WordPieces.Create();

    public static int Vocabulary => Tokenizer.Vocabulary.Size;

    public static TokenRoles Roles => Tokenizer.Vocabulary.Roles;

    /// <summary>Options of a run that learns the labels alone with a freshly drawn BERT.</summary>
    public static RunOptions Options { get; } = new()
    {
        Data = new() { DatasetId = "examples", ContextLength = Positions },
        Student = new() { Initialisation = "random", Family = "bert", LayerCount = 2, Width = 16, Heads = 2, Dropout = 0, InitialiserRange = 0.2 },
        Objective = new Dictionary<string, ObjectiveTerm> { ["labels"] = new(1) },
        Schedule = new() { Epochs = 6, BatchSize = 10, GradientAccumulation = 1, ValidationIntervalSteps = 0 },
        Optimiser = new() { LearningRate = 5e-3 },
    };

    /// <summary>Rows of a table with the columns label and text.</summary>
    public static string Examples(int count, long seed)
    {
        var random = new SplittableRandom(seed);
        return "label,text\n" + string.Concat(Enumerable.Range(0, count).Select(_ =>
        {
            string animal = Classes[random.Next(3)];
            string[] words = [.. Enumerable.Range(0, 2 + random.Next(8)).Select(_ => s_words[random.Next(s_words.Length)])];
            if (animal != "nobody")
                words[random.Next(words.Length)] = animal;
            return $"{animal},\"{string.Join(' ', words)}\"\n";
        }));
    }

    /// <summary>Writes two labelled files, <c>train.bin</c> and <c>test.bin</c>.</summary>
    public static void Prepare(TemporaryFolder folder, int train = 300, int test = 60) => Prepare(
        folder.Write("train.csv", Examples(train, seed: 1)), folder.Write("test.csv", Examples(test, seed: 2)), new LabelledOptions { Format = "csv" }, Tokenizer,
        folder.File("train.bin"), folder.File("test.bin"));

    /// <summary>Finds the classes of a file and prepares it.</summary>
    public static LabelledStatistics Prepare(string train, string? heldOut, LabelledOptions options, TextTokenizer tokenizer, string trainPath, string heldOutPath, double share = 0, CancellationToken cancel = default) =>
        LabelledPreparation.Prepare(train, heldOut, share, LabelledClasses.Find(train, options), options, tokenizer, trainPath, heldOutPath, FileLayer.Disk, cancel: cancel);

    public static Architecture Config(string family = "bert", int layers = 2, int width = 16, params string[] classes) =>
        ModelFamilies.Find(family).Create(new NewModel(Vocabulary, Positions, width, layers, 2, Roles.EndOfText, Roles.Padding))
            .WithClasses(new ClassHead(classes.Length == 0 ? Classes : classes, ProblemType.SingleLabel))!.WithDropout(0).WithInitialiserRange(0.2);

    public static TextModel Random(long seed, string family = "bert", int layers = 2, int width = 16) => TextModel.CreateRandom(Config(family, layers, width), seed);
}
