using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Students;

/// <summary>Copies the teacher's embeddings, final layer norm or masked-word head, and a choice of its blocks.</summary>
/// <remarks>
/// As <c>scripts/extract.py</c> of Hugging Face's distillation project, whose fixed list [0, 2, 4, 7, 9, 11] is what even spacing gives for
/// 12 to 6 layers. A DistilBERT takes those of a BERT, as <c>scripts/extract_distilbert.py</c> with <c>--vocab_transform</c>: token types and pooler are left behind.
/// </remarks>
public sealed class TeacherLayersInit : StudentInit
{
    internal const string InitName = "teacher-layers";

    /// <inheritdoc/>
    public override string Name => InitName;

    /// <inheritdoc/>
    public override string Source => "Sanh et al. 2019 (DistilBERT)";

    /// <inheritdoc/>
    public override string Description => "Embeddings, what stands behind the last layer and some of the layers are copied from the teacher.";

    /// <inheritdoc/>
    public override bool NeedsTeacher => true;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Uses => ["student.family", "student.layerCount", "student.teacherLayers"];

    /// <summary>Teacher layers evenly spaced from the first to the last: round(s·(L−1)/(S−1)) for student layer s.</summary>
    /// <exception cref="ArgumentException">More student layers than teacher layers.</exception>
    public static IReadOnlyList<int> EvenlySpaced(int teacherLayers, int studentLayers)
    {
        if (studentLayers < 1 || studentLayers > teacherLayers)
        {
            throw new ArgumentException($"A student of {studentLayers} layers cannot be taken out of a teacher of {teacherLayers}. "
                + $"Ask for 1 to {teacherLayers} layers, or list the layers to copy.");
        }
        if (studentLayers == 1)
            return [0];
        return [.. Enumerable.Range(0, studentLayers)
            .Select(layer => (int)Math.Round(layer * (teacherLayers - 1.0) / (studentLayers - 1), MidpointRounding.AwayFromZero))];
    }

    /// <summary>Which teacher layer each student layer is copied from.</summary>
    /// <exception cref="ArgumentException">A layer that the teacher does not have, or a number of layers that does not fit the
    /// list.</exception>
    public static IReadOnlyList<int> Layers(RunOptions options, Architecture teacher)
    {
        if (options.Student.TeacherLayers is not { } layers)
            return EvenlySpaced(teacher.Layers, options.Student.LayerCount ?? Math.Max(1, teacher.Layers / 2));
        foreach (int layer in layers)
        {
            if (layer < 0 || layer >= teacher.Layers)
                throw new ArgumentException($"Teacher layer {layer} does not exist: the teacher's layers are 0 to {teacher.Layers - 1}.");
        }
        if (layers.Count != (options.Student.LayerCount ?? layers.Count) || layers.Count == 0)
            throw new ArgumentException(
                $"{layers.Count} teacher layers are listed for {options.Student.LayerCount ?? 0} student layers. List one per student "
                + "layer.");
        return layers;
    }

    internal override void Validate(RunOptions options, OptionProblems problems)
    {
        if (options.Teacher.ModelId is null)
            problems.Add(OptionPath.Of(options.Student.Initialisation),
                $"'{InitName}' copies layers of a teacher, and no teacher is chosen. Choose a teacher or the initialisation "
                + $"'{RandomInit.InitName}'.");
        else if (options.Student.TeacherLayers is { Count: > 0 } layers && options.Student.LayerCount is int count && count != layers.Count)
            problems.Add(OptionPath.Of(options.Student.TeacherLayers),
                $"{layers.Count} teacher layers are listed for {count} student layers. List one per student layer, or leave the count out.");
    }

    internal override void Check(StudentOrigin origin, OptionProblems problems)
    {
        RunOptions options = origin.Options;
        if (origin.Teacher is not Architecture teacher)
            return;
        if (Family(origin, teacher).From(teacher) is null)
        {
            problems.Add(OptionPath.Of(options.Student.Family), $"Layers of {ModelHeads.WithArticle(teacher.Family.Title)} that {ModelHeads.Does(teacher.Head)} cannot be copied into "
                + $"{ModelHeads.WithArticle(Family(origin, teacher).Title)}: its weights would mean something else there. Leave the family out for the teacher's, choose distilbert for a bert that "
                + $"{ModelHeads.Does(ModelHead.MaskedToken)}, or the initialisation '{RandomInit.InitName}'.");
            return;
        }
        try
        {
            IReadOnlyList<int> layers = Layers(options, teacher);
            if (teacher.WithLayers(layers.Count).ProblemOfCopying(teacher, layers) is string problem)
                problems.Add(OptionPath.Of(options.Student.TeacherLayers), problem);
        }
        catch (ArgumentException)
        {
            // Too many layers, or some that there are not: what is configured next says so at its field.
        }
    }

    internal override Architecture Configure(StudentOrigin origin)
    {
        Architecture teacher = origin.Teacher
            ?? throw new ArgumentException("Layers of a teacher are to be copied, and there is no teacher. Choose one.");
        return origin.InTraining(Family(origin, teacher).From(teacher.WithLayers(Layers(origin.Options, teacher).Count))
            ?? throw new ArgumentException($"Layers of a {teacher.Family.Name} cannot be copied into a {Family(origin, teacher).Name}. Choose another family."));
    }

    private static ModelFamily Family(StudentOrigin origin, Architecture teacher) => origin.Family ?? teacher.Family;

    internal override TextModel Create(StudentOrigin origin, TextModel? teacher, TextModel? checkpoint) =>
        TextModel.CreateFrom(Configure(origin), teacher!, Layers(origin.Options, teacher!.Architecture));
}
