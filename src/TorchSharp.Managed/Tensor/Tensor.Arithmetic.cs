using TorchSharp.Autograd;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>
        /// A tensor without dimensions for a scalar operand of this tensor: a real scalar turns integers into float32, else the type stays.
        /// </summary>
        private Tensor ScalarOperand(Scalar scalar)
        {
            ScalarType type = scalar.IsReal && !is_floating_point() ? ScalarType.Float32
                : _dtype == ScalarType.Bool && scalar.Type != ScalarType.Bool ? ScalarType.Int64 : _dtype;
            return Full([], scalar, type);
        }

        /// <summary>Both operands in their common type; the original when nothing has to be converted.</summary>
        private static (Tensor a, Tensor b) Unify(Tensor a, Tensor b)
        {
            if (a._dtype == b._dtype)
            {
                return (a, b);
            }
            ScalarType type = ScalarTypes.Promote(a._dtype, a.Rank == 0, b._dtype, b.Rank == 0);
            return (a.AsType(type), b.AsType(type));
        }

        /// <summary>The element-wise operation without its derivative. 16-bit floats are computed in float32.</summary>
        private static Tensor BinaryValue(BinaryKind kind, Tensor a, Tensor b, string name)
        {
            long[] shape = Shapes.Broadcast(a._shape, b._shape, name);
            Tensor result = Empty(shape, a._dtype);
            if (ScalarTypes.IsHalfWidth(a._dtype))
            {
                using Tensor left = Converted(a, ScalarType.Float32);
                using Tensor right = Converted(b, ScalarType.Float32);
                using Tensor wide = Empty(shape, ScalarType.Float32);
                Pointwise.Binary(kind, wide, left, right);
                Pointwise.Copy(result, wide);
            }
            else
            {
                Pointwise.Binary(kind, result, a, b);
            }
            return result;
        }

        private static Tensor Converted(Tensor source, ScalarType type)
        {
            Tensor result = Empty(source._shape, type);
            Pointwise.Copy(result, source);
            return result;
        }

        public Tensor add(Tensor target)
        {
            var (a, b) = Unify(this, target);
            Tensor result = BinaryValue(BinaryKind.Add, a, b, "add");
            if (Graph.Record("add", result, a, b) is { } node)
            {
                var (shapeA, shapeB) = (a._shape, b._shape);
                node.Derivative = gradient =>
                    [node.Needs(0) ? Graph.SumTo(gradient, shapeA) : null, node.Needs(1) ? Graph.SumTo(gradient, shapeB) : null];
            }
            return result;
        }

        public Tensor add(Tensor target, Scalar alpha) => add(target.mul(alpha));
        public Tensor add(Scalar scalar) => add(ScalarOperand(scalar));
        public Tensor add(Scalar scalar, Scalar alpha) => add(ScalarOperand(scalar).mul(alpha));

        public Tensor sub(Tensor target)
        {
            var (a, b) = Unify(this, target);
            Tensor result = BinaryValue(BinaryKind.Subtract, a, b, "sub");
            if (Graph.Record("sub", result, a, b) is { } node)
            {
                var (shapeA, shapeB) = (a._shape, b._shape);
                node.Derivative = gradient =>
                    [node.Needs(0) ? Graph.SumTo(gradient, shapeA) : null, node.Needs(1) ? Graph.SumTo(gradient, shapeB).neg() : null];
            }
            return result;
        }

        public Tensor sub(Scalar target) => sub(ScalarOperand(target));
        public Tensor subtract(Tensor target) => sub(target);
        public Tensor subtract(Scalar target) => sub(target);

        public Tensor mul(Tensor target)
        {
            var (a, b) = Unify(this, target);
            Tensor result = BinaryValue(BinaryKind.Multiply, a, b, "mul");
            if (Graph.Record("mul", result, a, b) is { } node)
            {
                var (shapeA, shapeB) = (a._shape, b._shape);
                SavedTensor? savedA = node.Needs(1) ? node.Save(a) : null;
                SavedTensor? savedB = node.Needs(0) ? node.Save(b) : null;
                node.Derivative = gradient =>
                [
                    node.Needs(0) ? Graph.SumTo(gradient.mul(savedB!.Value), shapeA) : null,
                    node.Needs(1) ? Graph.SumTo(gradient.mul(savedA!.Value), shapeB) : null,
                ];
            }
            return result;
        }

        public Tensor mul(Scalar target) => mul(ScalarOperand(target));
        public Tensor multiply(Tensor target) => mul(target);
        public Tensor multiply(Scalar target) => mul(target);

        /// <summary>Division; integers give float32 unless a rounding mode is given.</summary>
        public Tensor div(Tensor target, RoundingMode rounding_mode = RoundingMode.None)
        {
            var (a, b) = Unify(this, target);
            if (rounding_mode == RoundingMode.None && !a.is_floating_point())
            {
                (a, b) = (a.AsType(ScalarType.Float32), b.AsType(ScalarType.Float32));
            }
            if (rounding_mode != RoundingMode.None)
            {
                if (!a.is_floating_point() && b.eq(0).any().ToBoolean())
                {
                    throw new DivideByZeroException("div: an integer tensor was divided by zero");
                }
                // The derivative of a rounded quotient is zero wherever it exists, so nothing is recorded.
                return BinaryValue(rounding_mode == RoundingMode.floor ? BinaryKind.FloorDivide : BinaryKind.TruncatedDivide, a, b, "div");
            }
            Tensor result = BinaryValue(BinaryKind.Divide, a, b, "div");
            if (Graph.Record("div", result, a, b) is { } node)
            {
                var (shapeA, shapeB) = (a._shape, b._shape);
                SavedTensor? savedA = node.Needs(1) ? node.Save(a) : null;
                SavedTensor savedB = node.Save(b);
                node.Derivative = gradient =>
                [
                    node.Needs(0) ? Graph.SumTo(gradient.div(savedB.Value), shapeA) : null,
                    node.Needs(1) ? Graph.SumTo(gradient.mul(savedA!.Value).div(savedB.Value).div(savedB.Value).neg(), shapeB) : null,
                ];
            }
            return result;
        }

        public Tensor div(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => div(ScalarOperand(target), rounding_mode);
        public Tensor divide(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => div(target, rounding_mode);
        public Tensor divide(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => div(target, rounding_mode);
        public Tensor true_divide(Tensor other) => div(other);
        public Tensor true_divide(Scalar other) => div(other);

        private Tensor Remainder(Tensor target)
        {
            var (a, b) = Unify(this, target);
            if (!a.is_floating_point() && b.eq(0).any().ToBoolean())
            {
                throw new DivideByZeroException("remainder: an integer tensor was divided by zero");
            }
            Tensor result = BinaryValue(BinaryKind.Remainder, a, b, "remainder");
            if (Graph.Record("remainder", result, a, b) is { } node)
            {
                var (shapeA, shapeB) = (a._shape, b._shape);
                var (savedA, savedB) = (node.Save(a), node.Save(b));
                node.Derivative = gradient =>
                [
                    node.Needs(0) ? Graph.SumTo(gradient, shapeA) : null,
                    node.Needs(1) ? Graph.SumTo(gradient.mul(savedA.Value.div(savedB.Value, RoundingMode.floor)).neg(), shapeB) : null,
                ];
            }
            return result;
        }

        public Tensor pow(Tensor exponent)
        {
            var (a, b) = Unify(this, exponent);
            Tensor result = BinaryValue(BinaryKind.Power, a, b, "pow");
            if (Graph.Record("pow", result, a, b) is { } node)
            {
                var (shapeA, shapeB) = (a._shape, b._shape);
                var (savedA, savedB) = (node.Save(a), node.Save(b));
                SavedTensor? savedResult = node.Needs(1) ? node.Save(result) : null;
                node.Derivative = gradient =>
                {
                    (Tensor @base, Tensor power) = (savedA.Value, savedB.Value);
                    Tensor? first = null;
                    Tensor? second = null;
                    if (node.Needs(0))
                    {
                        // At exponent 0 the derivative is 0, also for a base of 0.
                        Tensor slope = power.mul(@base.pow(power.sub(1)));
                        first = Graph.SumTo(gradient.mul(torch.where(power.eq(0), torch.zeros_like(slope), slope)), shapeA);
                    }
                    if (node.Needs(1))
                    {
                        // 0^b is 0 for b > 0 and so is its slope; log 0 would make it NaN.
                        Tensor slope = savedResult!.Value.mul(@base.log());
                        Tensor flat = @base.eq(0).logical_and(power.ge(0));
                        second = Graph.SumTo(gradient.mul(torch.where(flat, torch.zeros_like(slope), slope)), shapeB);
                    }
                    return [first, second];
                };
            }
            return result;
        }

        public Tensor pow(Scalar exponent) => exponent.Real == 2 && !exponent.IsReal ? square() : pow(ScalarOperand(exponent));

        public Tensor maximum(Tensor other) => Extremum(other, BinaryKind.Maximum);
        public Tensor minimum(Tensor other) => Extremum(other, BinaryKind.Minimum);
        public Tensor max(Tensor other) => maximum(other);
        public Tensor min(Tensor other) => minimum(other);

        /// <summary>Where both are equal each receives half of the gradient, as in PyTorch.</summary>
        private Tensor Extremum(Tensor other, BinaryKind kind)
        {
            string name = kind == BinaryKind.Maximum ? "maximum" : "minimum";
            var (a, b) = Unify(this, other);
            Tensor result = BinaryValue(kind, a, b, name);
            if (Graph.Record(name, result, a, b) is { } node)
            {
                var (shapeA, shapeB) = (a._shape, b._shape);
                var (savedA, savedB) = (node.Save(a), node.Save(b));
                node.Derivative = gradient =>
                {
                    Tensor half = gradient.mul(savedA.Value.eq(savedB.Value)).mul(0.5);
                    Tensor? Share(Tensor wins, long[] shape) => Graph.SumTo(gradient.mul(wins).add(half), shape);
                    bool larger = kind == BinaryKind.Maximum;
                    return
                    [
                        node.Needs(0) ? Share(larger ? savedA.Value.gt(savedB.Value) : savedA.Value.lt(savedB.Value), shapeA) : null,
                        node.Needs(1) ? Share(larger ? savedB.Value.gt(savedA.Value) : savedB.Value.lt(savedA.Value), shapeB) : null,
                    ];
                };
            }
            return result;
        }

        // In-place forms. The version of the memory grows, so that a value saved for backward is not silently replaced.

        public Tensor add_(Tensor target) => InPlace(BinaryKind.Add, target, "add_", () => add(target));
        public Tensor add_(Tensor target, Scalar alpha) => AddScaled(target, alpha);
        public Tensor add_(Scalar scalar) => add_(ScalarOperand(scalar));
        public Tensor add_(Scalar scalar, Scalar alpha) => add_(ScalarOperand(scalar).mul(alpha));
        public Tensor sub_(Tensor target) => InPlace(BinaryKind.Subtract, target, "sub_", () => sub(target));
        public Tensor sub_(Scalar target) => sub_(ScalarOperand(target));
        public Tensor subtract_(Tensor target) => sub_(target);
        public Tensor subtract_(Scalar target) => sub_(target);
        public Tensor mul_(Tensor target) => InPlace(BinaryKind.Multiply, target, "mul_", () => mul(target));
        public Tensor mul_(Scalar target) => mul_(ScalarOperand(target));

        public Tensor div_(Tensor target, RoundingMode rounding_mode = RoundingMode.None)
        {
            RequireFloatingResult("div_", rounding_mode);
            return rounding_mode == RoundingMode.None
                ? InPlace(BinaryKind.Divide, target, "div_", () => div(target))
                : InPlaceFrom("div_", [this, target], () => div(target, rounding_mode));
        }

        public Tensor div_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => div_(ScalarOperand(target), rounding_mode);
        public Tensor pow_(Tensor exponent) => InPlace(BinaryKind.Power, exponent, "pow_", () => pow(exponent));
        public Tensor pow_(Scalar exponent) => pow_(ScalarOperand(exponent));

        private void RequireFloatingResult(string operation, RoundingMode mode)
        {
            if (mode == RoundingMode.None && !is_floating_point())
            {
                throw new InvalidOperationException(
                    $"{operation}: the result is a float and does not fit a tensor of {_dtype}; use div(...) or a rounding mode");
            }
        }

        private Tensor AddScaled(Tensor target, Scalar alpha)
        {
            using Tensor scaled = GradMode.IsEnabled ? target.mul(alpha) : target.detach().mul(alpha);
            return add_(scaled);
        }

        /// <summary>Writes the result over this tensor: directly when nothing has to be recorded.</summary>
        private Tensor InPlace(BinaryKind kind, Tensor target, string name, Func<Tensor> recorded)
        {
            if (Graph.Records(this, target))
            {
                return InPlaceFrom(name, [this, target], recorded);
            }
            using Tensor? separate = Overlaps(target) ? target.detach().clone() : null;
            target = separate ?? target;
            RequireWritable(name);
            long[] shape = Shapes.Broadcast(_shape, target._shape, name);
            if (!shape.AsSpan().SequenceEqual(_shape))
            {
                throw new ArgumentException(
                    $"{name}: the result has shape {Shapes.Text(shape)} and does not fit the tensor of shape {Shapes.Text(_shape)}");
            }
            if (ScalarTypes.IsHalfWidth(_dtype) || ScalarTypes.Promote(_dtype, Rank == 0, target._dtype, target.Rank == 0) != _dtype)
            {
                RequireCastable(target, name);
                using Tensor a = Converted(this, ScalarType.Float32);
                using Tensor b = Converted(target, ScalarType.Float32);
                using Tensor value = Empty(_shape, ScalarType.Float32);
                Pointwise.Binary(kind, value, a, b);
                Pointwise.Copy(this, value);
            }
            else if (target._dtype == _dtype)
            {
                Pointwise.Binary(kind, this, this, target);
            }
            else
            {
                using Tensor converted = Converted(target, _dtype);
                Pointwise.Binary(kind, this, this, converted);
            }
            Storage.MarkChanged();
            return this;
        }

        /// <summary>True when writing here could change elements of <paramref name="other"/> that are still to be read.</summary>
        private bool Overlaps(Tensor other) => ReferenceEquals(other.Storage, Storage)
            && !(other._offset == _offset && other._shape.AsSpan().SequenceEqual(_shape)
                && other._strides.AsSpan().SequenceEqual(_strides));

        private void RequireCastable(Tensor target, string name)
        {
            if (!is_floating_point() && target.is_floating_point())
            {
                throw new InvalidOperationException($"{name}: a result of {target._dtype} cannot be stored in a tensor of {_dtype}");
            }
        }

        /// <summary>Copies a freshly computed result into this tensor and makes this tensor the output of the recorded operation.</summary>
        private Tensor InPlaceFrom(string name, Tensor[] inputs, Func<Tensor> compute)
        {
            bool records = Graph.Records(inputs);
            if (records)
            {
                if (IsView)
                {
                    throw new InvalidOperationException(
                        $"{name}: a view cannot be changed in place while operations are recorded; use the form that returns a new " +
                            $"tensor, or no_grad()");
                }
                if (_gradientNode is null && _requiresGrad)
                {
                    throw new InvalidOperationException(
                        $"{name}: a leaf Variable that requires grad is being used in an in-place operation; do it under no_grad()");
                }
            }
            RequireWritable(name);
            using Tensor result = compute();
            if (!result._shape.AsSpan().SequenceEqual(_shape))
            {
                throw new ArgumentException(
                    $"{name}: the result has shape {Shapes.Text(result._shape)} and does not fit the tensor of shape " +
                    $"{Shapes.Text(_shape)}");
            }
            RequireCastable(result, name);
            if (records)
            {
                result._gradientNode?.Preserve(Storage);
            }
            Pointwise.Copy(this, result);
            Storage.MarkChanged();
            if (records && result._gradientNode is { } node)
            {
                SetGradientNode(node, result._gradientNodeOutput);
            }
            return this;
        }

        /// <summary>Overwrites the elements with those of <paramref name="source"/>, converted and stretched as needed.</summary>
        public Tensor copy_(Tensor source, bool nonBlocking = false)
        {
            long[] shape = Shapes.Broadcast(_shape, source._shape, "copy_");
            if (!shape.AsSpan().SequenceEqual(_shape))
            {
                throw new ArgumentException($"copy_: shape {Shapes.Text(source._shape)} does not stretch to {Shapes.Text(_shape)}");
            }
            if (Graph.Records(this, source))
            {
                return InPlaceFrom("copy_", [this, source], () =>
                {
                    Tensor value = source.to(_dtype).expand(_shape);
                    return value._gradientNode is null ? value : value.clone();
                });
            }
            RequireWritable("copy_");
            using Tensor? separate = Overlaps(source) ? source.detach().clone() : null;
            Pointwise.Copy(this, separate ?? source);
            Storage.MarkChanged();
            return this;
        }

        public Tensor fill_(Scalar value)
        {
            if (Graph.Records(this))
            {
                return InPlaceFrom("fill_", [this], () => Full(_shape, value, _dtype));
            }
            RequireWritable("fill_");
            FillValue(value);
            Storage.MarkChanged();
            return this;
        }

        public Tensor zero_() => fill_(0);

        /// <summary>Writes a value into every element, without any bookkeeping.</summary>
        private void FillValue(Scalar value)
        {
            using Tensor single = OneElement(value, _dtype);
            Pointwise.Copy(this, single);
        }

        private static unsafe Tensor OneElement(Scalar value, ScalarType type)
        {
            Tensor result = Empty([], type);
            byte* data = result.Data;
            switch (type)
            {
                case ScalarType.Float32: *(float*)data = (float)value.Real; break;
                case ScalarType.Float64: *(double*)data = value.Real; break;
                case ScalarType.Int64: *(long*)data = value.Integer; break;
                case ScalarType.Int32: *(int*)data = (int)value.Integer; break;
                case ScalarType.Int16: *(short*)data = (short)value.Integer; break;
                case ScalarType.Int8: *(sbyte*)data = (sbyte)value.Integer; break;
                case ScalarType.Byte: *data = (byte)value.Integer; break;
                case ScalarType.Bool: *data = value.Real != 0 ? (byte)1 : (byte)0; break;
                case ScalarType.Float16: *(Half*)data = (Half)value.Real; break;
                case ScalarType.BFloat16: *(BFloat16*)data = new BFloat16((float)value.Real); break;
                default: throw ScalarTypes.Unsupported(type, "fill");
            }
            return result;
        }

        /// <summary>This tensor when it has the type already: for operands that are only read.</summary>
        internal Tensor AsType(ScalarType type) => type == _dtype ? this : to(type);

        internal static Tensor Full(long[] shape, Scalar value, ScalarType type)
        {
            if (shape.Length == 0)
            {
                return OneElement(value, type);
            }
            Tensor result = Empty(shape, type);
            result.FillValue(value);
            return result;
        }

        /// <summary>
        /// The elements converted to another type; another handle of the same memory when they have it already, unless a copy is asked for.
        /// </summary>
        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false)
        {
            Tensor result;
            if (type == _dtype)
            {
                result = copy ? clone() : alias();
            }
            else
            {
                result = Converted(this, type);
                if (Graph.Record("to", result, this) is { } node)
                {
                    ScalarType own = _dtype;
                    node.Derivative = gradient => [gradient.to(own)];
                }
            }
            if (disposeAfter)
            {
                Dispose();
            }
            return result;
        }

        public Tensor to_type(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            to(type, copy, disposeAfter, non_blocking);

        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false)
        {
            RequireCpu(device);
            return to(_dtype, copy, disposeAfter, non_blocking);
        }

        public Tensor to(ScalarType type, Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false)
        {
            RequireCpu(device);
            return to(type, copy, disposeAfter, non_blocking);
        }

        public Tensor to(Tensor other, bool non_blocking = false) => to(other._dtype);
        public Tensor type(ScalarType dtype) => to(dtype);
        public Tensor type_as(Tensor tensor) => to(tensor._dtype);
        public Tensor cpu() => alias();
        public Tensor @float() => to(ScalarType.Float32);
        public Tensor @double() => to(ScalarType.Float64);
        public Tensor @long() => to(ScalarType.Int64);
        public Tensor @int() => to(ScalarType.Int32);
        public Tensor @bool() => to(ScalarType.Bool);
        public Tensor half() => to(ScalarType.Float16);
        public Tensor bfloat16() => to(ScalarType.BFloat16);

        public static Tensor operator +(Tensor left, Tensor right) => left.add(right);
        public static Tensor operator +(Tensor left, Scalar right) => left.add(right);
        public static Tensor operator +(Tensor left, int right) => left.add((Scalar)right);
        public static Tensor operator +(Tensor left, long right) => left.add((Scalar)right);
        public static Tensor operator +(Tensor left, float right) => left.add((Scalar)right);
        public static Tensor operator +(Tensor left, double right) => left.add((Scalar)right);
        public static Tensor operator +(Scalar left, Tensor right) => right.add(left);
        public static Tensor operator +(int left, Tensor right) => right.add((Scalar)left);
        public static Tensor operator +(long left, Tensor right) => right.add((Scalar)left);
        public static Tensor operator +(float left, Tensor right) => right.add((Scalar)left);
        public static Tensor operator +(double left, Tensor right) => right.add((Scalar)left);

        public static Tensor operator -(Tensor left, Tensor right) => left.sub(right);
        public static Tensor operator -(Tensor left, Scalar right) => left.sub(right);
        public static Tensor operator -(Tensor left, int right) => left.sub((Scalar)right);
        public static Tensor operator -(Tensor left, long right) => left.sub((Scalar)right);
        public static Tensor operator -(Tensor left, float right) => left.sub((Scalar)right);
        public static Tensor operator -(Tensor left, double right) => left.sub((Scalar)right);
        public static Tensor operator -(Scalar left, Tensor right) => right.ScalarOperand(left).sub(right);
        public static Tensor operator -(int left, Tensor right) => (Scalar)left - right;
        public static Tensor operator -(long left, Tensor right) => (Scalar)left - right;
        public static Tensor operator -(float left, Tensor right) => (Scalar)left - right;
        public static Tensor operator -(double left, Tensor right) => (Scalar)left - right;

        public static Tensor operator *(Tensor left, Tensor right) => left.mul(right);
        public static Tensor operator *(Tensor left, Scalar right) => left.mul(right);
        public static Tensor operator *(Tensor left, int right) => left.mul((Scalar)right);
        public static Tensor operator *(Tensor left, long right) => left.mul((Scalar)right);
        public static Tensor operator *(Tensor left, float right) => left.mul((Scalar)right);
        public static Tensor operator *(Tensor left, double right) => left.mul((Scalar)right);
        public static Tensor operator *(Scalar left, Tensor right) => right.mul(left);
        public static Tensor operator *(int left, Tensor right) => right.mul((Scalar)left);
        public static Tensor operator *(long left, Tensor right) => right.mul((Scalar)left);
        public static Tensor operator *(float left, Tensor right) => right.mul((Scalar)left);
        public static Tensor operator *(double left, Tensor right) => right.mul((Scalar)left);

        public static Tensor operator /(Tensor left, Tensor right) => left.div(right);
        public static Tensor operator /(Tensor left, Scalar right) => left.div(right);
        public static Tensor operator /(Tensor left, int right) => left.div((Scalar)right);
        public static Tensor operator /(Tensor left, long right) => left.div((Scalar)right);
        public static Tensor operator /(Tensor left, float right) => left.div((Scalar)right);
        public static Tensor operator /(Tensor left, double right) => left.div((Scalar)right);
        public static Tensor operator /(Scalar left, Tensor right) => right.ScalarOperand(left).div(right);
        public static Tensor operator /(int left, Tensor right) => (Scalar)left / right;
        public static Tensor operator /(long left, Tensor right) => (Scalar)left / right;
        public static Tensor operator /(float left, Tensor right) => (Scalar)left / right;
        public static Tensor operator /(double left, Tensor right) => (Scalar)left / right;

        public static Tensor operator %(Tensor left, Tensor right) => left.Remainder(right);
        public static Tensor operator %(Tensor left, Scalar right) => left.Remainder(left.ScalarOperand(right));
        public static Tensor operator %(Tensor left, int right) => left % (Scalar)right;
        public static Tensor operator %(Tensor left, long right) => left % (Scalar)right;

        public static Tensor operator -(Tensor tensor) => tensor.neg();
        public static Tensor operator ~(Tensor left) => left.bitwise_not();
        public static Tensor operator &(Tensor left, Tensor right) => left.bitwise_and(right);
        public static Tensor operator |(Tensor left, Tensor right) => left.bitwise_or(right);
        public static Tensor operator ^(Tensor left, Tensor right) => left.bitwise_xor(right);

        public static implicit operator Tensor(Scalar scalar) => Full([], scalar, scalar.Type);
        public static implicit operator Tensor(byte value) => Full([], value, ScalarType.Byte);
        public static implicit operator Tensor(int value) => Full([], value, ScalarType.Int32);
        public static implicit operator Tensor(long value) => Full([], value, ScalarType.Int64);
        public static implicit operator Tensor(float value) => Full([], value, ScalarType.Float32);
        public static implicit operator Tensor(double value) => Full([], value, ScalarType.Float64);
        public static implicit operator Tensor(bool value) => Full([], value, ScalarType.Bool);

        public static explicit operator float(Tensor value) => value.ToSingle();
        public static explicit operator double(Tensor value) => value.ToDouble();
        public static explicit operator long(Tensor value) => value.ToInt64();
        public static explicit operator int(Tensor value) => value.ToInt32();
        public static explicit operator bool(Tensor value) => value.ToBoolean();
    }

    public static Tensor add(Tensor left, Tensor right) => left.add(right);
    public static Tensor add(Tensor left, Scalar right) => left.add(right);
    public static Tensor sub(Tensor left, Tensor right) => left.sub(right);
    public static Tensor sub(Tensor left, Scalar right) => left.sub(right);
    public static Tensor mul(Tensor left, Tensor right) => left.mul(right);
    public static Tensor mul(Tensor left, Scalar right) => left.mul(right);
    public static Tensor div(Tensor left, Tensor right, RoundingMode rounding_mode = RoundingMode.None) => left.div(right, rounding_mode);
    public static Tensor div(Tensor left, Scalar right, RoundingMode rounding_mode = RoundingMode.None) => left.div(right, rounding_mode);
    public static Tensor pow(Tensor left, Tensor exponent) => left.pow(exponent);
    public static Tensor pow(Tensor left, Scalar exponent) => left.pow(exponent);
    public static Tensor maximum(Tensor input, Tensor other) => input.maximum(other);
    public static Tensor minimum(Tensor input, Tensor other) => input.minimum(other);
}
