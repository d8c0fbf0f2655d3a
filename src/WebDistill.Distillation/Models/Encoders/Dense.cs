using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>x Wᵀ + b with W stored [outputs, inputs], as a linear layer's files have it. Computed in the type that is asked for.</summary>
/// <remarks>Not TorchSharp's Linear, for a new one draws random numbers from the stream that a run in progress takes its dropout from.</remarks>
internal sealed class Dense : MatrixProduct
{
    private readonly Parameter weight;
    private readonly Parameter bias;

    public Dense(long inputs, long outputs, torch.Device device) : base(nameof(Dense))
    {
        weight = nn.Parameter(zeros(outputs, inputs, device: device));
        bias = nn.Parameter(zeros(outputs, device: device));
        RegisterComponents();
    }

    /// <summary>[.., inputs] to [.., outputs].</summary>
    public override Tensor forward(Tensor x, ScalarType type) => nn.functional.linear(Entered(x).to(type), weight.to(type), bias.to(type));
}
