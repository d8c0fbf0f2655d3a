using System.Globalization;
using System.Text;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Models;
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
        text.Append("\n## Measured\n\n");
        if (story.Maker?.Validation is null && story.Evaluations.Count == 0)
            text.Append("Nothing has been measured yet.\n");
        else
        {
            text.Append("| Figure | Value | Text | How |\n|---|---|---|---|\n");
            if (story.Maker?.Validation is Perplexity validation)
                text.Append($"| {ValidationName(model)} | {Cell(Figures.Perplexity(validation))} | {Cell(story.Maker.DatasetName ?? "")}, held out | {ValidationProtocol(model)} |\n");
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

    /// <summary>What the perplexity is called that the run of such a model measures.</summary>
    public static string ValidationName(Model model) => PerplexityProtocol.Short(model.HeadKind() == ModelHead.MaskedToken);

    /// <summary>How a run measures it, for whoever reads the figure.</summary>
    public static string ValidationProtocol(Model model) => model.HeadKind() == ModelHead.MaskedToken
        ? "the run's last validation: 15 % of the first held-out tokens, hidden from the model, always the same ones, in windows that do not overlap"
        : "the run's last validation: the first held-out tokens, in windows that do not overlap";

    /// <summary>Where it comes from, in a sentence.</summary>
    public static string Origin(ModelStory story) => (story.Model.Origin, story.Run, story.Maker) switch
    {
        (ModelOrigin.Imported, _, _) => "Imported from a Hugging Face folder.",
        (_, null, _) => "Made by a run that was deleted since.",
        (_, { Kind: RunKind.Training }, { DatasetName: string text }) => $"Trained from scratch on {text}.",
        (_, { Kind: RunKind.Training }, _) => "Trained from scratch.",
        (_, _, { TeacherName: string teacher, DatasetName: string text }) => $"Distilled from {teacher} on {text}.",
        (_, _, { TeacherName: string teacher }) => $"Distilled from {teacher}.",
        _ => "Distilled from a model that was deleted since.",
    };

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
