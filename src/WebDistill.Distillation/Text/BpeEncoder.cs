using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;

namespace WebDistill.Distillation.Text;

/// <summary>Encodes text with a cache of the pre-tokens met before. Not thread-safe: each thread uses its own.</summary>
internal sealed class BpeEncoder(MergeTable merges, int[] idOfByte)
{
    private const int SlotCount = 1 << 16;
    private const int MaxEntries = SlotCount / 2;
    private const int MaxCachedCharacters = 48;

    private struct Slot
    {
        public uint Hash;
        public int KeyStart;
        public int IdStart;
        public byte KeyLength;   // 0: empty
        public byte IdCount;
    }

    private readonly Slot[] _slots = new Slot[SlotCount];
    private readonly List<char> _keys = [];
    private readonly List<int> _ids = [];
    private int _entries;
    private byte[] _bytes = new byte[256];
    private int[] _symbols = new int[256];

    /// <summary>Appends the ids of a text, up to the pre-token with which the list holds <paramref name="enough"/>.</summary>
    public void Encode(ReadOnlySpan<char> text, List<int> ids, int enough)
    {
        for (int start = 0; start < text.Length && ids.Count < enough;)
        {
            int end = Gpt2PreTokenizer.End(text, start);
            ReadOnlySpan<char> preToken = text[start..end];
            if (preToken.Length <= MaxCachedCharacters)
                EncodeCached(preToken, ids);
            else
                CollectionExtensions.AddRange(ids, Merge(preToken));
            start = end;
        }
    }

    /// <summary>Appends the ids of a text that is not split before it is merged.</summary>
    public void EncodeAsOnePreToken(ReadOnlySpan<char> text, List<int> ids) => CollectionExtensions.AddRange(ids, Merge(text));

    private void EncodeCached(ReadOnlySpan<char> preToken, List<int> ids)
    {
        uint hash = Hash(preToken);
        int index = (int)(hash & (SlotCount - 1));
        for (; _slots[index].KeyLength != 0; index = (index + 1) & (SlotCount - 1))
        {
            ref Slot slot = ref _slots[index];
            if (slot.Hash == hash && slot.KeyLength == preToken.Length
                && preToken.SequenceEqual(CollectionsMarshal.AsSpan(_keys).Slice(slot.KeyStart, slot.KeyLength)))
            {
                if (slot.IdCount == 1)
                    ids.Add(_ids[slot.IdStart]);
                else
                    CollectionExtensions.AddRange(ids, CollectionsMarshal.AsSpan(_ids).Slice(slot.IdStart, slot.IdCount));
                return;
            }
        }

        ReadOnlySpan<int> encoded = Merge(preToken);
        CollectionExtensions.AddRange(ids, encoded);
        if (_entries == MaxEntries)
        {
            Array.Clear(_slots);
            _keys.Clear();
            _ids.Clear();
            _entries = 0;
            index = (int)(hash & (SlotCount - 1));
        }
        _slots[index] = new Slot
        {
            Hash = hash,
            KeyStart = _keys.Count,
            IdStart = _ids.Count,
            KeyLength = (byte)preToken.Length,
            IdCount = (byte)encoded.Length,
        };
        CollectionExtensions.AddRange(_keys, preToken);
        CollectionExtensions.AddRange(_ids, encoded);
        _entries++;
    }

    private ReadOnlySpan<int> Merge(ReadOnlySpan<char> preToken)
    {
        int byteLimit = checked(preToken.Length * 3);
        if (_bytes.Length < byteLimit)
        {
            _bytes = new byte[byteLimit];
            _symbols = new int[byteLimit];
        }
        int count = Encoding.UTF8.GetBytes(preToken, _bytes);
        for (int i = 0; i < count; i++)
            _symbols[i] = idOfByte[_bytes[i]];
        return _symbols.AsSpan(0, merges.Apply(_symbols.AsSpan(0, count)));
    }

    private static uint Hash(ReadOnlySpan<char> key)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(key);
        ulong hash = (ulong)bytes.Length;
        for (; bytes.Length >= 8; bytes = bytes[8..])
            hash = Mix(hash, MemoryMarshal.Read<ulong>(bytes));
        ulong rest = 0;
        for (int i = 0; i < bytes.Length; i += 2)
            rest = (rest << 16) | MemoryMarshal.Read<ushort>(bytes[i..]);
        hash = Mix(hash, rest);
        return (uint)(hash ^ (hash >> 32));
    }

    private static ulong Mix(ulong hash, ulong value) => BitOperations.RotateLeft((hash ^ value) * 0x9E3779B97F4A7C15, 29);
}
