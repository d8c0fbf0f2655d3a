using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models.Weights;

namespace WebDistill.Distillation.Tests.Models.Weights;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Write_ThenOpen_GivesBackEveryBit()
    {
        float[] odd = [float.NaN, float.PositiveInfinity, -0f, 1e-45f, MathF.PI, BitConverter.UInt32BitsToSingle(0x7FC12345)];
        string path = _folder.File("a.safetensors");
        string hash = SafetensorsWriter.Write(path,
        [
            SafetensorsTensor.Single("w", [2, 3], span => odd.CopyTo(span)),
            SafetensorsTensor.Byte("flags", [3], span => span[1] = 7),
            SafetensorsTensor.Int64("steps", [], span => span[0] = long.MinValue),
            SafetensorsTensor.Single("nothing", [4, 0], span => Assert.True(span.IsEmpty)),
        ], FileLayer.Disk, new Dictionary<string, string> { ["format"] = "pt", ["note"] = "ü\"\n" });

        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Equal(["w", "flags", "steps", "nothing"], file.Tensors.OrderBy(tensor => tensor.Name == "nothing").Select(tensor =>
            tensor.Name));
        var read = new float[6];
        file.ReadSingles("w", read);
        Assert.Equal(odd.Select(BitConverter.SingleToUInt32Bits), read.Select(BitConverter.SingleToUInt32Bits));
        Assert.Equal([0, 7, 0], file.Bytes("flags").ToArray());
        var steps = new long[1];
        file.ReadInt64s("steps", steps);
        Assert.Equal(long.MinValue, steps[0]);
        Assert.Equal("F32[2, 3]", file.Find("w")!.ToString());
        Assert.Equal(6, file.Find("w")!.ElementCount);
        Assert.Null(file.Find("v"));
        Assert.Equal("ü\"\n", file.Metadata["note"]);
        Assert.Equal(new FileInfo(path).Length, file.FileBytes);
        Assert.Equal(hash, file.ComputeSha256());
        Assert.Equal(hash, Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))));
        Assert.Equal(["a.safetensors"], Directory.EnumerateFiles(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Write_DataProviderFails_LeavesTheOldFile()
    {
        string path = _folder.Write("a.safetensors", "old");
        Assert.Throws<InvalidOperationException>(() => SafetensorsWriter.Write(path, [SafetensorsTensor.Single("w", [1], _ =>
            throw new InvalidOperationException())], FileLayer.Disk));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.EnumerateFiles(_folder.Path));
    }

    [Fact]
    public void Write_NameTwice_IsRefused()
    {
        SafetensorsTensor tensor = SafetensorsTensor.Single("w", [1], _ => { });
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(_folder.File("a.safetensors"), [tensor, tensor], FileLayer.Disk));
    }

    [Fact]
    public void ReadSingles_HalfTypes_AreExact()
    {
        ushort[] f16 = [0x3C00, 0xC000, 0x0001, 0x7BFF, 0x7C00, 0x8000];
        ushort[] bf16 = [0x3F80, 0xC000, 0x0001, 0x7F7F, 0x7F80, 0x8000];
        byte[] data = [.. MemoryMarshal.AsBytes(f16.AsSpan()), .. MemoryMarshal.AsBytes(bf16.AsSpan())];
        using SafetensorsFile file = SafetensorsFile.Open(
            Write("""{"h":{"dtype":"F16","shape":[6],"data_offsets":[0,12]},"b":{"dtype":"BF16","shape":[6],"data_offsets":[12,24]}}""", data));
        var read = new float[6];
        file.ReadSingles("h", read);
        Assert.Equal([1f, -2f, 5.9604645e-8f, 65504f, float.PositiveInfinity, -0f], read);
        file.ReadSingles("b", read);
        Assert.Equal([1f, -2f, BitConverter.UInt32BitsToSingle(0x00010000), BitConverter.UInt32BitsToSingle(0x7F7F0000),
            float.PositiveInfinity, -0f], read);
    }

    [Fact]
    public void ReadInt64s_EveryIntegerType_IsWidened()
    {
        (string Type, byte[] Bytes, long Expected)[] cases =
        [
            ("BOOL", [1], 1), ("U8", [200], 200), ("I8", [200], -56), ("U16", [0, 200], 51200), ("I16", [0, 200], -14336),
            ("U32", [0, 0, 0, 200], 3355443200), ("I32", [0, 0, 0, 200], -939524096), ("U64", [1, 0, 0, 0, 0, 0, 0, 1],
                0x0100000000000001), ("I64", [254, 255, 255, 255, 255, 255, 255, 255], -2),
        ];
        foreach ((string type, byte[] bytes, long expected) in cases)
        {
            using SafetensorsFile file = SafetensorsFile.Open(Write($$$"""{"t":{"dtype":"{{{type}}}","shape":[1],"data_offsets":[0,{{{bytes.Length}}}]}}""", bytes));
            var read = new long[1];
            file.ReadInt64s("t", read);
            Assert.Equal(expected, read[0]);
            Assert.Throws<InvalidDataException>(() => file.ReadSingles("t", new float[1]));
        }
    }

    [Fact]
    public void ReadSingles_WrongLength_NamesBoth()
    {
        using SafetensorsFile file = SafetensorsFile.Open(Write("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", new byte[8]));
        Assert.Contains("F32[2], 2 elements; the destination has 3", Assert.Throws<ArgumentException>(() => file.ReadSingles("t",
            new float[3])).Message);
        Assert.Throws<KeyNotFoundException>(() => file.Bytes("u").Length);
    }

    public static TheoryData<string, int, string> BrokenHeaders => new()
    {
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 7, "truncated" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, "1 bytes follow the last tensor" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"t":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", 16, "occurs twice" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", 0, "-8 in its data_offsets" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "begin <= end" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}""", 8, "begin <= end" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "leaves a gap" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"u":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "overlaps" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"u":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "overlaps" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"u":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}""", 16, "leaves a gap" },
        { """{"t":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}""", 8, "truncated" },
        { """{"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "takes 12 bytes" },
        { """{"t":{"dtype":"F16","shape":[2],"data_offsets":[0,8]}}""", 8, "takes 4 bytes" },
        { """{"t":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "-2 in its shape" },
        { """{"t":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", 8, "2.5 in its shape" },
        { """{"t":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "overflows" },
        { """{"t":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807,9223372036854775807],"data_offsets":[0,0]}}""", 0, "overflows" },
        { """{"t":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""", 8, "in its shape" },
        { """{"t":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}""", 1, "dtype 'F4'" },
        { """{"t":{"dtype":7,"shape":[2],"data_offsets":[0,8]}}""", 8, "dtype '7'" },
        { """{"t":{"dtype":"F32","shape":[2]}}""", 8, "lacks data_offsets" },
        { """{"t":{"shape":[2],"data_offsets":[0,8]}}""", 8, "lacks dtype" },
        { """{"t":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "dtype twice" },
        { """{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"code":"x"}}""", 8, "unknown key 'code'" },
        { """{"t":[1,2]}""", 8, "is Array" },
        { """{"t":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", 8, "expected a list" },
        { """{"__metadata__":{"a":1}}""", 0, "expected a text" },
        { """{"__metadata__":[]}""", 0, "expected an object" },
        { """[1]""", 0, "does not begin with '{'" },
        { "", 0, "does not begin with '{'" },
        { """{"t":""", 0, "not valid JSON" },
        { """{} {}""", 0, "not valid JSON" },
        { """{"t\ud800":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}""", 0, "not valid" },
        { """{}""", 3, "3 bytes follow" },
    };

    [Theory]
    [MemberData(nameof(BrokenHeaders))]
    public void Open_BrokenFile_IsRefusedSayingWhy(string header, int dataBytes, string reason)
    {
        string path = Write(header, new byte[dataBytes]);
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path));
        Assert.Contains(reason, refusal.Message);
        Assert.StartsWith($"{Path.GetFileName(path)}: ", refusal.Message);
        Assert.DoesNotContain(_folder.Path, refusal.Message);
    }

    [Theory]
    [InlineData(1UL << 63)]
    [InlineData(ulong.MaxValue)]
    [InlineData(100_000_001UL)]
    [InlineData(11UL)]
    public void Open_HeaderLengthTooLarge_IsRefused(ulong length)
    {
        var content = new byte[18];
        BinaryPrimitives.WriteUInt64LittleEndian(content, length);
        string path = _folder.Write("x.safetensors", content);
        Assert.Contains("header", Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path)).Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void Open_ShorterThanTheLengthField_IsRefused(int bytes)
    {
        string path = _folder.Write("x.safetensors", new byte[bytes]);
        Assert.Contains($"{bytes} bytes; expected", Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path)).Message);
    }

    [Fact]
    public void Open_EveryTruncation_IsRefused()
    {
        byte[] whole = File.ReadAllBytes(Write("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", new byte[8]));
        for (int length = 0; length < whole.Length; length++)
        {
            string path = _folder.Write("cut.safetensors", whole.AsSpan(0, length));
            Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path));
        }
    }

    [Fact]
    public void Open_EverySingleByteFlipped_IsReadOrRefusedNeverMore()
    {
        byte[] whole = File.ReadAllBytes(Write("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"u":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}""", new byte[11]));
        var random = new Random(5);
        for (int position = 0; position < whole.Length; position++)
        {
            byte[] damaged = [.. whole];
            damaged[position] ^= (byte)(1 << random.Next(8));
            string path = _folder.Write("flip.safetensors", damaged);
            try
            {
                using SafetensorsFile file = SafetensorsFile.Open(path);
                foreach (SafetensorsEntry entry in file.Tensors)
                    Assert.Equal(entry.ByteCount, file.Bytes(entry.Name).Length);
            }
            catch (InvalidDataException refusal)
            {
                Assert.Contains("expected", refusal.Message + (refusal.InnerException is null ? "" : "expected"));
            }
        }
    }

    [Fact]
    public void OpenModel_Shards_AreReadAsOne()
    {
        WriteShards("""{"metadata":{"total_size":8},"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}}""");
        using SafetensorsFile file = SafetensorsFile.OpenModel(_folder.Path);
        Assert.Equal(["a", "b"], file.Tensors.Select(tensor => tensor.Name));
        var read = new float[1];
        file.ReadSingles("b", read);
        Assert.Equal(2, read[0]);
        byte[] both = [.. File.ReadAllBytes(_folder.File("m-1.safetensors")), .. File.ReadAllBytes(_folder.File("m-2.safetensors"))];
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(both)), file.ComputeSha256());
        Assert.Equal(both.Length, file.FileBytes);
    }

    [Fact]
    public void OpenModel_IndexWithAByteOrderMark_IsRead()
    {
        WriteShards("\uFEFF{\"weight_map\":{\"a\":\"m-1.safetensors\",\"b\":\"m-2.safetensors\"}}");
        using SafetensorsFile file = SafetensorsFile.OpenModel(_folder.Path);
        Assert.Equal(["a", "b"], file.Tensors.Select(tensor => tensor.Name));
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../m-1.safetensors"}}""", "plain name")]
    [InlineData("""{"weight_map":{"a":"..\\m-1.safetensors"}}""", "plain name")]
    [InlineData("""{"weight_map":{"a":"/etc/m-1.safetensors"}}""", "plain name")]
    [InlineData("""{"weight_map":{"a":"C:m-1.safetensors"}}""", "plain name")]
    [InlineData("""{"weight_map":{"a":"m-1.bin"}}""", "plain name")]
    [InlineData("""{"weight_map":{"a":5}}""", "expected the name of a shard")]
    [InlineData("""{"weight_map":{"a":"m-1.safetensors","a":"m-2.safetensors"}}""", "occurs twice")]
    [InlineData("""{"weight_map":{"a":"m-1.safetensors","b":"m-3.safetensors"}}""", "is missing")]
    [InlineData("""{"weight_map":{"a":"m-2.safetensors","b":"m-2.safetensors"}}""", "is not in m-2.safetensors")]
    [InlineData("""{"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors","c":"m-2.safetensors"}}""", "'c' is not in")]
    [InlineData("""{"weight_map":{"b":"m-1.safetensors"}}""", "nothing about it")]
    [InlineData("""{"map":{}}""", "weight_map")]
    [InlineData("""{"weight_map":""", "not valid JSON")]
    public void OpenModel_BadIndex_IsRefused(string index, string reason)
    {
        WriteShards(index);
        Assert.Contains(reason, Assert.Throws<InvalidDataException>(() => SafetensorsFile.OpenModel(_folder.Path)).Message);
    }

    [Fact]
    public void OpenModel_OnlyPickle_IsRefused()
    {
        _folder.Write("pytorch_model.bin", "x");
        Assert.Contains("Pickle weights", Assert.Throws<InvalidDataException>(() => SafetensorsFile.OpenModel(_folder.Path)).Message);
    }

    private void WriteShards(string index)
    {
        SafetensorsWriter.Write(_folder.File("m-1.safetensors"), [SafetensorsTensor.Single("a", [1], span => span[0] = 1)], FileLayer.Disk);
        SafetensorsWriter.Write(_folder.File("m-2.safetensors"), [SafetensorsTensor.Single("b", [1], span => span[0] = 2)], FileLayer.Disk);
        _folder.Write("model.safetensors.index.json", index);
    }

    private string Write(string header, byte[] data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        var content = new byte[8 + json.Length + data.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(content, (ulong)json.Length);
        json.CopyTo(content, 8);
        data.CopyTo(content, 8 + json.Length);
        return _folder.Write("x.safetensors", content);
    }
}
