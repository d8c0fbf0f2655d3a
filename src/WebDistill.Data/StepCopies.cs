using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;

namespace WebDistill.Data;

/// <summary>Copies the recorded updates of a run, and what was found at them, inside the database: none of them passes through the process, however many there are.</summary>
public static class StepCopies
{
    /// <summary>Moves the updates after <paramref name="step"/> to those that will be made again, and removes the samples after it; all or nothing, in a
    /// transaction of the caller's.</summary>
    /// <returns>How many.</returns>
    public static int Supersede(this WebDistillDb db, Guid runId, int step)
    {
        int superseded = Copy<StepRow, SupersededRow>(db, runId, step + 1, int.MaxValue, []);
        db.StepRows.Where(row => row.RunId == runId && row.Step > step).ExecuteDelete();
        Copy<Measurement, SupersededMeasurement>(db, runId, step + 1, int.MaxValue, []);
        db.Measurements.Where(one => one.RunId == runId && one.Step > step).ExecuteDelete();
        Copy<StoredDiagnosis, SupersededDiagnosis>(db, runId, step + 1, int.MaxValue, []);
        db.Diagnoses.Where(one => one.RunId == runId && one.Step > step).ExecuteDelete();
        db.Samples.Where(sample => sample.RunId == runId && sample.Step > step).ExecuteDelete();
        return superseded;
    }

    /// <summary>Gives a branch, whose row is saved already, the updates and samples of its parent up to <paramref name="step"/> with the list of their
    /// numbers; as attempt 0.</summary>
    public static void CopyToBranch(this WebDistillDb db, Guid parentId, Guid branchId, int step)
    {
        Dictionary<string, object> own = new() { [nameof(StepNumbers.RunId)] = branchId, [nameof(StepNumbers.Attempt)] = 0 };
        if (db.Series.Find(parentId) is StoredSeries series)
            db.Series.Add(new StoredSeries { RunId = branchId, Json = series.Json });
        db.SaveChanges();
        Copy<StepRow, StepRow>(db, parentId, 1, step, own);
        // What was measured before the first update is the teacher's, and is measured again.
        Copy<Measurement, Measurement>(db, parentId, 1, step, own);
        Copy<StoredDiagnosis, StoredDiagnosis>(db, parentId, 1, step, own);
        Copy<Sample, Sample>(db, parentId, 0, step, own);
    }

    /// <summary>INSERT ... SELECT of every column that both tables have, in SQL that is every provider's.</summary>
    /// <param name="instead">Values that take the place of a column's.</param>
    private static int Copy<TFrom, TTo>(WebDistillDb db, Guid runId, int firstStep, int lastStep, Dictionary<string, object> instead)
    {
        IEntityType from = db.Model.FindEntityType(typeof(TFrom))!, to = db.Model.FindEntityType(typeof(TTo))!;
        var names = db.GetService<ISqlGenerationHelper>();
        List<object> values = [runId, firstStep, lastStep];
        List<string> targets = [], sources = [];
        foreach (IProperty property in to.GetProperties())
        {
            targets.Add(Column(property));
            if (instead.TryGetValue(property.Name, out object? value))
            {
                sources.Add($"{{{values.Count}}}");
                values.Add(value);
            }
            else
            {
                sources.Add(Column(from.FindProperty(property.Name)!));
            }
        }
        string sql = $"INSERT INTO {Table(to)} ({string.Join(", ", targets)}) SELECT {string.Join(", ", sources)} FROM {Table(from)} "
            + $"WHERE {Column(from.FindProperty(nameof(StepNumbers.RunId))!)} = {{0}} "
            + $"AND {Column(from.FindProperty(nameof(StepNumbers.Step))!)} BETWEEN {{1}} AND {{2}}";
        return db.Database.ExecuteSqlRaw(sql, values);

        string Table(IEntityType type) => names.DelimitIdentifier(type.GetTableName()!, type.GetSchema());

        string Column(IProperty property) => names.DelimitIdentifier(property.GetColumnName());
    }
}
