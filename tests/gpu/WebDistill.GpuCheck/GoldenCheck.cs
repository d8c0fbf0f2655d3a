using System.Diagnostics;
using System.Reflection;
using WebDistill.Benchmarks;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Tests;
using WebDistill.Distillation.Tests.Losses;
using WebDistill.Distillation.Tests.Models;
using WebDistill.Distillation.Tests.Training;
using Xunit.Sdk;

namespace WebDistill.GpuCheck;

/// <summary>
/// <c>golden</c>: the golden tests of tests/WebDistill.Distillation.Tests themselves, every case of them, with the tolerances they have on the
/// processor.
/// </summary>
internal static class GoldenCheck
{
    private static readonly Type[] s_tests = [typeof(Gpt2GoldenTests), typeof(LossGoldenTests), typeof(TrainerGoldenTests)];

    /// <returns>1 if a case failed, or there was none.</returns>
    public static int Run()
    {
        Numbers.Float32.Apply();
        int passed = 0, failed = 0;
        long started = Stopwatch.GetTimestamp();
        foreach (Type tests in s_tests)
        {
            int before = passed + failed;
            foreach (MethodInfo method in tests.GetMethods().Where(method => method.IsDefined(typeof(FactAttribute))))
            {
                foreach (object[] arguments in Cases(method))
                {
                    string name = $"{tests.Name}.{method.Name}({string.Join(", ", arguments)})";
                    if (Failure(method, Activator.CreateInstance(tests)!, arguments) is string reason)
                    {
                        failed++;
                        Report.Line(new { Check = "goldenCase", Case = name, Passed = false, Reason = reason });
                    }
                    else
                    {
                        passed++;
                    }
                }
            }
            if (passed + failed == before)
                throw new InvalidOperationException($"{tests.Name} has no case: the golden set at {GoldenData.Folder} is empty.");
        }
        Report.Line(new
        {
            Check = "golden", Engine = Device.Name, Device.IsCuda, Passed = passed, Failed = failed,
            Seconds = Report.Rounded(Stopwatch.GetElapsedTime(started).TotalSeconds),
        });
        return failed == 0 ? 0 : 1;
    }

    private static IEnumerable<object[]> Cases(MethodInfo method) => method.IsDefined(typeof(TheoryAttribute))
        ? method.GetCustomAttributes<DataAttribute>().SelectMany(data => data.GetData(method))
        : [[]];

    /// <summary>Why a case failed, null when it did not.</summary>
    private static string? Failure(MethodInfo method, object tests, object[] arguments)
    {
        try
        {
            method.Invoke(tests, arguments);
            return null;
        }
        catch (TargetInvocationException exception)
        {
            return exception.InnerException!.ToString();
        }
    }
}
