using System.Text;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;
using WebDistill.Web.Security;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Reports;

/// <summary>/api/reports</summary>
internal static class ReportApi
{
    public static void MapReports(this IEndpointRouteBuilder api) =>
        api.MapGet("/reports", async (Guid? run, string? models, Guid? teacher, string? format, ReportService service, CancellationToken cancel) =>
        {
            ReportFormat chosen = ReportFormat.All.FirstOrDefault(known => known.Name == (format ?? "json"))
                ?? throw new OptionsInvalidException("format", $"There is no format '{ForeignText.Quote(format)}', expected one of: "
                    + $"{string.Join(", ", ReportFormat.All.Select(known => known.Name))}.");
            EvaluationReport report = run is Guid runId
                ? await service.OfRunAsync(runId, cancel)
                : await service.OfModelsAsync(Ids(models), teacher, cancel);
            return format is null or "json"
                ? Results.Text(chosen.Write(report), chosen.ContentType, Encoding.UTF8)
                : Results.File(Encoding.UTF8.GetBytes(chosen.Write(report)), chosen.ContentType, $"{report.Title}.{chosen.Name}");
        }).Produces<EvaluationReport>().ProducesValidationProblem().ProducesProblem(404).LimitTransfers().WithTags("Reports")
            .WithSummary("What was measured of a run's models, or of models joined by commas, side by side: html, md, csv or json");

    /// <summary>The ids of a query parameter, joined by commas.</summary>
    private static IReadOnlyList<Guid> Ids(string? text)
    {
        string[] parts = (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (parts.Length == 0)
            throw new OptionsInvalidException("models", "Neither a run nor a model was named. Give run=ID, or models=ID,ID.");
        return [.. parts.Select(part => Guid.TryParse(part, out Guid id) ? id
            : throw new OptionsInvalidException("models", $"'{ForeignText.Quote(part)}' is no id of a model. Give ids joined by commas."))];
    }
}
