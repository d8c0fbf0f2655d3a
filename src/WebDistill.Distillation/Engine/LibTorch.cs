using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using Microsoft.Win32.SafeHandles;
using TorchSharp;
using WebDistill.Distillation.Kernels;

namespace WebDistill.Distillation.Engine;

/// <summary>
/// Brings libtorch into the process: what must be settled before its libraries are loaded, and their loading where the machine's C++ library is
/// too old for one of them.
/// </summary>
/// <remarks>
/// TorchSharp's own half, libLibTorchSharp.so, demands GLIBCXX_3.4.32 (GCC 13) for one symbol to which nothing in it refers, so Debian 12, Ubuntu
/// 22.04 and RHEL 9 refuse to load it. The runtime asks <see cref="Resolve"/> only after its own attempt has failed; the demand is then made weak
/// in a copy that lives in memory, so that nothing on the disk changes and no folder needs to be writable.
/// </remarks>
public static partial class LibTorch
{
    private const string Library = "LibTorchSharp";
    private const string LibraryFile = "libLibTorchSharp.so";
    private const string DemandedVersion = "GLIBCXX_3.4.32";

    // In the order in which they need each other: the copy in memory has no folder to look into, but finds by name what is loaded.
    private static readonly string[] s_needed = ["libc10.so", "libtorch_cpu.so", "libc10_cuda.so", "libtorch_cuda.so", "libtorch.so"];

    private static string? s_refusal;

    /// <summary>Whether libLibTorchSharp.so was loaded from a copy without its demand for a newer C++ library.</summary>
    public static bool IsPatchedCopy { get; private set; }

    /// <summary>Loads libtorch and sets its threads.</summary>
    /// <exception cref="PlatformNotSupportedException">It cannot be loaded; the message says why and what to do.</exception>
    public static void Load()
    {
        try
        {
            torch.set_num_threads(WorkerPool.ThreadCount);
        }
        catch (Exception exception) when (exception is DllNotFoundException or NotSupportedException or TypeInitializationException)
        {
            throw new PlatformNotSupportedException(
                $"libtorch, which computes for WebDistill, cannot be loaded on this machine ({RuntimeInformation.RuntimeIdentifier}): "
                + $"{s_refusal ?? exception.GetBaseException().Message} It needs Linux x64 with glibc 2.28 or newer (not musl), Windows x64 or "
                + "macOS arm64. Use one of these, or the Docker image.", exception);
        }
    }

    /// <summary>The message of a failure, of libtorch's the first line: the others list native functions with the paths of their libraries.</summary>
    public static string Describe(Exception problem) => problem is ExternalException ? problem.Message.Split('\n')[0].Trim() : problem.Message;

    /// <summary>Whether there was not enough memory, for .NET or for libtorch, whose failures all come as one type with the reason in words.</summary>
    public static bool IsOutOfMemory(Exception problem) => problem is OutOfMemoryException || problem is ExternalException
        && (problem.Message.Contains("can't allocate memory", StringComparison.Ordinal)
            || problem.Message.Contains("not enough memory", StringComparison.Ordinal) || problem.Message.Contains("bad_alloc", StringComparison.Ordinal)
            || problem.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase));

#pragma warning disable CA2255 // Before anyone's first use of TorchSharp, in tests and benchmarks as well: only a module initialiser is that early.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Prepare()
    {
        if (!OperatingSystem.IsLinux())
            return;
        NativeMemorySettings.Apply();
        if (RuntimeInformation.ProcessArchitecture == Architecture.X64)
            (AssemblyLoadContext.GetLoadContext(typeof(torch).Assembly) ?? AssemblyLoadContext.Default).ResolvingUnmanagedDll += Resolve;
    }

    private static nint Resolve(Assembly assembly, string name)
    {
        if (name != Library)
            return 0;
        if (Find(LibraryFile) is not { } original)
        {
            s_refusal = $"{LibraryFile} is missing beside the program: build again.";
            return 0;
        }
        byte[] image;
        bool isDemanded;
        try
        {
            image = File.ReadAllBytes(original);
            isDemanded = ElfVersionNeeds.MakeWeak(image, DemandedVersion);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or BadImageFormatException)
        {
            s_refusal = $"{LibraryFile} cannot be used ({(exception is BadImageFormatException ? exception.Message : exception.GetType().Name)}): build again.";
            return 0;
        }
        if (!isDemanded)
        {
            // Nothing of ours to mend: the system's own reason is the one to tell.
            s_refusal = Refusal(original, out _);
            return 0;
        }
        foreach (string file in s_needed)
        {
            // Those for a GPU are there only in a build for one. Elsewhere than beside the program, the system knows where to look.
            string? path = Find(file);
            if (path is null && !file.Contains("cuda", StringComparison.Ordinal) && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("LD_LIBRARY_PATH")))
            {
                s_refusal = $"{file} is missing beside the program: build again.";
                return 0;
            }
            if (path is not null && Refusal(path, out _) is { } reason)
            {
                s_refusal = reason;
                return 0;
            }
        }
        using SafeFileHandle memory = CreateMemoryFile(LibraryFile, CloseOnExec);
        if (memory.IsInvalid)
        {
            s_refusal = $"memfd_create refused ({Marshal.GetLastPInvokeErrorMessage()}), and {LibraryFile} needs a copy in memory here.";
            return 0;
        }
        RandomAccess.Write(memory, image, 0);
        s_refusal = Refusal($"/proc/self/fd/{memory.DangerousGetHandle()}", out nint library);
        IsPatchedCopy = s_refusal is null;
        return library;
    }

    /// <summary>The system's reason for not loading a library; null when it is loaded, which it then stays.</summary>
    private static string? Refusal(string path, out nint library)
    {
        try
        {
            library = NativeLibrary.Load(path);
            return null;
        }
        catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
        {
            library = 0;
            // The first line names the file and the reason; the rest repeats it for other spellings of the name. Without the server's folders.
            return exception.Message.Split('\n')[0].Replace(Path.GetDirectoryName(path) + Path.DirectorySeparatorChar, "", StringComparison.Ordinal);
        }
    }

    /// <summary>Where the runtime finds a native library of the build; null if it is not there.</summary>
    internal static string? Find(string file) =>
        ((AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string)?.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries) ?? [])
            .Append(AppContext.BaseDirectory)
            .Select(folder => Path.Combine(folder, file))
            .FirstOrDefault(File.Exists);

    private const uint CloseOnExec = 1;

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial SafeFileHandle CreateMemoryFile(string name, uint flags);
}
