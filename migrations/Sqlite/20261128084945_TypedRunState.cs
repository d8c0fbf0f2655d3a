using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace WebDistill.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class TypedRunState : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "ErrorCause",
                table: "Runs",
                type: "TEXT",
                maxLength: 32,
                nullable: true);

            migrationBuilder.AddColumn<Guid>(
                name: "FirstModelId",
                table: "Runs",
                type: "TEXT",
                nullable: true);

            // What earlier versions could tell by their own sentences only.
            migrationBuilder.Sql("""
                UPDATE "Runs" SET "ErrorCause" = CASE
                    WHEN "Status" = 'Failed' AND "Error" LIKE '%expected a finite number%' THEN 'Diverged'
                    WHEN "Status" = 'Paused' AND "Error" LIKE '%goes on by itself%' THEN 'Disk'
                    ELSE 'Other' END
                WHERE "Error" IS NOT NULL;
                """);
            // The options name a model in any form that a Guid can be written in; EF Core keeps one in capitals with hyphens.
            migrationBuilder.Sql("""
                UPDATE "Runs" SET "FirstModelId" = (
                    SELECT upper(substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-' || substr(h, 13, 4) || '-' || substr(h, 17, 4) || '-' || substr(h, 21, 12))
                    FROM (SELECT replace(replace(replace(replace(replace(trim(json_extract("OptionsJson", '$.studentModelId')),
                        '-', ''), '{', ''), '}', ''), '(', ''), ')', '') AS h) WHERE length(h) = 32)
                WHERE CASE WHEN json_valid("OptionsJson") THEN json_extract("OptionsJson", '$.studentInitialisation') = 'checkpoint' END;
                """);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "ErrorCause",
                table: "Runs");

            migrationBuilder.DropColumn(
                name: "FirstModelId",
                table: "Runs");
        }
    }
}
