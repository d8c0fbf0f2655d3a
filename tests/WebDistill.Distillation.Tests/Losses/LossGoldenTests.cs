using System.Text.Json;
using TorchSharp;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Losses;

/// <summary>The composed losses and their gradients with respect to logits and hidden states, against float64 references.</summary>
public sealed class LossGoldenTests
{
    [Fact]
    public void HandCheckedSet_EveryLoss_GivesTheReferencesValueAndGradients()
    {
        JsonElement golden = GoldenFiles.Json("hf-loss-golden.json");
        int[] lengths = golden.GetProperty("lens").Ids();
        int vocabulary = golden.GetProperty("V").GetInt32(), width = golden.GetProperty("d").GetInt32();
        int[][] ids = [.. golden.GetProperty("ids").EnumerateArray().Select(row => row.Ids())];
        int columns = ids[0].Length;
        int[] rows = [.. lengths.SelectMany((length, row) => Enumerable.Range(0, length).Select(column => row * columns + column))];
        long[] targets = [.. lengths.SelectMany(
            (length, row) => Enumerable.Range(0, length).Select(column => column + 1 < length ? ids[row][column + 1] : LogitLosses.NoTarget))];

        using DisposeScope scope = NewDisposeScope();
        Tensor studentLogits = Rows(golden.GetProperty("student_logits"), rows, vocabulary).requires_grad_();
        Tensor studentHidden = Rows(golden.GetProperty("student_hidden"), rows, width).requires_grad_();
        var lossRows = new LossRows
        {
            StudentLogits = studentLogits,
            TeacherLogits = Rows(golden.GetProperty("teacher_logits"), rows, vocabulary),
            StudentHidden = studentHidden,
            TeacherHidden = Rows(golden.GetProperty("teacher_hidden"), rows, width),
            Targets = tensor(targets, [targets.Length], device: WebDistill.Distillation.Engine.Device.Default),
        };
        var counts = new LossCounts(rows.Length, targets.Count(target => target != LogitLosses.NoTarget), lengths.Length, lengths.Sum(length => (long)length * length));
        double temperature = golden.GetProperty("temperature").GetDouble(), sum = 0;
        Tensor? total = null;
        object? Parameters(Loss loss) => loss is DistillationCrossEntropy ? new DistillationCrossEntropy.Softening { Temperature = temperature } : loss.Parameters;

        foreach (JsonProperty weighted in golden.GetProperty("weights").EnumerateObject())
        {
            var loss = (RowLoss)LossCatalogue.All.Single(known => known.Name == weighted.Name);
            double divisor = loss.Divisor(counts, Parameters(loss), vocabulary), weight = weighted.Value.GetDouble();
            Tensor mean = loss.Sum(lossRows, Parameters(loss)) * (1 / divisor);
            GoldenFiles.AssertNear(golden.GetProperty("expected").GetProperty(loss.Name).GetDouble(), mean.cpu().item<float>(
                ), 1e-6, 0, loss.Name);
            sum += weight * mean.cpu().item<float>();
            total = total is null ? mean * weight : total + mean * weight;
        }
        GoldenFiles.AssertNear(golden.GetProperty("expected").GetProperty("total").GetDouble(), sum, 1e-6, 0, "total");

        total!.backward();
        AssertGradient(golden.GetProperty("expected_grad_student_logits"), studentLogits.grad!, rows, vocabulary, "logits");
        AssertGradient(golden.GetProperty("expected_grad_student_hidden"), studentHidden.grad!, rows, width, "hidden states");
    }

    public static TheoryData<string> Divergences() =>
        [.. GoldenFiles.Json("divergences.json").EnumerateArray().Select(set => set.GetProperty("set").GetString()!)];

