using System.Data.Common;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace WebDistill.Web.Failures;

/// <summary>
/// A kind of failure under a name that never changes: what people and programs can search for and act on, while sentences may be written
/// better. docs/errors.md says of each what it means and what to do.
/// </summary>
/// <param name="Name">Small letters with hyphens: "disk-full".</param>
/// <param name="Title">What happened, in a few words: the title of an answer of the API.</param>
/// <param name="Status">HTTP status that the API answers with; null for what is no answer to a request.</param>
public sealed record ErrorId(string Name, string Title, int? Status = null)
{
    public static ErrorId OptionsInvalid { get; } = new("options-invalid", "Some fields have values that cannot be used", StatusCodes.Status400BadRequest);

    public static ErrorId RequestUnreadable { get; } = new("request-unreadable", "The request cannot be read", StatusCodes.Status400BadRequest);

    public static ErrorId HostUnknown { get; } = new("host-unknown", "Refused", StatusCodes.Status403Forbidden);

    public static ErrorId OriginForeign { get; } = new("origin-foreign", "Refused", StatusCodes.Status403Forbidden);

    public static ErrorId NotFound { get; } = new("not-found", "Not found", StatusCodes.Status404NotFound);

    public static ErrorId AddressUnknown { get; } = new("address-unknown", "Not Found", StatusCodes.Status404NotFound);

    public static ErrorId MethodNotAllowed { get; } = new("method-not-allowed", "Method Not Allowed", StatusCodes.Status405MethodNotAllowed);

    public static ErrorId Conflict { get; } = new("conflict", "Not possible in the present state", StatusCodes.Status409Conflict);

    public static ErrorId FilesGone { get; } = new("files-gone", "Its files are gone", StatusCodes.Status410Gone);

    public static ErrorId Busy { get; } = new("busy", "Too much at once", StatusCodes.Status429TooManyRequests);

    public static ErrorId RateLimited { get; } = new("rate-limited", "Too many requests", StatusCodes.Status429TooManyRequests);

    public static ErrorId StorageFailed { get; } = new("storage-failed", "The server met an error", StatusCodes.Status500InternalServerError);

    public static ErrorId ServerError { get; } = new("server-error", "The server met an error", StatusCodes.Status500InternalServerError);

    public static ErrorId DiskUnwritable { get; } = new("disk-unwritable", "The disk takes no writes", StatusCodes.Status503ServiceUnavailable);

    public static ErrorId DiskFull { get; } = new("disk-full", "The disk is full", StatusCodes.Status507InsufficientStorage);

    public static ErrorId RunFailed { get; } = new("run-failed", "A run failed");

    public static ErrorId RunDiverged { get; } = new("run-diverged", "A loss or the gradient is not finite any more");

    public static ErrorId RunWaitsForDisk { get; } = new("run-waits-for-disk", "A run waits until the disk takes its state");

    public static ErrorId RunGuarded { get; } = new("run-guarded", "A guard paused or stopped a run");

    public static ErrorId RunInterrupted { get; } = new("run-interrupted", "The server ended while a run was training");

    public static ErrorId RunStateUnsaved { get; } = new("run-state-unsaved", "A run rests without its latest updates");

    public static ErrorId DatasetNotPrepared { get; } = new("dataset-not-prepared", "A text could not be prepared");

    public static ErrorId EvaluationFailed { get; } = new("evaluation-failed", "An evaluation failed");

    public static ErrorId StartSettings { get; } = new("start-settings", "Settings cannot be used");

    public static ErrorId StartFolderInUse { get; } = new("start-folder-in-use", "Another process has the data folder");

    public static ErrorId StartFolderUnusable { get; } = new("start-folder-unusable", "The data folder cannot be used");

    public static ErrorId StartFolderUnwritable { get; } = new("start-folder-unwritable", "The data folder cannot be written");

