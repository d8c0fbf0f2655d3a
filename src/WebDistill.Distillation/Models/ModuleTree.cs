using TorchSharp.Modules;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models;

/// <summary>
/// Modules and weights at the places where files of a family name them, for what several families compute alike and call differently: a dotted path
/// is a state-dict key without its last part.
/// </summary>
internal static class ModuleTree
{
    /// <summary>Puts a module at a path below a root.</summary>
    public static T Place<T>(this nn.Module root, string path, T module) where T : nn.Module
    {
        (nn.Module parent, string name) = Descend(root, path);
        parent.register_module(name, module);
        return module;
    }

    /// <summary>Puts a weight at a path below a root; the last part is its own name.</summary>
    public static Parameter Place(this nn.Module root, string path, Parameter weight)
    {
        (nn.Module parent, string name) = Descend(root, path);
        parent.register_parameter(name, weight);
        return weight;
    }

    private static (nn.Module Parent, string Name) Descend(nn.Module root, string path)
    {
        string[] names = path.Split('.');
        foreach (string name in names[..^1])
        {
            nn.Module? known = root.named_children().FirstOrDefault(child => child.name == name).module;
            if (known is null)
                root.register_module(name, known = new Branch());
            root = known;
        }
        return (root, names[^1]);
    }

    /// <summary>A place that has nothing of its own.</summary>
    private sealed class Branch() : nn.Module(nameof(Branch));
}
