using System.Security.Cryptography;
using System.Text.Json;
using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>Losses, gradients and whole trajectories against Hugging Face's distillation project in float64.</summary>
public sealed class TrainerGoldenTests
{
    public static TheoryData<int, string> LossRuns()
    {
        var cases = new TheoryData<int, string>();
        int batch = 0;
        foreach (JsonElement item in GoldenFiles.Json("distill", "losses.json").EnumerateArray())
        {
            foreach (JsonElement run in item.GetProperty("runs").EnumerateArray())
                cases.Add(batch, run.GetProperty("run").GetString()!);
            batch++;
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(LossRuns))]
    public void Step_EveryRun_GivesTheReferencesLossesAndGradients(int batchIndex, string runName)
    {
        JsonElement item = GoldenFiles.Json("distill", "losses.json")[batchIndex];
        JsonElement run = Named(item.GetProperty("runs"), runName);
        int[] lengths = item.GetProperty("lengths").Ids();
        int[][] rows = [.. item.GetProperty("input_ids").EnumerateArray().Select((row, i) => row.Ids()[..lengths[i]])];
        TokenBatch batch = GoldenFiles.Batch(rows, item.GetProperty("pad_id").GetInt32());

        using TextModel teacher = ModelFiles.Load(GoldenData.Path("teacher"));
        using TextModel student = ModelFiles.Load(GoldenData.Path("student"));
        // One update that is never clipped: the gradients stay where the step left them.
        RunOptions options =
            Objective(run).With(o => o with { Schedule = o.Schedule with { Epochs = 1, BatchSize = rows.Length, WarmupProportion = 0 },
                Optimiser = o.Optimiser with { MaxGradientNorm = 1e30 },
                Student = o.Student with { Dropout = 0 } });
        using var trainer = Trainers.Create(options, teacher, student, 1, () => batch, null);
        StepReport report = trainer.Step();

        const double relative = 2e-6;
        GoldenFiles.AssertNear(run.GetProperty("total").GetDouble(), report.TotalLoss, relative, 0, "total");
        AssertTerm(run, "loss_ce", report["ce"], relative);
        AssertTerm(run, "loss_clm", report["clm"], relative);
        AssertTerm(run, "loss_mse", report["mse"], relative);
        AssertTerm(run, "loss_cos", report["cos"], relative);

        double globalNorm = run.GetProperty("grad_global_l2").GetDouble();
        double tolerance = Math.Max(5e-7 * globalNorm, 4 * run.GetProperty("hf_float32_grad_max_abs_err").GetDouble());
        GoldenFiles.AssertNear(globalNorm, report.Values["gradientNorm"], 2e-6, 0, "gradient norm");
        string full = GoldenData.Path("distill", $"grads_{item.GetProperty("batch").GetString()}.safetensors");
        using SafetensorsFile? gradients = runName == "main" && File.Exists(full) ? SafetensorsFile.Open(full) : null;
        foreach ((string name, Parameter parameter) in student.named_parameters())
        {
            string key = "transformer." + name;
            float[] gradient = ParameterData.ToArray(parameter.grad!);
            GoldenFiles.AssertNear(run.GetProperty("grad_l2").GetProperty(key).GetDouble(
                ), Norm(gradient), 2e-6, tolerance, $"norm of the gradient of {name}");
            GoldenFiles.AssertNear(run.GetProperty("grad_max_abs").GetProperty(key).GetDouble(
                ), gradient.Max(MathF.Abs), 2e-6, tolerance, $"largest gradient of {name}");
            if (gradients is not null)
                GoldenFiles.AssertClose(gradients.Singles(key), gradient, tolerance, $"gradient of {name}");
        }
    }

    public static TheoryData<string> Trajectories() =>
        [.. GoldenFiles.Json("train", "trajectory.json").GetProperty("runs").EnumerateArray(
            ).Select(run => run.GetProperty("run").GetString()!)];

