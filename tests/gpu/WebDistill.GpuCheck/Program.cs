using WebDistill.GpuCheck;

// Whichever libtorch the library path leads to: what the product computes with it, and how fast. tests/gpu/run starts it.
try
{
    return args switch
    {
        ["device"] => DeviceCheck.Run(),
        ["golden"] => GoldenCheck.Run(),
        ["peak", string numbers, string rows] => MatrixPeak.Run(Enum.Parse<Numbers>(numbers), int.Parse(rows)),
        ["step", string teacher, string numbers, string batch, string context, string steps] =>
            StepCheck.Run(teacher, Enum.Parse<Numbers>(numbers), batch == "fill" ? null : int.Parse(batch), int.Parse(context), int.Parse(steps)),
        _ => Usage(),
    };
}
catch (PlatformNotSupportedException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}

static int Usage()
{
    Console.Error.WriteLine($"""
        '{nameof(WebDistill)}.{nameof(WebDistill.GpuCheck)}' expects one of:
          device                                        which device libtorch computes on
          golden                                        forward, loss, gradient and trajectory against the golden set
          peak NUMBERS ROWS                             rate of a product of two square matrices
          step TEACHER NUMBERS BATCH|fill CONTEXT STEPS the product's training step
        NUMBERS: {string.Join(", ", Enum.GetNames<Numbers>())}. TEACHER: gpt2, tiny.
        """);
    return 2;
}
