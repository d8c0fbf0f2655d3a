namespace WebDistill.Web.Ui;

/// <summary>A token of a text that two models have read.</summary>
public interface IScoredToken
{
    /// <summary>Token id.</summary>
    int Id { get; }

    /// <summary>The token decoded alone; null without a tokenizer.</summary>
    string? Text { get; }

    /// <summary>KL(teacher ‖ student) of the predictions for its place, nats.</summary>
    double KlNats { get; }
}
