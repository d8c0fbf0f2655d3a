using System.Runtime.InteropServices;

namespace WebDistill.Distillation.Engine;

/// <summary>
/// How glibc hands out memory while a training lasts, and how OpenMP's threads wait. docs/performance.md has what each is worth.
/// </summary>
internal static partial class NativeMemorySettings
{
    // malloc.h's numbers of the parameters, with glibc's own values and those for a training.
    private static readonly (int Parameter, int Own, int Training)[] s_parameters =
        [(-4, 65_536, 0) /* M_MMAP_MAX */, (-1, 128 << 10, int.MaxValue) /* M_TRIM_THRESHOLD */, (-2, 128 << 10, 64 << 20) /* M_TOP_PAD */];

    private static readonly bool s_hasParameters = OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable(Variable) != LeaveAlone
        && NativeLibrary.TryLoad("libc.so.6", out nint library) && NativeLibrary.TryGetExport(library, "mallopt", out _);

    private static readonly Lock s_turn = new();
    private static int s_trainings;

    /// <summary>A variable of the environment; <see cref="LeaveAlone"/> keeps the system's own settings.</summary>
    public const string Variable = "WEBDISTILL_NATIVE_MEMORY";

    /// <summary>The value of <see cref="Variable"/> for the system's own settings.</summary>
    public const string LeaveAlone = "default";

    /// <summary>
    /// Settles what must be settled before libtorch is loaded, unless <see cref="Variable"/> says not to; OMP_WAIT_POLICY and the like are left as
    /// they are where they are set.
    /// </summary>
    public static void Apply()
    {
        if (Environment.GetEnvironmentVariable(Variable) == LeaveAlone)
            return;
        // libc10 asks for huge pages where a tensor is large.
        SetVariable("THP_MEM_ALLOC_ENABLE", "1");
        // The threads of libtorch and those of the kernels take turns: one that spins after its part is done keeps a core from the other.
        SetVariable("OMP_WAIT_POLICY", "passive");
    }

    /// <summary>
    /// While a training lasts, large blocks come from the heap and stay with it when they are freed: mapped ones are faulted in page by page and
    /// unmapped in every step. At other times a server that rests has use for its memory's being given back.
    /// </summary>
    /// <returns>Ends it; <see cref="ProcessMemory.GiveBack"/> then returns what was kept.</returns>
    public static IDisposable KeepBlocks() => new Training();

    private static void Count(int change)
    {
        lock (s_turn)
        {
            s_trainings += change;
            if (!s_hasParameters || s_trainings != Math.Max(0, change))
                return; // Neither the first nor the last.
            foreach ((int parameter, int own, int training) in s_parameters)
                _ = Set(parameter, change > 0 ? training : own);
        }
    }

    private sealed class Training : IDisposable
    {
        private bool _hasEnded;

        public Training() => Count(1);

        public void Dispose()
        {
            if (_hasEnded)
                return;
            _hasEnded = true;
            Count(-1);
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "mallopt")]
    private static partial int Set(int parameter, int value);

    // Not Environment.SetEnvironmentVariable, which native libraries do not see.
    private static void SetVariable(string name, string value)
    {
        if (SetNative(name, value, overwrite: 0) != 0)
            throw new InvalidOperationException($"setenv refused to set {name}: {Marshal.GetLastPInvokeErrorMessage()}.");
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int SetNative(string name, string value, int overwrite);
}
