namespace WebDistill.Web.Runs;

/// <summary>What a person wants where there has been a quick start.</summary>
public enum QuickStartChoice
{
    /// <summary>See the one that there is.</summary>
    Open,

    /// <summary>Make another one.</summary>
    Again,
}
