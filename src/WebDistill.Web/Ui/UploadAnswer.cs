namespace WebDistill.Web.Ui;

/// <summary>A file that was chosen in the browser and not yet sent.</summary>
/// <param name="Size">Bytes.</param>
public sealed record ChosenFile(string Name, long Size);

/// <summary>What the API answered to an upload.</summary>
/// <param name="Status">The HTTP status; -1 when the connection broke off.</param>
/// <param name="Id">Of what was made.</param>
/// <param name="Message">What went wrong, when something did.</param>
/// <param name="Errors">Messages by field.</param>
/// <param name="Body">What was answered, where that is what was asked for.</param>
public sealed record UploadAnswer(int Status, Guid? Id, string Message, IReadOnlyDictionary<string, string> Errors, string? Body = null)
{
    /// <summary>Whether it was accepted.</summary>
    public bool Accepted => Status is >= 200 and < 300;
}
