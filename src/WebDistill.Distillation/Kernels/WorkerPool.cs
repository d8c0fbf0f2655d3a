using System.Globalization;
using System.Runtime.ExceptionServices;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// The one thread pool of the kernels: fork, run, join. The calling thread takes part. Tasks are handed out by a shared counter, so a body
/// may depend on its index but never on the worker or the order. Workers spin briefly, then yield, then park, so that an idle pool costs
/// nothing and a busy one starts within microseconds.
/// <para>
/// A call from inside a body runs serially on that body's worker. A call while another thread's call has the workers runs serially on its
/// own thread: neither waits for the other, so text can be generated while a model trains.
/// </para>
/// </summary>
internal static class WorkerPool
{
    /// <summary>The environment variable that sets <see cref="ThreadCount"/> at start-up.</summary>
    public const string ThreadsVariable = "WEBDISTILL_THREADS";

    private const int SpinsBeforeYield = 400;
    private const int SpinsBeforePark = 1500;

    private static readonly object Gate = new();
    private static readonly List<Worker> Workers = [];
    private static int _threadCount = InitialThreadCount();

    private static Job? _job;
    private static volatile int _generation;

    [ThreadStatic] private static bool _insideBody;
    [ThreadStatic] private static int _currentWorker;

    /// <summary>Threads that run a body, the caller's included; at least 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Smaller than 1 or larger than 1024.</exception>
    public static int ThreadCount
    {
        get => Volatile.Read(ref _threadCount);
        set
        {
            if (value is < 1 or > 1024)
                throw new ArgumentOutOfRangeException(nameof(value), value, "The thread count must lie between 1 and 1024.");
            lock (Gate)
                Volatile.Write(ref _threadCount, value);
        }
    }

    /// <summary>
    /// Calls body(index, worker) once for each index in [0, count); worker lies in [0, ThreadCount) and no two bodies of this call run at
    /// once on the same worker. The first exception of a body is rethrown here, after all running bodies have ended.
    /// </summary>
    public static void For(int count, Action<int, int> body)
    {
        if (count <= 0)
            return;
        if (_insideBody || count == 1 || ThreadCount == 1 || !Monitor.TryEnter(Gate))
        {
            int worker = _insideBody ? _currentWorker : 0;
            for (int index = 0; index < count; index++)
                body(index, worker);
            return;
        }
        try
        {
            Fork(count, body);
        }
        finally
        {
            Monitor.Exit(Gate);
        }
    }

    /// <summary>
    /// Calls body(start, end, worker) for consecutive ranges of <paramref name="grain"/> items (the last may be shorter) that cover [0,
    /// count). The ranges do not depend on the number of threads.
    /// </summary>
    public static void ForRange(long count, long grain, Action<long, long, int> body)
    {
        if (count <= 0)
            return;
        ArgumentOutOfRangeException.ThrowIfLessThan(grain, 1);
        if (count <= grain)
        {
            body(0, count, _insideBody ? _currentWorker : 0);
            return;
        }
        For(checked((int)((count + grain - 1) / grain)), (index, worker) =>
            body(index * grain, Math.Min(count, (index + 1) * grain), worker));
    }

    private static void Fork(int count, Action<int, int> body)
    {
        int helpers = Math.Min(_threadCount, count) - 1;
        while (Workers.Count < helpers)
            Workers.Add(new Worker(Workers.Count + 1));
        var job = new Job(body, count, helpers);
        _job = job;
        Interlocked.Increment(ref _generation);
        for (int i = 0; i < helpers; i++)
            Workers[i].Wake();
        job.Run(0);
        job.Join();
        _job = null;
        job.Failure?.Throw();
    }

    private static int InitialThreadCount()
    {
        string? text = Environment.GetEnvironmentVariable(ThreadsVariable);
        if (string.IsNullOrWhiteSpace(text))
            return Math.Min(1024, Environment.ProcessorCount);
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int threads) && threads is >= 1 and <= 1024)
            return threads;
        throw new InvalidOperationException($"{ThreadsVariable} is '{text}'; expected a whole number from 1 to 1024.");
    }

    /// <summary>One fork: the counter that hands out indices and the helpers still in it.</summary>
    private sealed class Job(Action<int, int> body, int count, int helpers)
    {
        private readonly int _count = count;
        private int _next;
        private int _running;
        private ExceptionDispatchInfo? _failure;

        public ExceptionDispatchInfo? Failure => Volatile.Read(ref _failure);

        /// <summary>Takes part as a helper, if this job wants that many.</summary>
        public void Enter(int worker)
        {
            if (worker > helpers)
                return;
            Interlocked.Increment(ref _running);
            Run(worker);
            Interlocked.Decrement(ref _running);
        }

        public void Run(int worker)
        {
            _insideBody = true;
            _currentWorker = worker;
            try
            {
                for (int index = Interlocked.Increment(ref _next) - 1; index < _count; index = Interlocked.Increment(ref _next) - 1)
                    body(index, worker);
            }
            catch (Exception exception)
            {
                Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(exception), null);
                Interlocked.Exchange(ref _next, _count);
            }
            finally
            {
                _insideBody = false;
                _currentWorker = 0;
            }
        }

        /// <summary>
        /// Waits until no helper runs a body. The caller has drained the counter, so a helper that enters later finds nothing to do.
        /// </summary>
        public void Join()
        {
            for (int spins = 0; Volatile.Read(ref _running) != 0; spins++)
            {
                if (spins < SpinsBeforeYield)
                    Thread.SpinWait(4);
                else
                    Thread.Yield();
            }
        }
    }

    /// <summary>A background thread that waits for the next generation of work.</summary>
    private sealed class Worker
    {
        private readonly SemaphoreSlim _wake = new(0);
        private readonly int _index;
        private int _parked;

        public Worker(int index)
        {
            _index = index;
            new Thread(Loop) { IsBackground = true, Name = $"kernel worker {index}" }.Start();
        }

        public void Wake()
        {
            if (Interlocked.Exchange(ref _parked, 0) == 1)
                _wake.Release();
        }

        private void Loop()
        {
            int seen = 0;
            for (; ; )
            {
                for (int spins = 0; _generation == seen; spins++)
                {
                    if (spins < SpinsBeforeYield)
                        Thread.SpinWait(4);
                    else if (spins < SpinsBeforePark)
                        Thread.Yield();
                    else
                        Park(seen);
                }
                seen = _generation;
                Volatile.Read(ref _job)?.Enter(_index);
            }
        }

        private void Park(int seen)
        {
            Interlocked.Exchange(ref _parked, 1);
            // Work may have come between the look and the mark; then whoever clears the mark first decides who consumes the wake-up.
            if (_generation == seen || Interlocked.Exchange(ref _parked, 0) == 0)
                _wake.Wait();
        }
    }
}
