using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace WebDistill.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class ValidationIndex : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "IX_StepMetrics_RunId_ValidationPerplexity_Step",
                table: "StepMetrics",
                columns: new[] { "RunId", "ValidationPerplexity", "Step" },
                filter: "\"ValidationPerplexity\" IS NOT NULL");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_StepMetrics_RunId_ValidationPerplexity_Step",
                table: "StepMetrics");
        }
    }
}
