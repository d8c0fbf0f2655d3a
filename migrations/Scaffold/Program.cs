// Writes the migration that takes the last one's model to the entities' present model:
//   dotnet run --project migrations/Scaffold -- AddCheckpointNote
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Migrations.Design;
using Microsoft.EntityFrameworkCore.Sqlite.Design.Internal;
using Microsoft.Extensions.DependencyInjection;
using WebDistill.Data;

if (args is not [string name])
{
    Console.Error.WriteLine("Usage: dotnet run --project migrations/Scaffold -- NameOfTheMigration");
    return 2;
}

DbContextOptions<WebDistillDb> options = new DbContextOptionsBuilder<WebDistillDb>()
    .UseSqlite("Data Source=:memory:", sqlite => sqlite.MigrationsAssembly("WebDistill.Migrations"))
    .Options;
using var db = new WebDistillDb(options);
IServiceCollection services = new ServiceCollection().AddEntityFrameworkDesignTimeServices().AddDbContextDesignTimeServices(db);
new SqliteDesignTimeServices().ConfigureDesignTimeServices(services);
using ServiceProvider provider = services.BuildServiceProvider();
using IServiceScope scope = provider.CreateScope();
IMigrationsScaffolder scaffolder = scope.ServiceProvider.GetRequiredService<IMigrationsScaffolder>();

string folder = Path.GetFullPath("migrations");
ScaffoldedMigration migration = scaffolder.ScaffoldMigration(name, "WebDistill", "", language: null, dryRun: false);
MigrationFiles files = scaffolder.Save(folder, migration, folder, dryRun: false);
Console.WriteLine($"{files.MigrationFile}\n{files.MetadataFile}\n{files.SnapshotFile}");
return 0;
