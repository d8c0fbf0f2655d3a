using TorchSharp;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Tests.Training;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Teachers;

/// <summary>A run asks a teacher for what its losses look at, and does not mind what the teacher is.</summary>
public sealed class TeacherTests
{
    private static readonly RunOptions s_options = ResumableRun.Options with { Schedule = ResumableRun.Options.Schedule with { Epochs = 1 },
        Objective = ResumableRun.Options.Objective.With(mse: 0.3),
        Student = ResumableRun.Options.Student with { Dropout = 0 } };

    [Fact]
    public void Run_TeacherThatHasNothingButLogits_LearnsAsFromTheModelBehindThem()
    {
        RunOptions options = s_options with { Objective = s_options.Objective.With(cos: 0) };
        Assert.Equal(Losses(options, model => new ModelTeacher(model)), Losses(options, model => new LogitsAlone(model)));
    }

    [Fact]
    public void Construct_LossThatLooksAtWhatTheTeacherDoesNotOffer_SaysWhich()
    {
        string message = Assert.Throws<ArgumentException>(() => Losses(s_options with { Objective = s_options.Objective.With(cos: 1) }, model => new LogitsAlone(model))).Message;
        Assert.Contains("'cos'", message);
        Assert.Contains("Hidden", message);
        Assert.Contains("Logits", message);
    }

    private static double[] Losses(RunOptions options, Func<TextModel, Teacher> teach)
    {
        using var folder = new TemporaryFolder();
        using TokenFile tokens = SmallModels.Tokens(folder, documents: 60);
        using TextModel student = SmallModels.Random(2, layers: 1);
        using Teacher teacher = teach(SmallModels.Random(1));
        TrainingParts parts = TrainingParts.Of(options, teacher, student, tokens, null);
        using BatchSource batches = parts.Batches;
        using var trainer = new Trainer(parts, options);
        return [.. Enumerable.Range(0, 5).Select(_ => trainer.Step().TotalLoss)];
    }

    /// <summary>As a file of what a model said would answer.</summary>
    private sealed class LogitsAlone(TextModel model) : Teacher
    {
        public override Architecture Architecture => model.Architecture;

        public override Wants Offers => Wants.Logits;

        public override TextModel? Model => null;

        internal override Precision Precision
        {
            set => model.Precision = value;
        }

        internal override TeacherAnswer Answer(ModelInput input, long[] rows, long[]? targets, Wants wants, bool isByRows)
        {
            Assert.Equal(Wants.Logits, wants);
            using IDisposable noGradient = no_grad();
            using DisposeScope scope = NewDisposeScope();
            model.eval();
            return new TeacherAnswer(new Said(model.Logits(model.Hidden(input)).view(-1, Architecture.VocabularySize)
                .index_select(0, tensor(rows, [rows.Length])).MoveToOuterDisposeScope()), null, null);
        }

        public override void Dispose() => model.Dispose();

        private sealed class Said(Tensor logits) : RowLogits
        {
            public override long VocabularySize => logits.shape[1];

            public override void Write(long start, Tensor target, double temperature) => target.copy_(logits.narrow(0, start, target.shape[0]));

            public override Tensor Of(long start, long count, Precision precision, double temperature) => logits.narrow(0, start, count);
        }
    }
}
