using System.Text.Json;
using TorchSharp;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Tests.Losses;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>Prompts that are answered while a run trains: what they say, when, and that the training does not notice.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class RunSamplesTests : IDisposable
{
    private static readonly RunOptions s_options = ResumableRun.Options with
    {
        Schedule = ResumableRun.Options.Schedule with { Epochs = 1, ValidationIntervalSteps = 0 },
        Samples = new() { IntervalSteps = 4, MaxNewTokens = 6 },
    };

    // A letter for each id, and a word for the last one, which ends a text.
    private static readonly Vocabulary s_vocabulary = new(
        [.. Enumerable.Range(0, SmallModels.Vocabulary - 1).Select(id => new[] { (byte)('A' + id) }), "<|endoftext|>"u8.ToArray()], SmallModels.Vocabulary - 1, new string('0', 64));

    private static readonly SamplePrompts s_prompts = new([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]], s_vocabulary, []);

    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _tokens;

    public RunSamplesTests() => _tokens = SmallModels.Tokens(_folder, documents: 60);

    public void Dispose()
    {
        _tokens.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Run_WithAndWithoutSamples_IsTheSameToTheLastBit(Precision precision)
    {
        RunOptions options = s_options with { Precision = precision, Samples = s_options.Samples with { IntervalSteps = 1 } };
        (Journal with, Dictionary<string, float[]> trained) = Whole(options, s_prompts);
        (Journal without, Dictionary<string, float[]> expected) = Whole(options, null);
        Assert.Empty(without.Samples);
        Assert.Equal(without.Reports.Count + 1, with.Samples.Count);
        Assert.Equal(without.Reports.Select(Journal.Timeless), with.Reports.Select(Journal.Timeless));
        Assert.Equal(expected.Keys, trained.Keys);
        Assert.All(expected, parameter => Assert.Equal(parameter.Value, trained[parameter.Key]));
    }

    [Fact]
    public void Run_AtAnInterval_AnswersBeforeTheFirstUpdateAtItAndAtTheEnd()
    {
        (Journal journal, _) = Whole(s_options, s_prompts);
        int last = journal.Reports.Count;
        Assert.True(last > 8 && last % 4 > 0);
        Assert.Equal([0, .. Enumerable.Range(1, last).Where(update => update % 4 == 0), last], journal.Samples.Select(set => set.Step));
        Assert.All(journal.Samples, set => Assert.Equal(["BCDE", "FGHI", "JK"], set.Answers.Select(answer => answer.Prompt)));
        // The teacher is the same all the time, and the student learns.
        Assert.All(journal.Samples, set => Assert.Equal(journal.Samples[0].Answers.Select(answer => answer.Teacher), set.Answers.Select(answer => answer.Teacher)));
        Assert.True(journal.Samples[^1].MeanKlNatsPerToken < journal.Samples[0].MeanKlNatsPerToken);
    }

    [Fact]
    public void Run_Off_AnswersNothing()
    {
        (Journal journal, _) = Whole(s_options with { Samples = s_options.Samples with { IntervalSteps = 0 } }, s_prompts);
        Assert.Empty(journal.Samples);
    }

    [Fact]
    public void Answers_OfTheTrainedStudent_AreTheGeneratorsWithTheNaiveDivergence()
    {
        var journal = new Journal();
        using var run = new ResumableRun(s_options, _tokens, _tokens, prompts: s_prompts);
        run.Trainer.Run(journal, null, CancellationToken.None);
        for (int i = 0; i < s_prompts.Ids.Count; i++)
        {
            SampledAnswer answer = journal.Samples[^1].Answers[i];
            int[] prompt = [.. s_prompts.Ids[i]], written = Greedy(run.Trainer.Student, prompt);
            Assert.Equal(written, answer.Student.Select(token => token.Id));
            Assert.Equal(written.Select(s_vocabulary.TokenText), answer.Student.Select(token => token.Text));
            Assert.Equal(string.Concat(Greedy(run.Teacher, prompt).Select(s_vocabulary.TokenText)), answer.Teacher);
            double[][] p = LogProbabilities(run.Teacher, [.. prompt, .. written]), q = LogProbabilities(run.Trainer.Student, [.. prompt, .. written]);
            for (int k = 0; k < written.Length; k++)
            {
                int read = prompt.Length + k - 1;
                GoldenFiles.AssertNear(p[read].Select((log, v) => Math.Exp(log) * (log - q[read][v])).Sum(), answer.Student[k].KlNats!.Value, 1e-4, 1e-5, $"KL of token {k}");
            }
            Assert.Equal(answer.Student.Average(token => token.KlNats), answer.MeanKlNatsPerToken);
        }

        int[] Greedy(TextModel model, int[] prompt) =>
            [.. new TextGenerator(model).Generate(prompt, new() { Greedy = true, MaxNewTokens = s_options.Samples.MaxNewTokens }).Select(token => token.Id)];
    }

    [Fact]
    public void Run_WithoutATeacher_AnswersWithoutADivergence()
    {
        var journal = new Journal();
        using TextModel student = SmallModels.Random(2, layers: 1);
        RunOptions options = s_options with { Teacher = new(), Objective = s_options.Objective.With(ce: 0, clm: 1, cos: 0) };
        using Trainer trainer = Trainers.Create(options, null, student, _tokens, null, prompts: s_prompts);
        trainer.Run(journal, null, CancellationToken.None);
        Assert.All(journal.Samples.SelectMany(set => set.Answers), answer =>
        {
            Assert.Null(answer.Teacher);
            Assert.Null(answer.MeanKlNatsPerToken);
            Assert.NotEmpty(answer.Student);
        });
        Assert.Null(journal.Samples[0].MeanKlNatsPerToken);
    }

    [Fact]
    public void Run_CutAndGoingOn_AnswersAsOneThatWasNotCut()
    {
        (Journal whole, Dictionary<string, float[]> expected) = Whole(s_options, s_prompts);
        var store = new CheckpointStore(_folder.File("cut"), FileLayer.Disk);
        var cut = new Journal();
        string? folder = null;
        for (int step = 3; ; step += 3)
        {
            using var stop = new CancellationTokenSource();
            using var run = new ResumableRun(s_options, _tokens, _tokens, folder, prompts: s_prompts);
            try
            {
                run.Trainer.Run(cut, () => Stop(run.Trainer.CompletedSteps == step, stop), stop.Token);
                Assert.All(expected, parameter => Assert.Equal(parameter.Value, run.Weights[parameter.Key]));
                break;
            }
            catch (OperationCanceledException)
            {
                run.Save(store, FileLayer.Disk);
                folder = store.Folder(run.Trainer.CompletedSteps);
            }
        }
        Assert.Equal(Json(whole), Json(cut));
    }

    [Fact]
    public void Run_CutWhileThePromptsAreAnswered_AnswersThemOnceWhenItGoesOn()
    {
        const int update = 4;
        IReadOnlyList<Loss> Catalogue(Action? summed) => [.. LossCatalogue.All, new WholeLossTests.LayersAndAttentions { Summed = summed }];
        var whole = new Journal();
        using (var run = new ResumableRun(s_options, _tokens, null, catalogue: Catalogue(null), prompts: s_prompts))
            run.Trainer.Run(whole, null, CancellationToken.None);

        // Said within the last micro-batch of the update: nothing listens until the prompts are answered.
        int batches = 0;
        using var stop = new CancellationTokenSource();
        var cut = new Journal();
        var store = new CheckpointStore(_folder.File("cut"), FileLayer.Disk);
        using (var run = new ResumableRun(s_options, _tokens, null, prompts: s_prompts,
            catalogue: Catalogue(() => Stop(++batches == update * s_options.Schedule.GradientAccumulation, stop))))
        {
            Assert.ThrowsAny<OperationCanceledException>(() => run.Trainer.Run(cut, null, stop.Token));
            run.Save(store, FileLayer.Disk);
        }
        Assert.Equal([0], cut.Samples.Select(set => set.Step));
        Assert.Equal(update, TrainingCheckpoint.ReadState(store.Folder(update)).State.Unreported!.Step);
        using (var run = new ResumableRun(s_options, _tokens, null, store.Folder(update), Catalogue(null), s_prompts))
            run.Trainer.Run(cut, null, CancellationToken.None);
        Assert.Equal(Json(whole), Json(cut));
        Assert.Equal(whole.Reports.Select(Journal.Timeless), cut.Reports.Select(Journal.Timeless));
    }

    /// <summary>The loop itself says what becomes of weights that run away, and its guards go by that.</summary>
    [Fact]
    public void Run_AStudentThatCannotAnswer_IsNotedAndEndsByItsLoss()
    {
        var journal = new Journal();
        using var run = new ResumableRun(s_options, _tokens, null, prompts: s_prompts);
        using (no_grad())
            run.Trainer.Student.Head!.fill_(float.NaN);
        Assert.Throws<TrainingDivergedException>(() => run.Trainer.Run(journal, null, CancellationToken.None));
        Assert.Empty(journal.Samples);
        Assert.StartsWith("There is no sample of update 0: The model's logit for token 0 is NaN", Assert.Single(journal.Notes, note => note.Contains("sample")));
        Assert.True(run.Trainer.Student.training);
    }

    [Fact]
    public void Prompts_NoneGiven_AreTheBeginningsOfDocumentsThatTheSeedDraws()
    {
        Gpt2Tokenizer tokenizer = Gpt2Tokenizer.Train(["one two three"], 258);
        SamplePrompts first = SamplePrompts.Of(s_options, tokenizer, _tokens, 24)!, again = SamplePrompts.Of(s_options, tokenizer, _tokens, 24)!;
        Assert.Equal(first.Ids, again.Ids);
        Assert.NotEqual(first.Ids, SamplePrompts.Of(s_options with { Seed = 3 }, tokenizer, _tokens, 24)!.Ids);
        Assert.Equal(SamplePrompts.UsualCount, first.Ids.Count);
        int length = Assert.Single(first.Ids.Select(ids => ids.Count).Distinct());
        Assert.InRange(length, 2, SamplePrompts.UsualTokens);
        HashSet<string> beginnings = [.. Enumerable.Range(0, (int)_tokens.DocumentCount).Select(index =>
        {
            var ids = new int[length];
            _tokens.Read(_tokens.Document(index).Offset, ids);
            return string.Join(' ', ids);
        })];
        Assert.All(first.Ids, ids => Assert.Contains(string.Join(' ', ids), beginnings));
        Assert.Null(SamplePrompts.Of(s_options with { Samples = new() { IntervalSteps = 0 } }, tokenizer, _tokens, 24));
    }

    [Fact]
    public void Prompts_OfANovelThatIsOneDocument_AreThreeStretchesOfIt()
    {
        string path = _folder.File("novel.tokens");
        using (var writer = new TokenFileWriter(path, SmallModels.Vocabulary, SmallModels.Vocabulary - 1, new string('0', 64), FileLayer.Disk))
        {
            writer.AppendDocument([.. Enumerable.Range(0, 500).Select(i => i * i % 31)]);
            writer.Commit();
        }
        using TokenFile novel = TokenFile.Open(path);
        SamplePrompts prompts = SamplePrompts.Of(s_options, Gpt2Tokenizer.Train(["one two three"], 258), novel, 64)!;
        Assert.Equal([16, 16, 16], prompts.Ids.Select(ids => ids.Count));
        Assert.Contains(prompts.Ids, ids => ids.SequenceEqual(Enumerable.Range(0, 16).Select(i => i * i % 31)));
        Assert.Empty(prompts.Notes);
    }

    [Fact]
    public void Prompts_Given_AreTokenisedAndCutToTheContextWithANote()
    {
        Gpt2Tokenizer tokenizer = Gpt2Tokenizer.Train(["one two three"], 258);
        RunOptions options = s_options with { Samples = s_options.Samples with { Prompts = ["one", "xyz xyz xyz xyz xyz xyz"], MaxNewTokens = 32 } };
        SamplePrompts prompts = SamplePrompts.Of(options, tokenizer, _tokens, 24)!;
        Assert.Equal(tokenizer.EncodeToIds("one"), prompts.Ids[0]);
        Assert.Equal(tokenizer.EncodeToIds("xyz xyz xyz xyz xyz xyz").TakeLast(12), prompts.Ids[1]);
        Assert.Contains("its last 12 are answered", Assert.Single(prompts.Notes));
    }

    /// <summary>What the default costs is measured (docs/samples.md); here is only its arithmetic.</summary>
    [Theory]
    [InlineData(500, 2_560_000, 25)]        // 20 of them; it could afford as many
    [InlineData(2000, 100_000_000, 100)]    // never more than 20
    [InlineData(100, 640_000, 20)]          // 5 can be afforded
    [InlineData(40, 100_000, 40)]           // none can: the first and the last
    [InlineData(1, 1 << 30, 1)]
    public void Interval_LeftBlank_IsWhatTheRunCanAfford(int updates, long tokens, int expected)
    {
        Assert.Equal(expected, new SampleOptions().IntervalOf(updates, tokens));
        Assert.Equal(7, new SampleOptions { IntervalSteps = 7 }.IntervalOf(updates, tokens));
        Assert.Equal(0, new SampleOptions { IntervalSteps = 0 }.IntervalOf(updates, tokens));
        Assert.True(new SampleOptions { MaxNewTokens = 64, Prompts = ["a", "b"] }.IntervalOf(updates, tokens) >= expected);
    }

    [Fact]
    public void Check_MoreSamplesThanAnybodyLooksAt_IsAProblemOfTheInterval()
    {
        using TextModel teacher = SmallModels.Random(1);
        RunOptions options = s_options with { Schedule = s_options.Schedule with { Epochs = 5000 }, Samples = new() { IntervalSteps = 2 } };
        var epoch = RunPlan.MeasureEpoch(options, teacher.Architecture, teacher.Architecture, _tokens);
        OptionProblem problem = Assert.Single(RunPlan.Check(options, teacher.Architecture, null, SmallModels.Vocabulary, epoch));
        Assert.Equal("samples.intervalSteps", problem.Field);
        int least = int.Parse(problem.Message.Split("Choose at least ")[1].Split(' ')[0]);
        Assert.Empty(RunPlan.Check(options with { Samples = new() { IntervalSteps = least } }, teacher.Architecture, null, SmallModels.Vocabulary, epoch));
        Assert.NotEmpty(RunPlan.Check(options with { Samples = new() { IntervalSteps = least - 1 } }, teacher.Architecture, null, SmallModels.Vocabulary, epoch));
    }

    private (Journal Journal, Dictionary<string, float[]> Weights) Whole(RunOptions options, SamplePrompts? prompts)
    {
        var journal = new Journal();
        using var run = new ResumableRun(options, _tokens, _tokens, prompts: prompts);
        run.Trainer.Run(journal, null, CancellationToken.None);
        return (journal, run.Weights);
    }

    private static void Stop(bool now, CancellationTokenSource stop)
    {
        if (now)
            stop.Cancel();
    }

    private static string Json(Journal journal) => JsonSerializer.Serialize(journal.Samples);

    private static double[][] LogProbabilities(TextModel model, int[] ids)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        model.eval();
        Tensor logits = model.Logits(model.forward(tensor([.. ids.Select(id => (long)id)], [1, ids.Length])));
        float[] values = ParameterData.ToArray(logits);
        int vocabulary = values.Length / ids.Length;
        return [.. values.Chunk(vocabulary).Select(row =>
        {
            double sum = Math.Log(row.Sum(logit => Math.Exp(logit)));
            return row.Select(logit => logit - sum).ToArray();
        })];
    }
}
