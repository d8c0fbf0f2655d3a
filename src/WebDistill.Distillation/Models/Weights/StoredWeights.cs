using TorchSharp.Modules;

namespace WebDistill.Distillation.Models.Weights;

/// <summary>The weights of a model folder, open: read into a model as often as they are wanted, they take no memory in between.</summary>
public sealed class StoredWeights : IDisposable
{
    private readonly SafetensorsFile _file;
    private readonly IReadOnlyDictionary<string, string> _stored;
    private bool _isChecked;

    /// <param name="stored">Under which name each weight of the architecture stands in the file.</param>
    internal StoredWeights(SafetensorsFile file, Architecture architecture, IReadOnlyDictionary<string, string> stored) =>
        (_file, Architecture, _stored) = (file, architecture, stored);

    /// <summary>Out of config.json.</summary>
    public Architecture Architecture { get; }

    /// <summary>Writes them into the parameters of a model of this architecture. The first time every number is looked at.</summary>
    /// <exception cref="InvalidDataException">A number is not finite, or a second copy of a weight differs from the first.</exception>
    public void ReadInto(TextModel model)
    {
        foreach ((string name, Parameter parameter) in model.named_parameters())
            ParameterData.Write(parameter, values => Read(_stored[name], values));
        if (!_isChecked)
            ModelFiles.CheckCopies(_file, Architecture, _stored);
        _isChecked = true;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Read(string name, Span<float> values)
    {
        if (_isChecked)
            _file.ReadSingles(name, 0, values);
        else
            ModelFiles.ReadFinite(_file, name, 0, values);
    }
}
