namespace WebDistill.Web.Runs;

/// <summary>Something that a run was made of, made, or belongs to.</summary>
/// <param name="What">How it is related: "teacher".</param>
/// <param name="Name">What it is called.</param>
/// <param name="Address">Its page; null where it has none any more.</param>
/// <param name="Tone">"teacher" or "student", whose colour it has; null for neither.</param>
public sealed record RunRelation(string What, string Name, string? Address, string? Tone);
