using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Teachers;

/// <summary>Several models of one vocabulary that teach together.</summary>
/// <remarks>
/// They are asked one after another, and read into the same memory for it: of each batch there stay the last hidden states of every one, and its output
/// projection, from which the logits of a chunk of rows are made and combined (<see cref="EnsembleLogits"/>). What several say has no hidden states.
/// </remarks>
public sealed class EnsembleTeacher : Teacher
{
    private readonly IReadOnlyList<StoredWeights> _members;
    private readonly TeacherOptions _options;
    private readonly double[]? _given;
    private TextModel? _model;
    private Precision _precision;

    /// <param name="members">The first one's first; they belong to the teacher from then on.</param>
    /// <param name="options">How they are combined and weighted.</param>
    /// <exception cref="ArgumentException">There are none, they have vocabularies of several sizes, or one does not continue texts.</exception>
    public EnsembleTeacher(IReadOnlyList<StoredWeights> members, TeacherOptions options)
    {
        (_members, _options) = (members, options);
        if (members.Count == 0)
            throw new ArgumentException("There are 0 teachers, expected at least 1.", nameof(members));
        int vocabulary = members[0].Architecture.VocabularySize;
        if (members.FirstOrDefault(member => member.Architecture.VocabularySize != vocabulary) is StoredWeights other)
            throw new ArgumentException($"A teacher has {other.Architecture.VocabularySize} tokens in its vocabulary, expected {vocabulary} as the first one. Choose teachers of one "
                + "vocabulary.", nameof(members));
        if (members.FirstOrDefault(member => member.Architecture.Head != ModelHead.NextToken) is StoredWeights unfit)
            throw new ArgumentException(ModelHeads.ProblemOfContinuing("One of several teachers", unfit.Architecture.Family, unfit.Architecture.Head), nameof(members));
        _given = options.Weighting == TeacherWeighting.ByValidationLoss ? null
            : options.Weighting == TeacherWeighting.Fixed && options.Weights.Count > 0 ? [.. options.Weights] : [.. members.Select(_ => 1.0 / members.Count)];
    }

    /// <summary>Opens model folders, the first teacher's first.</summary>
    /// <exception cref="InvalidDataException">A folder is not a model of a known family.</exception>
    public static EnsembleTeacher Open(IReadOnlyList<string> folders, TeacherOptions options)
    {
        List<StoredWeights> opened = [];
        try
        {
            foreach (string folder in folders)
                opened.Add(ModelFiles.OpenWeights(folder));
            return new EnsembleTeacher(opened, options);
        }
        catch
        {
            opened.ForEach(weights => weights.Dispose());
            throw;
        }
    }

    /// <summary>That of the first.</summary>
    public override Architecture Architecture => _members[0].Architecture;

    /// <inheritdoc/>
    public override Wants Offers => Wants.Logits;

    /// <inheritdoc/>
    public override TextModel? Model => null;

    /// <summary>Weights measured on the held-out text, the first one's first, which sum to 1; null before they are, and where they are not measured.</summary>
    public IReadOnlyList<double>? MeasuredWeights { get; set; }

    /// <summary>Whether <see cref="Measure"/> must come before the first answer.</summary>
    public bool NeedsMeasuring => _given is null && MeasuredWeights is null;

    internal override Precision Precision
    {
        set => _precision = value;
    }

    /// <summary>Weighs each teacher by its loss: w = exp(−loss / τ), normalised.</summary>
    /// <param name="natsPerToken">Measures one.</param>
    /// <returns>The losses, nats per token, the first one's first.</returns>
    public IReadOnlyList<double> Measure(Func<TextModel, double> natsPerToken)
    {
        double[] losses = [.. Enumerable.Range(0, _members.Count).Select(m => natsPerToken(Load(m)))];
        MeasuredWeights = OfLosses(losses, _options.WeightTemperature);
        return losses;
    }

    /// <summary>exp(−loss / τ), normalised. The least loss is taken out first, so that no exponential underflows for all.</summary>
    internal static double[] OfLosses(IReadOnlyList<double> losses, double temperature)
    {
        double least = losses.Min();
        double[] shares = [.. losses.Select(loss => Math.Exp((least - loss) / temperature))];
        double sum = shares.Sum();
        return [.. shares.Select(share => share / sum)];
    }

    internal override TeacherAnswer Answer(ModelInput input, long[] rows, long[]? targets, Wants wants, bool isByRows)
    {
        if ((_given ?? MeasuredWeights) is not IReadOnlyList<double> weights)
            throw new InvalidOperationException("The teachers are weighted by their loss on the held-out text, which is not measured yet.");
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        var answers = new List<RowLogits>();
        for (int m = 0; m < _members.Count; m++)
        {
            TextModel model = Load(m);
            Tensor hidden = model.Forward(input, Wants.Hidden).HiddenOf(rows).MoveToOuterDisposeScope();
            // Its memory is the next one's.
            answers.Add(new HeadLogits(hidden, model.Head!.detach().clone().MoveToOuterDisposeScope()));
        }
        return new TeacherAnswer(new EnsembleLogits(answers, weights, _options, rows.Length, targets), null, null);
    }

    private TextModel Load(int member)
    {
        StoredWeights weights = _members[member];
        if (_model?.Architecture != weights.Architecture)
        {
            _model?.Dispose();
            _model = null;
            _model = TextModel.Create(weights.Architecture);
            // It lives longer than the scope of a batch.
            foreach (Parameter parameter in _model.parameters())
                parameter.DetachFromDisposeScope();
            _model.eval();
        }
        _model.Precision = _precision;
        weights.ReadInto(_model);
        return _model;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _model?.Dispose();
        foreach (StoredWeights member in _members)
            member.Dispose();
    }
}
