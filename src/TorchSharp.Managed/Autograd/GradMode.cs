using TorchSharp.Autograd;

namespace TorchSharp.Autograd
{
    /// <summary>Whether operations on this thread are recorded.</summary>
    internal static class GradMode
    {
        [ThreadStatic] private static bool _disabled;
        [ThreadStatic] private static bool _inference;

        internal static bool IsEnabled => !_disabled;
        internal static bool IsInference => _inference;

        /// <summary>Sets the mode until the returned value is disposed.</summary>
        internal sealed class Setting : IDisposable
        {
            private readonly bool _previouslyDisabled = _disabled;
            private readonly bool _previousInference = _inference;
            private bool _isDisposed;

            internal Setting(bool enabled, bool inference)
            {
                _disabled = !enabled;
                _inference = inference;
            }

            public void Dispose()
            {
                if (!_isDisposed)
                {
                    _isDisposed = true;
                    _disabled = _previouslyDisabled;
                    _inference = _previousInference;
                }
            }
        }
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        /// <summary>Operations on this thread are not recorded until the returned value is disposed.</summary>
        public static IDisposable no_grad() => new GradMode.Setting(enabled: false, GradMode.IsInference);

        public static IDisposable enable_grad(bool enabled = true) => new GradMode.Setting(enabled, inference: false);

        public static IDisposable set_grad_enabled(bool mode = true) => new GradMode.Setting(mode, GradMode.IsInference);

        /// <summary>As <see cref="no_grad"/>; this engine needs no further bookkeeping to be left out.</summary>
        public static IDisposable inference_mode(bool mode = true) => new GradMode.Setting(enabled: !mode, inference: mode);

        public static bool is_grad_enabled() => GradMode.IsEnabled;

        public static bool is_inference_mode_enabled() => GradMode.IsInference;
    }
}
