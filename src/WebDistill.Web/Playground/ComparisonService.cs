using WebDistill.Distillation.Generation;
using WebDistill.Web.Failures;
using WebDistill.Web.Models;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Playground;

/// <summary>A text that two models are compared on.</summary>
/// <param name="Text">Its beginning, or all of it; the empty one is the end-of-text token when ids follow, null is nothing.</param>
/// <param name="Ids">Token ids that follow on the text, as a model wrote them; null without any.</param>
/// <param name="PromptTokens">Tokens at the beginning that are read and not scored; null takes those of the text when ids follow it,
/// and else 1, for nothing precedes the first token.</param>
public sealed record ComparedText(string? Text, IReadOnlyList<int>? Ids = null, int? PromptTokens = null);

/// <summary>One of the tokens that a model holds for the likeliest.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">The token decoded alone; null without a tokenizer.</param>
/// <param name="Probability">Its probability at temperature 1.</param>
public sealed record LikelyToken(int Id, string? Text, double Probability);

/// <summary>What one model thought of a position before it saw the token there.</summary>
/// <param name="LogProbabilityNats">ln p of the token that stands there, nats.</param>
/// <param name="Rank">1 when the token was the likeliest.</param>
/// <param name="Top">The ten likeliest tokens, likeliest first.</param>
public sealed record PositionPrediction(double LogProbabilityNats, int Rank, IReadOnlyList<LikelyToken> Top);

/// <summary>One scored token.</summary>
/// <param name="Position">Counted from 0 at the first token of the text.</param>
/// <param name="Id">Token id.</param>
/// <param name="Text">The token decoded alone; null without a tokenizer.</param>
/// <param name="KlNats">KL(teacher ‖ student) of the predictions for this position, nats.</param>
/// <param name="Teacher">The teacher's prediction.</param>
/// <param name="Student">The student's prediction.</param>
public sealed record PositionComparison(int Position, int Id, string? Text, double KlNats, PositionPrediction Teacher,
    PositionPrediction Student) : IScoredToken;

/// <summary>Two models on the same text.</summary>
/// <param name="TeacherWeightsSha256">Hash of the teacher's loaded weights.</param>
/// <param name="StudentWeightsSha256">Hash of the student's loaded weights.</param>
/// <param name="Prompt">The tokens that were read and not scored, decoded each alone; null without a tokenizer.</param>
/// <param name="Tokens">The scored tokens in order; at least one.</param>
public sealed record TextComparison(string TeacherWeightsSha256, string StudentWeightsSha256, IReadOnlyList<string>? Prompt,
    IReadOnlyList<PositionComparison> Tokens)
{
    /// <summary>Mean of KL(teacher ‖ student) over the scored tokens, nats per token.</summary>
    public double MeanKlNatsPerToken => Tokens.Average(token => token.KlNats);

    /// <summary>Mean of −ln p over the scored tokens, nats per token: the teacher's.</summary>
    public double TeacherNatsPerToken => -Tokens.Average(token => token.Teacher.LogProbabilityNats);

    /// <summary>The same of the student.</summary>
    public double StudentNatsPerToken => -Tokens.Average(token => token.Student.LogProbabilityNats);

    /// <summary>exp of <see cref="TeacherNatsPerToken"/>.</summary>
    public double TeacherPerplexity => Math.Exp(TeacherNatsPerToken);

    /// <summary>exp of <see cref="StudentNatsPerToken"/>.</summary>
    public double StudentPerplexity => Math.Exp(StudentNatsPerToken);

    /// <summary>Share of the scored tokens at which both models hold the same token for the likeliest, 0 to 1.</summary>
    public double Top1Agreement => Tokens.Average(token => token.Teacher.Top[0].Id == token.Student.Top[0].Id ? 1.0 : 0);
}

