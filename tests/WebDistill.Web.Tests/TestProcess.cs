using System.Runtime.CompilerServices;

namespace WebDistill.Web.Tests;

/// <summary>What is settled before the product's code runs here, and in the servers that tests start, unless it is set already.</summary>
internal static class TestProcess
{
#pragma warning disable CA2255 // Threads are counted at the first use of a kernel, whichever test makes it.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Prepare()
    {
        // Models of width 16 train, several at a time: a second thread would wait for work, spinning, longer than it computes. What several
        // threads compute is tested in Distillation.
        Set("WEBDISTILL_THREADS", "1");
        // A server that lives for seconds is over before a profile of its code pays.
        Set("DOTNET_TieredPGO", "0");
    }

    private static void Set(string variable, string value)
    {
        if (Environment.GetEnvironmentVariable(variable) is null)
            Environment.SetEnvironmentVariable(variable, value);
    }
}
