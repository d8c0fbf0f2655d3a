using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Distillation.Transforms;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Compress;

/// <summary>Makes models of models, without training.</summary>
public sealed class CompressService(
    ModelService models, ModelFolders folders, ModelCache cache, DataFolder folder, StorageHealth storage, DatasetTable datasets, Func<Machine> machine)
{
    // Enough for a figure that tells two models apart, and few enough that nobody waits long for it.
    private const int MeasuredTokens = 8192, MostContext = 512;

    /// <summary>Every problem of a request that can be told without the weights; empty when there is none.</summary>
    /// <exception cref="FilesGoneException">The files of the model are gone or damaged.</exception>
    public IReadOnlyList<OptionProblem> Problems(Guid id, CompressRequest request)
    {
        if (TransformCatalogue.All.FirstOrDefault(one => one.Name == request.Transform) is not ModelTransform transform)
        {
            return [new OptionProblem("transform", $"'{ForeignText.Quote(request.Transform)}' is no transform. Choose one of: "
                + $"{string.Join(", ", TransformCatalogue.All.Select(one => one.Name))}.")];
        }
        IReadOnlyDictionary<string, JsonElement> written = request.Parameters ?? new Dictionary<string, JsonElement>();
        List<OptionProblem> problems = [.. transform.Problems(written)];
        if (!string.IsNullOrWhiteSpace(request.Name) && Names.Problem("name", request.Name) is OptionProblem name)
            problems.Add(name);
        if (problems.Count == 0)
        {
            Architecture architecture = folders.Read(id, path => Architecture.Load(Path.Combine(path, ModelFiles.ConfigFileName)));
            if (transform.Mismatch(architecture, transform.Read(written)) is OptionProblem mismatch)
                problems.Add(mismatch);
        }
        return problems;
    }

    /// <summary>Makes a new model; the source stays as it is.</summary>
    /// <param name="progress">Gets shares of the transform's work, on any thread.</param>
    /// <exception cref="NotFoundException">There is no such model.</exception>
    /// <exception cref="OptionsInvalidException">The request does not fit the model; each problem at its field.</exception>
    /// <exception cref="ConflictException">There is not enough memory at this moment.</exception>
    /// <exception cref="StorageRefusedException">There is not enough room on the disk.</exception>
    public async Task<Model> CompressAsync(Guid id, CompressRequest request, IProgress<double>? progress = null, CancellationToken cancel = default)
    {
        Model source = await models.GetAsync(id, cancel);
        if (Problems(id, request) is { Count: > 0 } problems)
            throw new OptionsInvalidException(problems);
        ModelTransform transform = TransformCatalogue.Find(request.Transform);
        storage.RequireRoom("the new model", sizeof(float) * source.ParameterCount);
        Dataset? text = source.Teaches(classes: false) && source.TokenizerSha256 is string tokenizer ? await datasets.NewestReadyAsync(tokenizer, cancel: cancel) : null;
        string incoming = await Task.Run(() => Make(source, transform, transform.Read(request.Parameters ?? new Dictionary<string, JsonElement>()), text, progress, cancel), cancel);
        return await models.ImportAsync(NameOf(source, transform, request), incoming, cancel);
    }

    /// <summary>What a new model is called where nobody says it.</summary>
    public static string SuggestedName(Model source, ModelTransform transform)
    {
        string added = $", {transform.Title.ToLowerInvariant()}";
        return ForeignText.Beginning(source.Name, Names.MaxCharacters - added.Length) + added;
    }

    private static string NameOf(Model source, ModelTransform transform, CompressRequest request) =>
        string.IsNullOrWhiteSpace(request.Name) ? SuggestedName(source, transform) : request.Name.Trim();

    /// <summary>The new model's folder, under incoming/.</summary>
    private string Make(Model source, ModelTransform transform, object parameters, Dataset? text, IProgress<double>? progress, CancellationToken cancel)
    {
        using ModelLease lease = cache.Acquire(source.Id, keep: false);
        // It is held once more than to be talked to.
        if (RunFit.ProblemOfLoading(lease.Model.Architecture, machine()) is string problem)
            throw new ConflictException($"There is not enough memory for a second model beside this one: {problem}");
        (TextModel model, TransformReport report) = Transformed(lease.Model, transform, parameters, progress, cancel);
        using TextModel owned = model;
        model.eval();
        CompressionMeasure? measure = text is null ? null : Measured(lease.Model, model, text, cancel);
        string incoming = folder.CreateIncoming();
        try
        {
            ModelFiles.Save(model, incoming, folder.Files);
            string home = folders.Require(source.Id);
            foreach (string file in TokenizerKinds.Find(home)?.AllFiles.Where(name => File.Exists(Path.Combine(home, name))) ?? [])
            {
                using FileStream read = File.OpenRead(Path.Combine(home, file));
                DurableFile.Write(Path.Combine(incoming, file), read.CopyTo, folder.Files);
            }
            JsonObject written = JsonSerializer.SerializeToNode(parameters, parameters.GetType(), WebJson.Options)!.AsObject();
            new CompressionRecord(source.Id, source.Name, lease.WeightsSha256, transform.Name, written, report, measure).Write(incoming, folder.Files);
            return incoming;
        }
        catch
        {
            folder.Discard(incoming);
            throw;
        }
    }

    private static CompressedModel Transformed(TextModel source, ModelTransform transform, object parameters, IProgress<double>? progress, CancellationToken cancel)
    {
        try
        {
            return Compression.Run(source, transform, parameters, progress, cancel);
        }
        catch (ArgumentException refusal)
        {
            throw new OptionsInvalidException("transform", refusal.Message);
        }
    }

    private CompressionMeasure? Measured(TextModel before, TextModel after, Dataset text, CancellationToken cancel)
    {
        string path = DatasetFiles.Validation(folder.Dataset(text.Id));
        if (!File.Exists(path))
            return null;
        using TokenFile tokens = TokenFile.Open(path);
        int context = Math.Min(MostContext, Math.Min(before.Architecture.Positions, after.Architecture.Positions));
        long count = Math.Min(MeasuredTokens, tokens.TokenCount);
        if (count < 2)
            return null;
        bool isMasked = before.Architecture.Head == ModelHead.MaskedToken;
        return new CompressionMeasure(PerplexityProtocol.Short(isMasked), text.Id, text.Name, count, context, Of(before), Of(after));

        Perplexity Of(TextModel model) => isMasked ? MaskedPerplexity.Measure(model, tokens, context, count, cancel) : Perplexity.Measure(model, tokens, context, count, cancel);
    }
}
