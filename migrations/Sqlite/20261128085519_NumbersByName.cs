using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace WebDistill.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class NumbersByName : Migration
    {
        // Of the product's connections (WebDistill.Data.PackedNumbers): SQL itself cannot write a number into bytes.
        private const string Packed = """
            pack_numbers("DistillationCeNatsPerToken", "CausalLmNatsPerToken", "LogitsMse", "CosineDistance", "LearningRate", "GradientNorm",
                "TokensPerSecond", "MemoryBytes", "StepSeconds")
            """;

        private const string Loss = """
            'chart', 'losses', 'format', 'Loss', 'isSmoothed', json('true'), 'canBeLogarithmic', json('true')
            """;

        private static string Weight(string option, int otherwise) => $"""
            COALESCE(CASE WHEN json_valid("OptionsJson") THEN json_extract("OptionsJson", '$.{option}') END, {otherwise})
            """;

        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
migrationBuilder.CreateTable(
                name: "Measurements",
                columns: table => new
                {
                    RunId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Name = table.Column<string>(type: "TEXT", maxLength: 100, nullable: false),
                    Step = table.Column<int>(type: "INTEGER", nullable: false),
                    Attempt = table.Column<int>(type: "INTEGER", nullable: false),
                    Value = table.Column<double>(type: "REAL", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Measurements", x => new { x.RunId, x.Name, x.Step });
                    table.ForeignKey(
                        name: "FK_Measurements_Runs_RunId",
                        column: x => x.RunId,
                        principalTable: "Runs",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "Series",
                columns: table => new
                {
                    RunId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Json = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_Series", x => x.RunId);
                    table.ForeignKey(
                        name: "FK_Series_Runs_RunId",
                        column: x => x.RunId,
                        principalTable: "Runs",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "StepRows",
                columns: table => new
                {
                    RunId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Step = table.Column<int>(type: "INTEGER", nullable: false),
                    Attempt = table.Column<int>(type: "INTEGER", nullable: false),
                    Epoch = table.Column<double>(type: "REAL", nullable: false),
                    TokensSeen = table.Column<long>(type: "INTEGER", nullable: false),
                    TotalLoss = table.Column<double>(type: "REAL", nullable: false),
                    Values = table.Column<byte[]>(type: "BLOB", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_StepRows", x => new { x.RunId, x.Step });
                    table.ForeignKey(
                        name: "FK_StepRows_Runs_RunId",
                        column: x => x.RunId,
                        principalTable: "Runs",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "SupersededMeasurements",
                columns: table => new
                {
                    RunId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Name = table.Column<string>(type: "TEXT", maxLength: 100, nullable: false),
                    Step = table.Column<int>(type: "INTEGER", nullable: false),
                    Attempt = table.Column<int>(type: "INTEGER", nullable: false),
                    Value = table.Column<double>(type: "REAL", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_SupersededMeasurements", x => new { x.RunId, x.Name, x.Attempt, x.Step });
                    table.ForeignKey(
                        name: "FK_SupersededMeasurements_Runs_RunId",
                        column: x => x.RunId,
                        principalTable: "Runs",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "SupersededRows",
                columns: table => new
                {
                    RunId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Step = table.Column<int>(type: "INTEGER", nullable: false),
                    Attempt = table.Column<int>(type: "INTEGER", nullable: false),
                    Epoch = table.Column<double>(type: "REAL", nullable: false),
                    TokensSeen = table.Column<long>(type: "INTEGER", nullable: false),
                    TotalLoss = table.Column<double>(type: "REAL", nullable: false),
                    Values = table.Column<byte[]>(type: "BLOB", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_SupersededRows", x => new { x.RunId, x.Attempt, x.Step });
                    table.ForeignKey(
                        name: "FK_SupersededRows_Runs_RunId",
                        column: x => x.RunId,
                        principalTable: "Runs",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            // The series of earlier versions: the same for every run, in the order in which Packed has their numbers.
            migrationBuilder.Sql($"""
                INSERT INTO "Series" ("RunId", "Json") SELECT "Id", json_array(
                    json_object('name', 'totalLoss', 'title', 'Total loss', 'label', 'Total', 'unit', 'weighted sum', {Loss}, 'colour', 0),
                    json_object('name', 'ce', 'title', 'Distillation CE', 'unit', 'nats/token', {Loss}, 'colour', 1, 'weight', {Weight("alphaCe", 5)}),
                    json_object('name', 'clm', 'title', 'Causal LM', 'unit', 'nats/token', {Loss}, 'colour', 2, 'weight', {Weight("alphaClm", 2)}),
                    json_object('name', 'mse', 'title', 'Logits MSE', 'unit', 'squared logits/token', {Loss}, 'colour', 3, 'weight', {Weight("alphaMse", 0)}),
                    json_object('name', 'cos', 'title', 'Cosine', 'unit', '1 − cosine', {Loss}, 'colour', 4, 'weight', {Weight("alphaCos", 1)}),
                    json_object('name', 'validationPerplexity', 'title', 'Validation perplexity', 'label', 'Perplexity', 'cadence', 'Measured',
                        'chart', 'perplexity', 'colour', 9, 'format', 'Perplexity', 'exponentialOf', 'validationNatsPerToken', 'canBeLogarithmic', json('true')),
                    json_object('name', 'validationNatsPerToken', 'title', 'Validation loss', 'unit', 'nats/token', 'cadence', 'Measured'),
                    json_object('name', 'teacherPerplexity', 'title', 'Teacher', 'cadence', 'Once', 'chart', 'perplexity', 'format', 'Perplexity',
                        'exponentialOf', 'teacherNatsPerToken', 'canBeLogarithmic', json('true')),
                    json_object('name', 'teacherNatsPerToken', 'title', 'Teacher''s loss', 'unit', 'nats/token', 'cadence', 'Once'),
                    json_object('name', 'learningRate', 'title', 'Learning rate', 'chart', 'rate', 'colour', 5, 'format', 'Scientific'),
                    json_object('name', 'gradientNorm', 'title', 'Gradient norm', 'unit', 'before clipping', 'chart', 'gradient', 'colour', 6,
                        'format', 'Significant', 'isSmoothed', json('true'), 'canBeLogarithmic', json('true')),
                    json_object('name', 'tokensPerSecond', 'title', 'Throughput', 'unit', 'tokens/s', 'chart', 'speed', 'colour', 8, 'format', 'Compact',
                        'isSmoothed', json('true')),
                    json_object('name', 'memoryBytes', 'title', 'Memory', 'unit', 'MB, resident', 'chart', 'memory', 'colour', 7, 'format', 'Whole',
                        'factor', 1e-6, 'isExact', json('true'), 'isCompared', json('false')),
                    json_object('name', 'stepSeconds', 'title', 'Duration', 'unit', 's', 'format', 'Significant'))
                FROM "Runs" WHERE "Id" IN (SELECT "RunId" FROM "StepMetrics" UNION SELECT "RunId" FROM "SupersededSteps")
                """);
            foreach ((string from, string to, string measurements) in new[]
            {
                ("StepMetrics", "StepRows", "Measurements"), ("SupersededSteps", "SupersededRows", "SupersededMeasurements"),
            })
            {
                migrationBuilder.Sql($"""
                    INSERT INTO "{to}" ("RunId", "Step", "Attempt", "Epoch", "TokensSeen", "TotalLoss", "Values")
                    SELECT "RunId", "Step", "Attempt", "Epoch", "TokensSeen", "TotalLoss", {Packed} FROM "{from}"
                    """);
                foreach ((string column, string name) in new[]
                {
                    ("ValidationPerplexity", "validationPerplexity"), ("ValidationNatsPerToken", "validationNatsPerToken"),
                })
                    migrationBuilder.Sql($"""
                        INSERT INTO "{measurements}" ("RunId", "Name", "Step", "Attempt", "Value")
                        SELECT "RunId", '{name}', "Step", "Attempt", "{column}" FROM "{from}" WHERE "{column}" IS NOT NULL
                        """);
            }
            foreach ((string column, string name) in new[] { ("TeacherPerplexity", "teacherPerplexity"), ("TeacherNatsPerToken", "teacherNatsPerToken") })
                migrationBuilder.Sql($"""
                    INSERT INTO "Measurements" ("RunId", "Name", "Step", "Attempt", "Value")
                    SELECT "Id", '{name}', 0, "Attempt", "{column}" FROM "Runs" WHERE "Id" IN (SELECT "RunId" FROM "Series") AND "{column}" IS NOT NULL
                    """);

            migrationBuilder.DropTable(
                name: "StepMetrics");

            migrationBuilder.DropTable(
                name: "SupersededSteps");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "Measurements");

            migrationBuilder.DropTable(
                name: "Series");

            migrationBuilder.DropTable(
                name: "StepRows");

            migrationBuilder.DropTable(
                name: "SupersededMeasurements");

            migrationBuilder.DropTable(
                name: "SupersededRows");

            migrationBuilder.CreateTable(
                name: "StepMetrics",
                columns: table => new
                {
                    RunId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Step = table.Column<int>(type: "INTEGER", nullable: false),
                    Attempt = table.Column<int>(type: "INTEGER", nullable: false),
                    CausalLmNatsPerToken = table.Column<double>(type: "REAL", nullable: true),
                    CosineDistance = table.Column<double>(type: "REAL", nullable: true),
                    DistillationCeNatsPerToken = table.Column<double>(type: "REAL", nullable: true),
                    Epoch = table.Column<double>(type: "REAL", nullable: false),
                    GradientNorm = table.Column<double>(type: "REAL", nullable: false),
                    LearningRate = table.Column<double>(type: "REAL", nullable: false),
                    LogitsMse = table.Column<double>(type: "REAL", nullable: true),
                    MemoryBytes = table.Column<long>(type: "INTEGER", nullable: false),
                    StepSeconds = table.Column<double>(type: "REAL", nullable: false),
                    TokensPerSecond = table.Column<double>(type: "REAL", nullable: false),
                    TokensSeen = table.Column<long>(type: "INTEGER", nullable: false),
                    TotalLoss = table.Column<double>(type: "REAL", nullable: false),
                    ValidationNatsPerToken = table.Column<double>(type: "REAL", nullable: true),
                    ValidationPerplexity = table.Column<double>(type: "REAL", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_StepMetrics", x => new { x.RunId, x.Step });
                    table.ForeignKey(
                        name: "FK_StepMetrics_Runs_RunId",
                        column: x => x.RunId,
                        principalTable: "Runs",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "SupersededSteps",
                columns: table => new
                {
                    RunId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Attempt = table.Column<int>(type: "INTEGER", nullable: false),
                    Step = table.Column<int>(type: "INTEGER", nullable: false),
                    CausalLmNatsPerToken = table.Column<double>(type: "REAL", nullable: true),
                    CosineDistance = table.Column<double>(type: "REAL", nullable: true),
                    DistillationCeNatsPerToken = table.Column<double>(type: "REAL", nullable: true),
                    Epoch = table.Column<double>(type: "REAL", nullable: false),
                    GradientNorm = table.Column<double>(type: "REAL", nullable: false),
                    LearningRate = table.Column<double>(type: "REAL", nullable: false),
                    LogitsMse = table.Column<double>(type: "REAL", nullable: true),
                    MemoryBytes = table.Column<long>(type: "INTEGER", nullable: false),
                    StepSeconds = table.Column<double>(type: "REAL", nullable: false),
                    TokensPerSecond = table.Column<double>(type: "REAL", nullable: false),
                    TokensSeen = table.Column<long>(type: "INTEGER", nullable: false),
                    TotalLoss = table.Column<double>(type: "REAL", nullable: false),
                    ValidationNatsPerToken = table.Column<double>(type: "REAL", nullable: true),
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

            migrationBuilder.CreateIndex(
                name: "IX_StepMetrics_RunId_ValidationPerplexity_Step",
                table: "StepMetrics",
                columns: new[] { "RunId", "ValidationPerplexity", "Step" },
                filter: "\"ValidationPerplexity\" IS NOT NULL");
        }
    }
}
