using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Distillation.Transforms.Learned;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Models;

/// <summary>A model described in Markdown, as the card that stands beside published weights: made of what is stored, and of nothing else.</summary>
internal static class ModelCard
{
    /// <summary>Its file name.</summary>
    public static string FileName(Model model) => $"{model.Name}.md";

    /// <summary>The card.</summary>
    public static string Markdown(ModelStory story)
    {
        Model model = story.Model;
        string task = model.HeadKind() switch
        {
            ModelHead.NextToken => "text-generation", ModelHead.MaskedToken => "fill-mask", ModelHead.Classes => "text-classification", _ => "feature-extraction",
        };
        var text = new StringBuilder($"---\n{(IsReadInPython(model) ? "library_name: transformers\n" : "")}pipeline_tag: {task}\n---\n\n");
        text.Append($"# {Cell(model.Name)}\n\n{Cell(Origin(story))}\n");
        Table(text, "Architecture",
            ("Family", model.FamilyTitle()), ("What it does", ModelHeads.Does(model.HeadKind())), ("Parameters", Whole(model.ParameterCount)), ("Layers", Whole(model.Layers)), ("Width", Whole(model.Width)),
            ("Attention heads", Whole(model.Heads)), ("Context length", $"{Whole(model.ContextLength)} tokens"), ("Vocabulary", $"{Whole(model.VocabularySize)} tokens"),
            ("Tokenizer", story.Tokenizer?.Description ?? "none"), ("Numbers stored as", model.DataType));
        if (story.Run is Run run)
        {
            Table(text, "Training",
                ("Run", run.Name), ("Teacher", run.Kind == RunKind.Training ? "none: trained from scratch" : story.Maker?.TeacherName ?? "deleted since"),
                ("Text", story.Maker?.DatasetName ?? "deleted since"), ("Updates", Whole(run.Step)), ("Engine", run.Engine ?? ""), ("WebDistill", run.Version ?? ""));
        }
        if (story.Compression is CompressionRecord made)
        {
            Table(text, "Compression",
                ("Made of", made.SourceName), ("Weights of that one, SHA-256", made.SourceWeightsSha256), ("Transform", made.Title), ("Its parameters", made.Parameters.ToJsonString()),
                ("Parameters before", Whole(made.Report.Before.Parameters)), ("Parameters that are not 0", Whole(made.Report.After.NonZeroParameters)),
                ($"{made.Validation?.Figure ?? "Quality"} before and after", made.Validation is { } measure ? $"{Figures.Perplexity(measure.Before)} and {Figures.Perplexity(measure.After)} on {measure.DatasetName}, held out" : made.Unmeasured(model.HeadKind())));
        }
        text.Append("\n## Measured\n\n");
        (string, string, string, string)[] held = [.. HeldOut(story)];
        if (held.Length == 0 && story.Evaluations.Count == 0)
            text.Append("Nothing has been measured yet.\n");
        else
        {
            text.Append("| Figure | Value | Text | How |\n|---|---|---|---|\n");
            foreach ((string name, string value, string of, string how) in held)
                text.Append($"| {name} | {Cell(value)} | {Cell(of)}, held out | {how} |\n");
            foreach ((Evaluation evaluation, EvaluationResult result) in story.Evaluations)
            {
                foreach (EvaluationFigure figure in result.Figures)
                {
                    text.Append($"| {Cell(EvaluationSets.Get(evaluation.Set).Title)}: {Cell(figure.Name)} | {Cell(Figures.Measured(figure.Value, figure.Unit, figure.Nats))} {Cell(Figures.UnitOf(figure.Unit))} | "
                        + $"{Cell(evaluation.SourceName)} | {Cell(result.Protocol)} |\n");
                }
            }
        }
        Table(text, "Files", [.. story.Files.Select(file => (file.Name, $"{Whole(file.Bytes)} bytes")),
            ("Weights, SHA-256", model.WeightsSha256), ("Tokenizer, SHA-256", model.TokenizerSha256 ?? "none")]);
        if (IsReadInPython(model))
            text.Append($"\n## Use in Python\n\n```python\n{Python(story)}\n```\n");
        return text.ToString();
    }

    /// <summary>What was measured of it on held-out data, the leading figure first: by the run that made it, or after its compression. Empty where nothing was.</summary>
    public static IEnumerable<(string Name, string Value, string Text, string How)> HeldOut(ModelStory story)
    {
        string text = story.Maker?.DatasetName ?? "";
        if (story.Maker?.Validation is { } score)
        {
            ModelHead head = story.Model.HeadKind();
            yield return (ScoreTexts.FigureOf(head), score.Text(), text, ValidationProtocol(head));
            if (score.Perplexity is null)
            {
                foreach ((string name, StepSeries series) in s_ofClasses)
                    yield return (name, score.Of(series).ToString("0.000", CultureInfo.InvariantCulture), text, ValidationProtocol(head));
            }
        }
        else if (story.Compression?.Validation is { } measure)
            yield return (measure.Figure, Figures.Perplexity(measure.After), measure.DatasetName, $"after the compression: the first {Whole(measure.Tokens)} held-out tokens, in windows of {Whole(measure.Context)} that do not overlap");
    }

