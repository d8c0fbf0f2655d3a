using System.Globalization;
using System.Text;

namespace WebDistill.Distillation.Text;

/// <summary>The texts of JSON as they are found on the web: half of a surrogate pair, which System.Text.Json refuses, is let through.</summary>
internal static class JsonText
{
    /// <summary>What stands between the quotation marks of a JSON text, with its escapes resolved. A lone surrogate stays one: it becomes
    /// U+FFFD when the text is encoded.</summary>
    /// <param name="raw">Valid JSON.</param>
    public static string Unescape(ReadOnlySpan<char> raw)
    {
        var text = new StringBuilder(raw.Length);
        for (int i = 0; i < raw.Length; i++)
        {
            if (raw[i] != '\\')
            {
                text.Append(raw[i]);
                continue;
            }
            switch (raw[++i])
            {
                case 'n': text.Append('\n'); break;
                case 't': text.Append('\t'); break;
                case 'r': text.Append('\r'); break;
                case 'b': text.Append('\b'); break;
                case 'f': text.Append('\f'); break;
                case 'u':
                    text.Append((char)ushort.Parse(raw.Slice(i + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                    i += 4;
                    break;
                default: text.Append(raw[i]); break;   // \" \\ \/
            }
        }
        return text.ToString();
    }
}
