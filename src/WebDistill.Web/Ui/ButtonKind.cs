namespace WebDistill.Web.Ui;

/// <summary>How much a button weighs: one primary per page, at most two plain ones beside it, the rest quiet or in a menu.</summary>
public enum ButtonKind { Plain, Primary, Danger, Quiet }
