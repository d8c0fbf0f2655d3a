using System.CommandLine;
using TorchSharp;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Models;

namespace WebDistill.Benchmarks;

/// <summary><c>generate</c>: text token by token with cached keys and values, one row.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        var layers = new Option<int>("--layers") { Description = "layers of a GPT-2 (6: the 82M student)", DefaultValueFactory = _ => 6 };
        var prompt = new Option<int>("--prompt") { Description = "tokens of the prompt", DefaultValueFactory = _ => 32 };
        var tokens = new Option<int>("--tokens") { Description = "tokens written", DefaultValueFactory = _ => 128 };
        var rounds = new Option<int>("--rounds") { Description = "texts", DefaultValueFactory = _ => 5 };
        var command = new Command("generate", "Tokens/s of generation at batch 1.")
        {
            layers, prompt, tokens, rounds,
        };
        command.SetAction(result => Run(result.GetValue(layers), result.GetValue(prompt), result.GetValue(tokens),
            result.GetValue(rounds)));
        return command;
    }

    private static void Run(int layers, int promptLength, int count, int rounds)
    {
        Gpt2Config config = StepWorkload.Teacher("gpt2") with { NLayer = layers };
        using TextModel model = TextModel.CreateRandom(config, seed: 1);
        var generator = new TextGenerator(model);
        using var plain = new PlainGpt2(config, layers, 0);
        plain.eval();
        var random = new Random(2);
        int[] prompt = [.. Enumerable.Range(0, promptLength).Select(_ => random.Next(config.VocabularySize))];
        var variants = new (string Name, GenerationOptions Options)[]
        {
            ("greedy", new GenerationOptions { Greedy = true }),
            ("top-k 40", new GenerationOptions { TopK = 40 }),
            ("top-p 0.9", new GenerationOptions { TopP = 0.9 }),
        };
        long weightBytes = 4 * (config.ParameterCount - (long)config.Positions * config.Width);
        foreach ((string name, GenerationOptions options) in variants)
        {
            GenerationOptions full = options with { MaxNewTokens = count, StopAtEndOfText = false };
            double[] rates = new double[rounds], firsts = new double[rounds], plainRates = new double[rounds];
            for (int round = -1; round < rounds; round++)
            {
                double plainRate = Plain(plain, prompt, count);
                List<GeneratedToken> written = [.. generator.Generate(prompt, full)];
                if (round >= 0)
                {
                    plainRates[round] = plainRate;
                    firsts[round] = written[0].SecondsSinceStart;
                    rates[round] = (written.Count - 1) / (written[^1].SecondsSinceStart - written[0].SecondsSinceStart);
                }
            }
            double median = Report.Median(rates);
            Report.Line(new
            {
                Benchmark = "generate", Sampling = name, layers, promptLength, count, rounds, Engine = Device.Name,
                TokensPerSecondMedian = Report.Rounded(median), TokensPerSecondBest = Report.Rounded(rates.Max()),
                PlainLibtorchTokensPerSecondMedian = Report.Rounded(Report.Median(plainRates)),
                RatioMedian = Report.Rounded(Report.Median(rates.Zip(plainRates, (own, other) => own / other))),
                FirstTokenMilliseconds = Report.Rounded(1000 * Report.Median(firsts)),
                WeightMegabytesPerToken = weightBytes / 1e6,
            });
        }
    }

    /// <summary>Greedy text by plain libtorch, keys and values joined to those before at every token: tokens/s after the first.</summary>
    private static double Plain(PlainGpt2 model, int[] prompt, int count)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable noGradient = torch.no_grad();
        var past = new (torch.Tensor, torch.Tensor)?[model.Layers];
        long[] input = [.. prompt.Select(id => (long)id)];
        long started = 0;
        for (int i = 0; i < count; i++)
        {
            torch.Tensor logits = model.Run(torch.tensor(input, [1, input.Length]), past).Logits;
            input = [logits.select(1, -1).argmax().item<long>()];
            if (i == 0)
                started = System.Diagnostics.Stopwatch.GetTimestamp();
        }
        return (count - 1) / System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
