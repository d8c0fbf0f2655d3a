namespace WebDistill.Data;

/// <summary>A later version of the product has written the database: this one would misread it.</summary>
public sealed class DatabaseTooNewException(string migration) : Exception(
    $"The database was written by a newer WebDistill: it holds the migration '{migration}', which this version does not know. Start that "
    + "version or a later one, or restore a backup that this version made.");
