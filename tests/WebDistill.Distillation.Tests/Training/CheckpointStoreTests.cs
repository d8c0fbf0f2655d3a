using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Tests;

namespace WebDistill.Distillation.Tests.Training;

[Collection(GlobalRandomNumbers.Name)]
[Trait("takes", "long")]
public sealed class CheckpointStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _tokens;
    private readonly ResumableRun _run;

    public CheckpointStoreTests()
    {
        _tokens = SmallModels.Tokens(_folder);
        _run = new ResumableRun(ResumableRun.Options, _tokens, null);
    }

    public void Dispose()
    {
        _run.Dispose();
        _tokens.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Save_Checkpoint_IsAHuggingFaceModelWithAManifest()
    {
        var store = new CheckpointStore(_folder.File("run"), FileLayer.Disk);
        _run.Trainer.Step();
        CheckpointManifest saved = _run.Save(store, FileLayer.Disk);
        string folder = store.Folder(1);
        Assert.Equal(
            ["config.json", "merges.txt", "model.safetensors", "optimizer.safetensors", "training_state.json", "vocab.json"],
            saved.Files.Select(file => file.Name));
        Assert.Equal(ModelFiles.Inspect(folder).WeightsSha256, saved.WeightsSha256);
        Assert.Equal(saved.Bytes, saved.Files.Sum(file => new FileInfo(Path.Combine(folder, file.Name)).Length));
        CheckpointManifest newest = store.Newest(out IReadOnlyList<DamagedCheckpoint> damaged)!.Value.Manifest;
        Assert.Equal(saved.Files, newest.Files);
        Assert.Empty(damaged);
        // Three numbers for each weight: it, and its two moments.
        Assert.InRange(saved.Bytes, 3 * 4 * _run.Trainer.Student.Architecture.ParameterCount, long.MaxValue);
    }

    [Fact]
    public void Newest_DamagedOnes_AreNamedAndSkipped()
    {
        var store = new CheckpointStore(_folder.File("run"), FileLayer.Disk);
        for (int i = 0; i < 8; i++)
        {
            _run.Trainer.Step();
            _run.Save(store, FileLayer.Disk);
        }
        string In(int step, string file) => Path.Combine(_folder.File("run"), $"step-{step}", file);
        Flip(In(8, "model.safetensors"));
        Flip(In(7, "optimizer.safetensors"));
        File.Delete(In(6, "manifest.json"));
        using (FileStream file = File.OpenWrite(In(5, "vocab.json")))
            file.SetLength(file.Length - 1);
        File.Delete(In(4, "training_state.json"));
        File.WriteAllText(In(3, "manifest.json"), "{");
        Directory.CreateDirectory(_folder.File("run/step-9.partial"));
        Directory.CreateDirectory(_folder.File("run/step-x"));

        Assert.Equal(2, store.Newest(out IReadOnlyList<DamagedCheckpoint> damaged)!.Value.Manifest.Step);
        Assert.Equal(["step-8", "step-7", "step-6", "step-5", "step-4", "step-3"], damaged.Select(checkpoint => checkpoint.Name));
        string[] named = ["model.safetensors", "optimizer.safetensors", "manifest.json", "vocab.json", "training_state.json", "manifest.json"];
        Assert.All(damaged.Zip(named), pair => Assert.Contains(pair.Second, pair.First.Problem));
        Assert.Contains("SHA-256", damaged[0].Problem);

        // A new one of the same update replaces a damaged one.
        _run.Save(store, FileLayer.Disk);
        Assert.Equal(8, store.Newest(out damaged)!.Value.Manifest.Step);
        Assert.Empty(damaged);
        static void Flip(string path)
        {
            byte[] bytes = File.ReadAllBytes(path);
            bytes[^3] ^= 1;
            File.WriteAllBytes(path, bytes);
        }
    }

    [Fact]
    public void Save_SameUpdateAgain_ReplacesTheOlderOne()
    {
        var store = new CheckpointStore(_folder.File("run"), FileLayer.Disk);
        _run.Trainer.Step();
        _run.Save(store, FileLayer.Disk);
        string first = store.Folder(1);
        _run.Save(store, FileLayer.Disk);
        Assert.NotEqual(first, store.Folder(1));
        Assert.False(Directory.Exists(first));
        _run.Save(store, FileLayer.Disk);
        Assert.Single(Directory.GetFileSystemEntries(_folder.File("run")));
        Assert.Single(store.List());
    }

    [Fact]
    public void RemoveAfter_LaterOnes_Go()
    {
        var store = new CheckpointStore(_folder.File("run"), FileLayer.Disk);
        for (int i = 0; i < 3; i++)
        {
            _run.Trainer.Step();
            _run.Save(store, FileLayer.Disk);
        }
        Assert.Equal([3, 2], store.RemoveAfter(1));
        Assert.Equal(1, store.Newest(out _)!.Value.Manifest.Step);
    }

    [Fact]
    public void Kept_EachRule_KeepsWhatItSays()
    {
        CheckpointManifest[] complete = [.. Enumerable.Range(1, 10).Select(i =>
            new CheckpointManifest(100 * i, default, i == 10 ? null : Math.Abs(i - 4) + 10, []))];
        Assert.Equal([900, 1000], new CheckpointRetention(2, false, 0).Kept(complete).Order());
        Assert.Equal([400, 1000], new CheckpointRetention(1, true, 0).Kept(complete).Order());
        Assert.Equal([300, 600, 900, 1000], new CheckpointRetention(1, false, 300).Kept(complete).Order());
        // Never nothing, whatever a rule says.
        Assert.Equal([1000], new CheckpointRetention(0, false, 0).Kept(complete).Order());
    }

    [Theory]
    [InlineData(Fault.Once)]
    [InlineData(Fault.FromThenOn)]
    public void Save_FailingAtEveryCallInTurn_LeavesTheOldOrTheNewCheckpointWhole(Fault fault)
    {
        _run.Trainer.Step();
        string old = _folder.File("old");
        _run.Save(new CheckpointStore(old, FileLayer.Disk), FileLayer.Disk);
        _run.Trainer.Step();
        int calls = CallsOf(files => _run.Save(new CheckpointStore(Copy(old), files), files));
        Assert.InRange(calls, 20, 1000);
        int succeeded = 0;
        for (int n = 1; n <= calls; n++)
        {
            string folder = Copy(old);
            var files = new FailingFileLayer(n, fault);
            bool saved = false;
            try
            {
                _run.Save(new CheckpointStore(folder, files), files);
                saved = true;
            }
            catch (IOException)
            {
                // That is the fault; what matters is what is left.
            }
            AssertWhole(folder, saved ? 2 : null, 1, 2);
            succeeded += saved ? 1 : 0;
        }
        Assert.True(succeeded <= 1, $"{succeeded} saves went well although a call failed");
    }

    [Theory]
    [InlineData(Fault.Once)]
    [InlineData(Fault.FromThenOn)]
    public void Save_OfTheSameUpdateFailingAtEveryCallInTurn_LeavesOneOfThemWhole(Fault fault)
    {
        _run.Trainer.Step();
        string old = _folder.File("old");
        _run.Save(new CheckpointStore(old, FileLayer.Disk), FileLayer.Disk);
        int calls = CallsOf(files => _run.Save(new CheckpointStore(Copy(old), files), files));
        for (int n = 1; n <= calls; n++)
        {
            string folder = Copy(old);
            var files = new FailingFileLayer(n, fault);
            Assert.Throws<IOException>(() => _run.Save(new CheckpointStore(folder, files), files));
            AssertWhole(folder, 1, 1);
        }
    }

    [Theory]
    [InlineData(Fault.Once)]
    [InlineData(Fault.FromThenOn)]
    public void Prune_FailingAtEveryCallInTurn_NeverTouchesTheNewest(Fault fault)
    {
        string full = _folder.File("full");
        var store = new CheckpointStore(full, FileLayer.Disk);
        for (int i = 0; i < 4; i++)
        {
            _run.Trainer.Step();
            _run.Save(store, FileLayer.Disk);
        }
        var retention = new CheckpointRetention(1, false, 2);
        int calls = CallsOf(files => Assert.Equal([1, 3], new CheckpointStore(Copy(full), files).Prune(retention)));
        Assert.Equal(6, calls);
        for (int n = 1; n <= calls; n++)
        {
            string folder = Copy(full);
            Assert.Throws<IOException>(() => new CheckpointStore(folder, new FailingFileLayer(n, fault)).Prune(retention));
            AssertWhole(folder, 4, 4);
            // What is listed is complete to the last byte: half removed ones are not listed.
            var after = new CheckpointStore(folder, FileLayer.Disk);
            Assert.All(after.List(), manifest => TrainingCheckpoint.Verify(after.Folder(manifest.Step)));
            Assert.Subset(new HashSet<int> { 1, 2, 3, 4 }, after.List().Select(manifest => manifest.Step).ToHashSet());
            after.CleanUp();
            after.Prune(retention);
            Assert.Equal([2, 4], after.List().Select(manifest => manifest.Step));
            Assert.Equal(2, Directory.GetFileSystemEntries(folder).Length);
        }
    }

    [Fact]
    public void SetAside_DamagedOnesOfTheRightSize_AreNoLongerTakenForComplete()
    {
        var store = new CheckpointStore(_folder.File("run"), FileLayer.Disk);
        _run.Trainer.Step();
        _run.Save(store, FileLayer.Disk);
        _run.Trainer.Step();
        _run.Save(store, FileLayer.Disk);
        string weights = Path.Combine(store.Folder(2), "model.safetensors");
        byte[] bytes = File.ReadAllBytes(weights);
        bytes[^1] ^= 1;
        File.WriteAllBytes(weights, bytes);
        Assert.Equal(1, store.Newest(out IReadOnlyList<DamagedCheckpoint> damaged)!.Value.Manifest.Step);
        store.SetAside(damaged.Single());
        Assert.Empty(store.Prune(new CheckpointRetention(1, false, 0)));
        Assert.Equal(1, store.Newest(out damaged)!.Value.Manifest.Step);
        Assert.Empty(damaged);
        Assert.True(Directory.Exists(_folder.File("run/step-2.damaged")));
    }

    [Fact]
    public void Prune_OnlyOneComplete_KeepsItWhateverTheOthersAre()
    {
        var store = new CheckpointStore(_folder.File("run"), FileLayer.Disk);
        _run.Trainer.Step();
        _run.Save(store, FileLayer.Disk);
        _run.Trainer.Step();
        _run.Save(store, FileLayer.Disk);
        File.Delete(Path.Combine(store.Folder(2), "optimizer.safetensors"));
        Assert.Empty(store.Prune(new CheckpointRetention(1, false, 0)));
        Assert.Equal(1, store.Newest(out _)!.Value.Manifest.Step);
    }

    private void AssertWhole(string folder, int? expected, params int[] allowed)
    {
        var store = new CheckpointStore(folder, FileLayer.Disk);
        CheckpointManifest? newest = store.Newest(out IReadOnlyList<DamagedCheckpoint> damaged)?.Manifest;
        Assert.NotNull(newest);
        Assert.Contains(newest.Step, allowed);
        if (expected is int step)
            Assert.Equal(step, newest.Step);
        Assert.Empty(damaged);
        using var resumed = new ResumableRun(ResumableRun.Options, _tokens, null, store.Folder(newest.Step));
        Assert.Equal(newest.Step, resumed.Trainer.CompletedSteps);
    }

    private static int CallsOf(Action<FileLayer> action)
    {
        var files = new FailingFileLayer(int.MaxValue, Fault.Once);
        action(files);
        return files.Calls;
    }

    private string Copy(string folder)
    {
        string copy = _folder.File(Guid.NewGuid().ToString("N"));
        foreach (string file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(copy, Path.GetRelativePath(folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
        return copy;
    }
}
