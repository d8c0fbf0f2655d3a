namespace TorchSharp;

public static partial class torch
{
    /// <summary>Where a tensor lives.</summary>
    public class Device
    {
        public DeviceType type { get; private set; }
        public int index { get; private set; }

        public Device(DeviceType deviceType, int index = -1) => (type, this.index) = (deviceType, index);

        /// <param name="description">"cpu", "cuda" or "cuda:N".</param>
        public Device(string description)
        {
            string[] parts = description.Split(':');
            type = parts[0].ToLowerInvariant() switch
            {
                "cpu" => DeviceType.CPU,
                "cuda" => DeviceType.CUDA,
                "meta" => DeviceType.META,
                _ => throw new ArgumentException($"device '{description}' is not known; expected cpu, cuda or cuda:N", nameof(description)),
            };
            index = -1;
            if (parts.Length == 2)
            {
                index = int.TryParse(parts[1], out int parsed)
                    ? parsed
                    : throw new ArgumentException($"device '{description}' has the index '{parts[1]}', which is not a number",
                        nameof(description));
            }
            else if (type == DeviceType.CUDA)
            {
                index = 0;
            }
        }

        public static implicit operator Device(string description) => new(description);

        public override string ToString()
        {
            string name = type.ToString().ToLowerInvariant();
            return index >= 0 ? $"{name}:{index}" : name;
        }
    }

    public static readonly Device CPU = new(DeviceType.CPU);

    public static Device device(string description) => new(description);
    public static Device device(DeviceType deviceType, int index = -1) => new(deviceType, index);

    /// <summary>True: nothing has to be loaded before the processor can be used.</summary>
    public static bool TryInitializeDeviceType(DeviceType deviceType) => deviceType == DeviceType.CPU;

    public static Device InitializeDevice(Device? device)
    {
        RequireCpu(device);
        return device ?? CPU;
    }

    internal static void RequireCpu(Device? device)
    {
        if (device is not null && device.type != DeviceType.CPU)
        {
            throw new InvalidOperationException(
                $"device {device} was asked for, but the managed engine computes on the processor; build with " +
                    $"-p:TensorEngine=LibTorchCuda for CUDA");
        }
    }

    /// <summary>Threads that compute, the calling one included.</summary>
    public static int get_num_threads() => Kernels.WorkerPool.ThreadCount;

    /// <summary>Results do not depend on the number of threads.</summary>
    public static void set_num_threads(int num) => Kernels.WorkerPool.ThreadCount = num;

    public static bool cuda_is_available() => cuda.is_available();

    /// <summary>CUDA, which this engine does not have.</summary>
    public static class cuda
    {
        public static bool is_available() => false;
        public static bool is_cudnn_available() => false;
        public static int device_count() => 0;

        public static void synchronize(Device? device = null) => throw NoCuda();
        public static void manual_seed(long seed) => throw NoCuda();
        public static void manual_seed_all(long seed) => throw NoCuda();

        private static InvalidOperationException NoCuda() =>
            new("the managed engine has no CUDA device; test torch.cuda.is_available() first, or build with -p:TensorEngine=LibTorchCuda");
    }
}
