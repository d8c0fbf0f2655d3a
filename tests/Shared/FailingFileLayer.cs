using WebDistill.Distillation.Files;

namespace WebDistill.Tests;

/// <summary>What happens from the n-th call on.</summary>
public enum Fault
{
    /// <summary>That call fails, later ones work: an error of the device, or a disk that was full for a moment.</summary>
    Once,

    /// <summary>That call and all later ones fail: the process is dead, and what is on the disk is what it left.</summary>
    FromThenOn,
}

/// <summary>
/// A file layer whose n-th call fails: every folder, create, write, flush, fsync, rename and removal counts. What a failing write was given
/// is written in half.
/// </summary>
/// <param name="errorNumber">What the failures are said to be, as .NET reports it on Unix (28 is a full disk, 30 a read-only one); 0 for
/// an error of the device.</param>
public sealed class FailingFileLayer(int failingCall, Fault fault, int errorNumber = 0) : FileLayer
{
    private readonly Lock _lock = new();
    private int _failingCall = failingCall;
    private int _calls;

    /// <summary>Calls so far.</summary>
    public int Calls
    {
        get
        {
            lock (_lock)
                return _calls;
        }
    }

    /// <summary>Counts anew; the n-th call from now on fails. <see cref="int.MaxValue"/> lets all of them work.</summary>
    public void FailAt(int call)
    {
        lock (_lock)
            (_calls, _failingCall) = (0, call);
    }

    /// <inheritdoc/>
    public override void CreateFolder(string path)
    {
        Count("create", path);
        base.CreateFolder(path);
    }

    /// <inheritdoc/>
    public override void CreatePrivateFolder(string path)
    {
        Count("create", path);
        base.CreatePrivateFolder(path);
    }

    /// <inheritdoc/>
    public override Stream Create(string path)
    {
        Count("create", path);
        return new CountingStream(this, base.Create(path), path);
    }

    /// <inheritdoc/>
    public override void Sync(Stream stream)
    {
        Count("fsync", ((CountingStream)stream).Path);
        base.Sync(((CountingStream)stream).Inner);
    }

    /// <inheritdoc/>
    public override void SyncFile(string path)
    {
        Count("fsync", path);
        base.SyncFile(path);
    }

    /// <inheritdoc/>
    public override void RenameFile(string from, string to)
    {
        Count("rename", from);
        base.RenameFile(from, to);
    }

    /// <inheritdoc/>
    public override void RenameFolder(string from, string to)
    {
        Count("rename", from);
        base.RenameFolder(from, to);
    }

    /// <inheritdoc/>
    public override void SyncFolder(string folder)
    {
        Count("fsync", folder);
        base.SyncFolder(folder);
    }

    /// <inheritdoc/>
    public override void DeleteFile(string path)
    {
        Count("delete", path);
        base.DeleteFile(path);
    }

    /// <inheritdoc/>
    public override void DeleteFolder(string path)
    {
        // Half of it: what a removal leaves behind when it is cut.
        string[] inside = Directory.GetFileSystemEntries(path);
        if (WillFail)
            foreach (string file in inside.Take(inside.Length / 2).Where(File.Exists))
                File.Delete(file);
        Count("delete", path);
        base.DeleteFolder(path);
    }

    /// <inheritdoc/>
    public override long FreeBytes(string folder) => errorNumber == 28 && WillFail ? 0 : base.FreeBytes(folder);

    private bool WillFail
    {
        get
        {
            lock (_lock)
                return fault == Fault.Once ? _calls + 1 == _failingCall : _calls + 1 >= _failingCall;
        }
    }

    private void Count(string what, string path)
    {
        lock (_lock)
        {
            bool fails = WillFail;
            _calls++;
            if (fails)
                throw errorNumber == 0
                    ? new IOException($"{path}: {what} fails, as call {_calls}.")
                    : new IOException($"{path}: {what} fails, as call {_calls}.", errorNumber);
        }
    }

    private sealed class CountingStream(FailingFileLayer layer, Stream inner, string path) : Stream
    {
        public Stream Inner => inner;

        public string Path => path;

        public override bool CanRead => inner.CanRead;

        public override bool CanSeek => inner.CanSeek;

        public override bool CanWrite => inner.CanWrite;

        public override long Length => inner.Length;

        public override long Position
        {
            get => inner.Position;
            set => inner.Position = value;
        }

        public override void Flush()
        {
            layer.Count("flush", path);
            inner.Flush();
        }

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

        public override long Seek(long offset, SeekOrigin origin) => inner.Seek(offset, origin);

        public override void SetLength(long value) => inner.SetLength(value);

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (layer.WillFail)
                inner.Write(buffer[..(buffer.Length / 2)]);
            layer.Count("write", path);
            inner.Write(buffer);
        }

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
