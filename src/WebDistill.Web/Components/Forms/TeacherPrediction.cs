using WebDistill.Web.Playground;

namespace WebDistill.Web.Components.Forms;

/// <summary>What a model expects after a text.</summary>
/// <param name="Context">The text that is continued.</param>
/// <param name="Tokens">Every token of the vocabulary with its logit, likeliest first.</param>
public sealed record TeacherPrediction(string Context, IReadOnlyList<NextToken> Tokens)
{
    /// <summary>The likeliest tokens of softmax(logits / temperature), with their probabilities.</summary>
    public IReadOnlyList<(string Token, double Probability)> Softened(double temperature, int count)
    {
        double Weight(NextToken token) => Math.Exp((token.Logit - Tokens[0].Logit) / temperature);
        double sum = Tokens.Sum(Weight);
        return [.. Tokens.Take(count).Select(token => (token.Text, Weight(token) / sum))];
    }
}
