using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models;

/// <summary>One vector for each id. Zeros until they are read or drawn.</summary>
/// <remarks>
/// Not TorchSharp's Embedding: a new one draws random numbers, from the stream that a run in progress takes its dropout from; and the one made
/// from a table (Embedding_from_pretrained, 0.107) reads another tensor than the one that it names as its parameter.
/// </remarks>
internal sealed class EmbeddingTable : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;

    public EmbeddingTable(long count, long width, torch.Device device) : base(nameof(EmbeddingTable))
    {
        weight = nn.Parameter(zeros(count, width, device: device));
        RegisterComponents();
    }

    /// <summary>[count, width].</summary>
    public Parameter Weight => weight;

    /// <summary>int64 [..] to [.., width].</summary>
    public override Tensor forward(Tensor ids) => LookUp.Run(weight, ids);

    /// <summary>Rows of a table, whose gradient is added to the table's own, row by row: never a table of zeros for the few rows in use.</summary>
    private sealed class LookUp : autograd.SingleTensorFunction<LookUp>
    {
        public override string Name => nameof(LookUp);

        public static Tensor Run(Parameter table, Tensor ids) => apply(table, ids);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            (Tensor table, Tensor ids) = ((Tensor)vars[0], (Tensor)vars[1]);
            ctx.save_for_backward([table, ids]);
            return table.index_select(0, ids.view(-1)).view([.. ids.shape, table.shape[1]]);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
            BackwardResults.Of(grad_output, inputs: 2, () => Add(ctx, grad_output));

        private static Tensor? Add(autograd.AutogradContext ctx, Tensor grad_output)
        {
            // Of its own: on a GPU this runs on a thread of libtorch's, outside of the caller's.
            using DisposeScope scope = NewDisposeScope();
            List<Tensor> saved = ctx.get_saved_variables();
            Tensor table = saved[0], ids = saved[1];
            using (no_grad())
            {
                if (table.grad is null)
                    table.grad = zeros_like(table);
                table.grad!.index_add_(0, ids.view(-1), grad_output.reshape(-1, table.shape[1]), 1);
            }
            return null;
        }
    }
}
