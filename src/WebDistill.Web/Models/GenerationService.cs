using System.Runtime.CompilerServices;
using System.Threading.Channels;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Models;

/// <summary>What a model writes on.</summary>
/// <param name="Text">Text, for models with a tokenizer; empty starts from the end-of-text token, as GPT-2 starts a document.</param>
/// <param name="Ids">Token ids instead of text; the only way for models without a tokenizer.</param>
public sealed record GenerationPrompt(string? Text, IReadOnlyList<int>? Ids = null);

/// <summary>A piece of a generation. The first one comes before any token and names the weights that answer.</summary>
/// <param name="WeightsSha256">Hash of the loaded weights.</param>
/// <param name="Id">The token; null in the first and the last event.</param>
/// <param name="Text">Text that is complete now and was not before; empty without a tokenizer.</param>
/// <param name="Tokens">Tokens written so far.</param>
/// <param name="Seconds">Time since generation began, the prompt's pass included.</param>
/// <param name="StopReason">Set in the last event.</param>
public sealed record GenerationEvent(string WeightsSha256, int? Id, string Text, int Tokens, double Seconds, StopReason? StopReason)
{
    /// <summary>Tokens per second so far.</summary>
    public double TokensPerSecond => Seconds > 0 ? Tokens / Seconds : 0;
}

/// <summary>One of the tokens that may come next.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">The token decoded alone.</param>
/// <param name="Logit">Its logit; exp(logit / T), divided by the sum over the vocabulary, is its probability at temperature T.</param>
public sealed record NextToken(int Id, string Text, float Logit);

/// <summary>
/// Lets models write. Each generation runs on a thread of its own and can be abandoned at any token; several at once take turns token by
/// token in the order in which they ask, so that two panes fill evenly.
/// </summary>
public sealed class GenerationService(ModelFolders folders, ModelCache cache, GenerationTurn turn, IHostApplicationLifetime lifetime)
{
    /// <summary>Longest prompt in characters; longer than any context of a GPT-2.</summary>
    public const int MaxPromptCharacters = 200_000;

    /// <summary>Continues a text.</summary>
    /// <inheritdoc cref="GenerateAsync(Guid, GenerationPrompt, GenerationOptions, CancellationToken)"/>
    public IAsyncEnumerable<GenerationEvent> GenerateAsync(Guid modelId, string prompt, GenerationOptions options,
        CancellationToken cancel = default) =>
        GenerateAsync(modelId, new GenerationPrompt(prompt), options, cancel);

