using System.CommandLine;
using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Models;
using static TorchSharp.torch;

namespace WebDistill.Benchmarks;

/// <summary>
/// <c>libtorch-step</c>: the peer of <c>paired</c>, the same step on the same libtorch as Hugging Face's distillation project writes it: logits of
/// all tokens, masked selection, KL divergence at temperature T, shifted cross-entropy, cosine of the last hidden states, clipping, AdamW, each by
/// the library's own operators.
/// </summary>
internal static class LibTorchStepCommand
{
    private const double Temperature = 2;

    public static Command Create()
    {
        var options = new StepOptions();
        var command = new Command("libtorch-step", "The step of plain libtorch, one for each line of the input: the peer of `paired`.");
        options.AddTo(command);
        command.SetAction(result => Run(options, result));
        return command;
    }

    private static void Run(StepOptions options, ParseResult result)
    {
        (Gpt2Config teacherConfig, int layers, int batch, int context, bool dropout) = options.Sizes(result);
        LibTorch.Load();
        manual_seed(1);
        using var teacher = new PlainGpt2(teacherConfig, teacherConfig.Layers, 0);
        using var student = new PlainGpt2(teacherConfig, layers, dropout ? 0.1 : 0);
        teacher.eval();
        student.train();
        using AdamW optimiser = optim.AdamW(student.parameters(), lr: 5e-4, beta1: 0.9, beta2: 0.98, eps: 1e-6, weight_decay: 0);
        var random = new Random(3);
        StepServer.Run($"libtorch {torch.__version__}, {get_num_threads()} threads", () =>
        {
            using DisposeScope scope = NewDisposeScope();
            long[] ids = [.. Enumerable.Range(0, batch * context).Select(_ => (long)random.Next(teacherConfig.VocabularySize))];
            long started = System.Diagnostics.Stopwatch.GetTimestamp();
            Step(teacher, student, optimiser, tensor(ids, [batch, context]));
            return System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds;
        });
    }

    private static void Step(PlainGpt2 teacher, PlainGpt2 student, AdamW optimiser, Tensor ids)
    {
        Tensor mask = ones_like(ids, dtype: ScalarType.Bool);
        (Tensor studentLogits, Tensor studentHidden) = student.Run(ids);
        Tensor teacherLogits, teacherHidden;
        using (no_grad())
            (teacherLogits, teacherHidden) = teacher.Run(ids);
        long vocabulary = studentLogits.shape[2], width = studentHidden.shape[2];
        Tensor selected = mask.unsqueeze(-1).expand_as(studentLogits);
        Tensor studentRows = studentLogits.masked_select(selected).view(-1, vocabulary);
        Tensor teacherRows = teacherLogits.masked_select(selected).view(-1, vocabulary);
        // "batchmean": the sum over the vocabulary, the mean over the rows.
        Tensor divergence = nn.functional.kl_div(nn.functional.log_softmax(studentRows / Temperature, -1),
            nn.functional.softmax(teacherRows / Temperature, -1), log_target: false, reduction: nn.Reduction.Sum) / studentRows.shape[0];
        Tensor loss = 5 * divergence * (Temperature * Temperature);
        long shifted = studentLogits.shape[1] - 1;
        loss += 2 * nn.functional.cross_entropy(
            studentLogits.narrow(1, 0, shifted).contiguous().view(-1, vocabulary), ids.narrow(1, 1, shifted).contiguous().view(-1));
        Tensor wide = mask.unsqueeze(-1).expand_as(studentHidden);
        Tensor studentVectors = studentHidden.masked_select(wide).view(-1, width), teacherVectors = teacherHidden.masked_select(wide).view(-1, width);
        loss += nn.functional.cosine_embedding_loss(studentVectors, teacherVectors, ones(studentVectors.shape[0]), 0, nn.Reduction.Mean);
        loss.backward();
        nn.utils.clip_grad_norm_(student.parameters(), 5);
        optimiser.step();
        optimiser.zero_grad();
        _ = loss.item<float>();
    }
}
