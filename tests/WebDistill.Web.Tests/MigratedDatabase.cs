using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using WebDistill.Data;

namespace WebDistill.Web.Tests;

/// <summary>A database without rows, made once by the migrations and copied into the data folders of tests that are not about them.</summary>
internal static class MigratedDatabase
{
    private static readonly Lazy<byte[]> s_content = new(Make);

    /// <summary>Puts it where a start on this data folder looks for it.</summary>
    public static void WriteTo(string root) => File.WriteAllBytes(Path.Combine(root, "webdistill.db"), s_content.Value);

    private static byte[] Make()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("webdistill-");
        try
        {
            string path = Path.Combine(folder.FullName, "webdistill.db");
            using (ServiceProvider services = new ServiceCollection().AddSqliteDatabase(path).BuildServiceProvider())
                SqliteDatabase.MigrateAsync(services.GetRequiredService<IDbContextFactory<WebDistillDb>>()).GetAwaiter().GetResult();
            SqliteConnection.ClearAllPools();
            SqliteDatabase.WriteLogIntoFile(path);
            return File.ReadAllBytes(path);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
