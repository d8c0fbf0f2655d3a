using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace WebDistill.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class ResumableRuns : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<int>(
                name: "Attempt",
                table: "StepMetrics",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<int>(
                name: "Attempt",
                table: "Runs",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<int>(
                name: "AttemptFromStep",
                table: "Runs",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<DateTime>(
                name: "AttemptStartedAt",
                table: "Runs",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<Guid>(
                name: "BranchRunId",
                table: "Runs",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "BranchStep",
                table: "Runs",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "FruitlessAttempts",
                table: "Runs",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<int>(
                name: "ResumeStep",
                table: "Runs",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<double>(
                name: "TrainedSeconds",
                table: "Runs",
                type: "REAL",
                nullable: false,
                defaultValue: 0.0);

            migrationBuilder.AddColumn<string>(
                name: "Severity",
                table: "LogLines",
                type: "TEXT",
                maxLength: 32,
                nullable: false,
                defaultValue: "Information");

            migrationBuilder.AddColumn<int>(
                name: "Step",
                table: "LogLines",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<Guid>(
                name: "Id",
                table: "Checkpoints",
                type: "TEXT",
                nullable: false,
                defaultValue: new Guid("00000000-0000-0000-0000-000000000000"));

            migrationBuilder.AddColumn<double>(
                name: "ValidationPerplexity",
                table: "Checkpoints",
                type: "REAL",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "SupersededSteps",
                columns: table => new
                {
                    RunId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Step = table.Column<int>(type: "INTEGER", nullable: false),
                    Attempt = table.Column<int>(type: "INTEGER", nullable: false),
                    Epoch = table.Column<double>(type: "REAL", nullable: false),
                    TokensSeen = table.Column<long>(type: "INTEGER", nullable: false),
                    TotalLoss = table.Column<double>(type: "REAL", nullable: false),
                    DistillationCeNatsPerToken = table.Column<double>(type: "REAL", nullable: true),
                    CausalLmNatsPerToken = table.Column<double>(type: "REAL", nullable: true),
                    LogitsMse = table.Column<double>(type: "REAL", nullable: true),
                    CosineDistance = table.Column<double>(type: "REAL", nullable: true),
                    LearningRate = table.Column<double>(type: "REAL", nullable: false),
                    GradientNorm = table.Column<double>(type: "REAL", nullable: false),
                    TokensPerSecond = table.Column<double>(type: "REAL", nullable: false),
                    StepSeconds = table.Column<double>(type: "REAL", nullable: false),
                    MemoryBytes = table.Column<long>(type: "INTEGER", nullable: false),
                    ValidationPerplexity = table.Column<double>(type: "REAL", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_SupersededSteps", x => new { x.RunId, x.Attempt, x.Step });
                    table.ForeignKey(
                        name: "FK_SupersededSteps_Runs_RunId",
                        column: x => x.RunId,
                        principalTable: "Runs",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            // What is known of the time that earlier runs took.
            migrationBuilder.Sql("""
                UPDATE "Runs" SET "TrainedSeconds" =
                    COALESCE((SELECT SUM("StepSeconds") FROM "StepMetrics" WHERE "StepMetrics"."RunId" = "Runs"."Id"), 0)
                """);
            // Checkpoints saved so far hold weights alone: no run can go on from them, and the rows list what it can go on from.
            migrationBuilder.Sql("""DELETE FROM "Checkpoints" """);

            migrationBuilder.CreateIndex(
                name: "IX_Checkpoints_Id",
                table: "Checkpoints",
                column: "Id");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "SupersededSteps");

            migrationBuilder.DropIndex(
                name: "IX_Checkpoints_Id",
                table: "Checkpoints");

            migrationBuilder.DropColumn(
                name: "Attempt",
                table: "StepMetrics");

            migrationBuilder.DropColumn(
                name: "Attempt",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "AttemptFromStep",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "AttemptStartedAt",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "BranchRunId",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "BranchStep",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "FruitlessAttempts",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "ResumeStep",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "TrainedSeconds",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "Severity",
                table: "LogLines");

            migrationBuilder.DropColumn(
                name: "Step",
                table: "LogLines");

            migrationBuilder.DropColumn(
                name: "Id",
                table: "Checkpoints");

            migrationBuilder.DropColumn(
                name: "ValidationPerplexity",
                table: "Checkpoints");
        }
    }
}