    public static ErrorId StartDiskFull { get; } = new("start-disk-full", "There is no room to start");

    public static ErrorId StartDiskFails { get; } = new("start-disk-fails", "The disk of the data folder fails");

    public static ErrorId StartLibraries { get; } = new("start-libraries", "libtorch cannot be loaded");

    public static ErrorId StartFileUnreadable { get; } = new("start-file-unreadable", "A file that the start needs cannot be read");

    public static ErrorId StartDatabaseNewer { get; } = new("start-database-newer", "The database is of a newer version");

    public static ErrorId StartDatabaseForeign { get; } = new("start-database-foreign", "The database is not this product's");

    public static ErrorId StartDatabaseDamaged { get; } = new("start-database-damaged", "The database is damaged");

    public static ErrorId StartDatabaseInUse { get; } = new("start-database-in-use", "Another program holds the database");

    public static ErrorId StartCannotListen { get; } = new("start-cannot-listen", "The address cannot be listened on");

    public static ErrorId RestoreRefused { get; } = new("restore-refused", "The copy cannot take the database's place");

    /// <summary>Every id, as docs/errors.md lists them.</summary>
    public static IReadOnlyList<ErrorId> All { get; } =
    [
        OptionsInvalid, RequestUnreadable, HostUnknown, OriginForeign, NotFound, AddressUnknown, MethodNotAllowed, Conflict, FilesGone, Busy,
        RateLimited, StorageFailed, ServerError, DiskUnwritable, DiskFull,
        RunFailed, RunDiverged, RunWaitsForDisk, RunGuarded, RunInterrupted, RunStateUnsaved, DatasetNotPrepared, EvaluationFailed,
        StartSettings, StartFolderInUse, StartFolderUnusable, StartFolderUnwritable, StartDiskFull, StartDiskFails, StartLibraries,
        StartFileUnreadable, StartDatabaseNewer, StartDatabaseForeign, StartDatabaseDamaged, StartDatabaseInUse, StartCannotListen, RestoreRefused,
    ];

    /// <summary>The kind of an exception; <see cref="ServerError"/> for one that nobody foresaw.</summary>
    public static ErrorId Of(Exception failure) => failure switch
    {
        OptionsInvalidException => OptionsInvalid,
        NotFoundException => NotFound,
        BusyException => Busy,
        FilesGoneException => FilesGone,
        ConflictException => Conflict,
        StorageRefusedException { IsFull: true } => DiskFull,
        StorageRefusedException => DiskUnwritable,
        BadHttpRequestException => RequestUnreadable,
        IOException or DbException or DbUpdateException => StorageFailed,
        _ => ServerError,
    };

    /// <summary>The kind of an answer that ASP.NET Core gives by its status alone, before any code of this product was reached.</summary>
    public static ErrorId OfStatus(int status) => status switch
    {
        StatusCodes.Status404NotFound => AddressUnknown,
        StatusCodes.Status405MethodNotAllowed => MethodNotAllowed,
        >= StatusCodes.Status500InternalServerError => ServerError,
        _ => RequestUnreadable,
    };

    /// <summary>The member of an answer that has the name. Not "id", which in answers of the API is what was made or read.</summary>
    public const string Member = "errorId";

    /// <summary>An answer of the API (RFC 9457) with this name as its <see cref="Member"/>.</summary>
    /// <param name="status">In place of <see cref="Status"/>, where a request says it more exactly.</param>
    public ProblemDetails Problem(string detail, int? status = null) => Mark(new ProblemDetails { Status = status ?? Status, Title = Title, Detail = detail });

    /// <summary>Gives an answer this name, unless it has one.</summary>
    public T Mark<T>(T problem) where T : ProblemDetails
    {
        problem.Extensions.TryAdd(Member, Name);
        return problem;
    }

    /// <summary>A sentence for the terminal, with the name at its end.</summary>
    public string After(string sentence) => $"{sentence} [{Name}]";
}
