using System.Text.Json;
using Microsoft.JSInterop;
using MudBlazor;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Runs;

// What is typed outside of this page: kept in the browser, copied as JSON or as a command, and read back.
public sealed partial class NewRunPage
{
    /// <summary>The form as the browser keeps it.</summary>
    /// <param name="At">When something was typed last, UTC.</param>
    /// <param name="BasisName">What it was begun with.</param>
    /// <param name="Basis">The texts of that.</param>
    /// <param name="Texts">What is typed, by the options' paths.</param>
    public sealed record KeptForm(DateTime At, string BasisName, IReadOnlyDictionary<string, string> Basis, IReadOnlyDictionary<string, string> Texts);

    private BrowserDraft<KeptForm>? _kept;
    private IReadOnlyList<OptionProblem> _unread = [];
    private DateTime? _restored;

    private KeptForm Kept() => new(DateTime.UtcNow, _form!.BasisName, _basis!.Texts, Draft.Texts);

    private async Task KeepAsync()
    {
        try
        {
            if (_kept is not null)
                await _kept.KeepAsync(Kept);
        }
        catch (JSException e)
        {
            // The browser keeps nothing, for lack of room or by its settings: the form goes on without.
            logger.LogWarning(e, "The draft of a run could not be kept");
        }
    }

    // One for each address: a clone that is begun does not take the place of another form.
    private async Task RestoreAsync()
    {
        _kept = new BrowserDraft<KeptForm>(js, $"run{new Uri(navigation.Uri).Query}", Gone);
        if (await _kept.RecallAsync() is not { } kept)
            return;
        RunDraft draft = RunDraft.Of(new RunOptions()), basis = RunDraft.Of(new RunOptions());
        draft.Take(kept.Texts);
        basis.Take(kept.Basis);
        await KnowAsync(draft);
        // The address says what a branch goes on with: that is not to be typed.
        foreach (string path in _form!.Kept)
            draft[path] = Draft[path];
        Begin(draft, basis, kept.BasisName);
        _restored = kept.At;
        StateHasChanged();
    }

    private async Task StartAfreshAsync()
    {
        await _kept!.ForgetAsync();
        navigation.Refresh(forceReload: true);
    }

    private string Json() => JsonSerializer.Serialize(Draft.Read(out _), s_indented);

    // What a shell takes whole: the quoted word keeps it from reading the JSON.
    private string Command() => $"cat > run.json <<'JSON'\n{Json()}\nJSON\ndotnet run --project src/WebDistill.Web -- run run.json";

    private async Task CopyAsync(string text)
    {
        await js.InvokeVoidAsync("navigator.clipboard.writeText", text);
        snackbar.Add("Copied", Severity.Success);
    }

    private async Task LoadJsonAsync()
    {
        if (await dialogs.AskAsync("Load options from JSON", new DialogParameters<LoadOptionsDialog>()) is not (RunDraft loaded, IReadOnlyList<OptionProblem> unread))
            return;
        await KnowAsync(loaded);
        (_unread, _restored) = (unread, null);
        Begin(loaded, RunDraft.Of(new RunOptions()), "JSON");
        Changed();
    }

    private static readonly JsonSerializerOptions s_indented = new(WebJson.Options) { WriteIndented = true };
}
