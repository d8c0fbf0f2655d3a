using WebDistill.Web.Failures;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Reliability;

namespace WebDistill.Web.Tests.Storage;

/// <summary>What became of work is written until it is, for runs, data sets and evaluations alike.</summary>
public sealed class OutcomeWriterTests
{
    private const int NoSpace = 28;

    [Fact]
    public async Task Write_ThatFailsTwice_IsTriedUntilItSucceedsAndSaysWhyItWaits()
    {
        await using ProductServices product = await ProductServices.CreateAsync(Distillation.Files.FileLayer.Disk);
        List<string> reasons = [];
        int tries = 0;
        int answer = await product.Get<OutcomeWriter>().WriteAsync("run 1", () => ++tries < 3
            ? throw new InvalidOperationException($"try {tries}")
            : Task.FromResult(42), CancellationToken.None, reasons.Add);
        Assert.Equal((42, 3), (answer, tries));
        Assert.Equal(["try 1", "try 2"], reasons);
        Assert.Null(product.Get<StorageHealth>().Problem);
    }

    [Fact]
    public async Task Write_ThatTheDiskRefuses_IsNotedForEveryPage()
    {
        await using ProductServices product = await ProductServices.CreateAsync(Distillation.Files.FileLayer.Disk);
        var storage = product.Get<StorageHealth>();
        StorageRefusedException? noted = null;
        int tries = 0;
        await product.Get<OutcomeWriter>().WriteAsync("run 1",
            () => ++tries < 2 ? throw new IOException("No space left on device", NoSpace) : Task.CompletedTask, CancellationToken.None, reason =>
            {
                noted = storage.Problem;
                Assert.StartsWith("The disk is full", reason, StringComparison.Ordinal);
            });
        Assert.True(noted?.IsFull);
    }

    [Fact]
    public async Task Write_AtTheEndOfTheProcess_IsTriedOnceMoreAndThenTheReasonIsThrown()
    {
        await using ProductServices product = await ProductServices.CreateAsync(Distillation.Files.FileLayer.Disk);
        using var ended = new CancellationTokenSource();
        int tries = 0;
        var problem = await Assert.ThrowsAsync<InvalidOperationException>(() => product.Get<OutcomeWriter>().WriteAsync<int>("run 1",
            () => throw new InvalidOperationException($"try {++tries}"), ended.Token, _ => ended.Cancel()));
        Assert.Equal("try 2", problem.Message);
    }

    [Fact]
    public async Task Write_ThatIsAnswered_IsNotTriedAgain()
    {
        await using ProductServices product = await ProductServices.CreateAsync(Distillation.Files.FileLayer.Disk);
        int tries = 0;
        await Assert.ThrowsAsync<NotFoundException>(() => product.Get<OutcomeWriter>().WriteAsync<int>("run 1", () =>
        {
            tries++;
            throw new NotFoundException("deleted");
        }, CancellationToken.None));
        Assert.Equal(1, tries);
    }
}
