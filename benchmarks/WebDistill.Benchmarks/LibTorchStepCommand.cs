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
        using var teacher = new PlainGpt2(teacherConfig, teacherConfig.NLayer, 0);
        using var student = new PlainGpt2(teacherConfig, layers, dropout ? 0.1 : 0);
        teacher.eval();
        student.train();
        using AdamW optimiser = optim.AdamW(student.parameters(), lr: 5e-4, beta1: 0.9, beta2: 0.98, eps: 1e-6, weight_decay: 0);
        var random = new Random(3);
        StepServer.Run($"libtorch {torch.__version__}, {get_num_threads()} threads", () =>
        {
            using DisposeScope scope = NewDisposeScope();
            long[] ids = [.. Enumerable.Range(0, batch * context).Select(_ => (long)random.Next(teacherConfig.VocabSize))];
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

    private sealed class PlainGpt2 : nn.Module<Tensor, Tensor>
    {
        private readonly Embedding wte;
        private readonly Embedding wpe;
        private readonly ModuleList<PlainBlock> h;
        private readonly LayerNorm ln_f;
        private readonly double _dropout;

        public PlainGpt2(Gpt2Config config, int layers, double dropout) : base(nameof(PlainGpt2))
        {
            wte = nn.Embedding(config.VocabSize, config.NEmbd);
            wpe = nn.Embedding(config.NPositions, config.NEmbd);
            using (no_grad())
            {
                nn.init.normal_(wte.weight!, std: 0.02);
                nn.init.normal_(wpe.weight!, std: 0.02);
            }
            h = new ModuleList<PlainBlock>([.. Enumerable.Range(0, layers).Select(_ => new PlainBlock(config.NEmbd, config.NHead, dropout))]);
            ln_f = nn.LayerNorm(config.NEmbd);
            _dropout = dropout;
            RegisterComponents();
        }

        public override Tensor forward(Tensor ids) => Run(ids).Logits;

        public (Tensor Logits, Tensor Hidden) Run(Tensor ids)
        {
            Tensor x = nn.functional.dropout(wte.forward(ids) + wpe.forward(arange(ids.shape[1], dtype: ScalarType.Int64)), _dropout, training);
            foreach (PlainBlock block in h)
                x = block.forward(x);
            Tensor hidden = ln_f.forward(x);
            return (nn.functional.linear(hidden, wte.weight!), hidden);
        }
    }

    private sealed class PlainBlock : nn.Module<Tensor, Tensor>
    {
        private readonly LayerNorm ln_1;
        private readonly LayerNorm ln_2;
        private readonly PlainLinear c_attn;
        private readonly PlainLinear c_proj;
        private readonly PlainLinear c_fc;
        private readonly PlainLinear mlp_c_proj;
        private readonly long _heads;
        private readonly double _dropout;

        public PlainBlock(long width, long heads, double dropout) : base(nameof(PlainBlock))
        {
            (ln_1, ln_2) = (nn.LayerNorm(width), nn.LayerNorm(width));
            (c_attn, c_proj) = (new PlainLinear(width, 3 * width), new PlainLinear(width, width));
            (c_fc, mlp_c_proj) = (new PlainLinear(width, 4 * width), new PlainLinear(4 * width, width));
            (_heads, _dropout) = (heads, dropout);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            x = x + Drop(c_proj.forward(Attend(ln_1.forward(x))));
            return x + Drop(mlp_c_proj.forward(nn.functional.gelu(c_fc.forward(ln_2.forward(x)), GELU.Approximate.tanh)));
        }

        private Tensor Attend(Tensor x)
        {
            (long batch, long length, long width) = (x.shape[0], x.shape[1], x.shape[2]);
            Tensor[] thirds = c_attn.forward(x).chunk(3, 2);
            Tensor Split(Tensor third) => third.view(batch, length, _heads, width / _heads).permute(0, 2, 1, 3);
            return nn.functional.scaled_dot_product_attention(Split(thirds[0]), Split(thirds[1]), Split(thirds[2]), p: training ? _dropout : 0,
                is_casual: true).permute(0, 2, 1, 3).contiguous().view(batch, length, width);
        }

        private Tensor Drop(Tensor x) => nn.functional.dropout(x, _dropout, training);
    }

    private sealed class PlainLinear : nn.Module<Tensor, Tensor>
    {
        private readonly Parameter weight;
        private readonly Parameter bias;

        public PlainLinear(long inputs, long outputs) : base(nameof(PlainLinear))
        {
            weight = nn.Parameter(randn(inputs, outputs) * 0.02);
            bias = nn.Parameter(zeros(outputs));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => bias.addmm(x.view(-1, x.shape[^1]), weight).view([.. x.shape[..^1], weight.shape[1]]);
    }
}
