using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Tests;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>A disk that fills, or fails, while a data set is prepared.</summary>
[Trait("takes", "long")]
public sealed class FullDiskPreparationTests
{
    private const int NoSpace = 28;

    // Few documents, so that few calls write them: the loops try every one.
    private static readonly string s_text = Product.Text[..(Product.Text.IndexOf("number 12", StringComparison.Ordinal) - 20)];

    private static readonly string s_table = "text,label\n" + string.Concat(Enumerable.Range(0, 30).Select(i => $"The bird number {i} sang.,{(i % 3 == 0 ? "yes" : "no")}\n"));

    private static readonly DatasetOptions s_options = new() { VocabularySize = 260 };

    /// <summary>Found in an attack: a disk that filled in a preparation left the data set Preparing for ever; cancel said "is not being
    /// prepared", delete said "cancel first".</summary>
    [Fact]
    public async Task DiskFullWhilePreparing_FilesAndDatabase_WaitsAndIsReadyWhenThereIsRoom()
    {
        var disk = new FailingFileLayer(int.MaxValue, Fault.FromThenOn, NoSpace);
        await using ProductServices product = await ProductServices.CreateAsync(disk);
        Guid id = await FullInTheMiddleAsync(product, disk);
        DatasetProgress waits = product.Get<DatasetPreparations>().Progress(id)!;
        Assert.Matches(@"^Waits for the disk\. The disk is full: [\d,]+ bytes are free\. Delete runs.*goes on by itself", waits.Phase);
        Assert.Equal(DatasetState.Preparing, (await product.Get<DatasetService>().GetAsync(id)).State);
        disk.FailAt(int.MaxValue);
        product.Database.IsFull = false;
        await ProductServices.WaitAsync(async () => (await product.Get<DatasetService>().GetAsync(id)).State == DatasetState.Ready, "ready");
        Assert.NotEmpty(await product.Get<DatasetService>().PreviewAsync(id));
        Assert.Empty(product.Under("incoming"));
        Assert.DoesNotContain(product.Under($"datasets/{id:N}"), file => file.EndsWith(".partial", StringComparison.Ordinal));
    }

    [Fact]
    public async Task DiskFullWhilePreparingExamples_WaitsAndIsReadyWhenThereIsRoom()
    {
        var disk = new FailingFileLayer(int.MaxValue, Fault.FromThenOn, NoSpace);
        await using ProductServices product = await ProductServices.CreateAsync(disk);
        Guid id = await FullInTheMiddleAsync(product, disk, new LabelledOptions { Format = "csv" });
        disk.FailAt(int.MaxValue);
        product.Database.IsFull = false;
        await ProductServices.WaitAsync(async () => (await product.Get<DatasetService>().GetAsync(id)).State == DatasetState.Ready, "ready");
        Dataset dataset = await product.Get<DatasetService>().GetAsync(id);
        Assert.Equal((2, 30L), (dataset.ClassCount, dataset.Documents));
        Assert.NotEmpty(await product.Get<DatasetExamples>().ReadAsync(dataset, DatasetSplit.HeldOut, label: null, first: 0, count: 5));
        Assert.DoesNotContain(product.Under($"datasets/{id:N}"), file => file.EndsWith(".partial", StringComparison.Ordinal));
    }

    [Fact]
    public async Task DiskFullWhilePreparing_CancelAndDelete_Work()
    {
        var disk = new FailingFileLayer(int.MaxValue, Fault.FromThenOn, NoSpace);
        await using ProductServices product = await ProductServices.CreateAsync(disk);
        var datasets = product.Get<DatasetService>();
        Guid id = await FullInTheMiddleAsync(product, disk);
        await datasets.CancelAsync(id);
        // The database takes the small change again, as it does when the reserve is given up; the files' disk stays full.
        product.Database.IsFull = false;
        await ProductServices.WaitAsync(async () => (await datasets.GetAsync(id)).State == DatasetState.Cancelled, "cancelled");
        await ProductServices.WaitAsync(() => Task.FromResult(product.Get<DatasetPreparations>().Progress(id) is null), "at its end");
        disk.FailAt(int.MaxValue);
        await datasets.DeleteAsync(id);
        Assert.Empty(product.Under("datasets"));
    }

    /// <summary>What became of it cannot be written down for a while: the failure of the failure's own record.</summary>
    [Fact]
    public async Task DatabaseRefusesWhenPreparationEnds_OutcomeIsSavedLater()
    {
        var disk = new FailingFileLayer(int.MaxValue, Fault.Once);
        await using ProductServices product = await ProductServices.CreateAsync(disk);
        var datasets = product.Get<DatasetService>();
        Guid id = await CreateAsync(product, beforePreparing: () =>
        {
            product.Database.IsReadOnly = true;
            disk.FailAt(5);
        });
        await ProductServices.WaitAsync(() => Task.FromResult(
            product.Get<DatasetPreparations>().Progress(id)?.Phase.StartsWith("Waits until it can be saved.", StringComparison.Ordinal) == true), "waiting");
        Assert.NotNull(product.Get<StorageHealth>().Problem);
        product.Database.IsReadOnly = false;
        await ProductServices.WaitAsync(async () => (await datasets.GetAsync(id)).State == DatasetState.Failed, "failed");
        Assert.Contains("fails, as call 5", (await datasets.GetAsync(id)).Error);
        await datasets.DeleteAsync(id);
        Assert.Empty(product.Under("datasets"));
    }

