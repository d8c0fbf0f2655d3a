using TorchSharp;
using WebDistill.Benchmarks;
using WebDistill.Distillation.Engine;
using static TorchSharp.torch;
using Device = WebDistill.Distillation.Engine.Device;

namespace WebDistill.GpuCheck;

/// <summary><c>peak</c>: what a product of two large square matrices reaches, the measure that a step is held against.</summary>
internal static class MatrixPeak
{
    private const int ProductsPerRound = 10, Rounds = 5;

    public static int Run(Numbers numbers, int rows)
    {
        LibTorch.Load();
        numbers.Apply();
        ScalarType type = numbers == Numbers.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Tensor left = randn(rows, rows, dtype: type, device: Device.Default), right = randn(rows, rows, dtype: type, device: Device.Default);
        Multiply();
        double seconds = Enumerable.Range(0, Rounds).Min(_ => Timing.Seconds(Multiply)) / ProductsPerRound;
        Report.Line(new
        {
            Check = "peak", Numbers = numbers.ToString(), rows, Engine = Device.Name,
            TeraflopsPerSecondBest = Report.Rounded(2.0 * rows * rows * rows / seconds / 1e12),
        });
        return 0;

        void Multiply()
        {
            for (int i = 0; i < ProductsPerRound; i++)
                left.matmul(right).Dispose();
            if (Device.IsCuda)
                cuda.synchronize();
        }
    }
}
