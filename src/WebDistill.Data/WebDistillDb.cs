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

    /// <summary>The numbers of every update.</summary>
    public DbSet<StepMetric> StepMetrics => Set<StepMetric>();

    /// <summary>Updates that were made again.</summary>
    public DbSet<SupersededStep> SupersededSteps => Set<SupersededStep>();

    /// <summary>States saved during runs.</summary>
    public DbSet<Checkpoint> Checkpoints => Set<Checkpoint>();

    /// <summary>The logs of runs.</summary>
    public DbSet<LogLine> LogLines => Set<LogLine>();

    /// <summary>Models.</summary>
    public DbSet<Model> Models => Set<Model>();

    /// <summary>Corpora.</summary>
    public DbSet<Dataset> Datasets => Set<Dataset>();

    /// <summary>Models measured on sets.</summary>
    public DbSet<Evaluation> Evaluations => Set<Evaluation>();

    /// <summary>Groups of runs.</summary>
    public DbSet<Sweep> Sweeps => Set<Sweep>();

    /// <summary>
    /// The lowest validation perplexity that each of some runs has recorded, its mean loss in nats per token, and after which update, of equal
    /// ones the earliest; those that recorded none are missing. +∞ is the highest, told apart by the mean loss, and NaN beyond it.
    /// </summary>
    public async Task<IReadOnlyDictionary<Guid, (double Perplexity, double? NatsPerToken, int Step)>> LowestPerplexitiesAsync(
        IReadOnlyCollection<Guid> runIds, CancellationToken cancel = default)
    {
        var measured = await StepMetrics
            .Where(metric => runIds.Contains(metric.RunId) && metric.ValidationPerplexity != null)
            .Select(metric => new
            {
                metric.RunId, metric.Step, Perplexity = metric.ValidationPerplexity!.Value, NatsPerToken = metric.ValidationNatsPerToken,
            })
            .ToListAsync(cancel);
        // By themselves numbers put NaN before all others.
        return measured.GroupBy(metric => metric.RunId).ToDictionary(run => run.Key,
            run => run.OrderBy(metric => double.IsNaN(metric.Perplexity)).ThenBy(metric => metric.Perplexity)
                .ThenBy(metric => double.IsInfinity(metric.Perplexity) ? metric.NatsPerToken : null).ThenBy(metric => metric.Step)
                .Select(best => (best.Perplexity, best.NatsPerToken, best.Step)).First());
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
        model.Entity<StepMetric>(metric =>
        {
            metric.HasKey(m => new { m.RunId, m.Step });
            // Few updates are followed by a validation: they are found without reading the others.
            metric.HasIndex(m => new { m.RunId, m.ValidationPerplexity, m.Step }).HasFilter("\"ValidationPerplexity\" IS NOT NULL");
            metric.HasOne<Run>().WithMany().HasForeignKey(m => m.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<SupersededStep>(step =>
        {
            // A run can go back further and further: one attempt's update is superseded once.
            step.HasKey(s => new { s.RunId, s.Attempt, s.Step });
            step.HasOne<Run>().WithMany().HasForeignKey(s => s.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<Checkpoint>(checkpoint =>
        {
            checkpoint.HasKey(c => new { c.RunId, c.Step });
            checkpoint.HasIndex(c => c.Id);
            checkpoint.HasOne<Run>().WithMany().HasForeignKey(c => c.RunId).OnDelete(DeleteBehavior.Cascade);
        });
        model.Entity<Evaluation>(evaluation =>
        {
            evaluation.HasIndex(e => e.Key).IsUnique();
            evaluation.HasIndex(e => e.WeightsSha256);
            evaluation.HasIndex(e => new { e.CreatedAt, e.Id });
        });
        // A page of a list is read from where the one before it ended, without sorting the rest.
        model.Entity<Model>().HasIndex(m => new { m.CreatedAt, m.Id });
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
