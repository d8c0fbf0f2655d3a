using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Reliability;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Tests.Ui;

/// <summary>What a person asks for on a page and does not succeed is told there; what nobody foresaw is the page's end.</summary>
public sealed class AskingComponentTests
{
    [Fact]
    public async Task Try_AFailureThatIsForeseen_IsShownUntilSomethingElseIsAskedFor()
    {
        await using ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        using var page = new Page(product.Get<StorageHealth>());
        Exception[] foreseen =
        [
            new NotFoundException("a"), new ConflictException("b"), new FilesGoneException("c"), new OptionsInvalidException("field", "d"), new IOException("e"),
        ];
        foreach (Exception problem in foreseen)
        {
            Assert.False(await page.AskAsync(() => throw problem));
            Assert.Same(problem, page.Told);
        }
        Assert.True(await page.AskAsync(() => Task.CompletedTask));
        Assert.Null(page.Told);
    }

    [Fact]
    public async Task Try_WhatTheDiskRefuses_IsToldInTheProductsWords()
    {
        await using ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        using var page = new Page(product.Get<StorageHealth>());
        Assert.False(await page.AskAsync(() => throw new IOException("No space left on device", 28)));
        Assert.Equal(ErrorId.DiskFull, ErrorId.Of(Assert.IsType<StorageRefusedException>(page.Told)));
    }

    [Fact]
    public async Task Try_WhatNobodyForesaw_IsThrown()
    {
        await using ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        using var page = new Page(product.Get<StorageHealth>());
        await Assert.ThrowsAsync<InvalidOperationException>(() => page.AskAsync(() => throw new InvalidOperationException("a bug")));
        Assert.Null(page.Told);
    }

    private sealed class Page : AskingComponent
    {
        public Page(StorageHealth storage) => Storage = storage;

        public Exception? Told => Failure;

        public Task<bool> AskAsync(Func<Task> action) => TryAsync(action);
    }
}