    [Theory]
    [MemberData(nameof(Trajectories))]
    public void Steps_WholeTrajectory_FollowsTheReference(string runName)
    {
        JsonElement golden = GoldenFiles.Json("train", "trajectory.json");
        JsonElement run = Named(golden.GetProperty("runs"), runName);
        int padId = golden.GetProperty("pad_id").GetInt32(), accumulation = golden.GetProperty("gradient_accumulation_steps").GetInt32();
        TokenBatch[] batches = [.. golden.GetProperty("micro_batches").EnumerateArray()
            .Select(rows => GoldenFiles.Batch([.. rows.EnumerateArray().Select(row => row.Ids())], padId))];
        double[] betas = run.GetProperty("adam_betas").Doubles();
        RunOptions options = Objective(run).With(o => o with
        {
            Schedule = o.Schedule with { Semantics = TrainingSemantics.HuggingFaceExact, Epochs = 1, GradientAccumulation = accumulation,
                WarmupProportion = run.GetProperty("warmup_prop").GetDouble() },
            Student = o.Student with { TeacherLayers = golden.GetProperty("student_layers_taken_from_teacher").Ids(), Dropout = 0,
                FreezePositionEmbeddings = run.GetProperty("freeze_wpe").GetBoolean() },
            Optimiser = o.Optimiser with { LearningRate = run.GetProperty("learning_rate").GetDouble(),
                WeightDecay = run.GetProperty("weight_decay").GetDouble(), AdamBeta1 = betas[0], AdamBeta2 = betas[1],
                    AdamEpsilon = run.GetProperty("adam_epsilon").GetDouble(), MaxGradientNorm = run.GetProperty("max_grad_norm").GetDouble() },
        });
        using TextModel teacher = ModelFiles.Load(GoldenData.Path("teacher"));
        using TextModel student = StudentInits.Create(options, teacher, teacher.Architecture.VocabularySize);
        foreach (JsonProperty hash in golden.GetProperty("student_init_sha256_of_f32_le_bytes").EnumerateObject())
            Assert.Equal(hash.Value.GetString(), Sha256(student, hash.Name));
        Dictionary<string, float[]> initial = student.named_parameters()
            .ToDictionary(pair => pair.Item1, pair => ParameterData.ToArray(pair.Item2));

        int next = 0;
        using var trainer = Trainers.Create(options, teacher, student, batches.Length, () => batches[next++], null);
        Assert.Equal(golden.GetProperty("optimizer_steps").GetInt32(), trainer.TotalSteps);
        double[] totals = run.GetProperty("micro_total").Doubles(), norms = run.GetProperty("grad_norm_before_clip").Doubles(),
            rates = run.GetProperty("lr_at_step").Doubles();
        for (int step = 0; step < trainer.TotalSteps; step++)
        {
            StepReport report = trainer.Step();
            GoldenFiles.AssertNear(MeanOf(totals), report.TotalLoss, 2e-5, 0, $"total of step {step}");
            GoldenFiles.AssertNear(MeanOf(run.GetProperty("micro_loss_ce").Doubles()), report["ce"]!.Value, 5e-5, 0,
                $"ce of step {step}");
            GoldenFiles.AssertNear(
                MeanOf(run.GetProperty("micro_loss_clm").Doubles()), report["clm"]!.Value, 2e-5, 0, $"clm of step {step}");
            GoldenFiles.AssertNear(
                MeanOf(run.GetProperty("micro_loss_cos").Doubles()), report["cos"]!.Value, 5e-5, 0, $"cos of step {step}");
            GoldenFiles.AssertNear(norms[step], report.Values["gradientNorm"], 5e-5, 0, $"gradient norm of step {step}");
            GoldenFiles.AssertNear(rates[step], report.Values["learningRate"], 1e-12, 0, $"learning rate of step {step}");

            double MeanOf(double[] micro) => micro.Skip(step * accumulation).Take(accumulation).Average();
        }

        // Adam divides by the root of tiny second moments, so rounding grows; the reference's own float32 run says by how much.
        double tolerance = 4 * Math.Max(5e-6, run.GetProperty("hf_float32_final_weight_max_abs_err").GetDouble());
        foreach ((string name, Parameter parameter) in student.named_parameters())
        {
            JsonElement expected = run.GetProperty("final").GetProperty("transformer." + name);
            float[] weights = ParameterData.ToArray(parameter);
            double[] first = expected.GetProperty("first8").Doubles(), last = expected.GetProperty("last4").Doubles();
            for (int i = 0; i < first.Length; i++)
                GoldenFiles.AssertNear(first[i], weights[i], 0, tolerance, $"{name}[{i}]");
            for (int i = 0; i < last.Length; i++)
                GoldenFiles.AssertNear(last[i], weights[weights.Length - last.Length + i], 0, tolerance, $"{name}[^{last.Length - i}]");
            GoldenFiles.AssertNear(expected.GetProperty("l2").GetDouble(), Norm(weights), 1e-6, tolerance, $"norm of {name}");
            GoldenFiles.AssertNear(expected.GetProperty("sum").GetDouble(
                ), weights.Sum(weight => (double)weight), 0, tolerance * Math.Sqrt(weights.Length), $"sum of {name}");
            double moved = Math.Sqrt(weights.Zip(initial[name], (now, before) => Math.Pow((double)now - before, 2)).Sum());
            GoldenFiles.AssertNear(expected.GetProperty("delta_l2").GetDouble(), moved, 1e-3, 0, $"way of {name}");
        }
        if (run.TryGetProperty("final_weights_file", out JsonElement weightsFile))
        {
            using SafetensorsFile final = GoldenFiles.Tensors(weightsFile.GetString()!);
            foreach ((string name, Parameter parameter) in student.named_parameters())
                GoldenFiles.AssertClose(final.Singles("transformer." + name), ParameterData.ToArray(parameter), tolerance, $"final {name}");
        }
    }

    private static RunOptions Objective(JsonElement run) => new()
    {
        Objective = Terms.Of(temperature: run.GetProperty("temperature").GetDouble(), ce: run.GetProperty("alpha_ce").GetDouble(), clm: run.GetProperty("alpha_clm").GetDouble(), mse: run.GetProperty("alpha_mse").GetDouble(), cos: run.GetProperty("alpha_cos").GetDouble()),
    };

    /// <summary>
    /// A term that is charted must be the reference's; the reference also gives some with weight 0, which a run does not compute.
    /// </summary>
    private static void AssertTerm(JsonElement run, string name, double? actual, double relative)
    {
        if (actual is double value)
            GoldenFiles.AssertNear(run.GetProperty(name).GetDouble(), value, relative, 0, name);
        else
            Assert.Equal(0, run.GetProperty(name.Replace("loss_", "alpha_")).GetDouble());
    }

    private static JsonElement Named(JsonElement runs, string name) =>
        runs.EnumerateArray().Single(run => run.GetProperty("run").GetString() == name);

    private static double Norm(float[] values) => Math.Sqrt(values.Sum(value => (double)value * value));

    private static string Sha256(TextModel model, string key)
    {
        float[] values = ParameterData.ToArray(model.named_parameters().Single(pair => "transformer." + pair.Item1 == key).Item2);
        return Convert.ToHexStringLower(SHA256.HashData(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values)));
    }
}
