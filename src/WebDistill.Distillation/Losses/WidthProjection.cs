using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Losses;

/// <summary>x Wᵀ + b, from the student's width to the teacher's: learned with the student, and no part of it.</summary>
/// <remarks>W is drawn from N(0, 0.02²), b is 0, as the linear layers of BERT and so TinyBERT's.</remarks>
internal sealed class WidthProjection : nn.Module<Tensor, Tensor>
{
    private const double InitialDeviation = 0.02;

    private readonly Parameter weight;
    private readonly Parameter bias;

    /// <param name="from">The student's width.</param>
    /// <param name="to">The teacher's width.</param>
    public WidthProjection(long from, long to) : base(nameof(WidthProjection))
    {
        torch.Device device = Engine.Device.Default;
        weight = nn.Parameter(randn([to, from], device: device).mul_(InitialDeviation));
        bias = nn.Parameter(zeros([to], device: device));
        RegisterComponents();
    }

    /// <summary>Numbers that one of these trains.</summary>
    public static long Count(long from, long to) => (from + 1) * to;

    /// <summary>[.., from] to [.., to].</summary>
    public override Tensor forward(Tensor x) => nn.functional.linear(x, weight, bias);
}
