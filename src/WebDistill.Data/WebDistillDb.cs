using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace WebDistill.Data;

/// <summary>
/// Everything that persists besides files. Provider-neutral: SQLite is the embedded default, any EF Core provider can take its place.
/// </summary>
public sealed class WebDistillDb(DbContextOptions<WebDistillDb> options) : DbContext(options)
{
    /// <summary>Trainings and distillations.</summary>
    public DbSet<Run> Runs => Set<Run>();

    /// <summary>What the numbers of each run are.</summary>
    public DbSet<StoredSeries> Series => Set<StoredSeries>();

    /// <summary>The numbers of every update.</summary>
    public DbSet<StepRow> StepRows => Set<StepRow>();

    /// <summary>Updates that were made again.</summary>
    public DbSet<SupersededRow> SupersededRows => Set<SupersededRow>();

    /// <summary>The numbers of few updates, or of the whole run.</summary>
    public DbSet<Measurement> Measurements => Set<Measurement>();

    /// <summary>Those of updates that were made again.</summary>
    public DbSet<SupersededMeasurement> SupersededMeasurements => Set<SupersededMeasurement>();

    /// <summary>Looks at the inside of runs.</summary>
    public DbSet<StoredDiagnosis> Diagnoses => Set<StoredDiagnosis>();

    /// <summary>Those at updates that were made again.</summary>
    public DbSet<SupersededDiagnosis> SupersededDiagnoses => Set<SupersededDiagnosis>();

    /// <summary>States saved during runs.</summary>
    public DbSet<Checkpoint> Checkpoints => Set<Checkpoint>();

    /// <summary>The logs of runs.</summary>
    public DbSet<LogLine> LogLines => Set<LogLine>();

    /// <summary>What the guards of runs saw.</summary>
    public DbSet<Alert> Alerts => Set<Alert>();

    /// <summary>What the students of runs answered as they learned.</summary>
    public DbSet<Sample> Samples => Set<Sample>();

    /// <summary>The words that runs were given.</summary>
    public DbSet<RunTag> RunTags => Set<RunTag>();

    /// <summary>What was written about runs.</summary>
    public DbSet<RunNote> RunNotes => Set<RunNote>();

    /// <summary>The run that all others are compared with: one row, or none.</summary>
    public DbSet<PinnedRun> PinnedRuns => Set<PinnedRun>();

    /// <summary>Models.</summary>
    public DbSet<Model> Models => Set<Model>();

    /// <summary>Corpora.</summary>
    public DbSet<Dataset> Datasets => Set<Dataset>();

    /// <summary>Models measured on sets.</summary>
    public DbSet<Evaluation> Evaluations => Set<Evaluation>();

    /// <summary>Groups of runs.</summary>
    public DbSet<Sweep> Sweeps => Set<Sweep>();

    /// <summary>
    /// The measurements of some runs under one name, each with the one under another name that it is the exponential of;
    /// null where that is not recorded.
    /// </summary>
    public IQueryable<MeasuredPair> Measured(IReadOnlyCollection<Guid> runIds, string name, string logarithm) =>
        from measured in Measurements.AsNoTracking()
        where runIds.Contains(measured.RunId) && measured.Name == name
        join beside in Measurements.AsNoTracking().Where(other => other.Name == logarithm)
            on new { measured.RunId, measured.Step } equals new { beside.RunId, beside.Step } into logarithms
        from log in logarithms.DefaultIfEmpty()
        select new MeasuredPair(measured.RunId, measured.Step, measured.Value, log == null ? null : (double?)log.Value);

    /// <summary>
    /// The lowest number that each of some runs has recorded under a name, of equal ones the earliest; those that recorded none are missing. +∞ is
    /// the highest, told apart by its logarithm, and NaN beyond it.
    /// </summary>
    public async Task<IReadOnlyDictionary<Guid, MeasuredPair>> LowestAsync(
        IReadOnlyCollection<Guid> runIds, string name, string logarithm, CancellationToken cancel = default)
    {
        List<MeasuredPair> all = await Measured(runIds, name, logarithm).ToListAsync(cancel);
        // By themselves numbers put NaN before all others.
        return all.GroupBy(measured => measured.RunId).ToDictionary(run => run.Key,
            run => run.OrderBy(measured => double.IsNaN(measured.Value)).ThenBy(measured => measured.Value)
                .ThenBy(measured => double.IsInfinity(measured.Value) ? measured.Logarithm : null).ThenBy(measured => measured.Step).First());
    }

    /// <summary>The highest number that each of some runs has recorded under a name, of equal ones that with the lowest one beside it, and of those the earliest; those that recorded none are missing.</summary>
    public async Task<IReadOnlyDictionary<Guid, MeasuredPair>> HighestAsync(IReadOnlyCollection<Guid> runIds, string name, string beside, CancellationToken cancel = default)
    {
        List<MeasuredPair> all = await Measured(runIds, name, beside).ToListAsync(cancel);
        return all.GroupBy(measured => measured.RunId).ToDictionary(run => run.Key,
            run => run.OrderByDescending(measured => measured.Value).ThenBy(measured => measured.Logarithm).ThenBy(measured => measured.Step).First());
    }

    /// <inheritdoc/>
    protected override void ConfigureConventions(ModelConfigurationBuilder conventions)
    {
        conventions.Properties<DateTime>().HaveConversion<UtcConverter>();
        conventions.Properties<double>().HaveConversion<NaNConverter>();
        conventions.Properties<Enum>().HaveConversion<string>().HaveMaxLength(32);
    }

