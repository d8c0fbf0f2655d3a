using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models.Encoders;

/// <summary>γ ∘ x + β: what MobileBERT has in the place of a layer norm, as it needs no mean and no variance.</summary>
internal sealed class NoNorm : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly Parameter bias;

    public NoNorm(long width, torch.Device device) : base(nameof(NoNorm))
    {
        weight = nn.Parameter(ones(width, device: device));
        bias = nn.Parameter(zeros(width, device: device));
        RegisterComponents();
    }

    /// <summary>[.., width] to [.., width].</summary>
    public override Tensor forward(Tensor x) => x * weight + bias;
}
