using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

public sealed unsafe class ColumnSumTests : KernelTests
{
    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_EveryTailLength_EqualsPlain(string set)
    {
        foreach (long columns in TailLengths)
            foreach (long rows in new[] { 0L, 1, 63, 64, 65, 300 })
                foreach (bool accumulate in new[] { false, true })
                {
                    long ldx = columns + 3;
                    float* x = Random(rows * ldx, 1), expected = Random(columns, 2), actual = Copy(columns, expected);
                    Use("Plain");
                    ColumnSum.Run(rows, columns, x, ldx, expected, accumulate);
                    Use(set);
                    ColumnSum.Run(rows, columns, x, ldx, actual, accumulate);
                    AssertClose(columns, expected, actual, 1e-5, $"{set} {rows}x{columns}");
                }
    }
}
