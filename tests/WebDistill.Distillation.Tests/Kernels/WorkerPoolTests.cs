using WebDistill.Distillation.Kernels;

namespace WebDistill.Distillation.Tests.Kernels;

public sealed class WorkerPoolTests : KernelTests
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
}
