using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace TorchSharp.Managed.Tests.ModuleTests;

public sealed class ModuleTests : EngineTest
{
    private sealed class Block : nn.Module<Tensor, Tensor>
    {
        private readonly Linear _fc = nn.Linear(2, 3);
        [ComponentName(Name = "c_attn")]
        private readonly Linear _attention = nn.Linear(3, 2, hasBias: false);
        private readonly Parameter scale = nn.Parameter(ones(2));
        private readonly Tensor offset = zeros(2);
        private readonly List<Linear> _ignored = [nn.Linear(1, 1)];

        internal Block() : base(nameof(Block)) => RegisterComponents();

        public Dropout Drop { get; } = nn.Dropout(0.5);

        public override Tensor forward(Tensor input) => Drop.forward(_attention.forward(_fc.forward(input))) * scale + offset;

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _ignored.ForEach(layer => layer.Dispose());
            }
            base.Dispose(disposing);
        }
    }

    private sealed class Stack : nn.Module<Tensor, Tensor>
    {
        private readonly ModuleList<Block> h = nn.ModuleList(new Block(), new Block());

        internal Stack() : base(nameof(Stack)) => RegisterComponents();

        internal ModuleList<Block> Blocks => h;

        public override Tensor forward(Tensor input) => h.Aggregate(input, (x, block) => block.forward(x));
    }

    [Fact]
    public void RegisterComponents_KindsOfFields_AreNamedAsInTorchSharp()
    {
        using var block = new Block();
        Assert.Equal(["_fc.weight", "_fc.bias", "c_attn.weight", "scale", "offset"], block.state_dict().Keys.Order(new ByKind()));
        Assert.Contains("<Drop>k__BackingField", block.named_children().Select(child => child.name));
        Assert.Equal(4, block.parameters().Count());
    }

    /// <summary>The order of a state dictionary is not part of the contract; this one makes the test's list readable.</summary>
    private sealed class ByKind : IComparer<string>
    {
        private static readonly string[] Order = ["_fc.weight", "_fc.bias", "c_attn.weight", "scale", "offset"];

        public int Compare(string? x, string? y) => Array.IndexOf(Order, x).CompareTo(Array.IndexOf(Order, y));
    }

    [Fact]
    public void ModuleList_BeforeAParentRegistersIt_HasNoParameters()
    {
        using ModuleList<Linear> list = nn.ModuleList(nn.Linear(2, 2), nn.Linear(2, 2));
        Assert.Empty(list.parameters());
        using var stack = new Stack();
        Assert.Equal(8, stack.parameters().Count());
        Assert.Contains("h.1._fc.weight", stack.state_dict().Keys);
        foreach (Linear layer in list)
        {
            layer.Dispose();
        }
    }

    [Fact]
    public void StateDict_Values_AreLive()
    {
        using var block = new Block();
        using (no_grad())
        {
            block.state_dict()["scale"].fill_(4);
        }
        AssertValues(block.get_parameter("scale")!, 4, 4);
    }

    [Fact]
    public void LoadStateDict_OfAnotherModule_MakesItEqual()
    {
        using var one = new Stack();
        using var other = new Stack();
        one.eval();
        other.eval();
        Tensor x = randn(4, 2);
        Assert.False(one.forward(x).allclose(other.forward(x)));
        var (missing, unexpected) = other.load_state_dict(one.state_dict());
        Assert.Empty(missing);
        Assert.Empty(unexpected);
        AssertValues(other.forward(x), Values(one.forward(x)));
    }

    [Fact]
    public void LoadStateDict_KeysOrShapesThatDoNotFit_ThrowsNamingThem()
    {
        using var block = new Block();
        Dictionary<string, Tensor> state = block.state_dict().ToDictionary(pair => pair.Key, pair => pair.Value.detach());
        state.Remove("scale");
        state["extra"] = ones(1);
        var error = Assert.Throws<InvalidOperationException>(() => block.load_state_dict(state));
        Assert.Contains("scale", error.Message);
        Assert.Contains("extra", error.Message);
        var (missing, unexpected) = block.load_state_dict(state, strict: false);
        Assert.Equal(["scale"], missing);
        Assert.Equal(["extra"], unexpected);
        state["_fc.weight"] = ones(7, 7);
        error = Assert.Throws<InvalidOperationException>(() => block.load_state_dict(state, strict: false));
        Assert.Contains("[7, 7]", error.Message);
        Assert.Contains("[3, 2]", error.Message);
    }

    [Fact]
    public void TrainAndEval_SwitchTheWholeTree()
    {
        using var stack = new Stack();
        Tensor x = ones(100, 2);
        Assert.True(stack.training);
        Assert.False(stack.forward(x).allclose(stack.forward(x)));
        stack.eval();
        Assert.False(stack.Blocks[0].Drop.training);
        AssertValues(stack.forward(x), Values(stack.forward(x)));
    }

    [Fact]
    public void ZeroGrad_SetsToNullOrToZeros()
    {
        using Linear layer = nn.Linear(2, 2);
        layer.forward(ones(1, 2)).sum().backward();
        layer.zero_grad(set_to_none: false);
        AssertValues(layer.weight!.grad!, 0, 0, 0, 0);
        layer.zero_grad();
        Assert.Null(layer.weight.grad);
    }

    [Fact]
    public void Register_NameTwiceOrWithADot_Throws()
    {
        using Linear layer = nn.Linear(1, 1);
        using Linear other = nn.Linear(1, 1);
        Assert.Throws<InvalidOperationException>(() => layer.register_parameter("weight", other.weight!));
        Assert.Throws<ArgumentException>(() => layer.register_module("a.b", other));
    }

    [Fact]
    public void LayersMadeInsideAScope_Survive()
    {
        Linear linear;
        Embedding embedding;
        LayerNorm norm;
        using (NewDisposeScope())
        {
            (linear, embedding, norm) = (nn.Linear(2, 2), nn.Embedding(3, 2), nn.LayerNorm(2));
        }
        using (linear)
        using (embedding)
        using (norm)
        {
            Assert.Equal([2, 2], norm.forward(linear.forward(embedding.forward(tensor(new long[] { 0, 2 })))).shape);
        }
    }

    [Fact]
    public void CustomParametersAndBuffersMadeInsideAScope_EndWithIt()
    {
        Block block;
        using (NewDisposeScope())
        {
            block = new Block();
        }
        using (block)
        {
            Assert.True(block.get_parameter("scale")!.IsInvalid);
            Assert.True(block.get_buffer("offset")!.IsInvalid);
            Assert.False(block.get_parameter("_fc.weight")!.IsInvalid);
        }
    }

    [Fact]
    public void Linear_Initialisation_LiesWithinItsBounds()
    {
        using Linear layer = nn.Linear(100, 50);
        Assert.InRange(layer.weight!.abs().max().ToDouble(), 0.09, 0.1);
        using LayerNorm norm = nn.LayerNorm(4);
        AssertValues(norm.weight!, 1, 1, 1, 1);
        AssertValues(norm.bias!, 0, 0, 0, 0);
    }

    [Fact]
    public void Init_FillsParametersWithoutRecording()
    {
        using Linear layer = nn.Linear(3, 3);
        nn.init.constant_(layer.weight!, 2);
        AssertValues(layer.weight!, 2, 2, 2, 2, 2, 2, 2, 2, 2);
        nn.init.normal_(layer.weight!, mean: 10, std: 0.001);
        Assert.Equal(10, layer.weight!.mean().ToDouble(), 0.01);
        nn.init.zeros_(layer.bias!);
        AssertValues(layer.bias!, 0, 0, 0);
        Assert.True(layer.weight.is_leaf);
    }

    [Fact]
    public void Functional_Losses_MatchHandWorkedValues()
    {
        Tensor logits = Floats([2, 3], 1, 2, 3, 1, 1, 1);
        Tensor target = tensor(new long[] { 2, 0 });
        double first = Math.Log(Math.Exp(-2) + Math.Exp(-1) + 1), second = Math.Log(3);
        Assert.Equal((first + second) / 2, nn.functional.cross_entropy(logits, target).ToDouble(), 6);
        Assert.Equal(first, nn.functional.cross_entropy(logits, tensor(new long[] { 2, -100 })).ToDouble(), 6);
        AssertValues(nn.functional.cross_entropy(logits, target, reduction: nn.Reduction.None), (float)first, (float)second);
        Tensor p = Floats([1, 2], 0.25f, 0.75f), q = Floats([1, 2], 0.5f, 0.5f);
        double divergence = 0.25 * Math.Log(0.5) + 0.75 * Math.Log(1.5);
        Assert.Equal(divergence, nn.functional.kl_div(q.log(), p, log_target: false, reduction: nn.Reduction.Sum).ToDouble(), 6);
        Assert.Equal(divergence / 2, nn.functional.kl_div(q.log(), p.log()).ToDouble(), 6);
        Assert.Equal(0, nn.functional.kl_div(zeros(2), tensor(new[] { 0f, 1f }), log_target: false, reduction: nn.Reduction.Sum)
            .ToDouble(), 6);
        Assert.Equal(12.5, nn.functional.mse_loss(zeros(2), tensor(new[] { 3f, 4f })).ToDouble(), 6);
        Tensor a = Floats([2, 2], 1, 0, 1, 1), b = Floats([2, 2], 0, 1, 1, 1);
        AssertValues(nn.functional.cosine_similarity(a, b), 0, 1);
        AssertValues(nn.functional.cosine_embedding_loss(a, b, tensor(new long[] { 1, -1 }), reduction: nn.Reduction.None), 1, 1);
    }

    [Fact]
    public void CosineSimilarity_ZeroVector_HasFiniteGradient()
    {
        Tensor a = zeros(1, 3).requires_grad_(), b = ones(1, 3);
        nn.functional.cosine_similarity(a, b).sum().backward();
        Assert.True(a.grad!.isfinite().all().ToBoolean());
    }
}
