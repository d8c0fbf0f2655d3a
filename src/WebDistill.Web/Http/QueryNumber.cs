using System.Globalization;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;

namespace WebDistill.Web.Http;

/// <summary>Numbers of a request's query, read by this product: a binder would refuse one without saying what it expected.</summary>
internal static class QueryNumber
{
    /// <summary>A whole number of the query.</summary>
    /// <exception cref="OptionsInvalidException">It is none, or out of range.</exception>
    public static int Read(string field, string? text, int whenMissing, int minimum, int maximum)
    {
        if (text is null)
            return whenMissing;
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= minimum
            && value <= maximum
            ? value
            : throw new OptionsInvalidException(field, $"The value is '{ForeignText.Quote(text)}', expected a whole number from {minimum} to {maximum}.");
    }
}
