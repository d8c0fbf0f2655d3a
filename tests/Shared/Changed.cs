namespace WebDistill.Tests;

/// <summary>Reads better than a variable where a record is made by a call and one of its groups is changed.</summary>
internal static class Changed
{
    /// <summary>What <paramref name="change"/> makes of it.</summary>
    public static T With<T>(this T record, Func<T, T> change) => change(record);
}
