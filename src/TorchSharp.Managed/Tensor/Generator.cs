using System.Buffers.Binary;
using System.Security.Cryptography;
using TorchSharp.Kernels;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>
    /// A stream of random numbers (Philox4x32-10): a seed and the number of counters used so far. That pair is the whole state, so a stream
    /// continues exactly where it was saved, whatever the number of threads.
    /// </summary>
    public class Generator : IDisposable
    {
        private const int StateBytes = 16;

        private readonly Lock _gate = new();
        private ulong _seed;
        private ulong _offset;

        public Generator(ulong seed = 0, Device? device = null)
        {
            RequireCpu(device);
            _seed = seed;
        }

        /// <summary>The generator used where none is given.</summary>
        public static Generator Default { get; } = new(0);

        public Device device => CPU;

        public Generator manual_seed(long seed)
        {
            lock (_gate)
            {
                (_seed, _offset) = ((ulong)seed, 0);
            }
            return this;
        }

        /// <summary>A seed from the operating system.</summary>
        public long seed()
        {
            long fresh = BinaryPrimitives.ReadInt64LittleEndian(RandomNumberGenerator.GetBytes(8));
            manual_seed(fresh);
            return fresh;
        }

        public long initial_seed() => (long)_seed;

        /// <summary>The state as a tensor of bytes.</summary>
        public Tensor get_state()
        {
            var bytes = new byte[StateBytes];
            lock (_gate)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(bytes, _seed);
                BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), _offset);
            }
            return tensor(bytes);
        }

        public void set_state(Tensor value)
        {
            if (value.dtype != ScalarType.Byte || value.ElementCount != StateBytes)
            {
                throw new ArgumentException(
                    $"a generator state is a Byte tensor of {StateBytes} elements; this one is {value.dtype} of shape " +
                        $"{Shapes.Text(value.ShapeArray)}", nameof(value));
            }
            byte[] bytes = value.data<byte>().ToArray();
            lock (_gate)
            {
                _seed = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
                _offset = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(8));
            }
        }

        public void Dispose()
        {
            Dispose(disposing: true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
        }

        /// <summary>Takes the counters for <paramref name="words"/> random words out of the stream.</summary>
        internal (ulong seed, ulong offset) Reserve(long words) => ReserveCounters(Philox.CountersFor(words));

        internal (ulong seed, ulong offset) ReserveCounters(ulong counters)
        {
            lock (_gate)
            {
                ulong start = _offset;
                _offset += counters;
                return (_seed, start);
            }
        }
    }

    /// <summary>Seeds the default generator.</summary>
    public static Generator manual_seed(long seed) => Generator.Default.manual_seed(seed);

    public static Tensor get_rng_state() => Generator.Default.get_state();

    public static void set_rng_state(Tensor new_state) => Generator.Default.set_state(new_state);

    /// <summary>The default generator's seed and state.</summary>
    public static class random
    {
        public static Generator manual_seed(long seed) => Generator.Default.manual_seed(seed);
        public static long seed() => Generator.Default.seed();
        public static long initial_seed() => Generator.Default.initial_seed();
        public static Tensor get_rng_state() => Generator.Default.get_state();
        public static void set_rng_state(Tensor new_state) => Generator.Default.set_state(new_state);
    }
}
