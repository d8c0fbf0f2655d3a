namespace WebDistill.Web.Playground;

/// <summary>What a model wrote in one pane of the playground.</summary>
/// <param name="Model">The name of the model that wrote it.</param>
/// <param name="Text">What it wrote.</param>
/// <param name="Ids">The tokens that it wrote.</param>
public sealed record WrittenText(string Model, string Text, IReadOnlyList<int> Ids);
