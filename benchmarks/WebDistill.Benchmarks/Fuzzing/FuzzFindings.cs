using System.Collections.Concurrent;

namespace WebDistill.Benchmarks.Fuzzing;

/// <summary>What a server must keep to, whatever it is sent.</summary>
/// <param name="Answer">Longest wait for an answer.</param>
/// <param name="AnswerBytes">Longest answer; a download is as long as its file and does not count.</param>
/// <param name="GrowthBytes">Most memory at rest above that before.</param>
/// <param name="PeakBytes">Memory at which the server is killed: it is a finding, and a guard of the machine that this runs on.</param>
internal sealed record FuzzLimits(TimeSpan Answer, long AnswerBytes, long GrowthBytes, long PeakBytes)
{
    public static FuzzLimits Standard { get; } = new(TimeSpan.FromSeconds(10), 1_000_000, 100_000_000, 6_000_000_000);
}

/// <summary>Every distinct finding once, with the request that made it first, and the counts of all answers.</summary>
internal sealed class FuzzFindings(FuzzLimits limits)
{
    private readonly ConcurrentDictionary<(string Kind, string Where, int? Status), Finding> _found = new();
    private readonly int[] _answers = new int[6];
    private readonly Lock _extremes = new();
    private (TimeSpan Took, FuzzRequest? Request) _slowest;
    private (long Bytes, FuzzRequest? Request) _largest;
    private int _resets;

    public int Count => _found.Count;

    /// <summary>Judges an answer.</summary>
    /// <param name="inFlight">Seeds of the requests that were under way as well: one of those may be the cause of a late answer.</param>
    public void Judge(FuzzRequest request, FuzzAnswer answer, Func<IReadOnlyCollection<int>> inFlight)
    {
        Interlocked.Increment(ref _answers[Math.Clamp((answer.Status ?? 0) / 100, 0, 5)]);
        if (answer.IsReset)
            Interlocked.Increment(ref _resets);
        bool isDownload = answer.Headers.GetValueOrDefault("Content-Type") is "application/zip" or "application/vnd.sqlite3";
        lock (_extremes)
        {
            if (answer.Took > _slowest.Took)
                _slowest = (answer.Took, request);
            if (answer.BodyBytes > _largest.Bytes && !isDownload)
                _largest = (answer.BodyBytes, request);
        }
        if (answer.IsLate)
            Add("late", request, answer, $"no end of the answer after {limits.Answer.TotalSeconds} s; under way beside it: {string.Join(", ", inFlight())}");
        else if (answer.Status is >= 500 && !(answer.Status == 503 && answer.Headers.ContainsKey("Retry-After")))
            Add("status", request, answer, answer.Beginning);
        else if (answer.Status is null && !answer.IsReset && request.Cut == FuzzCut.None)
            Add("no answer", request, answer, answer.Beginning);
        // A folder that is deleted while it is downloaded can only break off: the status is sent by then.
        else if (answer.Status is not null && !answer.IsWhole && !answer.IsReset && !isDownload)
            Add("broken off", request, answer, $"after {answer.BodyBytes} bytes: {answer.Beginning}");
        if (answer.BodyBytes > limits.AnswerBytes && !isDownload)
            Add("large", request, answer, $"{answer.BodyBytes} bytes: {answer.Beginning}");
    }

    /// <summary>A finding about the server as a whole.</summary>
    public void Add(string kind, string detail) => _found.TryAdd((kind, "", null), new Finding(null, detail));

    /// <summary>Prints a line for each figure and for each finding.</summary>
    public void Print()
    {
        Report.Line(new
        {
            measurement = "fuzzAnswers", status2xx = _answers[2], status3xx = _answers[3], status4xx = _answers[4], status5xx = _answers[5],
            unanswered = _answers[0], resets = _resets,
        });
        Report.Line(new { measurement = "fuzzSlowestAnswer", seconds = Report.Rounded(_slowest.Took.TotalSeconds), seed = _slowest.Request?.Seed, request = _slowest.Request?.Line });
        Report.Line(new { measurement = "fuzzLargestAnswer", bytes = _largest.Bytes, seed = _largest.Request?.Seed, request = _largest.Request?.Line });
        foreach (((string kind, string where, int? status), Finding finding) in _found.OrderBy(pair => pair.Key.Where, StringComparer.Ordinal))
        {
            Report.Line(new
            {
                measurement = "fuzzFinding", kind, operation = where, status, times = finding.Times, seed = finding.Request?.Seed, request = finding.Request?.Line,
                mutations = finding.Request?.Mutations, body = finding.Request?.BodyBeginning, detail = finding.Detail[..Math.Min(500, finding.Detail.Length)],
            });
        }
    }

    private void Add(string kind, FuzzRequest request, FuzzAnswer answer, string detail)
    {
        Finding finding = _found.GetOrAdd((kind, request.Operation.ToString(), answer.Status), _ => new Finding(request, detail));
        Interlocked.Increment(ref finding.Times);
    }

    private sealed class Finding(FuzzRequest? request, string detail)
    {
        public int Times;

        public FuzzRequest? Request => request;

        public string Detail => detail;
    }
}
