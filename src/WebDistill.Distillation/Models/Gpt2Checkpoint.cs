namespace WebDistill.Distillation.Models;

/// <summary>What a model folder holds, read without building the model.</summary>
/// <param name="Config">Architecture out of config.json.</param>
/// <param name="ParameterCount">Number of trained numbers.</param>
/// <param name="WeightBytes">Size of the weight file or files.</param>
/// <param name="WeightsSha256">Hex SHA-256 of the weight file's bytes (of all shards, in order).</param>
/// <param name="DataType">How the numbers are stored: F32, F16 or BF16.</param>
public sealed record CheckpointInfo(Gpt2Config Config, long ParameterCount, long WeightBytes, string WeightsSha256, string DataType);

/// <summary>Hugging Face model folders: config.json and model.safetensors in and out.</summary>
public static class Gpt2Checkpoint
{
    /// <summary>Reads a model folder.</summary>
    /// <exception cref="InvalidDataException">The folder is not a GPT-2 model; the message names the file and the tensor.</exception>
    public static Gpt2 Load(string folder) => throw new NotSupportedException(folder);

    /// <summary>Writes config.json and model.safetensors.</summary>
    public static void Save(Gpt2 model, string folder) => throw new NotSupportedException(folder);

    /// <summary>Checks a model folder completely, hashes its weights and describes it, without building the model.</summary>
    /// <exception cref="InvalidDataException">As <see cref="Load"/>.</exception>
    public static CheckpointInfo Inspect(string folder) => throw new NotSupportedException(folder);
}
