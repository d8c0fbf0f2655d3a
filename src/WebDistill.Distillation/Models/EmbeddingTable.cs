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
    private const long NoPadding = -1;

    private readonly Parameter weight;
    private readonly long _paddingId;

    /// <param name="paddingId">The id whose row learns nothing from being looked up, as PyTorch's padding_idx; null is none.</param>
    public EmbeddingTable(long count, long width, torch.Device device, long? paddingId = null) : base(nameof(EmbeddingTable))
    {
        _paddingId = paddingId ?? NoPadding;
        weight = nn.Parameter(zeros(count, width, device: device));
        RegisterComponents();
    }

    /// <summary>[count, width].</summary>
    public Parameter Weight => weight;

    /// <summary>int64 [..] to [.., width].</summary>
    public override Tensor forward(Tensor ids) => LookUp.Run(weight, ids, _paddingId);

    /// <summary>Rows of a table, whose gradient is added to the table's own, row by row: never a table of zeros for the few rows in use.</summary>
    private sealed class LookUp : autograd.SingleTensorFunction<LookUp>
    {
        private const string Padding = "padding";

        public override string Name => nameof(LookUp);

        public static Tensor Run(Parameter table, Tensor ids, long paddingId) => apply(table, ids, paddingId);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            (Tensor table, Tensor ids) = ((Tensor)vars[0], (Tensor)vars[1]);
            ctx.save_for_backward([table, ids]);
            ctx.save_data(Padding, (long)vars[2]);
            return table.index_select(0, ids.view(-1)).view([.. ids.shape, table.shape[1]]);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
            BackwardResults.Of(grad_output, inputs: 3, () => Add(ctx, grad_output));

        private static Tensor? Add(autograd.AutogradContext ctx, Tensor grad_output)
        {
            // Of its own: on a GPU this runs on a thread of libtorch's, outside of the caller's.
            using DisposeScope scope = NewDisposeScope();
            List<Tensor> saved = ctx.get_saved_variables();
            Tensor table = saved[0], ids = saved[1].view(-1), gradient = grad_output.reshape(-1, table.shape[1]);
            if ((long)ctx.get_data(Padding) is not NoPadding and long padding)
                gradient = gradient * ids.ne(padding).unsqueeze(1);
            using (no_grad())
            {
                if (table.grad is null)
                    table.grad = zeros_like(table);
                table.grad!.index_add_(0, ids, gradient, 1);
            }
            return null;
        }
    }
}
