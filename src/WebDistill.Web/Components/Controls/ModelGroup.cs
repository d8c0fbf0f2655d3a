namespace WebDistill.Web.Components.Controls;

/// <summary>Models that stand together in a list to choose from: all that are models of their own, or the checkpoints of one run.</summary>
/// <param name="Label">What they have in common.</param>
/// <param name="Models">Their ids, with names that tell them apart.</param>
public sealed record ModelGroup(string Label, IReadOnlyList<(Guid Id, string Label)> Models);