    [Theory]
    [InlineData(Fault.Once)]
    [InlineData(Fault.FromThenOn)]
    public async Task Preparation_FailingAtEveryCallInTurn_EndsTrueAndLeavesNoHalves(Fault fault)
    {
        var disk = new FailingFileLayer(int.MaxValue, fault);
        await using ProductServices product = await ProductServices.CreateAsync(disk);
        var datasets = product.Get<DatasetService>();
        int calls = 0;
        Assert.Equal(DatasetState.Ready, (await PreparedAsync(int.MaxValue, () => calls = disk.Calls)).State);
        Assert.InRange(calls, 15, 200);
        await datasets.DeleteAsync((await datasets.ListAsync()).Single().Id);
        for (int n = 1; n <= calls; n++)
        {
            Dataset dataset = await PreparedAsync(n, () => { });
            Assert.True(dataset.State == DatasetState.Failed, $"call {n}: {dataset.State} {dataset.Error}");
            Assert.Contains("fails, as call", dataset.Error);
            string[] files = [.. product.Under($"datasets/{dataset.Id:N}").Select(path => Path.GetFileName(path)!)];
            // Whole files or none; a device that is dead for good leaves what it did not let go of, which the next start removes.
            Assert.True(fault == Fault.FromThenOn || files.All(file => !file.EndsWith(".partial", StringComparison.Ordinal)), string.Join(" ", files));
            await datasets.DeleteAsync(dataset.Id);
            Assert.Empty(product.Under("incoming"));
            Assert.Empty(product.Under("datasets"));
        }
        Assert.Equal(DatasetState.Ready, (await PreparedAsync(int.MaxValue, () => { })).State);

        async Task<Dataset> PreparedAsync(int failAt, Action ended)
        {
            Guid id = await CreateAsync(product, () => disk.FailAt(failAt));
            await ProductServices.WaitAsync(async () => (await datasets.GetAsync(id)).State != DatasetState.Preparing, $"call {failAt} ends it");
            ended();
            disk.FailAt(int.MaxValue);
            return await datasets.GetAsync(id);
        }
    }

    [Theory]
    [InlineData(Fault.Once, 0)]
    [InlineData(Fault.FromThenOn, 0)]
    [InlineData(Fault.Once, NoSpace)]
    [InlineData(Fault.FromThenOn, NoSpace)]
    public async Task Upload_FailingAtEveryCallInTurn_LeavesNothing(Fault fault, int errorNumber)
    {
        var disk = new FailingFileLayer(int.MaxValue, fault, errorNumber);
        await using ProductServices product = await ProductServices.CreateAsync(disk);
        var datasets = product.Get<DatasetService>();
        disk.FailAt(int.MaxValue);
        IncomingText text = await datasets.ReceiveAsync(new MemoryStream(Encoding.UTF8.GetBytes(s_text)), default);
        product.Get<DataFolder>().Publish(text.Folder, product.Get<DataFolder>().Dataset(Guid.NewGuid()));
        int calls = disk.Calls;
        Assert.InRange(calls, 6, 50);
        int before = product.Under("datasets").Length;
        for (int n = 1; n <= calls; n++)
        {
            disk.FailAt(n);
            Exception refused = await Assert.ThrowsAnyAsync<Exception>(() => datasets.CreateAsync(
                "birds", "birds.txt", new MemoryStream(Encoding.UTF8.GetBytes(s_text)), s_options));
            // What the disk said, or the arithmetic of what is free.
            Assert.True(refused is IOException or OptionsInvalidException, refused.ToString());
            disk.FailAt(int.MaxValue);
            product.Get<StorageHealth>().Look();
            Assert.Empty(product.Under("incoming"));
            Assert.Equal(before, product.Under("datasets").Length);
            Assert.Empty(await datasets.ListAsync());
        }
    }

    /// <summary>A data set whose preparation met a full disk, and which waits.</summary>
    private static async Task<Guid> FullInTheMiddleAsync(ProductServices product, FailingFileLayer disk, LabelledOptions? labelled = null)
    {
        Guid id = await CreateAsync(product, () =>
        {
            disk.FailAt(6);
            product.Database.IsFull = true;
        }, labelled);
        await ProductServices.WaitAsync(() => Task.FromResult(
            product.Get<DatasetPreparations>().Progress(id)?.Phase.StartsWith("Waits for the disk.", StringComparison.Ordinal) == true), "waiting");
        return id;
    }

    /// <summary>Stores a text and prepares it; both halves apart, so that the faults count from the preparation on.</summary>
    private static async Task<Guid> CreateAsync(ProductServices product, Action beforePreparing, LabelledOptions? labelled = null)
    {
        var dataset = new Dataset
        {
            Id = Guid.CreateVersion7(), Name = "birds", FileName = "birds.txt", State = DatasetState.Preparing, Format = labelled?.Format ?? "text-paragraphs",
            LabelledJson = labelled is null ? null : JsonSerializer.Serialize(labelled, WebJson.Options), JsonField = "text", RequestedVocabularySize = s_options.VocabularySize, ValidationProportion = 0.05, CreatedAt = DateTime.UtcNow,
            Bytes = s_text.Length,
        };
        string folder = product.Get<DataFolder>().Dataset(dataset.Id);
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(DatasetFiles.Source(folder), labelled is null ? s_text : s_table);
        await product.Get<DatabaseWriter>().WriteAsync(db =>
        {
            db.Datasets.Add(dataset);
            return db.SaveChangesAsync();
        });
        beforePreparing();
        product.Get<DatasetPreparations>().Begin(dataset);
        return dataset.Id;
    }
}