    [Theory]
    [MemberData(nameof(Divergences))]
    public void ForwardKl_EverySet_GivesTheReferencesValueAndGradient(string name)
    {
        JsonElement set = GoldenFiles.Json("divergences.json").EnumerateArray().Single(item => item.GetProperty("set").GetString() == name);
        int[] mask = set.GetProperty("mask").Ids();
        int[] rows = [.. Enumerable.Range(0, mask.Length).Where(row => mask[row] != 0)];
        int vocabulary = set.GetProperty("student_logits")[0].GetArrayLength();
        int compared = 0;
        foreach (JsonElement result in set.GetProperty("results").EnumerateArray(
            ).Where(item => item.GetProperty("kind").GetString() == "hf_distill_ce"))
        {
            if (result.GetProperty("loss").ValueKind == JsonValueKind.Null)
                continue;
            using DisposeScope scope = NewDisposeScope();
            Tensor student = Rows(set.GetProperty("student_logits"), rows, vocabulary).requires_grad_();
            var lossRows = new LossRows { StudentLogits = student,
                TeacherLogits = Rows(set.GetProperty("teacher_logits"), rows, vocabulary) };
            var softening = new DistillationCrossEntropy.Softening { Temperature = result.GetProperty("temperature").GetDouble() };
            Tensor mean = new DistillationCrossEntropy().Sum(lossRows, softening) * (1.0 / rows.Length);
            // A difference of logarithms of size |logit| in float32: near 0 only the absolute error means anything.
            double scale = set.GetProperty("student_logits").FlatDoubles().Concat(set.GetProperty("teacher_logits").FlatDoubles())
                .Max(Math.Abs);
            GoldenFiles.AssertNear(result.GetProperty("loss").GetDouble(), mean.cpu().item<float>(
                ), 1e-6, 4e-7 * Math.Max(1, scale), $"KL of {name}");
            mean.backward();
            AssertGradient(result.GetProperty("grad"), student.grad!, rows, vocabulary, name, tolerance: 5e-7 * Math.Max(1, scale));
            compared++;
        }
        Assert.NotEqual(0, compared);
    }

    [Fact]
    public void HintonLimit_EveryCase_GivesTheSoftCrossEntropysGradient()
    {
        foreach (JsonElement item in GoldenFiles.Json("hinton_limit.json").GetProperty("cases").EnumerateArray())
        {
            using DisposeScope scope = NewDisposeScope();
            double temperature = item.GetProperty("T").GetDouble();
            int vocabulary = item.GetProperty("N").GetInt32();
            Tensor student = Row(item.GetProperty("z")).requires_grad_();
            Tensor loss = new DistillationCrossEntropy()
                .Sum(new LossRows { StudentLogits = student, TeacherLogits = Row(item.GetProperty("v")) },
                    new DistillationCrossEntropy.Softening { Temperature = temperature });
            loss.backward();
            // The set's loss has no factor T²: dC/dz = (softmax(z/T) - softmax(v/T))/T, this one's is T² times that.
            float[] gradient = ParameterData.ToArray(student.grad!);
            double[] expected = item.GetProperty("grad").Doubles(), limit = item.GetProperty("limit_centred_formula").Doubles();
            double square = temperature * temperature;
            for (int i = 0; i < vocabulary; i++)
                GoldenFiles.AssertNear(expected[i] * square, gradient[i], 1e-5, 2e-7 * temperature, $"gradient {i} at T = {temperature}");
            GoldenFiles.AssertNear(item.GetProperty("kl").GetDouble() * square, loss.cpu().item<float>(
                ), 1e-5, 1e-6 * square, $"KL at T = {temperature}");
            double largest = limit.Max(value => Math.Abs(value)) * square,
                off = limit.Select((value, i) => Math.Abs(value * square - gradient[i])).Max();
            Assert.True(off <= (item.GetProperty("rel_err_vs_centred").GetDouble() * 2 + 1e-6 * temperature) * largest,
                $"T = {temperature}: off the limit by {off:E2}.");

            Tensor Row(JsonElement values) => tensor([.. values.Doubles().Select(value => (float)value)], [1, vocabulary],
                device: WebDistill.Distillation.Engine.Device.Default);
        }
    }

    private static Tensor Rows(JsonElement values, int[] rows, int width)
    {
        double[] flat = values.FlatDoubles();
        return tensor([.. rows.SelectMany(row => flat.Skip(row * width).Take(width)).Select(value => (float)value)], [rows.Length, width],
            device: WebDistill.Distillation.Engine.Device.Default);
    }

    private static void AssertGradient(JsonElement expected, Tensor gradient, int[] rows, int width, string what, double tolerance = 5e-7)
    {
        double[] flat = expected.FlatDoubles();
        float[] actual = ParameterData.ToArray(gradient);
        GoldenFiles.AssertClose([.. rows.SelectMany(row => flat.Skip(row * width).Take(width)).Select(value => (float)value)], actual,
            tolerance, $"gradient of the {what}");
        Assert.All(Enumerable.Range(0, flat.Length / width).Except(rows), row =>
            Assert.All(flat.Skip(row * width).Take(width), value => Assert.Equal(0, value)));
    }
}
