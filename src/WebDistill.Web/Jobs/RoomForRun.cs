using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Jobs;

/// <summary>
/// Compares once more what a run needs with what the machine has, now that it is to be taken: other work may have taken it since the run
/// was planned. Better refused with the arithmetic than ended by the system in the middle, again and again.
/// </summary>
internal static class RoomForRun
{
    /// <param name="start">The checkpoint to go on from; null starts from the beginning.</param>
    /// <param name="firstModel">The folder of the model whose weights the student begins with; null when it begins otherwise.</param>
    /// <param name="makeRoom">Frees memory that is only kept to save time.</param>
    /// <returns>What is to be said of the disk; null when it has room.</returns>
    /// <exception cref="InvalidDataException">It does not fit into the memory; says what it needs, what is free and what to do.</exception>
    public static string? Require(
        RunOptions options, TokenFile train, string? start, DataFolder folder, string? firstModel, CheckpointStore store,
        Func<Machine> machine, Action? makeRoom)
    {
        Architecture? teacher = options.TeacherId is string teacherId ? Config(folder.Model(Guid.Parse(teacherId))) : null;
        Architecture student = start is not null ? Config(start) : StudentInits.StudentConfig(
            options, teacher, train.VocabularySize, firstModel is null ? null : Config(firstModel), train.EndOfTextId);
        var plan = RunPlan.Compute(options, teacher, student, train);
        long saved = store.List().Sum(checkpoint => checkpoint.Files.Sum(file => file.Bytes));
        if (RunFit.ProblemNow(plan, machine()) is not null)
        {
            makeRoom?.Invoke();
            ProcessMemory.GiveBack();
            if (RunFit.ProblemNow(plan, machine()) is string problem)
                throw new InvalidDataException(problem);
        }
        return RunFit.ShortageOfDisk(plan, machine(), saved);
    }

    private static Architecture Config(string model) => Architecture.Load(Path.Combine(model, ModelFiles.ConfigFileName));
}
