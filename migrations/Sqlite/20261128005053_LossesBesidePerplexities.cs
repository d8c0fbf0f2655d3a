using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace WebDistill.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class LossesBesidePerplexities : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<double>(
                name: "ValidationNatsPerToken",
                table: "SupersededSteps",
                type: "REAL",
                nullable: true);

            migrationBuilder.AddColumn<double>(
                name: "ValidationNatsPerToken",
                table: "StepMetrics",
                type: "REAL",
                nullable: true);

            migrationBuilder.AddColumn<double>(
                name: "TeacherNatsPerToken",
                table: "Runs",
                type: "REAL",
                nullable: true);

            migrationBuilder.AddColumn<double>(
                name: "ValidationNatsPerToken",
                table: "Runs",
                type: "REAL",
                nullable: true);

            migrationBuilder.AddColumn<double>(
                name: "ValidationNatsPerToken",
                table: "Checkpoints",
                type: "REAL",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "ValidationNatsPerToken",
                table: "SupersededSteps");

            migrationBuilder.DropColumn(
                name: "ValidationNatsPerToken",
                table: "StepMetrics");

            migrationBuilder.DropColumn(
                name: "TeacherNatsPerToken",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "ValidationNatsPerToken",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "ValidationNatsPerToken",
                table: "Checkpoints");
        }
    }
}
