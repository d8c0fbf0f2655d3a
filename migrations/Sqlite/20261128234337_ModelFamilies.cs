using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace WebDistill.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class ModelFamilies : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "Family",
                table: "Models",
                type: "TEXT",
                maxLength: 32,
                nullable: false,
                defaultValue: "gpt2");

            migrationBuilder.AddColumn<string>(
                name: "Head",
                table: "Models",
                type: "TEXT",
                maxLength: 32,
                nullable: false,
                defaultValue: "NextToken");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "Family",
                table: "Models");

            migrationBuilder.DropColumn(
                name: "Head",
                table: "Models");
        }
    }
}
