using TorchSharp.Autograd;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>Runs a function of floats; integers are computed in float32, 16-bit floats through float32.</summary>
        private Tensor UnaryValue(UnaryKind kind, bool floatOnly)
        {
            if (ScalarTypes.IsHalfWidth(_dtype))
            {
                using Tensor wide = Converted(this, ScalarType.Float32);
                Pointwise.Unary(kind, wide, wide);
                return Converted(wide, _dtype);
            }
            if ((floatOnly && !is_floating_point()) || _dtype == ScalarType.Bool)
            {
                Tensor converted = Converted(this, floatOnly ? ScalarType.Float32 : ScalarType.Int64);
                Pointwise.Unary(kind, converted, converted);
                return converted;
            }
            Tensor result = Empty(_shape, _dtype);
            Pointwise.Unary(kind, result, this);
            return result;
        }

        /// <param name="slope">d(result)/d(this), from the saved input or result.</param>
        private Tensor Function(UnaryKind kind, string name, bool floatOnly, bool savesResult, Func<Tensor, Tensor, Tensor> slope)
        {
            Tensor result = UnaryValue(kind, floatOnly);
            if (Graph.Record(name, result, this) is { } node)
            {
                SavedTensor saved = node.Save(savesResult ? result : this);
                node.Derivative = gradient => [slope(gradient, saved.Value)];
            }
            return result;
        }

        public Tensor neg()
        {
            Tensor result = UnaryValue(UnaryKind.Negate, floatOnly: false);
            if (Graph.Record("neg", result, this) is { } node)
            {
                node.Derivative = gradient => [gradient.neg()];
            }
            return result;
        }

        public Tensor negative() => neg();
        public Tensor abs() => Function(UnaryKind.Absolute, "abs", false, false, (gradient, x) => gradient.mul(x.sign()));
        public Tensor absolute() => abs();
        public Tensor sign() => Constant(UnaryKind.Sign, "sign", floatOnly: false);
        public Tensor square() => Function(UnaryKind.Square, "square", false, false, (gradient, x) => gradient.mul(x).mul(2));
        public Tensor sqrt() => Function(UnaryKind.SquareRoot, "sqrt", true, true, (gradient, y) => gradient.div(y).mul(0.5));
        public Tensor rsqrt() =>
            Function(UnaryKind.ReciprocalSquareRoot, "rsqrt", true, true, (gradient, y) => gradient.mul(y).mul(y).mul(y).mul(-0.5));
        public Tensor reciprocal() =>
            Function(UnaryKind.Reciprocal, "reciprocal", true, true, (gradient, y) => gradient.mul(y).mul(y).neg());
        public Tensor exp() => Function(UnaryKind.Exponential, "exp", true, true, (gradient, y) => gradient.mul(y));
        public Tensor log() => Function(UnaryKind.Logarithm, "log", true, false, (gradient, x) => gradient.div(x));
        public Tensor tanh() => Function(UnaryKind.TangentHyperbolic, "tanh", true, true, (gradient, y) => gradient.mul(1 - y.square()));
        public Tensor sigmoid() => Function(UnaryKind.Sigmoid, "sigmoid", true, true, (gradient, y) => gradient.mul(y).mul(1 - y));
        public Tensor sin() => Function(UnaryKind.Sine, "sin", true, false, (gradient, x) => gradient.mul(x.cos()));
        public Tensor cos() => Function(UnaryKind.Cosine, "cos", true, false, (gradient, x) => gradient.mul(x.sin()).neg());

        /// <summary>The Gauss error function; slope 2 / sqrt(pi) exp(-x²).</summary>
        public Tensor erf() =>
            Function(UnaryKind.ErrorFunction, "erf", true, false,
                (gradient, x) => gradient.mul(x.square().neg().exp()).mul(2 / Math.Sqrt(Math.PI)));

        public Tensor floor() => is_floating_point() ? Constant(UnaryKind.Floor, "floor", floatOnly: true) : clone();
        public Tensor ceil() => is_floating_point() ? Constant(UnaryKind.Ceiling, "ceil", floatOnly: true) : clone();

        /// <summary>The nearest whole number, halves to even.</summary>
        public Tensor round(long decimals = 0)
        {
            if (!is_floating_point())
            {
                return clone();
            }
            if (decimals == 0)
            {
                return Constant(UnaryKind.Round, "round", floatOnly: true);
            }
            double factor = Math.Pow(10, decimals);
            return mul(factor).round().div(factor);
        }

        /// <summary>A step function: its slope is zero wherever it has one.</summary>
        private Tensor Constant(UnaryKind kind, string name, bool floatOnly) =>
            Function(kind, name, floatOnly, false, (gradient, _) => gradient.zeros_like());

        public Tensor relu() => clamp_min(0);

        public Tensor exp_() => ReplaceBy("exp_", exp);
        public Tensor log_() => ReplaceBy("log_", log);
        public Tensor sqrt_() => ReplaceBy("sqrt_", sqrt);
        public Tensor rsqrt_() => ReplaceBy("rsqrt_", rsqrt);
        public Tensor tanh_() => ReplaceBy("tanh_", tanh);
        public Tensor neg_() => ReplaceBy("neg_", neg);
        public Tensor abs_() => ReplaceBy("abs_", abs);
        public Tensor reciprocal_() => ReplaceBy("reciprocal_", reciprocal);
        public Tensor relu_() => ReplaceBy("relu_", relu);

        private Tensor ReplaceBy(string name, Func<Tensor> compute) => InPlaceFrom(name, [this], compute);

        /// <summary>Limited to [min, max]; the gradient passes where the value was within.</summary>
        public Tensor clamp(Scalar? min = null, Scalar? max = null)
        {
            if (min is null && max is null)
            {
                throw new ArgumentException("clamp: at least one of min and max must be given");
            }
            Tensor? low = min is null ? null : ScalarOperand(min);
            Tensor? high = max is null ? null : ScalarOperand(max);
            ScalarType type = (low ?? high)!._dtype;
            Tensor source = AsType(type);
            Tensor value = low is null ? source.detach() : BinaryValue(BinaryKind.Maximum, source, low, "clamp");
            Tensor result = high is null ? value : BinaryValue(BinaryKind.Minimum, value, high, "clamp");
            if (Graph.Record("clamp", result, source) is { } node)
            {
                SavedTensor saved = node.Save(source);
                node.Derivative = gradient =>
                {
                    Tensor x = saved.Value;
                    Tensor passes = min is null ? x.le(max!) : max is null ? x.ge(min) : x.ge(min).logical_and(x.le(max));
                    return [gradient.mul(passes)];
                };
            }
            return result;
        }

        public Tensor clamp_min(Scalar min) => clamp(min: min);
        public Tensor clamp_max(Scalar max) => clamp(max: max);
        public Tensor clamp_(Scalar? min = null, Scalar? max = null) => ReplaceBy("clamp_", () => clamp(min, max));

        public Tensor eq(Tensor target) => Comparison(ComparisonKind.Equal, target);
        public Tensor ne(Tensor target) => Comparison(ComparisonKind.NotEqual, target);
        public Tensor lt(Tensor target) => Comparison(ComparisonKind.Less, target);
        public Tensor le(Tensor target) => Comparison(ComparisonKind.LessOrEqual, target);
        public Tensor gt(Tensor target) => Comparison(ComparisonKind.Greater, target);
        public Tensor ge(Tensor target) => Comparison(ComparisonKind.GreaterOrEqual, target);
        public Tensor eq(Scalar target) => eq(ScalarOperand(target));
        public Tensor ne(Scalar target) => ne(ScalarOperand(target));
        public Tensor lt(Scalar target) => lt(ScalarOperand(target));
        public Tensor le(Scalar target) => le(ScalarOperand(target));
        public Tensor gt(Scalar target) => gt(ScalarOperand(target));
        public Tensor ge(Scalar target) => ge(ScalarOperand(target));

        private Tensor Comparison(ComparisonKind kind, Tensor target)
        {
            var (a, b) = Unify(detach(), target.detach());
            if (ScalarTypes.IsHalfWidth(a._dtype))
            {
                (a, b) = (a.to(ScalarType.Float32), b.to(ScalarType.Float32));
            }
            Tensor result = Empty(Shapes.Broadcast(a._shape, b._shape, kind.ToString()), ScalarType.Bool);
            Pointwise.Compare(kind, result, a, b);
            return result;
        }

        public static Tensor operator ==(Tensor left, Tensor right) => left.eq(right);
        public static Tensor operator !=(Tensor left, Tensor right) => left.ne(right);
        public static Tensor operator <(Tensor left, Tensor right) => left.lt(right);
        public static Tensor operator <=(Tensor left, Tensor right) => left.le(right);
        public static Tensor operator >(Tensor left, Tensor right) => left.gt(right);
        public static Tensor operator >=(Tensor left, Tensor right) => left.ge(right);
        public static Tensor operator ==(Tensor left, Scalar right) => left.eq(right);
        public static Tensor operator !=(Tensor left, Scalar right) => left.ne(right);
        public static Tensor operator <(Tensor left, Scalar right) => left.lt(right);
        public static Tensor operator <=(Tensor left, Scalar right) => left.le(right);
        public static Tensor operator >(Tensor left, Scalar right) => left.gt(right);
        public static Tensor operator >=(Tensor left, Scalar right) => left.ge(right);

        public Tensor logical_not() => detach().to(ScalarType.Bool).bitwise_xor(Full([], true, ScalarType.Bool));
        public Tensor logical_and(Tensor other) => detach().to(ScalarType.Bool).bitwise_and(other.detach().to(ScalarType.Bool));
        public Tensor logical_or(Tensor other) => detach().to(ScalarType.Bool).bitwise_or(other.detach().to(ScalarType.Bool));
        public Tensor logical_xor(Tensor other) => detach().to(ScalarType.Bool).bitwise_xor(other.detach().to(ScalarType.Bool));
        public Tensor bitwise_and(Tensor other) => Bitwise(BinaryKind.And, other);
        public Tensor bitwise_or(Tensor other) => Bitwise(BinaryKind.Or, other);
        public Tensor bitwise_xor(Tensor other) => Bitwise(BinaryKind.Xor, other);

        /// <summary>All bits turned over; for bool the logical not.</summary>
        public Tensor bitwise_not() => _dtype == ScalarType.Bool ? logical_not() : Bitwise(BinaryKind.Xor, Full([], -1, _dtype));

        private Tensor Bitwise(BinaryKind kind, Tensor other)
        {
            var (a, b) = Unify(this, other);
            if (a.is_floating_point())
            {
                throw new InvalidOperationException(
                    $"bitwise {kind} is defined for bool and integer tensors only; these are {_dtype} and {other._dtype}");
            }
            return BinaryValue(kind, a, b, kind.ToString());
        }

        public Tensor isnan() => ne(this);

        public Tensor isinf() =>
            is_floating_point() ? detach().abs().eq(double.PositiveInfinity) : Empty(_shape, ScalarType.Bool, zero: true);

        /// <summary>True where the value is neither infinite nor NaN.</summary>
        public Tensor isfinite() => is_floating_point() ? detach().abs().lt(double.PositiveInfinity) : Full(_shape, true, ScalarType.Bool);

        public Tensor isclose(Tensor other, double rtol = 1E-05, double atol = 1E-08, bool nanEqual = false)
        {
            using DisposeScope scope = NewDisposeScope();
            (Tensor a, Tensor b) = (detach().to(ScalarType.Float64), other.detach().to(ScalarType.Float64));
            Tensor close = a.sub(b).abs().le(b.abs().mul(rtol).add(atol)).logical_and(b.isfinite()).logical_or(a.eq(b));
            if (nanEqual)
            {
                close = close.logical_or(a.isnan().logical_and(b.isnan()));
            }
            return close.MoveToOuterDisposeScope();
        }

        /// <summary>True when every element of this differs from the other's by at most atol + rtol * |other|.</summary>
        public bool allclose(Tensor target, double rtol = 1E-05, double atol = 1E-08, bool equal_nan = false)
        {
            using DisposeScope scope = NewDisposeScope();
            return isclose(target, rtol, atol, equal_nan).all().ToBoolean();
        }

        /// <summary>A bool tensor without dimensions: same shape and same elements.</summary>
        public Tensor equal(Tensor target)
        {
            if (!_shape.AsSpan().SequenceEqual(target._shape))
            {
                return Full([], false, ScalarType.Bool);
            }
            using DisposeScope scope = NewDisposeScope();
            return eq(target).all().MoveToOuterDisposeScope();
        }

        /// <summary>This tensor where <paramref name="condition"/>, else <paramref name="y"/>.</summary>
        public Tensor where(Tensor condition, Tensor y)
        {
            if (condition._dtype != ScalarType.Bool)
            {
                throw new InvalidOperationException($"where: the condition must be a Bool tensor, this one is {condition._dtype}");
            }
            var (a, b) = Unify(this, y);
            Tensor result = Empty(Shapes.Broadcast(condition._shape, Shapes.Broadcast(a._shape, b._shape, "where"), "where"), a._dtype);
            Pointwise.Select(result, condition, a, b);
            if (Graph.Record("where", result, a, b) is { } node)
            {
                SavedTensor saved = node.Save(condition);
                var (shapeA, shapeB) = (a._shape, b._shape);
                node.Derivative = gradient =>
                {
                    Tensor zero = Full([], 0, gradient._dtype);
                    return
                    [
                        node.Needs(0) ? Graph.SumTo(gradient.where(saved.Value, zero), shapeA) : null,
                        node.Needs(1) ? Graph.SumTo(zero.where(saved.Value, gradient), shapeB) : null,
                    ];
                };
            }
            return result;
        }

        public Tensor masked_fill(Tensor mask, Scalar value)
        {
            RequireMask(mask, "masked_fill");
            Tensor filled = Full([], value, _dtype);
            return filled.where(mask, this);
        }

        public Tensor masked_fill_(Tensor mask, Scalar value) => InPlaceFrom("masked_fill_", [this], () => masked_fill(mask, value));

        private void RequireMask(Tensor mask, string operation)
        {
            if (mask._dtype != ScalarType.Bool)
            {
                throw new InvalidOperationException($"{operation}: the mask must be a Bool tensor, this one is {mask._dtype}");
            }
            _ = Shapes.Broadcast(_shape, mask._shape, operation);
        }

        /// <summary>The elements where the mask is true, in order, as one dimension.</summary>
        public Tensor masked_select(Tensor mask)
        {
            RequireMask(mask, "masked_select");
            long[] full = Shapes.Broadcast(_shape, mask._shape, "masked_select");
            using Tensor stretched = mask.expand(full);
            using Tensor flat = stretched.reshape(-1);
            using Tensor positions = flat.nonzero();
            using Tensor indices = positions.reshape(-1);
            return expand(full).reshape(-1).index_select(0, indices);
        }

        /// <summary>[n, dimensions]: the position of every element that is not zero.</summary>
        public unsafe Tensor nonzero()
        {
            using Tensor flags = detach().to(ScalarType.Bool);
            using Tensor ordered = flags.contiguous();
            byte* data = ordered.Data;
            long count = 0;
            for (long i = 0; i < ElementCount; i++)
            {
                count += data[i];
            }
            Tensor result = Empty([count, Rank], ScalarType.Int64);
            long* output = (long*)result.Data;
            for (long i = 0; i < ElementCount; i++)
            {
                if (data[i] == 0)
                {
                    continue;
                }
                long remaining = i;
                for (int d = Rank - 1; d >= 0; d--)
                {
                    output[d] = remaining % _shape[d];
                    remaining /= _shape[d];
                }
                output += Rank;
            }
            GC.KeepAlive(ordered);
            return result;
        }

        public Tensor tril(long diagonal = 0) => Triangle(diagonal, lower: true);
        public Tensor triu(long diagonal = 0) => Triangle(diagonal, lower: false);

        private Tensor Triangle(long diagonal, bool lower)
        {
            if (Rank < 2)
            {
                throw new InvalidOperationException($"tril/triu expect at least 2 dimensions, this tensor has shape {Shapes.Text(_shape)}");
            }
            using Tensor rows = torch.arange(_shape[^2], dtype: ScalarType.Int64);
            using Tensor column = rows.unsqueeze(1);
            using Tensor columns = torch.arange(_shape[^1], dtype: ScalarType.Int64);
            using Tensor distance = columns.sub(column);
            using Tensor keep = lower ? distance.le(diagonal) : distance.ge(diagonal);
            using Tensor zero = Full([], 0, _dtype);
            return where(keep, zero);
        }
    }

    public static Tensor where(Tensor condition, Tensor x, Tensor y) => x.where(condition, y);
    public static Tensor exp(Tensor input) => input.exp();
    public static Tensor log(Tensor input) => input.log();
    public static Tensor sqrt(Tensor input) => input.sqrt();
    public static Tensor rsqrt(Tensor input) => input.rsqrt();
    public static Tensor abs(Tensor input) => input.abs();
    public static Tensor neg(Tensor input) => input.neg();
    public static Tensor tanh(Tensor input) => input.tanh();
    public static Tensor sigmoid(Tensor input) => input.sigmoid();
    public static Tensor square(Tensor input) => input.square();
    public static Tensor clamp(Tensor input, Scalar? min = null, Scalar? max = null) => input.clamp(min, max);
    public static Tensor isnan(Tensor input) => input.isnan();
    public static Tensor isfinite(Tensor tensor) => tensor.isfinite();
    public static Tensor eq(Tensor left, Tensor right) => left.eq(right);
    public static Tensor ne(Tensor left, Tensor right) => left.ne(right);
    public static Tensor equal(Tensor tensor, Tensor target) => tensor.equal(target);
    public static bool allclose(Tensor tensor, Tensor target, double rtol = 1E-05, double atol = 1E-08, bool equal_nan = false) =>
        tensor.allclose(target, rtol, atol, equal_nan);
    public static Tensor nonzero(Tensor input) => input.nonzero();
    public static Tensor tril(Tensor input, long diagonal = 0) => input.tril(diagonal);
    public static Tensor triu(Tensor input, long diagonal = 0) => input.triu(diagonal);
    public static Tensor logical_not(Tensor input) => input.logical_not();
}
