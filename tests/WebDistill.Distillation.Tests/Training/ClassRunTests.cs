using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Evaluation.ClassScores;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Training;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>Runs of students that sort texts into classes, on the same loop as every other run.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class ClassRunTests : IDisposable
{
    private static readonly string[] s_measured = ["validationAccuracy", "validationMacroF1", "validationMatthews", "validationNatsPerText"];

    private readonly TemporaryFolder _folder = new();
    private readonly LabelledFile _train, _test;

    public ClassRunTests()
    {
        ClassModels.Prepare(_folder);
        (_train, _test) = (LabelledFile.Open(_folder.File("train.bin")), LabelledFile.Open(_folder.File("test.bin")));
    }

    public void Dispose()
    {
        _train.Dispose();
        _test.Dispose();
        _folder.Dispose();
    }

    /// <summary>A BERT learns the labels, and a BiLSTM learns from its logits alone, which no label of the text says to it.</summary>
    [Fact]
    public void Run_BertOfTheLabels_AndABiLstmOfItsLogits_BothLearnToTell()
    {
        RunOptions labels = ClassModels.Options with { Schedule = ClassModels.Options.Schedule with { ValidationIntervalSteps = 60 } };
        using TextModel bert = Create(labels, null);
        Assert.Equal((ModelHead.Classes, "bert"), (bert.Architecture.Head, bert.Architecture.Family.Name));
        using Trainer first = TrainerOf(labels, null, bert);
        var journal = new Journal();
        first.Run(journal, null, CancellationToken.None);
        Assert.True(first.LastValidation!.Value > 0.9, $"The BERT tells {first.LastValidation}.");
        Assert.Null(first.LastValidationPerplexity);
        Assert.Equal([60, 120, 180], journal.Reports.Where(report => report["validationAccuracy"] is not null).Select(report => report.Step));
        Assert.All(s_measured, name => Assert.Equal(first.LastValidation.Values[name], journal.Reports[^1][name]));
        Assert.Equal(s_measured, first.Series.Where(series => series.Cadence == SeriesCadence.Measured).Select(series => series.Name));
        Assert.Contains("There is no teacher: the cross-entropy of the labels alone is minimised.", journal.Notes);
        Assert.Contains(journal.Notes, note => note.StartsWith("Update 180: accuracy on the held-out examples ", StringComparison.Ordinal));

        RunOptions logits = labels with
        {
            Teacher = new() { ModelId = "teacher" }, Student = labels.Student with { Family = "bilstm", LayerCount = 1, Width = 16 },
            Objective = new Dictionary<string, ObjectiveTerm> { ["centred"] = new(1) }, Optimiser = new() { LearningRate = 2e-2 },
        };
        using TextModel biLstm = Create(logits, bert);
        Assert.Equal("bilstm", biLstm.Architecture.Family.Name);
        double before = ClassMetrics.Get("accuracy").Of(ClassEvaluation.Measure(biLstm, _test, ClassModels.Positions, 100_000).Counted);
        using Trainer second = TrainerOf(logits, bert, biLstm);
        var taught = new Journal();
        second.Run(taught, null, CancellationToken.None);
        Assert.True(before < 0.7, $"Before learning {before:0.00} are told right.");
        Assert.True(second.LastValidation!.Value > 0.85, $"The BiLSTM tells {second.LastValidation}.");
        Assert.Equal(first.LastValidation, taught.TeacherScore);
        Assert.Equal("squared logits", second.Series.Single(series => series.Name == "centred").Unit);
        Assert.True(taught.Reports[^1]["centred"] < 0.2 * taught.Reports[0]["centred"]);
    }

    /// <summary>As a pre-trained model is tuned: all that it has is copied, and a head for the classes drawn from the run's seed; what it begins with, it goes on to learn.</summary>
    [Theory]
    [InlineData("bert", new[] { "bert.pooler.dense.bias", "bert.pooler.dense.weight", "classifier.bias", "classifier.weight" })]
    [InlineData("distilbert", new[] { "classifier.bias", "classifier.weight", "pre_classifier.bias", "pre_classifier.weight" })]
    public void Create_FromAModelThatFillsMaskedWords_DrawsTheHeadAlone(string family, string[] drawn)
    {
        RunOptions options = ClassModels.Options with { Student = new() { Initialisation = CheckpointInit.InitName, ModelId = "stored", Dropout = 0 } };
        Architecture filling = ModelFamilies.Find(family).Create(new NewModel(ClassModels.Vocabulary, ClassModels.Positions, 16, 2, 2, ClassModels.Roles.EndOfText, ClassModels.Roles.Padding))
            .WithDropout(0).WithInitialiserRange(0.2);
        using TextModel stored = TextModel.CreateRandom(filling, 5), student = Create(options, null, stored), again = Create(options, null, stored), other = Create(options with { Seed = 9 }, null, stored);
        Dictionary<string, float[]> from = SmallModels.Weights(stored), to = SmallModels.Weights(student), same = SmallModels.Weights(again), unlike = SmallModels.Weights(other);
        Assert.Equal(drawn, to.Keys.Except(from.Keys).Order(StringComparer.Ordinal));
        foreach ((string name, float[] weights) in to)
        {
            Assert.Equal(weights, same[name]);
            if (from.TryGetValue(name, out float[]? copied))
                Assert.Equal(copied, weights);
            else if (name.EndsWith("weight", StringComparison.Ordinal))
                Assert.NotEqual(weights, unlike[name]);
        }
        using Trainer trainer = TrainerOf(options, null, student);
        var journal = new Journal();
        trainer.Run(journal, null, CancellationToken.None);
        Assert.True(journal.Reports.TakeLast(5).Average(report => report["labels"]!.Value) < 0.8 * journal.Reports.Take(5).Average(report => report["labels"]!.Value));
    }

    /// <summary>With each loss on the predictions a student comes nearer to its teacher than it began, whatever its family.</summary>
    [Theory]
    [InlineData("ce", "distilbert")]
    [InlineData("mse", "bilstm")]
    [InlineData("cos", "bert")]
    [InlineData("patient", "bert")]
    [InlineData("scores", "bert")]
    public void Run_TowardsATeacher_FallsByEachLoss(string loss, string family)
    {
        RunOptions options = ClassModels.Options with
        {
            Teacher = new() { ModelId = "teacher" }, Student = ClassModels.Options.Student with { Family = family }, Objective = new Dictionary<string, ObjectiveTerm> { [loss] = new(1) },
            Schedule = ClassModels.Options.Schedule with { Epochs = 2 },
        };
        using TextModel teacher = ClassModels.Random(1), student = Create(options, teacher);
        using Trainer trainer = TrainerOf(options, teacher, student);
        var reports = new Journal();
        trainer.Run(reports, null, CancellationToken.None);
        double before = reports.Reports.Take(4).Average(report => report[loss]!.Value), after = reports.Reports.TakeLast(4).Average(report => report[loss]!.Value);
        Assert.True(after < 0.9 * before, $"{loss}: from {before} to {after}.");
        if (loss == "ce")
            Assert.Equal("nats/text", trainer.Series.Single(series => series.Name == "ce").Unit);
    }

    /// <summary>The gradient of an update of two micro-batches is that of one graph over all their texts, each of which weighs the same.</summary>
    [Theory]
    [InlineData("bert")]
    [InlineData("bilstm")]
    public void Step_OfTwoMicroBatches_HasTheGradientOfOneGraph(string family)
    {
        TokenBatch[] parts = [Batch(5, 9, 3), Batch(7, 4)];
        RunOptions options = ClassModels.Options with
        {
            Objective = new Dictionary<string, ObjectiveTerm> { ["labels"] = new(0.3), ["ce"] = new(0.7, ("temperature", 3.0)), ["centred"] = new(0.5), ["mse"] = new(0.1) },
            Schedule = new() { Epochs = 1, BatchSize = 3, GradientAccumulation = 2, WarmupProportion = 0 }, Optimiser = new() { MaxGradientNorm = 1e30 },
        };
        using TextModel teacher = ClassModels.Random(1), student = ClassModels.Random(2, family), same = ClassModels.Random(2, family);
        int next = 0;
        using Trainer trainer = Trainers.Create(options, teacher, student, 2, () => parts[next++ % 2], null);
        StepReport report = trainer.Step();

        using DisposeScope scope = NewDisposeScope();
        teacher.eval();
        same.train();
        Tensor z = cat([.. parts.Select(part => Logits(same, part))]), v = cat([.. parts.Select(part => Logits(teacher, part))]).detach(), classes = tensor([.. parts.SelectMany(part => part.Classes!)], device: z.device);
        Tensor labels = nn.functional.cross_entropy(z, classes), p = nn.functional.softmax(v / 3, 1), difference = z - v, centred = difference - difference.mean([1L], keepdim: true);
        Tensor ce = 9 * (p * (nn.functional.log_softmax(v / 3, 1) - nn.functional.log_softmax(z / 3, 1))).sum(1).mean();
        Tensor limit = (centred * centred).sum(1).mean() / 6, mse = (difference * difference).sum(1).mean();
        Tensor total = 0.3f * labels + 0.7f * ce + 0.5f * limit + 0.1f * mse;
        total.backward();
        BackwardResults.End();
        foreach ((string name, Tensor mean) in new[] { ("labels", labels), ("ce", ce), ("centred", limit), ("mse", mse) })
            GoldenFiles.AssertNear(mean.item<float>(), report[name]!.Value, 1e-5, 1e-6, name);
        Dictionary<string, Parameter> made = student.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter);
        foreach ((string name, Parameter parameter) in same.named_parameters().Where(pair => pair.parameter.grad is not null))
            GoldenFiles.AssertClose(ParameterData.ToArray(parameter.grad!), ParameterData.ToArray(made[name].grad!), 2e-5, name);
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("bilstm")]
    public void Step_WithFiveMoreColumnsOfPadding_ChangesNothing(string family)
    {
        TokenBatch batch = Batch(5, 9, 3), longer = Batch(5, 9, 3, more: 5);
        RunOptions options = ClassModels.Options with
        {
            Objective = new Dictionary<string, ObjectiveTerm> { ["labels"] = new(0.5), ["ce"] = new(0.5), ["centred"] = new(0.5) },
            Schedule = new() { Epochs = 1, BatchSize = 3, WarmupProportion = 0 }, Optimiser = new() { MaxGradientNorm = 1e30 },
        };
        using TextModel teacher = ClassModels.Random(1);
        (StepReport report, Dictionary<string, float[]> gradients) = Stepped(batch);
        (StepReport padded, Dictionary<string, float[]> paddedGradients) = Stepped(longer);
        foreach (string loss in options.Objective.Keys)
            GoldenFiles.AssertNear(report[loss]!.Value, padded[loss]!.Value, 1e-6, 1e-7, loss);
        Assert.Equal(report.TokensSeen, padded.TokensSeen);
        foreach ((string name, float[] gradient) in gradients)
            GoldenFiles.AssertClose(gradient, paddedGradients[name], 1e-5, name);

        (StepReport, Dictionary<string, float[]>) Stepped(TokenBatch given)
        {
            using TextModel student = ClassModels.Random(2, family);
            using Trainer trainer = Trainers.Create(options, teacher, student, 1, () => given, null);
            StepReport made = trainer.Step();
            return (made, student.named_parameters().Where(pair => pair.parameter.grad is not null).ToDictionary(pair => pair.name, pair => ParameterData.ToArray(pair.parameter.grad!)));
        }
    }

    /// <summary>Which of two texts a token is in, is told to whom can hear it; padding to everybody who reads from both sides.</summary>
    [Theory]
    [InlineData("bert", true)]
    [InlineData("distilbert", false)]
    [InlineData("bilstm", false)]
    public void InputOf_APair_HasTokenTypesWhereTheModelHasSome(string family, bool hasTypes)
    {
        TokenBatch pair = Batch(5, 9) with { TokenTypeIds = [.. Enumerable.Range(0, 18).Select(place => (long)place % 2)] };
        using TextModel model = ClassModels.Random(1, family);
        using DisposeScope scope = NewDisposeScope();
        ModelInput input = pair.InputOf(tensor(pair.Ids, [2, 9], device: Distillation.Engine.Device.Default), model.Architecture);
        Assert.Equal(hasTypes ? pair.TokenTypeIds : null, input.TokenTypeIds?.cpu().data<long>().ToArray());
        Assert.Equal(pair.IsToken().Select(isToken => isToken ? 1L : 0), input.AttentionMask!.cpu().data<long>().ToArray());
        Assert.Equal([2, 3], model.ClassLogits(model.Forward(input, Wants.Pooled).Pooled!).shape);
    }

    public static TheoryData<string, TrainingSemantics> Cuts()
    {
        var data = new TheoryData<string, TrainingSemantics>();
        foreach (TrainingSemantics semantics in Enum.GetValues<TrainingSemantics>())
        {
            data.Add("bert", semantics);
            data.Add("bilstm", semantics);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Cuts))]
    public void Run_CutAtEveryThirdUpdate_EndsBitForBitTheSame(string family, TrainingSemantics semantics)
    {
        RunOptions options = ClassModels.Options with
        {
            Teacher = new() { ModelId = "teacher" }, Student = ClassModels.Options.Student with { Family = family, LayerCount = 1, Dropout = 0.1 },
            Objective = new Dictionary<string, ObjectiveTerm> { ["labels"] = new(1), ["ce"] = new(5), ["centred"] = new(1) },
            Schedule = ClassModels.Options.Schedule with { Epochs = 2, BatchSize = 20, GradientAccumulation = 2, ValidationIntervalSteps = 4, Semantics = semantics },
            Diagnosis = new() { IntervalSteps = 5 },
        };
        using TextModel teacher = ClassModels.Random(1);
        (Dictionary<string, float[]> weights, List<StepReport> reports, string state) = Attempted(options, teacher, every: int.MaxValue);
        (Dictionary<string, float[]> cutWeights, List<StepReport> cutReports, string cutState) = Attempted(options, teacher, every: 3);
        Assert.Equal(reports.Select(Journal.Timeless), cutReports.Select(Journal.Timeless));
        Assert.True(reports.Count > 6);
        foreach ((string name, float[] expected) in weights)
            Assert.Equal(expected, cutWeights[name]);
        Assert.Equal(state, cutState);
        Assert.Contains("validationMatthews", state);
    }

    [Fact]
    public void Attempt_FromLabelledFiles_IsCutGoesOnAndEndsWithAStudentOfTheClasses()
    {
        Directory.CreateDirectory(_folder.File("tokenizer"));
        ClassModels.Tokenizer.Save(_folder.File("tokenizer"), FileLayer.Disk);
        using (TextModel teacher = ClassModels.Random(1, layers: 4))
            ModelFiles.Save(teacher, _folder.File("teacher"), FileLayer.Disk);
        RunOptions options = ClassModels.Options with
        {
            Teacher = new() { ModelId = "teacher" }, Student = new() { Dropout = 0.1 }, Objective = new Dictionary<string, ObjectiveTerm> { ["labels"] = new(1), ["ce"] = new(1) },
            Schedule = ClassModels.Options.Schedule with { Epochs = 1, ValidationIntervalSteps = 5 }, Checkpoints = new() { IntervalSteps = 5, KeepLast = 1 },
        };
        var whole = new Journal(whenFinished: run => run.Save(_folder.File("student"), FileLayer.Disk));
        Attempt("whole", whole).Execute(CancellationToken.None);
        Assert.Equal((30, 2), (whole.Start!.TotalSteps, whole.Start.Student.Layers));
        Assert.Equal(whole.Finished!.Student!.Values["validationAccuracy"], whole.Reports[^1]["validationAccuracy"]);
        Assert.Null(whole.Finished.Student!.Perplexity);
        Assert.Equal(ClassModels.Classes, Architecture.Load(Path.Combine(_folder.File("student"), ModelFiles.ConfigFileName)).TextClasses!.Labels);

        // The best checkpoint is the one of the highest accuracy, not of the lowest: it is kept beside the last one.
        StepReport best = whole.Reports.Where(report => report["validationAccuracy"] is not null && report.Step % 5 == 0)
            .OrderByDescending(report => report["validationAccuracy"]).ThenBy(report => report["validationNatsPerText"]).First();
        Assert.Contains(best.Step, whole.Checkpoints.Select(checkpoint => checkpoint.Step));
        Assert.Equal(best["validationAccuracy"], whole.Checkpoints.Single(checkpoint => checkpoint.Step == best.Step).Score!.Value);

        using var stop = new CancellationTokenSource();
        var first = new Journal(report =>
        {
            if (report.Step == 12)
                stop.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() => Attempt("cut", first).Execute(stop.Token));
        var second = new Journal();
        Attempt("cut", second, recorded: 12).Execute(CancellationToken.None);
        Assert.Equal(whole.Reports.Select(Journal.Timeless), first.Reports.Concat(second.Reports).Select(Journal.Timeless));
        Assert.Equal(whole.Finished.WeightsSha256, second.Finished!.WeightsSha256);

        TrainingAttempt Attempt(string run, Journal journal, int recorded = 0) => new(
            options, new AttemptFiles(_folder.File("train.bin"), _folder.File("test.bin"), _folder.File("tokenizer"), _folder.File("teacher"), null,
                new CheckpointStore(_folder.File(run), FileLayer.Disk), FileLayer.Disk),
            new AttemptRoom(() => new Machine { MemoryBytes = 1L << 33, FreeMemoryBytes = 1L << 33, FreeDiskBytes = 1L << 40 }, () => { }), journal, "test", recordedSteps: recorded);
    }

    private static TextModel Create(RunOptions options, TextModel? teacher, TextModel? saved = null) =>
        StudentInits.Create(options, teacher, ClassModels.Vocabulary, saved, ClassModels.Roles, ClassModels.Classes);

    private Trainer TrainerOf(RunOptions options, TextModel? teacher, TextModel student) =>
        new(TrainingParts.Of(options, teacher is null ? null : new ModelTeacher(teacher), student, _train, _test), options);

    private static TokenBatch Batch(params int[] lengths) => Batch(lengths, more: 0);

    private static TokenBatch Batch(int first, int second, int third, int more) => Batch([first, second, third], more);

    private static TokenBatch Batch(int[] lengths, int more)
    {
        int columns = lengths.Max() + more;
        return new TokenBatch([.. lengths.SelectMany((length, row) => Enumerable.Range(0, columns).Select(column => column >= length ? ClassModels.Roles.Padding : 5 + (3L * row + column * (row + 1)) % 12))],
            lengths, lengths.Length, columns) { Classes = [.. lengths.Select(length => (long)length % 3)] };
    }

    private static Tensor Logits(TextModel model, TokenBatch batch) =>
        model.ClassLogits(model.Forward(batch.InputOf(tensor(batch.Ids, [batch.Rows, batch.Columns], device: Distillation.Engine.Device.Default), model.Architecture), Wants.Pooled).Pooled!);

    private (Dictionary<string, float[]> Weights, List<StepReport> Reports, string State) Attempted(RunOptions options, TextModel teacher, int every) => RunInAttempts.Make(
        options, every, _folder.File(Guid.NewGuid().ToString("N")), (begun, saved) => Create(begun, teacher, saved), student => TrainerOf(options, teacher, student));
}
