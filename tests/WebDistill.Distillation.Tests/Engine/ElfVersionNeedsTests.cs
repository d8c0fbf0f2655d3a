using System.Text;
using WebDistill.Distillation.Engine;

namespace WebDistill.Distillation.Tests.Engine;

public sealed class ElfVersionNeedsTests
{
    private const string Version = "GLIBCXX_3.4.32";

    [Fact]
    public void MakeWeak_TorchSharpsLibrary_SetsOneFlagAndNothingElse()
    {
        if (LibTorch.Find("libLibTorchSharp.so") is not { } path)
            return;   // not a build for Linux
        byte[] before = File.ReadAllBytes(path), after = [.. before];
        Assert.True(ElfVersionNeeds.MakeWeak(after, Version));
        int[] changed = [.. Enumerable.Range(0, before.Length).Where(i => before[i] != after[i])];
        int flags = Assert.Single(changed);
        Assert.Equal(before[flags] | 2, after[flags]);
        byte[] again = [.. after];
        Assert.True(ElfVersionNeeds.MakeWeak(again, Version));
        Assert.Equal(after, again);
    }

    [Theory]
    [InlineData("GLIBCXX_3.4.3")]
    [InlineData("GLIBCXX_3.4.320")]
    [InlineData("")]
    public void MakeWeak_VersionThatIsNotDemanded_ChangesNothing(string version)
    {
        byte[] file = Small(), before = [.. file];
        Assert.False(ElfVersionNeeds.MakeWeak(file, version));
        Assert.Equal(before, file);
    }

    [Fact]
    public void MakeWeak_TwoVersions_TouchesTheNamedOne()
    {
        byte[] file = Small(), before = [.. file];
        Assert.True(ElfVersionNeeds.MakeWeak(file, Version));
        int[] changed = [.. Enumerable.Range(0, file.Length).Where(i => before[i] != file[i])];
        Assert.Equal([Needs + 16 + 16 + 4], changed);
    }

    [Fact]
    public void MakeWeak_EveryTruncation_SaysThatTheFileIsDamagedOrFindsNothing()
    {
        byte[] file = Small();
        for (int length = 0; length < file.Length; length++)
            AssertSafe(file[..length]);
    }

    [Fact]
    public void MakeWeak_RandomBytes_SaysThatTheFileIsDamagedOrEnds()
    {
        var random = new Random(1);
        for (int trial = 0; trial < 20_000; trial++)
        {
            byte[] file = Small();
            for (int changes = random.Next(1, 6); changes > 0; changes--)
                file[random.Next(file.Length)] = random.Next(3) switch { 0 => 0, 1 => 255, _ => (byte)random.Next(256) };
            AssertSafe(file);
        }
    }

    [Fact]
    public void MakeWeak_ListThatLeadsNowhereOrBack_Ends()
    {
        foreach (uint distance in new[] { 0u, uint.MaxValue, 0xFFFFFFF0u })
        {
            byte[] file = Small();
            BitConverter.TryWriteBytes(file.AsSpan(Section + 0x2C), int.MaxValue);   // libraries
            BitConverter.TryWriteBytes(file.AsSpan(Needs + 12), distance);           // to the next one
            AssertSafe(file);
        }
    }

    private static void AssertSafe(byte[] file)
    {
        try
        {
            ElfVersionNeeds.MakeWeak(file, Version);
        }
        catch (BadImageFormatException damaged)
        {
            Assert.Contains("ELF file", damaged.Message, StringComparison.Ordinal);
        }
    }

    private const int Section = 64, Names = 64 + 2 * 64, Needs = Names + 64;

    /// <summary>The smallest file with demands: two section headers (needs, names), names, one library with two versions.</summary>
    private static byte[] Small()
    {
        var file = new byte[Needs + 16 + 2 * 16];
        new byte[] { 0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1 }.CopyTo(file, 0);
        Write64(0x28, Section);
        Write16(0x3A, 64);
        Write16(0x3C, 2);
        Write32(Section + 4, 0x6FFFFFFE);
        Write64(Section + 0x18, Needs);
        Write32(Section + 0x28, 1);   // names: section 1
        Write32(Section + 0x2C, 1);   // libraries
        Write64(Section + 64 + 0x18, Names);
        Encoding.ASCII.GetBytes("\0GLIBCXX_3.4.30\0GLIBCXX_3.4.32\0").CopyTo(file, Names);
        Write16(Needs + 2, 2);        // versions of the library
        Write32(Needs + 8, 16);       // to the first
        Write32(Needs + 16 + 8, 1);   // its name
        Write32(Needs + 16 + 12, 16); // to the next
        Write32(Needs + 32 + 8, 16);
        return file;

        void Write16(int at, ushort value) => BitConverter.TryWriteBytes(file.AsSpan(at), value);
        void Write32(int at, uint value) => BitConverter.TryWriteBytes(file.AsSpan(at), value);
        void Write64(int at, long value) => BitConverter.TryWriteBytes(file.AsSpan(at), value);
    }
}
