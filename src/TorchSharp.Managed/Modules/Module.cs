using System.Reflection;
using TorchSharp.Modules;
using TorchSharp.Utils;

namespace TorchSharp.Utils
{
    /// <summary>Registers a field under another name than its own.</summary>
    [AttributeUsage(AttributeTargets.Field | AttributeTargets.Property)]
    public class ComponentNameAttribute : Attribute
    {
        public string? Name { get; set; }
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            /// <summary>A tree of parameters, buffers and sub-modules. Field names are the keys of its state.</summary>
            public class Module : IDisposable
            {
                protected string name;
                private readonly List<(string Name, Parameter Parameter)> _parametersByName = [];
                private readonly List<(string Name, Tensor Buffer, bool IsPersistent)> _buffersByName = [];
                private readonly List<(string Name, Module Module)> _childrenByName = [];
                private bool _training = true;

                protected Module(string name) => this.name = name;

                public virtual bool training => _training;

                public virtual string GetName() => name;

                /// <summary>Switches dropout and the like on or off, for this module and everything under it.</summary>
                public virtual void train(bool train = true)
                {
                    _training = train;
                    foreach ((_, Module child) in _childrenByName)
                    {
                        child.train(train);
                    }
                }

                public virtual void eval() => train(false);

                /// <summary>
                /// A parameter created inside a dispose scope ends with it, as in TorchSharp: build modules outside scopes.
                /// </summary>
                public virtual void register_parameter(string name, Parameter param)
                {
                    RequireFreeName(name);
                    _parametersByName.Add((name, param));
                }

                /// <summary>
                /// Registers a parameter of a layer of this engine, which lives as long as the layer: no dispose scope ends it.
                /// </summary>
                private protected void Own(string name, Parameter parameter)
                {
                    parameter.DetachFromDisposeScope();
                    register_parameter(name, parameter);
                }

                /// <summary>A buffer created inside a dispose scope ends with it, as in TorchSharp: build modules outside scopes.</summary>
                public virtual void register_buffer(string name, Tensor tensor, bool persistent = true)
                {
                    RequireFreeName(name);
                    _buffersByName.Add((name, tensor, persistent));
                }

                public virtual void register_module(string name, Module submodule)
                {
                    RequireFreeName(name);
                    submodule.RegisterComponents();
                    _childrenByName.Add((name, submodule));
                }

                public void add_module(string name, Module module) => register_module(name, module);

                /// <summary>
                /// Registers every field that holds a module, a parameter or another tensor (a buffer), under the field's name or the one
                /// its <see cref="ComponentNameAttribute"/> gives. Lists of modules other than <see cref="ModuleList{T}"/> are not looked
                /// into.
                /// </summary>
                protected virtual void RegisterComponents()
                {
                    var levels = new Stack<Type>();
                    for (Type? type = GetType(); type is not null && type != typeof(Module); type = type.BaseType)
                    {
                        levels.Push(type);
                    }
                    foreach (Type type in levels)
                    {
                        foreach (FieldInfo field in type
                            .GetFields(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DeclaredOnly)
                            .OrderBy(field => field.MetadataToken))
                        {
                            string key = field.GetCustomAttribute<ComponentNameAttribute>()?.Name ?? field.Name;
                            object? value = field.GetValue(this);
                            // The layers of this engine register their fields themselves, under their public names.
                            if (IsRegistered(key) || _parametersByName.Any(entry => ReferenceEquals(entry.Parameter, value)))
                            {
                                continue;
                            }
                            switch (value)
                            {
                                case Module module: register_module(key, module); break;
                                case Parameter parameter: register_parameter(key, parameter); break;
                                case Tensor buffer: register_buffer(key, buffer); break;
                            }
                        }
                    }
                }

                /// <summary>Forgets the registered sub-modules, so that they can be registered anew.</summary>
                protected void ClearModules() => _childrenByName.Clear();

                public virtual IEnumerable<(string name, Module module)> named_children() => _childrenByName.ToList();

                public virtual IEnumerable<Module> children() => _childrenByName.Select(entry => entry.Module).ToList();

                /// <summary>Every module under this one, depth first, with dotted names.</summary>
                public virtual IEnumerable<(string name, Module module)> named_modules()
                {
                    foreach ((string key, Module child) in _childrenByName)
                    {
                        yield return (key, child);
                        foreach ((string inner, Module module) in child.named_modules())
                        {
                            yield return ($"{key}.{inner}", module);
                        }
                    }
                }

                public virtual IEnumerable<Module> modules() => named_modules().Select(entry => entry.module);

                /// <summary>Every parameter once, with dotted names.</summary>
                public virtual IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true)
                {
                    var seen = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
                    foreach ((string prefix, Module module) in WithPrefixes(recurse))
                    {
                        foreach ((string key, Parameter parameter) in module._parametersByName)
                        {
                            if (seen.Add(parameter))
                            {
                                yield return (prefix + key, parameter);
                            }
                        }
                    }
                }

