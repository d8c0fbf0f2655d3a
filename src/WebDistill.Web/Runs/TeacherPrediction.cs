using System.Text;
using WebDistill.Data;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Models;

namespace WebDistill.Web.Runs;

/// <summary>What a model expects after a text.</summary>
/// <param name="Context">The text that is continued.</param>
/// <param name="Tokens">Every token of the vocabulary with its logit, likeliest first.</param>
public sealed record TeacherPrediction(string Context, IReadOnlyList<NextToken> Tokens)
{
    private const int ContextTokens = 24;

    /// <summary>A teacher's prediction after the beginning of a data set, or after one of stories where there is none.</summary>
    /// <exception cref="ConflictException">Files of one of them are gone, or too many models write already.</exception>
    public static async Task<TeacherPrediction> ReadAsync(
        Model teacher, Dataset? dataset, DatasetService datasets, GenerationService generation, CancellationToken cancel)
    {
        string context = "Once upon a time, there was a";
        if (dataset is { State: DatasetState.Ready })
        {
            IReadOnlyList<PreviewBlock> blocks = await datasets.PreviewAsync(dataset.Id, blocks: 1, ContextTokens, cancel);
            string text = string.Concat(blocks.SelectMany(block => block.Tokens).Select(token => token.Text));
            if (!string.IsNullOrWhiteSpace(text))
                context = text;
        }
        // A token is at least a byte: as many bytes as the model has positions always fit.
        while (Encoding.UTF8.GetByteCount(context) > teacher.ContextLength)
            context = context[1..];
        return new TeacherPrediction(context, await generation.NextTokensAsync(teacher.Id, context, int.MaxValue, cancel));
    }

    /// <summary>The likeliest tokens of softmax(logits / temperature), with their probabilities.</summary>
    public IReadOnlyList<(string Token, double Probability)> Softened(double temperature, int count)
    {
        double Weight(NextToken token) => Math.Exp((token.Logit - Tokens[0].Logit) / temperature);
        double sum = Tokens.Sum(Weight);
        return [.. Tokens.Take(count).Select(token => (token.Text, Weight(token) / sum))];
    }
}
