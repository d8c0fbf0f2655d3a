using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Training;
using WebDistill.Web.Datasets;
using WebDistill.Web.Models;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Runs;

// What follows from the data: a text is learned, or the classes of labelled examples.
public sealed partial class NewRunPage
{
    private const string LabelsPath = "objective.labels.weight", MeasurePath = "guards.measure", FamilyPath = "student.family";

    private static readonly IReadOnlyList<string> s_objective = [.. LossCatalogue.All.SelectMany(loss => loss.Fields).Select(field => field.Path)];

    // What was begun with, before anything of it followed from the data.
    private IReadOnlyDictionary<string, string> _given = new Dictionary<string, string>();
    private (bool Sorts, bool HasTeacher) _task;
    private Model? _classifier;

    private bool SortsTexts => ChosenDataset?.HoldsExamples() == true;

    private ModelHead StudentDoes => SortsTexts ? ModelHead.Classes : Draft.Read(out _).Task(_teacher);

    private ModelFamily StudentFamily => ModelFamilies.All.FirstOrDefault(family => family.Name == Draft[FamilyPath])
        ?? ModelFamilies.Find(Initialisation is { NeedsCheckpoint: true } ? StudentModel?.Family : _teacher?.Family);

    /// <summary>The objective that is usual over labelled examples: the labels alone, and beside a teacher a tenth of them (Hinton, Vinyals and Dean 2015).</summary>
    internal static RunOptions OverClasses(bool hasTeacher) => new()
    {
        Objective = hasTeacher ? new Dictionary<string, ObjectiveTerm> { ["ce"] = new(0.9), ["labels"] = new(0.1) } : new Dictionary<string, ObjectiveTerm> { ["labels"] = new(1) },
        Student = new() { Family = hasTeacher ? null : ModelFamilies.SortingTexts[0].Name },
        Guards = new() { Measure = LoopSeries.ValidationNatsPerText.Name },
    };

    private void BeginTask(RunDraft basis) => (_given, _task) = (new Dictionary<string, string>(basis.Texts), (SortsTexts, _teacher is not null));

    // Where a data set of the other kind is chosen, and where a teacher comes or goes: what nobody typed follows. What somebody typed stays, and its field says what does not fit.
    private void FitToTask()
    {
        (bool Sorts, bool HasTeacher) before = _task;
        _task = (SortsTexts, _teacher is not null);
        if (_branch is not null || before == _task || !before.Sorts && !_task.Sorts)
            return;
        RunDraft standard = RunDraft.Of(new RunOptions()), wanted = _task.Sorts ? RunDraft.Of(OverClasses(_task.HasTeacher)) : standard;
        bool isOfText = !_task.Sorts && _given[LabelsPath].Trim() is "" or "0";
        if (s_objective.All(path => !_form!.Differs(path)))
        {
            foreach (string path in s_objective)
                Take(path);
            if (_task.Sorts)
                _form!.Fitted[LabelsPath] = _task.HasTeacher ? "The data set has classes: what the teacher says of them weighs 0.9, the labels 0.1 (Hinton et al. 2015)."
                    : "The data set has classes: they are what is learned.";
            else
                _form!.Fitted.Remove(LabelsPath);
        }
        foreach (string path in new[] { MeasurePath, FamilyPath }.Where(path => !_form!.Differs(path)))
            Take(path);

        void Take(string path) => Draft[path] = _basis![path] = isOfText ? _given[path] : wanted[path];
    }

    // What does not fit and is on, or was switched off for it, stays in sight, where that is said.
    private IEnumerable<Loss> Offered() => LossCatalogue.All.Where(loss => (_teacher is not null || !loss.NeedsTeacher) && (!IsOff(loss) || _form!.Fitted.ContainsKey(loss.Fields[0].Path) || loss.IsFor(StudentDoes, StudentFamily)));

    private IReadOnlyList<ModelHead> TeacherHeads => ChosenDataset is null ? ModelFigures.Trainable : SortsTexts ? [ModelHead.Classes] : [ModelHead.NextToken, ModelHead.MaskedToken];

    // A head for the classes takes the place of another one.
    private IReadOnlyList<ModelHead> FirstHeads => SortsTexts ? [ModelHead.Classes, ModelHead.MaskedToken, ModelHead.None] : TeacherHeads;
}
