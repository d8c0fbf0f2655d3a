using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace WebDistill.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class LabelledExamples : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "TeacherOfClassesJson",
                table: "Runs",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<double>(
                name: "ValidationAccuracy",
                table: "Runs",
                type: "REAL",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "ValidationOfClassesJson",
                table: "Runs",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "ClassCount",
                table: "Datasets",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "HeldOutFileName",
                table: "Datasets",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "LabelledJson",
                table: "Datasets",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "ValidationOfClassesJson",
                table: "Checkpoints",
                type: "TEXT",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "TeacherOfClassesJson",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "ValidationAccuracy",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "ValidationOfClassesJson",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "ClassCount",
                table: "Datasets");

            migrationBuilder.DropColumn(
                name: "HeldOutFileName",
                table: "Datasets");

            migrationBuilder.DropColumn(
                name: "LabelledJson",
                table: "Datasets");

            migrationBuilder.DropColumn(
                name: "ValidationOfClassesJson",
                table: "Checkpoints");
        }
    }
}