    /// <summary>What the leading figure of such a model is called.</summary>
    public static string ValidationName(Model model) => ScoreTexts.FigureOf(model.HeadKind());

    private static readonly (string Name, StepSeries Series)[] s_ofClasses =
        [("Macro F1", LoopSeries.ValidationMacroF1), ("Matthews", LoopSeries.ValidationMatthews), ("Cross-entropy, nats/text", LoopSeries.ValidationNatsPerText)];

    // How a run measures it, for whoever reads the figure.
    private static string ValidationProtocol(ModelHead head) => head switch
    {
        ModelHead.Classes => "the run's last validation: the first held-out examples",
        ModelHead.MaskedToken => "the run's last validation: 15 % of the first held-out tokens, hidden from the model, always the same ones, in windows that do not overlap",
        _ => "the run's last validation: the first held-out tokens, in windows that do not overlap",
    };

    /// <summary>Where it comes from, in a sentence.</summary>
    public static string Origin(ModelStory story) => (story.Model.Origin, story.Run, story.Maker) switch
    {
        (ModelOrigin.Imported, _, _) => "Imported from a Hugging Face folder.",
        (ModelOrigin.Compressed, _, _) => story.Compression is { } made ? $"Made of {made.SourceName} without training: {made.Title.ToLowerInvariant()}." : "Made of another model without training.",
        (_, null, _) => "Made by a run that was deleted since.",
        (_, { Kind: RunKind.Training } run, { DatasetName: string text }) => $"Trained from scratch on {text}{Learned(run)}.",
        (_, { Kind: RunKind.Training } run, _) => $"Trained from scratch{Learned(run)}.",
        (_, { } run, { TeacherName: string teacher, DatasetName: string text }) => $"Distilled from {teacher} on {text}{Learned(run)}.",
        (_, { } run, { TeacherName: string teacher }) => $"Distilled from {teacher}{Learned(run)}.",
        (_, { } run, _) => $"Distilled from a model that was deleted since{Learned(run)}.",
    };

    // ", compressed while it trained: movement pruning (sparsity 0.8)"; empty where it was not.
    private static string Learned(Run run)
    {
        RunOptions options = StoredOptions.Of(run);
        IReadOnlyList<LearnedCompression> methods = LearnedCatalogue.Active(options);
        if (methods.Count == 0)
            return "";
        JsonObject values = LossCatalogue.RunSchema.Write(options, WebJson.Options);
        return $", compressed while it trained: {string.Join(" and ", methods.Select(Text))}";

        // A label begins with the method: "Movement: sparsity". A name as LayerDrop keeps its capitals.
        string Text(LearnedCompression method)
        {
            OptionField first = method.Fields[0];
            string title = method.Title[1..].Any(char.IsUpper) ? method.Title : char.ToLowerInvariant(method.Title[0]) + method.Title[1..];
            return $"{title} ({first.Label[(first.Label.IndexOf(':') + 1)..].Trim()} {first.In(values)})";
        }
    }

    /// <summary>Whether there is a library in Python that reads the downloaded folder as it is.</summary>
    public static bool IsReadInPython(Model model) => ModelFamilies.Find(model.Family).IsInTransformers;

    /// <summary>What loads the downloaded folder in Python: its files are Hugging Face's own.</summary>
    public static string Python(ModelStory story)
    {
        ModelHead head = story.Model.HeadKind();
        (string loads, string answers) = head switch
        {
            ModelHead.NextToken => ("GPT2LMHeadModel", "logits"),
            ModelHead.MaskedToken => ("AutoModelForMaskedLM", "logits"),
            ModelHead.Classes => ("AutoModelForSequenceClassification", "logits"),
            _ => ("AutoModel", "last_hidden_state"),
        };
        if (story.Tokenizer is null)
        {
            return $"""
                # The downloaded archive, unpacked into the folder "model". It came without a tokenizer.
                import torch
                from transformers import {loads}

                model = {loads}.from_pretrained("model")
                {answers} = model(torch.tensor([[0, 1, 2]])).{answers}
                """;
        }
        string begins = $"""
            # The downloaded archive, unpacked into the folder "model".
            from transformers import {loads}, {story.Tokenizer.HuggingFaceClass}

            model = {loads}.from_pretrained("model")
            tokenizer = {story.Tokenizer.HuggingFaceClass}.from_pretrained("model")
            prompt = tokenizer("Once upon a time", return_tensors="pt")

            """;
        return begins + (head == ModelHead.NextToken
            ? """
              answer = model.generate(**prompt, max_new_tokens=40, do_sample=True)
              print(tokenizer.decode(answer[0]))
              """
            : $"{answers} = model(**prompt).{answers}");
    }

    private static void Table(StringBuilder text, string title, params (string Name, string Value)[] rows)
    {
        text.Append($"\n## {title}\n\n| | |\n|---|---|\n");
        foreach ((string name, string value) in rows.Where(row => row.Value != ""))
            text.Append($"| {Cell(name)} | {Cell(value)} |\n");
    }

    private static string Cell(string value) => TableText.MarkdownCell(value);

    private static string Whole(long value) => value.ToString(CultureInfo.InvariantCulture);
}
