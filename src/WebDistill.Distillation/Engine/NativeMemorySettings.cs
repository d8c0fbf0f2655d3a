using System.Runtime.InteropServices;

namespace WebDistill.Distillation.Engine;

/// <summary>
/// How glibc hands out memory and how OpenMP's threads wait, settled before libtorch is loaded. docs/performance.md has what each is worth.
/// </summary>
internal static partial class NativeMemorySettings
{
    // malloc.h's numbers of the parameters.
    private const int TrimThreshold = -1, TopPad = -2, MmapMax = -4;
    private const int TopPadBytes = 64 << 20;

    /// <summary>A variable of the environment; <see cref="LeaveAlone"/> keeps the system's own settings.</summary>
    public const string Variable = "WEBDISTILL_NATIVE_MEMORY";

    /// <summary>The value of <see cref="Variable"/> for the system's own settings.</summary>
    public const string LeaveAlone = "default";

    /// <summary>Applies them, unless <see cref="Variable"/> says not to; OMP_WAIT_POLICY and the like are left as they are where they are set.</summary>
    public static void Apply()
    {
        if (Environment.GetEnvironmentVariable(Variable) == LeaveAlone)
            return;
        if (NativeLibrary.TryLoad("libc.so.6", out nint library) && NativeLibrary.TryGetExport(library, "mallopt", out _))
        {
            // Large blocks come from the heap and stay with it when they are freed: mapped ones are faulted in page by page and unmapped in
            // every step. ProcessMemory.GiveBack returns them when the work is over.
            _ = Set(MmapMax, 0);
            _ = Set(TrimThreshold, int.MaxValue);
            _ = Set(TopPad, TopPadBytes);
        }
        // libc10 asks for huge pages where a tensor is large.
        SetVariable("THP_MEM_ALLOC_ENABLE", "1", overwrite: 0);
        // The threads of libtorch and those of the kernels take turns: one that spins after its part is done keeps a core from the other.
        SetVariable("OMP_WAIT_POLICY", "passive", overwrite: 0);
    }

    [LibraryImport("libc.so.6", EntryPoint = "mallopt")]
    private static partial int Set(int parameter, int value);

    // Not Environment.SetEnvironmentVariable, which native libraries do not see.
    private static void SetVariable(string name, string value, int overwrite)
    {
        if (SetNative(name, value, overwrite) != 0)
            throw new InvalidOperationException($"setenv refused to set {name}: {Marshal.GetLastPInvokeErrorMessage()}.");
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int SetNative(string name, string value, int overwrite);
}
