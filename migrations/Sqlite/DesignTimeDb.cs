using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.Extensions.DependencyInjection;
using WebDistill.Data;

namespace WebDistill.Migrations.Sqlite;

/// <summary>The context that `dotnet ef` asks for its model: the product's own, on no file.</summary>
internal sealed class DesignTimeDb : IDesignTimeDbContextFactory<WebDistillDb>
{
    public WebDistillDb CreateDbContext(string[] args) => new ServiceCollection().AddSqliteDatabase(":memory:").BuildServiceProvider()
        .GetRequiredService<IDbContextFactory<WebDistillDb>>().CreateDbContext();
}
