namespace TorchSharp;

public static partial class torch
{
    /// <summary>One entry of an index expression: a number, a slice, a new dimension, the rest, or a tensor of indices.</summary>
    public struct TensorIndex
    {
        internal enum IndexKind { None, Null, Single, Slice, Ellipsis, Bool, Tensor }

        internal IndexKind Kind;
        internal long? Start;
        internal long? Stop;
        internal long? Step;
        internal Tensor? Indices;

        public static TensorIndex None = new() { Kind = IndexKind.Null };
        public static TensorIndex Null = new() { Kind = IndexKind.Null };
        public static TensorIndex Ellipsis = new() { Kind = IndexKind.Ellipsis };
        public static TensorIndex Colon = new() { Kind = IndexKind.Slice };

        public static TensorIndex Single(long? index) => new() { Kind = IndexKind.Single, Start = index };
        public static TensorIndex Bool(bool value) => new() { Kind = IndexKind.Bool, Start = value ? 1 : 0 };
        public static TensorIndex Tensor(Tensor tensor) => new() { Kind = IndexKind.Tensor, Indices = tensor };

        public static TensorIndex Slice(long? start = null, long? stop = null, long? step = null) =>
            new() { Kind = IndexKind.Slice, Start = start, Stop = stop, Step = step };

        public static TensorIndex Slice(Range range) => new()
        {
            Kind = IndexKind.Slice,
            Start = Position(range.Start),
            Stop = range.End is { IsFromEnd: true, Value: 0 } ? null : Position(range.End),
        };

        private static long Position(Index index) => index.IsFromEnd ? -index.Value : index.Value;

        public static implicit operator TensorIndex(long value) => Single(value);
        public static implicit operator TensorIndex(Index index) => Single(Position(index));
        public static implicit operator TensorIndex(Range range) => Slice(range);
    }
}