    /// <summary>Continues a text or ids, event by event.</summary>
    /// <exception cref="NotFoundException">There is no model with that id.</exception>
    /// <exception cref="OptionsInvalidException">An option, the prompt or the model cannot be used.</exception>
    /// <exception cref="FilesGoneException">The model's files are gone or damaged.</exception>
    /// <exception cref="BusyException">As many generations are open as may be.</exception>
    /// <exception cref="ConflictException">The model's predictions are not finite.</exception>
    public async IAsyncEnumerable<GenerationEvent> GenerateAsync(
        Guid modelId, GenerationPrompt prompt, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        CheckRequest(prompt, options);
        folders.RequireContinuing("modelId", modelId);
        using IDisposable place = turn.Open();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel, lifetime.ApplicationStopping);
        // Unbounded, yet no longer than MaxNewTokens: a reader that stops reading must not hold the turn.
        Channel<GenerationEvent> events =
            Channel.CreateUnbounded<GenerationEvent>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var threadEnded = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            Write(modelId, prompt, options, events.Writer, ended.Token);
            threadEnded.SetResult();
        })
        { Name = "Generation", IsBackground = true };
        thread.Start();
        try
        {
            await foreach (GenerationEvent written in events.Reader.ReadAllAsync(CancellationToken.None))
                yield return written;
        }
        finally
        {
            // A reader that leaves early ends the thread, and the token source lives until it has ended. The channel's completion would
            // not do to wait for: with events left in it, it never comes.
            await ended.CancelAsync();
            await threadEnded.Task;
        }
    }

    /// <summary>The likeliest next tokens after a text, likeliest first.</summary>
    /// <param name="modelId">The model, which must have a tokenizer.</param>
    /// <param name="prompt">Empty asks for the first token of a document.</param>
    /// <param name="count">How many; at least 1, and more than the vocabulary gives the whole of it, as a softmax needs it.</param>
    /// <param name="cancel">Gives up waiting for the model; a pass that has begun is finished.</param>
    /// <exception cref="NotFoundException">There is no model with that id.</exception>
    /// <exception cref="OptionsInvalidException">The prompt or the count cannot be used.</exception>
    public async Task<IReadOnlyList<NextToken>> NextTokensAsync(Guid modelId, string prompt, int count, CancellationToken cancel = default)
    {
        CheckRequest(new GenerationPrompt(prompt), new GenerationOptions());
        if (count < 1)
            throw new OptionsInvalidException("count", $"count is {count}, expected at least 1.");
        folders.RequireContinuing("modelId", modelId);
        using IDisposable place = turn.Open();
        return await Task.Run(() => NextTokens(modelId, prompt, count, cancel), cancel);
    }

    private NextToken[] NextTokens(Guid modelId, string prompt, int count, CancellationToken cancel)
    {
        using ModelLease lease = cache.Acquire(modelId);
        try
        {
            IReadOnlyList<int> ids = lease.Encode(prompt);
            return turn.Take<NextToken[]>(() => [.. new TextGenerator(lease.Model).NextTokens(ids, count)
                .Select(token => new NextToken(token.Id, lease.Tokenizer!.Vocabulary.TokenText(token.Id), token.Logit))], cancel);
        }
        catch (ArgumentException e)
        {
            throw new OptionsInvalidException("prompt", e.Message);
        }
    }

    private static void CheckRequest(GenerationPrompt prompt, GenerationOptions options)
    {
        List<OptionProblem> problems = [.. options.Validate()];
        if (prompt.Text is null == prompt.Ids is null)
            problems.Add(new("prompt", "Give the prompt either as text (prompt) or as token ids (promptIds)."));
        if (prompt.Text?.Length > MaxPromptCharacters)
            problems.Add(new("prompt", $"The prompt has {prompt.Text.Length} characters, expected at most {MaxPromptCharacters}. Shorten "
                + "it."));
        if (problems.Count > 0)
            throw new OptionsInvalidException(problems);
    }

    private void Write(
        Guid modelId, GenerationPrompt prompt, GenerationOptions options, ChannelWriter<GenerationEvent> events, CancellationToken cancel)
    {
        Exception? failure = null;
        try
        {
            using ModelLease lease = cache.Acquire(modelId);
            Generate(lease, prompt, options, events, cancel);
        }
        catch (ArgumentException e)
        {
            failure = new OptionsInvalidException(prompt.Ids is null ? "prompt" : "promptIds", e.Message);
        }
        catch (Exception e)
        {
            failure = e; // Thrown again where the events are read.
        }
        events.Complete(failure);
    }

    private void Generate(
        ModelLease lease, GenerationPrompt prompt, GenerationOptions options, ChannelWriter<GenerationEvent> events,
            CancellationToken cancel)
    {
        IReadOnlyList<int> ids = prompt.Ids ?? lease.Encode(prompt.Text!);
        if (options.StopStrings.Count > 0 && lease.Tokenizer is null)
            throw new OptionsInvalidException("stopStrings", "This model came without the files of a tokenizer: it writes ids and no text "
                + "that could contain a stop string. Leave them out.");
        var generator = new TextGenerator(lease.Model, lease.Tokenizer?.Vocabulary);
        int tokens = 0;
        double seconds = 0;
        using IEnumerator<GeneratedToken> written = generator.Generate(ids, options, cancel).GetEnumerator();
        // Taken before anything is said: a prompt that the model refuses must not look like an answer that began.
        bool more = turn.Take(Next, cancel);
        events.TryWrite(new GenerationEvent(lease.WeightsSha256, null, "", 0, 0, null));
        for (; more; more = turn.Take(Next, cancel))
        {
            GeneratedToken token = written.Current;
            seconds = token.SecondsSinceStart;
            events.TryWrite(new GenerationEvent(lease.WeightsSha256, token.Id, token.Text, ++tokens, seconds, null));
        }
        events.TryWrite(new GenerationEvent(lease.WeightsSha256, null, "", tokens, seconds, generator.StopReason));

        bool Next()
        {
            try
            {
                return written.MoveNext();
            }
            catch (InvalidDataException e)
            {
                // Predictions that are not numbers are the model's state, and no fault of the server's.
                throw new ConflictException(e.Message);
            }
        }
    }
}
