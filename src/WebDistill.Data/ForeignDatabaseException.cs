namespace WebDistill.Data;

/// <summary>Another program's database stands where this product's is expected; nothing was written into it.</summary>
public sealed class ForeignDatabaseException(string file, string table) : Exception(
    $"{file} is the database of another program: it holds '{table}' and records none of WebDistill's migrations. Nothing in it was changed. Move it "
    + "elsewhere, or set Storage:Root to another folder.");
