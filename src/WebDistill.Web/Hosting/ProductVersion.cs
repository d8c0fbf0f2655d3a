using System.Reflection;

namespace WebDistill.Web.Hosting;

/// <summary>Which WebDistill this is: stands beside everything that it trained or measured.</summary>
internal static class ProductVersion
{
    /// <summary>Version and commit: "0.1.0+67f16ea...".</summary>
    public static string Text { get; } =
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
}
