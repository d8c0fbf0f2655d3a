namespace WebDistill.Distillation.Transforms.Learned;

/// <summary>The share of zeros after t updates: s_t = s_f + (s_i − s_f)(1 − (t − t₀)/(t₁ − t₀))³ from t₀ to t₁, 0 before and s_f after.</summary>
/// <remarks>Zhu and Gupta 2017: much is removed while there is much to remove, and less and less of what is left.</remarks>
/// <param name="Initial">s_i.</param>
/// <param name="Final">s_f.</param>
/// <param name="Begin">t₀.</param>
/// <param name="End">t₁.</param>
internal readonly record struct CubicSparsity(double Initial, double Final, int Begin, int End)
{
    /// <summary>Three quarters of a run: what is left is trained on for the last one.</summary>
    public static int DefaultEnd(int begin, int totalUpdates) => Math.Max(begin, (int)(totalUpdates * 3L / 4));

    /// <summary>After so many updates.</summary>
    public double At(int updates)
    {
        if (updates < Begin)
            return 0;
        if (updates >= End)
            return Final;
        double left = 1 - (double)(updates - Begin) / (End - Begin);
        return Final + (Initial - Final) * left * left * left;
    }

    /// <summary>Whether a change is due after so many updates: every so many from t₀ to t₁, and at t₁.</summary>
    public bool IsDue(int updates, int interval) => updates >= Begin && updates <= End && ((updates - Begin) % interval == 0 || updates == End);
}
