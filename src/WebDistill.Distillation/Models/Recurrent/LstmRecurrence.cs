using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Recurrent;

/// <summary>
/// The way of an LSTM's states through a text, for both directions side by side, as one node of the graph: it keeps gates, cells and states, and no node for each operation of each
/// token. T positions, B rows, H width; [T, 2, B, ..] holds the reverse direction turned round, so that both go from 0 to T − 1.
/// </summary>
/// <remarks>Where a position is padding, cell and state stay what they were.</remarks>
internal sealed class LstmRecurrence : autograd.SingleTensorFunction<LstmRecurrence>
{
    private const string Type = "type";

    public override string Name => nameof(LstmRecurrence);

    /// <param name="entering">[T, 2, B, 4 H]: what the gates get of the tokens.</param>
    /// <param name="forward">[4 H, H], the recurrent weights; their gradient is added to <c>grad</c>, as is that of <paramref name="reverse"/>.</param>
    /// <param name="isToken">bool [T, 2, B, 1]; null where all are tokens.</param>
    /// <param name="type">Of the products.</param>
    /// <returns>The states h, [T, 2, B, H].</returns>
    public static Tensor Run(Tensor entering, Parameter forward, Parameter reverse, Tensor? isToken, ScalarType type) =>
        apply(entering, forward, reverse, (object?)isToken ?? false, (long)type);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        (Tensor entering, Tensor ahead, Tensor back) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2]);
        var isToken = vars[3] as Tensor;
        var type = (ScalarType)(long)vars[4];
        (long length, long rows, long width) = (entering.shape[0], entering.shape[2], entering.shape[3] / 4);
        torch.Device device = entering.device;
        Tensor gates = empty([length, 2, rows, 4 * width], device: device), cells = empty([length, 2, rows, width], device: device), states = empty_like(cells);
        using (NewDisposeScope())
        using (no_grad())
        {
            Tensor weights = Weights(ahead, back, type), state = zeros([2, rows, width], device: device), cell = state;
            for (long t = 0; t < length; t++)
            {
                using DisposeScope step = NewDisposeScope();
                Tensor now = gates.select(0, t);
                now.copy_(entering.select(0, t) + state.to(type).bmm(weights).to(ScalarType.Float32));
                now.narrow(2, 0, 2 * width).sigmoid_();
                now.narrow(2, 2 * width, width).tanh_();
                now.narrow(2, 3 * width, width).sigmoid_();
                Tensor nextCell = now.narrow(2, width, width) * cell + now.narrow(2, 0, width) * now.narrow(2, 2 * width, width);
                Tensor nextState = now.narrow(2, 3 * width, width) * nextCell.tanh();
                if (isToken?.select(0, t) is Tensor kept)
                    (nextCell, nextState) = (torch.where(kept, nextCell, cell), torch.where(kept, nextState, state));
                (cell, state) = (cells.select(0, t).MoveToOuterDisposeScope(), states.select(0, t).MoveToOuterDisposeScope());
                cell.copy_(nextCell);
                state.copy_(nextState);
            }
        }
        ctx.save_for_backward(isToken is null ? [gates, cells, states, ahead, back] : [gates, cells, states, ahead, back, isToken]);
        ctx.save_data(Type, (long)type);
        return states;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
        BackwardResults.Of(grad_output, inputs: 5, () => Gradient(ctx, grad_output));

    private static Tensor Gradient(autograd.AutogradContext ctx, Tensor ofStates)
    {
        // Of its own: on a GPU this runs on a thread of libtorch's, outside of the caller's.
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        List<Tensor> saved = ctx.get_saved_variables();
        (Tensor gates, Tensor cells, Tensor states, Tensor ahead, Tensor back) = (saved[0], saved[1], saved[2], saved[3], saved[4]);
        Tensor? counts = saved.Count > 5 ? saved[5].to(ScalarType.Float32) : null;
        var type = (ScalarType)(long)ctx.get_data(Type);
        (long length, long rows, long width) = (cells.shape[0], cells.shape[2], cells.shape[3]);
        Tensor nothing = zeros([1, 2, rows, width], device: cells.device);
        Tensor before = cat([nothing, cells.narrow(0, 0, length - 1)], 0);

        // What each gate's argument gets of the cell's gradient, the output gate's of the state's; and the cell's of the state's.
        (Tensor i, Tensor f, Tensor g, Tensor o) = (Gate(0), Gate(1), Gate(2), Gate(3));
        Tensor tanh = cells.tanh();
        Tensor toInput = g * i * (1 - i), toForget = before * f * (1 - f), toCandidate = i * (1 - g * g), toOutput = tanh * o * (1 - o), toCell = o * (1 - tanh * tanh);
        Tensor gradient = empty_like(gates), turned = Weights(ahead, back, type).transpose(1, 2), ofState = nothing.squeeze(0), ofCell = ofState;
        for (long t = length - 1; t >= 0; t--)
        {
            using DisposeScope step = NewDisposeScope();
            Tensor atState = ofStates.select(0, t) + ofState, atCell = ofCell;
            (Tensor? passedState, Tensor? passedCell) = (null, null);
            if (counts?.select(0, t) is Tensor kept)
            {
                (passedState, passedCell) = (atState * (1 - kept), atCell * (1 - kept));
                (atState, atCell) = (atState * kept, atCell * kept);
            }
            atCell = atCell + atState * toCell.select(0, t);
            Tensor now = gradient.select(0, t);
            now.narrow(2, 0, width).copy_(atCell * toInput.select(0, t));
            now.narrow(2, width, width).copy_(atCell * toForget.select(0, t));
            now.narrow(2, 2 * width, width).copy_(atCell * toCandidate.select(0, t));
            now.narrow(2, 3 * width, width).copy_(atState * toOutput.select(0, t));
            Tensor earlierState = now.to(type).bmm(turned).to(ScalarType.Float32), earlierCell = atCell * f.select(0, t);
            ofState = (passedState is null ? earlierState : earlierState + passedState).MoveToOuterDisposeScope();
            ofCell = (passedCell is null ? earlierCell : earlierCell + passedCell).MoveToOuterDisposeScope();
        }
        // h(t − 1) belongs to the gates of t.
        Tensor earlier = cat([nothing, states.narrow(0, 0, length - 1)], 0);
        Tensor ofWeights = Rows(gradient).transpose(1, 2).bmm(Rows(earlier));
        Add(ahead, ofWeights.select(0, 0));
        Add(back, ofWeights.select(0, 1));
        return gradient.MoveToOuterDisposeScope();

        Tensor Gate(long number) => gates.narrow(3, number * width, width);

        // Of each direction all positions of all rows, [2, T B, ..].
        Tensor Rows(Tensor all) => all.transpose(0, 1).reshape(2, length * rows, all.shape[3]);
    }

    /// <summary>[2, H, 4 H].</summary>
    private static Tensor Weights(Tensor ahead, Tensor back, ScalarType type) => stack([ahead.t(), back.t()], 0).to(type);

    private static void Add(Tensor weights, Tensor gradient)
    {
        if (!weights.requires_grad)
            return;
        if (weights.grad is null)
            weights.grad = zeros_like(weights);
        weights.grad!.add_(gradient);
    }
}
