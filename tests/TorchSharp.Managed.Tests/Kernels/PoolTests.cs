using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

public sealed unsafe class PoolTests : KernelTests
{
    [Fact]
    public void For_ManyIndices_CallsEachOnceWithAWorkerOfItsOwn()
    {
        foreach (int threads in new[] { 1, 2, 5 })
        {
            WorkerPool.ThreadCount = threads;
            foreach (int count in new[] { 0, 1, 2, 3, 1000 })
            {
                var calls = new int[count];
                var busy = new int[threads];
                WorkerPool.For(count, (index, worker) =>
                {
                    Assert.Equal(1, Interlocked.Increment(ref busy[worker]));
                    Interlocked.Increment(ref calls[index]);
                    Interlocked.Decrement(ref busy[worker]);
                });
                Assert.All(calls, calledTimes => Assert.Equal(1, calledTimes));
            }
        }
    }

    [Fact]
    public void ForRange_AnyLength_CoversItOnceWithoutGaps()
    {
        WorkerPool.ThreadCount = 3;
        foreach (long count in new[] { 0L, 1, 9, 10, 11, 95 })
        {
            var calls = new int[count];
            WorkerPool.ForRange(count, 10, (start, end, _) =>
            {
                Assert.True(start % 10 == 0 && end - start <= 10);
                for (long i = start; i < end; i++)
                    Interlocked.Increment(ref calls[i]);
            });
            Assert.All(calls, calledTimes => Assert.Equal(1, calledTimes));
        }
    }

    [Fact]
    public void For_BodyThrows_RethrowsAndStaysUsable()
    {
        WorkerPool.ThreadCount = 4;
        for (int round = 0; round < 50; round++)
        {
            var failure = Assert.Throws<InvalidDataException>(() => WorkerPool.For(100, (index, _) =>
            {
                if (index == 37)
                    throw new InvalidDataException("37");
            }));
            Assert.Equal("37", failure.Message);
            int sum = 0;
            WorkerPool.For(100, (index, _) => Interlocked.Add(ref sum, index));
            Assert.Equal(4950, sum);
        }
    }

    [Fact]
    public void For_Nested_RunsSeriallyOnTheSameWorker()
    {
        WorkerPool.ThreadCount = 3;
        int sum = 0;
        WorkerPool.For(20, (_, outer) => WorkerPool.For(10, (index, inner) =>
        {
            Assert.Equal(outer, inner);
            Interlocked.Add(ref sum, index);
        }));
        Assert.Equal(20 * 45, sum);
    }

    [Fact]
    public void For_FromSeveralThreads_EachGetsItsWholeResult()
    {
        WorkerPool.ThreadCount = 3;
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ =>
        {
            for (int round = 0; round < 200; round++)
            {
                int sum = 0;
                WorkerPool.For(50, (index, _) => Interlocked.Add(ref sum, index));
                Assert.Equal(1225, sum);
            }
        });
    }

    [Fact]
    public void For_AfterWorkersParked_StillRuns()
    {
        WorkerPool.ThreadCount = 2;
        for (int round = 0; round < 5; round++)
        {
            Thread.Sleep(30);
            var workers = new HashSet<int>();
            WorkerPool.For(2, (_, worker) =>
            {
                Thread.Sleep(5);
                lock (workers)
                    workers.Add(worker);
            });
            Assert.NotEmpty(workers);
        }
    }

    [Fact]
    public void ThreadCount_OutOfRange_Throws()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => WorkerPool.ThreadCount = 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => WorkerPool.ThreadCount = 2000);
    }

    [Fact]
    public void Rent_AnySize_IsAlignedHoldsItAndIsReused()
    {
        foreach (long bytes in new long[] { 0, 1, 64, 255, 256, 257, 1000, 4097, 100_000, 3 << 20 })
        {
            void* first = BufferPool.Rent(bytes, zero: true);
            Assert.Equal(0, (nint)first % BufferPool.AlignmentBytes);
            long capacity = BufferPool.Capacity(first);
            Assert.True(capacity >= bytes && capacity <= Math.Max(256, bytes + bytes / 8 + 64), $"{capacity} for {bytes}");
            for (long i = 0; i < bytes; i++)
                Assert.Equal(0, ((byte*)first)[i]);
            new Span<byte>(first, (int)capacity).Fill(1);
            BufferPool.Return(first);
            void* second = BufferPool.Rent(bytes);
            Assert.Equal((nint)first, (nint)second);
            BufferPool.Return(second);
        }
    }

    [Fact]
    public void Accounting_RentReturnTrim_AddsUp()
    {
        (long inUse, int live) = (BufferPool.BytesInUse, BufferPool.LiveBlocks);
        BufferPool.ResetPeak();
        void* block = BufferPool.Rent(1 << 20);
        Assert.Equal((inUse + (1 << 20), live + 1), (BufferPool.BytesInUse, BufferPool.LiveBlocks));
        BufferPool.Return(block);
        Assert.Equal((inUse, live, inUse + (1 << 20)), (BufferPool.BytesInUse, BufferPool.LiveBlocks, BufferPool.PeakBytes));
        BufferPool.Trim();
        Assert.Equal(BufferPool.BytesInUse, BufferPool.BytesReserved);
        BufferPool.Return(null);
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = BufferPool.Rent(-1); });
    }

    [Fact]
    public void Rent_EverChangingSizes_KeepsReservedMemoryBounded()
    {
        BufferPool.Trim();
        BufferPool.ResetPeak();
        for (int i = 0; i < 60; i++)
            BufferPool.Return(BufferPool.Rent(10_000_000 + i * 3_000_000L));
        Assert.True(BufferPool.BytesReserved <= BufferPool.PeakBytes * 3 / 2 + (64 << 20),
            $"{BufferPool.BytesReserved} bytes reserved, peak {BufferPool.PeakBytes}");
        BufferPool.Trim();
    }

    [Fact]
    public void Return_Twice_Throws()
    {
        void* block = BufferPool.Rent(100);
        BufferPool.Return(block);
        Assert.Throws<InvalidOperationException>(() => BufferPool.Return(block));
    }
}
