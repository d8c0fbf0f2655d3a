using System.Text.Json;
using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Losses;

/// <summary>
/// A loss as a newcomer writes it, switched by its weight: it wants layers of both models, owns a projection for each, has a knob that a begun run keeps, and
/// cannot compare every pair. Squared distance |s_l W_l − t_l|² of the last layers, as many as it is told.
/// </summary>
internal sealed class ProjectedHidden : WholeLoss
{
    /// <summary>The product's losses with this one.</summary>
    public static IReadOnlyList<Loss> Catalogue { get; } = [.. LossCatalogue.All, new ProjectedHidden()];

    public override string Name => "projected";

    public override string Title => "Projected hidden states";

    public override string Label => "Projected";

    public override string Formula => "Σ |s W − t|²";

    public override string What => "Made for a test.";

    public override string Source => "this test";

    public override string Unit => "squared activation/token";

    public override object? Parameters => new Compared();

    public override Wants OfStudent => Wants.HiddenOfAllLayers;

    public override Wants OfTeacher => Wants.HiddenOfAllLayers;

    /// <summary>The objective of some options with this loss at a weight.</summary>
    public static RunOptions In(RunOptions options, double weight, int layers = 1) => options with
    {
        Objective = new Dictionary<string, ObjectiveTerm>(options.Objective)
        {
            ["projected"] = JsonSerializer.Deserialize<ObjectiveTerm>($$"""{"weight":{{weight}},"layers":{{layers}}}""", JsonSerializerOptions.Web)!,
        },
    };

    public override double Divisor(LossCounts counts, object? parameters, int vocabularySize) => counts.Rows;

    internal override string? Mismatch(RunOptions options, Architecture student, Architecture? teacher) => LayersOf(options) <= student.Layers ? null
        : $"{LayersOf(options)} layers are compared and the student has {student.Layers}. Compare fewer.";

    internal override long ParameterCount(RunOptions options, Architecture student, Architecture? teacher) =>
        LayersOf(options) * (long)student.Width * teacher!.Width;

    internal override WholeLossModule Bind(RunOptions options, Architecture student, Architecture? teacher) =>
        new Module(LayersOf(options), student.Width, teacher!.Width);

    private int LayersOf(RunOptions options) => ((Compared)ParametersIn(options)!).Layers;

    public sealed record Compared
    {
        [Option("Layers compared", "How many of the last layers are compared.", Minimum = 1, Maximum = 64, IsFixedOnceBegun = true)]
        public int Layers { get; init; } = 1;
    }

    private sealed class Module : WholeLossModule
    {
        private readonly ParameterList projections;

        public Module(int layers, long studentWidth, long teacherWidth) : base(nameof(Module))
        {
            projections = new ParameterList([.. Enumerable.Range(0, layers).Select(_ =>
                nn.Parameter(randn([studentWidth, teacherWidth], device: Distillation.Engine.Device.Default).mul_(0.1)))]);
            RegisterComponents();
        }

        public override Tensor Sum(Outputs student, Outputs? teacher, WholeBatch batch)
        {
            Tensor isToken = batch.IsToken.to(ScalarType.Float32), sum = zeros([], device: isToken.device);
            for (int layer = 1; layer <= projections.Count; layer++)
                sum += ((student.Layers[^layer].matmul(projections[layer - 1]) - teacher!.Layers[^layer]).square().sum(-1) * isToken).sum();
            return sum;
        }
    }
}