/// <summary>Compares two models token by token on a text. Waits for its turn like a generation does.</summary>
public sealed class ComparisonService(ModelFolders folders, ModelCache cache, GenerationTurn turn, IHostApplicationLifetime lifetime)
{
    /// <summary>Scores the text with both models.</summary>
    /// <param name="teacherId">The model whose predictions are the standard.</param>
    /// <param name="studentId">The model that is measured against them; its tokenizer must be the teacher's.</param>
    /// <param name="text">What is scored.</param>
    /// <param name="cancel">Gives up between two passes.</param>
    /// <exception cref="NotFoundException">There is no model with such an id.</exception>
    /// <exception cref="OptionsInvalidException">The tokenizers differ, a model cannot continue a text, or the text cannot be scored.</exception>
    /// <exception cref="FilesGoneException">The files of one are gone or damaged.</exception>
    /// <exception cref="BusyException">As many generations are open as may be.</exception>
    /// <exception cref="ConflictException">A model's predictions are not finite.</exception>
    public async Task<TextComparison> CompareAsync(Guid teacherId, Guid studentId, ComparedText text, CancellationToken cancel = default)
    {
        if (text.Text is null && text.Ids is null)
            throw new OptionsInvalidException("text", "Give the text as text, as token ids (ids), or as both: ids follow on the text.");
        if (text.Text?.Length > GenerationService.MaxPromptCharacters)
            throw new OptionsInvalidException("text", $"The text has {text.Text.Length} characters, expected at most "
                + $"{GenerationService.MaxPromptCharacters}. Shorten it.");
        folders.RequireContinuing("teacherId", teacherId);
        folders.RequireContinuing("studentId", studentId);
        using IDisposable place = turn.Open();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel, lifetime.ApplicationStopping);
        return await Task.Run(() => Compare(teacherId, studentId, text, ended.Token), ended.Token);
    }

    private TextComparison Compare(Guid teacherId, Guid studentId, ComparedText text, CancellationToken cancel)
    {
        using ModelLease teacher = cache.Acquire(teacherId);
        using ModelLease student = cache.Acquire(studentId);
        if (teacher.Tokenizer?.Vocabulary.Sha256 != student.Tokenizer?.Vocabulary.Sha256)
            throw new OptionsInvalidException("studentId", $"The tokenizers differ ({Name(teacher)} and {Name(student)}): the same text is "
                + "other tokens for either model, and their predictions cannot be compared. Choose two models with the same tokenizer.");
        try
        {
            IReadOnlyList<int> before = text.Text is null || (text.Text == "" && text.Ids is null) ? [] : teacher.Encode(text.Text);
            int[] ids = [.. before, .. text.Ids ?? []];
            int first = text.PromptTokens ?? (text.Ids is null || before.Count == 0 ? 1 : before.Count);
            if (text.PromptTokens is not null && (first < 1 || first >= ids.Length))
                throw new OptionsInvalidException("promptTokens", $"The value is {first}, expected 1 to {ids.Length - 1}, for the text has "
                    + $"{ids.Length} tokens and at least one is scored.");
            IReadOnlyList<ComparedToken> tokens =
                turn.Take(() => TokenComparison.Compare(teacher.Model, student.Model, ids, first, cancel), cancel);
            return new TextComparison(teacher.WeightsSha256, student.WeightsSha256,
                teacher.Tokenizer is null ? null : [.. ids[..first].Select(id => teacher.Tokenizer.Vocabulary.TokenText(id))],
                [.. tokens.Select(token => new PositionComparison(token.Position, token.Id, teacher.Tokenizer?.Vocabulary.TokenText(token.Id),
                    token.KlNats, Describe(token.Teacher, teacher), Describe(token.Student, teacher)))]);
        }
        catch (ArgumentException e)
        {
            throw new OptionsInvalidException(text.Text is null ? "ids" : "text", e.Message);
        }
        catch (InvalidDataException e)
        {
            // Predictions that are not numbers are the models' state, and no fault of the server's.
            throw new ConflictException(e.Message);
        }
    }

    private static PositionPrediction Describe(TokenPrediction prediction, ModelLease lease) => new(
        prediction.LogProbability, prediction.Rank,
        [.. prediction.Top.Select(token => new LikelyToken(token.Id, lease.Tokenizer?.Vocabulary.TokenText(token.Id), token.Probability))]);

    private static string Name(ModelLease lease) => lease.Tokenizer is null ? "none" : $"SHA-256 {lease.Tokenizer.Vocabulary.Sha256[..8]}…";
}