                public virtual IEnumerable<Parameter> parameters(bool recurse = true) =>
                    named_parameters(recurse).Select(entry => entry.parameter);

                public virtual IEnumerable<(string name, Tensor buffer)> named_buffers(bool recurse = true,
                    bool include_nonpersistent = true) =>
                    from entry in WithPrefixes(recurse)
                    from buffer in entry.Module._buffersByName
                    where include_nonpersistent || buffer.IsPersistent
                    select (entry.Prefix + buffer.Name, buffer.Buffer);

                public virtual IEnumerable<Tensor> buffers(bool recurse = true, bool include_nonpersistent = true) =>
                    named_buffers(recurse, include_nonpersistent).Select(entry => entry.buffer);

                public virtual bool has_parameter(string target) => named_parameters().Any(entry => entry.name == target);

                public virtual Parameter? get_parameter(string target) =>
                    named_parameters().FirstOrDefault(entry => entry.name == target).parameter;

                public virtual bool has_buffer(string target) => named_buffers().Any(entry => entry.name == target);

                public virtual Tensor? get_buffer(string target) => named_buffers().FirstOrDefault(entry => entry.name == target).buffer;

                public virtual Module apply(Action<Module> fn)
                {
                    foreach ((_, Module child) in _childrenByName)
                    {
                        child.apply(fn);
                    }
                    fn(this);
                    return this;
                }

                /// <param name="set_to_none">Drop the gradients instead of filling them with zeros.</param>
                public virtual void zero_grad(bool set_to_none = true)
                {
                    foreach (Parameter parameter in parameters())
                    {
                        if (set_to_none)
                        {
                            parameter.grad = null;
                        }
                        else
                        {
                            using Tensor? gradient = parameter.grad;
                            gradient?.zero_();
                        }
                    }
                }

                /// <summary>Parameters and persistent buffers by dotted name: the live tensors, not copies.</summary>
                public virtual Dictionary<string, Tensor> state_dict(Dictionary<string, Tensor>? destination = null, string? prefix = null)
                {
                    destination ??= [];
                    string start = string.IsNullOrEmpty(prefix) ? "" : prefix + ".";
                    foreach ((string key, Parameter parameter) in named_parameters())
                    {
                        destination.TryAdd(start + key, parameter);
                    }
                    foreach ((string key, Tensor buffer) in named_buffers(include_nonpersistent: false))
                    {
                        destination.TryAdd(start + key, buffer);
                    }
                    return destination;
                }

                /// <summary>Copies values into the tensors of the same name and shape.</summary>
                /// <returns>Names that the module has and the source lacks, and names that only the source has.</returns>
                /// <exception cref="InvalidOperationException">Shapes differ, or names differ while <paramref name="strict"/>.</exception>
                public virtual (IList<string> missing_keys, IList<string> unexpected_keyes) load_state_dict(
                    Dictionary<string, Tensor> source, bool strict = true, IList<string>? skip = null)
                {
                    Dictionary<string, Tensor> own = state_dict();
                    List<string> missing = [.. own.Keys.Where(key => !source.ContainsKey(key) && skip?.Contains(key) != true)];
                    List<string> unexpected = [.. source.Keys.Where(key => !own.ContainsKey(key) && skip?.Contains(key) != true)];
                    if (strict && missing.Count + unexpected.Count > 0)
                    {
                        throw new InvalidOperationException(
                            $"load_state_dict: missing [{string.Join(", ", missing)}], unexpected [{string.Join(", ", unexpected)}]; pass " +
                                $"strict: false to load what both have");
                    }
                    using IDisposable unrecorded = no_grad();
                    foreach ((string key, Tensor target) in own)
                    {
                        if (skip?.Contains(key) == true || !source.TryGetValue(key, out Tensor? value))
                        {
                            continue;
                        }
                        if (!value.ShapeArray.AsSpan().SequenceEqual(target.ShapeArray))
                        {
                            throw new InvalidOperationException(
                                $"load_state_dict: {key} has shape {Shapes.Text(value.ShapeArray)} in the source and " +
                                    $"{Shapes.Text(target.ShapeArray)} in the module");
                        }
                        target.copy_(value);
                    }
                    return (missing, unexpected);
                }

                public void Dispose()
                {
                    Dispose(disposing: true);
                    GC.SuppressFinalize(this);
                }

                protected virtual void Dispose(bool disposing)
                {
                    if (!disposing)
                    {
                        return;
                    }
                    foreach ((_, Parameter parameter) in _parametersByName)
                    {
                        parameter.Dispose();
                    }
                    foreach ((_, Tensor buffer, _) in _buffersByName)
                    {
                        buffer.Dispose();
                    }
                    foreach ((_, Module child) in _childrenByName)
                    {
                        child.Dispose();
                    }
                }

