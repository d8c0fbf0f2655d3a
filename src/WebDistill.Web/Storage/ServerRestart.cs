namespace WebDistill.Web.Storage;

/// <summary>Ends the server as a signal would, with every state saved, and lets the same process start it anew.</summary>
public sealed class ServerRestart(IHostApplicationLifetime lifetime)
{
    /// <summary>Whether the end of the server is to be followed by a start.</summary>
    public bool IsWanted { get; private set; }

    /// <summary>Begins the end; returns before it.</summary>
    public void Request()
    {
        IsWanted = true;
        lifetime.StopApplication();
    }
}
