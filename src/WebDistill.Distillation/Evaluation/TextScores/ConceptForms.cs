namespace WebDistill.Distillation.Evaluation.TextScores;

/// <summary>Whether a word is a form of a concept: the concept itself, a regular inflection of it, or one of the irregular forms listed.</summary>
/// <remarks>The official script compares lemmas of spaCy's English model; this needs no model and says what it knows.</remarks>
internal static class ConceptForms
{
    private static readonly Dictionary<string, string[]> s_irregular = Irregular(
        "be is are was were am been being", "bear bore borne", "beat beaten", "become became", "begin began begun", "bend bent",
        "bite bit bitten", "blow blew blown", "break broke broken", "bring brought", "build built", "burn burnt", "buy bought",
        "catch caught", "child children", "choose chose chosen", "come came", "cut cut", "deal dealt", "dig dug", "dive dove", "do did done does",
        "draw drew drawn", "drink drank drunk", "drive drove driven", "eat ate eaten", "fall fell fallen", "feed fed", "feel felt",
        "fight fought", "find found", "fly flew flown flies", "foot feet", "freeze froze frozen", "get got gotten", "give gave given",
        "go went gone goes", "grind ground", "grow grew grown", "hang hung", "have has had", "hear heard", "hide hid hidden", "hit hit",
        "hold held", "keep kept", "kneel knelt", "knife knives", "know knew known", "lay laid", "lead led", "leaf leaves", "lean leant",
        "leap leapt", "leave left", "let let", "lie lay lain lying", "life lives", "light lit", "lose lost", "make made", "man men", "meet met",
        "mouse mice", "pay paid", "person people", "put put", "read read", "ride rode ridden", "ring rang rung", "rise rose risen", "run ran",
        "say said", "see saw seen", "sell sold", "send sent", "set set", "shake shook shaken", "shine shone", "shoot shot", "show shown",
        "sing sang sung", "sit sat", "sleep slept", "slide slid", "speak spoke spoken", "spend spent", "spin spun", "spread spread",
        "spring sprang sprung", "stand stood", "steal stole stolen", "stick stuck", "strike struck", "sweep swept", "swim swam swum",
        "swing swung", "take took taken", "teach taught", "tear tore torn", "tell told", "think thought", "throw threw thrown",
        "tie tying", "tooth teeth", "wake woke woken", "wear wore worn", "weave wove woven", "wind wound", "win won", "wolf wolves",
        "woman women", "write wrote written");

    /// <summary>Irregular words that are known.</summary>
    public static int IrregularCount => s_irregular.Count;

    /// <summary>Whether <paramref name="word"/>, in lower case, is a form of <paramref name="concept"/>.</summary>
    public static bool IsForm(string word, string concept)
    {
        if (word == concept || s_irregular.TryGetValue(concept, out string[]? forms) && forms.Contains(word))
            return true;
        char last = concept[^1];
        bool endsInE = last == 'e', endsInConsonantY = last == 'y' && concept.Length > 1 && !IsVowel(concept[^2]);
        string stem = endsInE || endsInConsonantY ? concept[..^1] : concept;
        if (endsInConsonantY && (word == stem + "ies" || word == stem + "ied"))
            return true;
        if (word == concept + "s" || word == concept + "es" || word == concept + "ing" || word == concept + "ed"
            || endsInE && (word == concept + "d" || word == stem + "ing"))
            return true;
        // run, running: a consonant after one vowel is doubled.
        return !IsVowel(last) && (word == $"{concept}{last}ing" || word == $"{concept}{last}ed");
    }

    private static bool IsVowel(char letter) => "aeiou".Contains(letter);

    private static Dictionary<string, string[]> Irregular(params string[] lines) =>
        lines.Select(line => line.Split(' ')).ToDictionary(words => words[0], words => words[1..]);
}