                private IEnumerable<(string Prefix, Module Module)> WithPrefixes(bool recurse)
                {
                    yield return ("", this);
                    if (recurse)
                    {
                        foreach ((string key, Module module) in named_modules())
                        {
                            yield return (key + ".", module);
                        }
                    }
                }

                private bool IsRegistered(string key) =>
                    _parametersByName.Any(entry => entry.Name == key) || _buffersByName.Any(entry => entry.Name == key)
                        || _childrenByName.Any(entry => entry.Name == key);

                private void RequireFreeName(string key)
                {
                    if (key.Contains('.'))
                    {
                        throw new ArgumentException($"'{key}' cannot name a component: dots separate the levels of a state key",
                            nameof(key));
                    }
                    if (IsRegistered(key))
                    {
                        throw new InvalidOperationException($"'{key}' is already registered in module '{name}'");
                    }
                }
            }

            public interface IModule<T, TResult>
            {
                TResult call(T input1);
            }

            public interface IModule<T1, T2, TResult>
            {
                TResult call(T1 input1, T2 input2);
            }

            /// <summary>A module of one input.</summary>
            public abstract class Module<T, TResult> : Module, IModule<T, TResult>
            {
                protected Module(string name)
                    : base(name)
                {
                }

                public abstract TResult forward(T input);

                public TResult call(T input) => forward(input);
            }

            /// <summary>A module of two inputs.</summary>
            public abstract class Module<T1, T2, TResult> : Module, IModule<T1, T2, TResult>
            {
                protected Module(string name)
                    : base(name)
                {
                }

                public abstract TResult forward(T1 input1, T2 input2);

                public TResult call(T1 input1, T2 input2) => forward(input1, input2);
            }

            /// <summary>A module of three inputs.</summary>
            public abstract class Module<T1, T2, T3, TResult> : Module
            {
                protected Module(string name)
                    : base(name)
                {
                }

                public abstract TResult forward(T1 input1, T2 input2, T3 input3);

                public TResult call(T1 input1, T2 input2, T3 input3) => forward(input1, input2, input3);
            }

            /// <summary>A module of four inputs.</summary>
            public abstract class Module<T1, T2, T3, T4, TResult> : Module
            {
                protected Module(string name)
                    : base(name)
                {
                }

                public abstract TResult forward(T1 input1, T2 input2, T3 input3, T4 input4);

                public TResult call(T1 input1, T2 input2, T3 input3, T4 input4) => forward(input1, input2, input3, input4);
            }

            /// <summary>A module of five inputs.</summary>
            public abstract class Module<T1, T2, T3, T4, T5, TResult> : Module
            {
                protected Module(string name)
                    : base(name)
                {
                }

                public abstract TResult forward(T1 input1, T2 input2, T3 input3, T4 input4, T5 input5);

                public TResult call(T1 input1, T2 input2, T3 input3, T4 input4, T5 input5) =>
                    forward(input1, input2, input3, input4, input5);
            }

            /// <inheritdoc cref="Modules.Parameter"/>
            public static Parameter Parameter(Tensor data, bool requires_grad = true) => new(data, requires_grad);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>A tensor that belongs to a module and is trained.</summary>
    public class Parameter : torch.Tensor
    {
        /// <summary>
        /// Takes over the memory of <paramref name="data"/>, which must not be used afterwards, and its place in a dispose scope.
        /// </summary>
        public Parameter(torch.Tensor data, bool requires_grad = true)
            : base(data)
        {
            data.Scope?.Register(this);
            data.Dispose();
            requires_grad_(requires_grad);
        }
    }

    /// <summary>Modules by position; registers them under their numbers once a parent registers the list.</summary>
    public class ModuleList<T> : torch.nn.Module, IList<T>
        where T : torch.nn.Module
    {
        private readonly List<T> _modules;

        public ModuleList(params T[] modules)
            : base("ModuleList") => _modules = [.. modules];

        public int Count => _modules.Count;
        public bool IsReadOnly => false;

        public T this[int index]
        {
            get => _modules[index];
            set => _modules[index] = value;
        }

        public void Add(T item) => _modules.Add(item);
        public void append(params T[] parameters) => _modules.AddRange(parameters);
        public void extend(IEnumerable<T> modules) => _modules.AddRange(modules);
        public void Clear() => _modules.Clear();
        public bool Contains(T item) => _modules.Contains(item);
        public void CopyTo(T[] array, int arrayIndex) => _modules.CopyTo(array, arrayIndex);
        public int IndexOf(T item) => _modules.IndexOf(item);
        public void Insert(int index, T item) => _modules.Insert(index, item);
        public bool Remove(T item) => _modules.Remove(item);
        public void RemoveAt(int index) => _modules.RemoveAt(index);
        public IEnumerator<T> GetEnumerator() => _modules.GetEnumerator();
        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();

        protected override void RegisterComponents()
        {
            ClearModules();
            for (int i = 0; i < _modules.Count; i++)
            {
                register_module(i.ToString(System.Globalization.CultureInfo.InvariantCulture), _modules[i]);
            }
        }
    }
}
