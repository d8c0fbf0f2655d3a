using System.CommandLine;
using System.Diagnostics;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Text.Stories;
using WebDistill.Distillation.Training;
using WebDistill.Web.Runs;

namespace WebDistill.Benchmarks;

/// <summary>
/// <c>samples</c>: the quick start's two runs with samples at the default interval and without any, one after the other, and what a sample of GPT-2's size costs beside its updates.
/// </summary>
internal static class SamplesCommand
{
    private const int GptUpdates = 4;

    public static Command Create()
    {
        var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 3, Description = "pairs of whole runs of each kind" };
        var stories = new Option<int>("--stories") { DefaultValueFactory = _ => StoryCorpus.QuickStartStories, Description = "stories that the runs read" };
        var gpt = new Option<bool>("--gpt2") { Description = "also 124 M to 82 M parameters: 3 GB of memory and a few minutes" };
        var command = new Command("samples", "Runs with samples and without, in alternation: what share of a training's time its samples take.") { rounds, stories, gpt };
        command.SetAction(parsed => StepWorkload.OnThreadOfItsOwn(() => Measure(parsed.GetValue(rounds), parsed.GetValue(stories), parsed.GetValue(gpt))));
        return command;
    }

    private static void Measure(int rounds, int stories, bool withGpt)
    {
        DirectoryInfo work = Directory.CreateTempSubdirectory("webdistill-samples-");
        try
        {
            (TokenFile train, TokenFile held, Gpt2Tokenizer tokenizer) = StoryTokens.Write(work, QuickStart.StorySeed, stories, stories / 20, QuickStart.VocabularySize);
            using (train)
            using (held)
            {
                RunOptions ofTeacher = Named(QuickStart.Teacher, teacherId: null), ofStudent = Named(QuickStart.Student, "given");
                // Untrained: what it says costs as much, but for a text that ends early.
                using TextModel teacher = StudentInits.Create(ofTeacher, null, train.VocabularySize);
                Compare("quick start's teacher, 941 k, no teacher of its own", rounds, ofTeacher, null, train, held, tokenizer);
                Compare("quick start's student, 941 k to 544 k", rounds, ofStudent, teacher, train, held, tokenizer);
                if (withGpt)
                    TimeGpt(work, tokenizer);
            }
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    private static RunOptions Named(RunOptions options, string? teacherId) =>
        options with { Data = options.Data with { DatasetId = "given" }, Teacher = options.Teacher with { ModelId = teacherId } };

    private static void Compare(string kind, int rounds, RunOptions options, TextModel? teacher, TokenFile train, TokenFile held, TextTokenizer tokenizer)
    {
        SamplePrompts? prompts = SamplePrompts.Of(options, tokenizer, held, teacher?.Architecture.Positions ?? options.Data.ContextLength!.Value);
        List<Timed> with = [], without = [];
        for (int round = 0; round < rounds; round++)
        {
            // In turns, so that neither is always the one of a warm machine.
            foreach (bool isSampled in new[] { round % 2 == 0, round % 2 != 0 })
                (isSampled ? with : without).Add(Train(options, teacher, train, isSampled ? prompts : null));
        }
        double[] shares = [.. with.Zip(without, (sampled, bare) => sampled.SampleSeconds.Sum() / bare.Seconds)];
        Report.Line(new
        {
            Benchmark = "samples", Kind = kind, rounds, with[0].Updates, Tokens = with[0].Tokens, Samples = with[0].SampleSeconds.Count,
            MedianSecondsWithout = Report.Rounded(Report.Median(without.Select(run => run.Seconds))),
            PairedShareMedian = Report.Rounded(Report.Median(with.Zip(without, (sampled, bare) => sampled.Seconds / bare.Seconds - 1))),
            TimedShareMedian = Report.Rounded(Report.Median(shares)), TimedShareLargest = Report.Rounded(shares.Max()),
            MedianMillisecondsPerSample = Report.Rounded(1000 * Report.Median(with.SelectMany(run => run.SampleSeconds))),
            TrainedTokensPerSample = Report.Rounded(Report.Median(with.Select(run => Report.Median(run.SampleSeconds) * run.Tokens / run.StepSeconds))),
        });
    }

    /// <summary>A whole run of that size takes a day here: a few updates on random text, a sample after each.</summary>
    private static void TimeGpt(DirectoryInfo work, TextTokenizer tokenizer)
    {
        Gpt2Config config = StepWorkload.Teacher("gpt2");
        string path = Path.Combine(work.FullName, "random.tokens");
        var random = new Random(3);
        var vocabulary = new Vocabulary([.. Enumerable.Range(0, config.VocabSize).Select(id => BitConverter.GetBytes(id))], config.VocabSize - 1, new string('0', 64));
        using (var writer = new TokenFileWriter(path, vocabulary, FileLayer.Disk))
        {
            for (int document = 0; document < 64; document++)
                writer.AppendDocument([.. Enumerable.Range(0, 511).Select(_ => random.Next(config.VocabSize - 1))]);
            writer.Commit();
        }
        using TokenFile train = TokenFile.Open(path);
        using TextModel teacher = TextModel.CreateRandom(config, seed: 1);
        RunOptions options = Named(QuickStart.Student, "given") with
        {
            Student = new() { LayerCount = config.NLayer / 2 }, Data = new() { DatasetId = "given", ContextLength = 256 },
            Schedule = new() { Epochs = 1, BatchSize = 4, MaxUpdates = GptUpdates }, Samples = new() { IntervalSteps = 1 },
        };
        Timed run = Train(options, teacher, train, SamplePrompts.Of(options, tokenizer, train, config.NPositions)! with { Vocabulary = vocabulary });
        // The first one is also the teacher's.
        double sample = Report.Median(run.SampleSeconds.Skip(1));
        Report.Line(new
        {
            Benchmark = "samples", Kind = "GPT-2, 124 M to 82 M", run.Updates, run.Tokens, TokensPerSecond = Report.Rounded(run.Tokens / run.StepSeconds),
            MedianSecondsPerSample = Report.Rounded(sample), FirstSampleSeconds = Report.Rounded(run.SampleSeconds[0]),
            TrainedTokensPerSample = Report.Rounded(sample * run.Tokens / run.StepSeconds),
        });
    }

    private static Timed Train(RunOptions options, TextModel? teacher, TokenFile train, SamplePrompts? prompts)
    {
        using TextModel student = StudentInits.Create(options, teacher, train.VocabularySize);
        // Without the held-out split no perplexity is measured: its time is nobody's here.
        TrainingParts parts = TrainingParts.Of(options, teacher is null ? null : new ModelTeacher(teacher), student, train, validation: null) with
        {
            Prompts = prompts,
        };
        using var batches = parts.Batches;
        using var trainer = new Trainer(parts, options);
        List<double> samples = [];
        double steps = 0, sampled = 0;
        long tokens = 0, began = Stopwatch.GetTimestamp(), told = began;
        trainer.Run(new RunListener(report =>
        {
            double step = report.Values[LoopSeries.StepSeconds.Name];
            if (sampled > 0)
                samples.Add(sampled - step);
            (sampled, tokens, told) = (0, report.TokensSeen, Stopwatch.GetTimestamp());
            steps += step;
        }, samplesOf =>
        {
            double seconds = Stopwatch.GetElapsedTime(told).TotalSeconds;
            if (samplesOf.Step == 0)
                (samples, told) = ([seconds], Stopwatch.GetTimestamp());
            else
                sampled = seconds;
        }), afterUpdate: null, CancellationToken.None);
        return new Timed(trainer.TotalSteps, tokens, Stopwatch.GetElapsedTime(began).TotalSeconds, steps, samples);
    }

    /// <param name="Seconds">Of the whole run.</param>
    /// <param name="StepSeconds">Of its updates alone.</param>
    /// <param name="SampleSeconds">Of each sample.</param>
    private sealed record Timed(int Updates, long Tokens, double Seconds, double StepSeconds, List<double> SampleSeconds);
}
