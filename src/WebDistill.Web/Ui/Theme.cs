using System.Text;
using MudBlazor;

namespace WebDistill.Web.Ui;

/// <summary>The product's colours, type and measures: the one <see cref="MudTheme"/>, from which the style sheets take theirs as well.</summary>
public static class Theme
{
    private static readonly string[] s_family = ["Inter", "system-ui", "-apple-system", "Segoe UI", "sans-serif"];
    private static readonly Lazy<string> s_styles = new(() => new Writer().Write());

    /// <summary>For MudBlazor's components.</summary>
    public static MudTheme Mud { get; } = new()
    {
        PaletteLight = new PaletteLight
        {
            Primary = "#2f5bd0", PrimaryContrastText = "#ffffff", Secondary = "#4f565f", SecondaryContrastText = "#ffffff", Tertiary = "#0f766e",
            Background = "#f5f6f7", BackgroundGray = "#f0f1f3", Surface = "#ffffff",
            TextPrimary = "#191c20", TextSecondary = "#4f565f", TextDisabled = "#646b75",
            ActionDefault = "#4f565f", ActionDisabled = "#646b75", ActionDisabledBackground = "#f0f1f3",
            LinesDefault = "#e0e3e7", LinesInputs = "#8b929b", TableLines = "#e0e3e7", Divider = "#e0e3e7", DividerLight = "#e6e8eb",
            AppbarBackground = "#ffffff", AppbarText = "#191c20", DrawerBackground = "#ffffff", DrawerText = "#4f565f", DrawerIcon = "#4f565f",
            Success = "#0b7a4b", Warning = "#8f5600", Error = "#b42318", Info = "#4d6380", Dark = "#1f242b", Skeleton = "#e6e8eb",
            TableHover = "rgba(25,28,32,0.035)", OverlayDark = "rgba(10,14,20,0.45)", HoverOpacity = 0.06,
        },
        PaletteDark = new PaletteDark
        {
            Primary = "#8fabff", PrimaryContrastText = "#0f1733", Secondary = "#b0b7c0", SecondaryContrastText = "#16191d", Tertiary = "#5eead4",
            Background = "#0f1114", BackgroundGray = "#1d2126", Surface = "#16191d",
            TextPrimary = "#e8eaed", TextSecondary = "#b0b7c0", TextDisabled = "#939ba6",
            ActionDefault = "#b0b7c0", ActionDisabled = "#939ba6", ActionDisabledBackground = "#1d2126",
            LinesDefault = "#272c33", LinesInputs = "#6b737e", TableLines = "#272c33", Divider = "#272c33", DividerLight = "#282d34",
            AppbarBackground = "#16191d", AppbarText = "#e8eaed", DrawerBackground = "#16191d", DrawerText = "#b0b7c0", DrawerIcon = "#b0b7c0",
            Success = "#4cc38a", SuccessContrastText = "#0c1f16", Warning = "#f0b050", WarningContrastText = "#241a09", Error = "#ff8f85",
            ErrorContrastText = "#2b100d", Info = "#93acc9", InfoContrastText = "#0f1114", Dark = "#2a3038", DarkContrastText = "#e8eaed",
            Skeleton = "#282d34", TableHover = "rgba(232,234,237,0.04)", OverlayDark = "rgba(0,0,0,0.6)", HoverOpacity = 0.08,
        },
        Typography = new Typography
        {
            Default = Text<DefaultTypography>("1rem", "400", "1.45"),
            Body1 = Text<Body1Typography>("1rem", "400", "1.45"),
            Body2 = Text<Body2Typography>("0.93rem", "400", "1.45"),
            Subtitle1 = Text<Subtitle1Typography>("1rem", "400", "1.45"),
            Subtitle2 = Text<Subtitle2Typography>("0.93rem", "550", "1.45"),
            Caption = Text<CaptionTypography>("0.86rem", "400", "1.4"),
            Button = Text<ButtonTypography>("1rem", "530", "1.45"),
            H5 = Text<H5Typography>("1.3rem", "620", "1.3"),
            H6 = Text<H6Typography>("1.07rem", "620", "1.4"),
        },
        LayoutProperties = new LayoutProperties { DefaultBorderRadius = "6px", AppbarHeight = "52px" },
    };

    /// <summary>
    /// The style sheet that gives <see cref="Mud"/>'s values their names, for both themes at once: the browser takes the one that it is told
    /// (data-theme on &lt;html&gt;) or that its system has, so that no page flashes and none asks the server. MudBlazor's own provider
    /// writes one theme and must be told which by a circuit.
    /// </summary>
    public static string Styles => s_styles.Value;

    private static T Text<T>(string size, string weight, string lineHeight) where T : BaseTypography, new() =>
        new() { FontFamily = s_family, FontSize = size, FontWeight = weight, LineHeight = lineHeight, LetterSpacing = "normal", TextTransform = "none" };

    /// <summary>MudBlazor's own writer of its variables, which knows all of their names.</summary>
    private sealed class Writer : MudThemeProvider
    {
        public string Write()
        {
            string[] light = Lines(dark: false), dark = Lines(dark: true);
            string darker = string.Concat(dark.Except(light));
            return $":root{{{string.Concat(light)}}}"
                + $"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{darker}}}}}"
                + $":root[data-theme=dark]{{{darker}}}";
        }

        private string[] Lines(bool dark)
        {
#pragma warning disable BL0005, MUD0011 // Nothing renders this component: it only writes.
            Theme = Mud;
            IsDarkMode = dark;
#pragma warning restore BL0005, MUD0011
            var text = new StringBuilder();
            GenerateTheme(text);
            return text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        }
    }
}