    /// <inheritdoc/>
    protected override void OnModelCreating(ModelBuilder model)
    {
        model.Entity<Run>(run =>
        {
            run.Ignore(r => r.IsActive);
            run.Ignore(r => r.IsFinal);
            run.HasIndex(r => new { r.Status, r.QueueOrder });
            run.HasIndex(r => r.SweepId);
            run.HasIndex(r => new { r.CreatedAt, r.Id });
        });
        model.Entity<StoredSeries>(series =>
        {
            series.HasKey(s => s.RunId);
            series.HasOne<Run>().WithOne().HasForeignKey<StoredSeries>(s => s.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<StepRow>(row =>
        {
            row.HasKey(r => new { r.RunId, r.Step });
            row.HasOne<Run>().WithMany().HasForeignKey(r => r.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<SupersededRow>(row =>
        {
            // A run can go back further and further: one attempt's update is superseded once.
            row.HasKey(r => new { r.RunId, r.Attempt, r.Step });
            row.HasOne<Run>().WithMany().HasForeignKey(r => r.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<Measurement>(measurement =>
        {
            measurement.Property(m => m.Name).HasMaxLength(100);
            measurement.HasKey(m => new { m.RunId, m.Name, m.Step });
            measurement.HasOne<Run>().WithMany().HasForeignKey(m => m.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<SupersededMeasurement>(measurement =>
        {
            measurement.Property(m => m.Name).HasMaxLength(100);
            measurement.HasKey(m => new { m.RunId, m.Name, m.Attempt, m.Step });
            measurement.HasOne<Run>().WithMany().HasForeignKey(m => m.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<StoredDiagnosis>(diagnosis =>
        {
            diagnosis.HasKey(d => new { d.RunId, d.Step });
            diagnosis.HasOne<Run>().WithMany().HasForeignKey(d => d.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<SupersededDiagnosis>(diagnosis =>
        {
            diagnosis.HasKey(d => new { d.RunId, d.Attempt, d.Step });
            diagnosis.HasOne<Run>().WithMany().HasForeignKey(d => d.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<Checkpoint>(checkpoint =>
        {
            checkpoint.HasKey(c => new { c.RunId, c.Step });
            checkpoint.HasIndex(c => c.Id);
            checkpoint.HasOne<Run>().WithMany().HasForeignKey(c => c.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<Alert>(alert =>
        {
            alert.Property(a => a.Guard).HasMaxLength(100);
            alert.HasIndex(a => new { a.RunId, a.Id });
            alert.HasOne<Run>().WithMany().HasForeignKey(a => a.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<Sample>(sample =>
        {
            sample.HasKey(s => new { s.RunId, s.Step, s.Place });
            sample.HasOne<Run>().WithMany().HasForeignKey(s => s.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<RunTag>(tag =>
        {
            tag.Property(t => t.Tag).HasMaxLength(32);
            tag.HasKey(t => new { t.RunId, t.Tag });
            tag.HasIndex(t => t.Tag);
            tag.HasOne<Run>().WithMany().HasForeignKey(t => t.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<RunNote>(note =>
        {
            note.HasIndex(n => new { n.RunId, n.Id });
            note.HasOne<Run>().WithMany().HasForeignKey(n => n.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<PinnedRun>(pinned =>
        {
            pinned.Property(p => p.Id).ValueGeneratedNever();
            pinned.HasOne<Run>().WithMany().HasForeignKey(p => p.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<Evaluation>(evaluation =>
        {
            evaluation.HasIndex(e => e.Key).IsUnique();
            evaluation.HasIndex(e => e.WeightsSha256);
            evaluation.HasIndex(e => new { e.CreatedAt, e.Id });
        });
        // A page of a list is read from where the one before it ended, without sorting the rest.
        model.Entity<Model>(stored =>
        {
            stored.Property(m => m.Family).HasMaxLength(32).HasDefaultValue(Data.Model.FirstFamily);
            stored.Property(m => m.Head).HasMaxLength(32).HasDefaultValue(Data.Model.FirstHead);
            stored.HasIndex(m => new { m.CreatedAt, m.Id });
        });
        model.Entity<Dataset>().HasIndex(d => new { d.CreatedAt, d.Id });
        model.Entity<Sweep>().HasIndex(s => new { s.CreatedAt, s.Id });
        model.Entity<LogLine>().HasOne<Run>().WithMany().HasForeignKey(l => l.RunId).OnDelete(DeleteBehavior.Cascade);
    }

    /// <summary>
    /// What stands for NaN in a column: SQLite has infinities and turns NaN into NULL, which says "not measured". No number that is stored
    /// can be −∞; one that is would come back as NaN.
    /// </summary>
    public const double StoredNaN = double.NegativeInfinity;

    private sealed class NaNConverter() : ValueConverter<double, double>(
        value => double.IsNaN(value) ? StoredNaN : value, stored => double.IsNegativeInfinity(stored) ? double.NaN : stored);

    // SQLite keeps no kind: without this a stored UTC time would come back as unspecified and be shown shifted.
    private sealed class UtcConverter() : ValueConverter<DateTime, DateTime>(
        stored => stored.ToUniversalTime(), read => DateTime.SpecifyKind(read, DateTimeKind.Utc));
}
