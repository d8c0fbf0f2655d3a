using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace WebDistill.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class ListIndexes : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "IX_Sweeps_CreatedAt_Id",
                table: "Sweeps",
                columns: new[] { "CreatedAt", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_Runs_CreatedAt_Id",
                table: "Runs",
                columns: new[] { "CreatedAt", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_Models_CreatedAt_Id",
                table: "Models",
                columns: new[] { "CreatedAt", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_Evaluations_CreatedAt_Id",
                table: "Evaluations",
                columns: new[] { "CreatedAt", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_Evaluations_WeightsSha256",
                table: "Evaluations",
                column: "WeightsSha256");

            migrationBuilder.CreateIndex(
                name: "IX_Datasets_CreatedAt_Id",
                table: "Datasets",
                columns: new[] { "CreatedAt", "Id" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_Sweeps_CreatedAt_Id",
                table: "Sweeps");

            migrationBuilder.DropIndex(
                name: "IX_Runs_CreatedAt_Id",
                table: "Runs");

            migrationBuilder.DropIndex(
                name: "IX_Models_CreatedAt_Id",
                table: "Models");

            migrationBuilder.DropIndex(
                name: "IX_Evaluations_CreatedAt_Id",
                table: "Evaluations");

            migrationBuilder.DropIndex(
                name: "IX_Evaluations_WeightsSha256",
                table: "Evaluations");

            migrationBuilder.DropIndex(
                name: "IX_Datasets_CreatedAt_Id",
                table: "Datasets");
        }
    }
}
