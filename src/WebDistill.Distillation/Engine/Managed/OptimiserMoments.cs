using TorchSharp.Modules;

namespace WebDistill.Distillation.Engine;

/// <summary>What AdamW keeps for each parameter between two updates.</summary>
internal static class OptimiserMoments
{
    /// <summary>The live state of every parameter, in the order of <c>optimiser.parameters()</c>; all zero before the first
    /// update.</summary>
    public static IEnumerable<AdamW.State> Of(AdamW optimiser) =>
        optimiser.state_dict().Options.Zip(optimiser.ParamGroups.Cast<ParamGroup>()).SelectMany(group =>
            group.Second.Parameters.Select(parameter => (AdamW.State)optimiser.StateOf(parameter, group.First)));
}
