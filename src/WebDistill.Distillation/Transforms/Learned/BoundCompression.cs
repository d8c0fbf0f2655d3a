using TorchSharp;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Transforms.Learned;

/// <summary>A micro-batch that is about to pass through the student.</summary>
/// <param name="Update">From 1.</param>
/// <param name="Number">Of the micro-batch in its update, from 0.</param>
/// <param name="IsToken">bool [B, T], false at padding; null where there is none.</param>
internal sealed record PassingBatch(int Update, int Number, Tensor? IsToken);

/// <summary>
/// A method at work in a run. Between two updates the student's weights are those that would be saved: zeros are zeros, what is rounded is rounded. So whatever reads the student (measurements, samples,
/// checkpoints, the export) reads the compressed one, and knows nothing of this. What is trained behind them is put in their place for the moment of an update.
/// </summary>
/// <remarks>One thread uses an instance. Whatever it draws depends on the run's seed, the update and the micro-batch alone.</remarks>
internal abstract class BoundCompression : IDisposable
{
    /// <summary>What it trains with the student, without weight decay, and no part of it.</summary>
    public virtual IReadOnlyList<Moments> Parameters => [];

    /// <summary>What else a run that goes on must have again, to the bit.</summary>
    public virtual IReadOnlyList<KeptTensor> State => [];

    /// <summary>A micro-batch is about to pass.</summary>
    public virtual void Passing(PassingBatch batch)
    {
    }

    /// <summary>All gradients of an update are there, those at the compressed weights: they become those of what is trained, which takes the student's place.</summary>
    public virtual void BeforeUpdate()
    {
    }

    /// <summary>The update is made, or dropped: the compressed weights take the student's place again.</summary>
    /// <param name="updates">Made so far; what is due after so many is done.</param>
    public virtual void AfterUpdate(int updates)
    {
    }

    /// <summary>The update was not made, for its gradient is no number: everything is as it was before.</summary>
    public virtual void Drop()
    {
    }

    /// <summary>The <see cref="State"/> and the values of <see cref="Parameters"/> were read from a checkpoint.</summary>
    /// <param name="updates">Made so far.</param>
    public virtual void Restored(int updates)
    {
    }

    /// <summary>Whether the student is as compressed as it is to become: what is measured of it before is not of what was asked for.</summary>
    public virtual bool IsComplete => true;

    /// <summary>What the last update's report says, by the method's series in their order.</summary>
    public abstract IReadOnlyList<double> Values { get; }

    /// <summary>What became of the student, in a sentence or two with its numbers.</summary>
    public abstract string Said { get; }

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>A tensor of a method's state in a checkpoint.</summary>
/// <param name="Written">How it is written.</param>
/// <param name="Read">Takes it from a file that holds it in that shape.</param>
internal sealed record KeptTensor(SafetensorsTensor Written, Action<SafetensorsFile> Read)
{
    private const int BitsPerByte = 8;

    /// <summary>Numbers of 32 bits.</summary>
    public static KeptTensor Floats(string name, Tensor tensor) => new(
        SafetensorsTensor.Single(name, tensor.shape, values => ParameterData.Read(tensor, values)), file => ParameterData.Write(tensor, values => file.ReadSingles(name, values)));

    /// <summary>Numbers that are none of a tensor.</summary>
    public static KeptTensor Floats(string name, float[] numbers) => new(
        SafetensorsTensor.Single(name, [numbers.Length], numbers.CopyTo), file => file.ReadSingles(name, numbers));

    /// <summary>What is true or false, eight to a byte.</summary>
    public static KeptTensor Bits(string name, Tensor mask) => new(
        SafetensorsTensor.Byte(name, [(mask.numel() + BitsPerByte - 1) / BitsPerByte], packed =>
        {
            using DisposeScope scope = NewDisposeScope();
            Span<byte> bits = mask.cpu().contiguous().bytes;
            for (int i = 0; i < bits.Length; i++)
                packed[i / BitsPerByte] |= (byte)(bits[i] << i % BitsPerByte);
        }),
        file =>
        {
            ReadOnlySpan<byte> packed = file.Bytes(name);
            var bits = new bool[mask.numel()];
            for (int i = 0; i < bits.Length; i++)
                bits[i] = (packed[i / BitsPerByte] >> i % BitsPerByte & 1) == 1;
            using Tensor read = tensor(bits, mask.shape, device: mask.device);
            mask.copy_(read);
        });
}
