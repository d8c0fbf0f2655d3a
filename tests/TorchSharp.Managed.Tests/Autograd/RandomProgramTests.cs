using static TorchSharp.torch;

namespace TorchSharp.Managed.Tests.Autograd;

/// <summary>Whole graphs: values used several times, in place and through views, and gradients that meet again.</summary>
public sealed class RandomProgramTests : EngineTest
{
    private const long Rows = 3, Columns = 4;

    [Fact]
    public void Backward_RandomPrograms_MatchesDifferences()
    {
        for (int seed = 0; seed < 150; seed++)
        {
            var check = new GradientCheck(seed);
            Operand a = check.Operand([Rows, Columns], float64, -1, 1), b = check.Operand([Rows, Columns], float64, -1, 1);
            GradientCheck.Run([a, b], inputs => Run(inputs, new Random(seed)), 1e-5, 1e-6);
        }
    }

    /// <summary>Twelve random operations on a growing list of [3, 4] values; the result uses all of them.</summary>
    private static Tensor Run(Tensor[] inputs, Random random)
    {
        var values = new List<Tensor>(inputs);
        Tensor Any() => values[random.Next(values.Count)];
        for (int i = 0; i < 12; i++)
        {
            values.Add(random.Next(14) switch
            {
                0 => Any() + Any(),
                1 => Any() * Any(),
                2 => Any() - Any(),
                3 => Any().tanh(),
                4 => Any() / (Any().square() + 1),
                5 => Any().t().reshape(Rows, Columns),
                6 => cat([Any().narrow(0, 0, 1), Any().narrow(0, 1, Rows - 1)]),
                7 => Any().sum(dim: 0, keepdim: true).expand(Rows, Columns),
                8 => Any().mean([1], keepdim: true) * Any(),
                9 => Any().matmul(Any().t()).matmul(Any()),
                10 => stack(Any().unbind(1), 1),
                11 => (Any() * 0.5).add_(Any()).mul_(Any()),
                12 => where(Any().detach().gt(0), Any(), Any()),
                _ => cat(Any().split([1, Columns - 1], 1).Reverse().ToArray(), 1),
            });
        }
        return stack(values).sum(dim: 0L, keepdim: false);
    }

    [Fact]
    public void Training_OnTwoThreadsAtOnce_GivesWhatOneThreadGives()
    {
        float[] alone = Train(1), other = Train(2);
        float[][] together = new float[2][];
        Thread[] threads = [.. Enumerable.Range(0, 2).Select(i => new Thread(() => together[i] = Train((ulong)i + 1)))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Equal(alone, together[0]);
        Assert.Equal(other, together[1]);
    }

    private static float[] Train(ulong seed)
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(seed);
        Tensor x = randn(64, 32, generator: generator), target = randn(64, 8, generator: generator);
        using Modules.Parameter first = nn.Parameter(randn(32, 48, generator: generator) * 0.1);
        using Modules.Parameter second = nn.Parameter(randn(48, 8, generator: generator) * 0.1);
        using Modules.AdamW optimiser = optim.AdamW([first, second], lr: 0.01);
        for (int step = 0; step < 60; step++)
        {
            using DisposeScope stepScope = NewDisposeScope();
            optimiser.zero_grad();
            Tensor hidden = nn.functional.gelu(x.matmul(first), Modules.GELU.Approximate.tanh);
            nn.functional.mse_loss(nn.functional.softmax(hidden.matmul(second), -1), target).backward();
            nn.utils.clip_grad_norm_([first, second], 1);
            optimiser.step();
        }
        return [.. Values(first), .. Values(second)];
    }
}
