using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace WebDistill.Data;

/// <summary>
/// Lets Microsoft.Data.Sqlite 10, which was compiled against SQLitePCLRaw.core 2.1, bind to the pinned 2.0.6: the runtime refuses a
/// lower assembly version by itself, and the members in use are the same. With a newer pin the handler is never called.
/// </summary>
internal static class SqliteBinding
{
#pragma warning disable CA2255 // A module initialiser in a library: nothing else is certain to run before the first connection is opened.
    [ModuleInitializer]
    internal static void Register() => AssemblyLoadContext.Default.Resolving += static (context, name) =>
        name.Name == "SQLitePCLRaw.core"
            ? context.LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, "SQLitePCLRaw.core.dll"))
            : null;
#pragma warning restore CA2255
}
