using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Text.Stories;

/// <summary>Somebody in a story, with the pronouns that go with the name.</summary>
internal sealed record Person(string Name, bool IsFemale)
{
    public string He => IsFemale ? "she" : "he";

    public string Him => IsFemale ? "her" : "him";

    public string His => IsFemale ? "her" : "his";
}

/// <summary>A story while it is told: who and what is in it, and the sentences so far. Draws never give the same person, thing or spot
/// twice.</summary>
internal sealed class StoryScene
{
    private static readonly Person[] s_children =
    [
        new("Mia", true), new("Lily", true), new("Anna", true), new("Rosa", true), new("Emma", true), new("Zoe", true), new("Nora", true),
            new("Ella", true),
        new("Tom", false), new("Ben", false), new("Max", false), new("Sam", false), new("Leo", false), new("Jack", false), new("Finn",
            false), new("Noah", false),
    ];

    private static readonly Person[] s_elders = [new("Mum", true), new("Dad", false), new("Grandma", true), new("Grandpa", false),
        new("Aunt May", true), new("Uncle Bob", false)];

    private static readonly string[] s_toys = ["ball", "doll", "book", "hat", "cup", "scarf", "toy car", "teddy bear", "drum", "boat",
        "whistle", "puzzle"];

    private static readonly string[] s_colours = ["red", "blue", "green", "yellow", "white", "orange", "brown", "pink"];

    private static readonly string[] s_spots =
    [
        "in the basket", "under the bed", "on the shelf", "behind the door", "in the drawer", "on the table", "under the chair",
            "in the big box", "behind the sofa",
        "by the window", "in the cupboard", "under the stairs",
    ];

    private readonly SplittableRandom _random;
    private readonly HashSet<object> _taken = [];
    private readonly List<string> _sentences = [];

    public StoryScene(SplittableRandom random)
    {
        _random = random;
        Hero = Draw(s_children);
        Friend = Draw(s_children);
        Elder = Draw(s_elders);
    }

    public Person Hero { get; }

    public Person Friend { get; }

    public Person Elder { get; }

    public string Text => string.Join(' ', _sentences);

    public int WordCount => _sentences.Sum(sentence => sentence.Count(character => character == ' ') + 1);

    /// <summary>Another child.</summary>
    public Person Child() => Draw(s_children);

    public string Toy() => Draw(s_toys);

    public string Colour() => Draw(s_colours);

    /// <summary>Where a thing can be put in a house, with its preposition.</summary>
    public string Spot() => Draw(s_spots);

    /// <summary>One of the options, which is not drawn again in this story.</summary>
    public T Draw<T>(params ReadOnlySpan<T> options) where T : notnull
    {
        while (true)
        {
            T option = options[_random.Next(options.Length)];
            if (_taken.Add(option))
                return option;
        }
    }

    /// <summary>One of the wordings.</summary>
    public string Pick(params ReadOnlySpan<string> wordings) => wordings[_random.Next(wordings.Length)];

    /// <summary>Whole number from <paramref name="low"/> to <paramref name="high"/>.</summary>
    public int Number(int low, int high) => low + _random.Next(high - low + 1);

    /// <summary>True in about half of the stories.</summary>
    public bool Maybe() => _random.Next(2) == 0;

    /// <summary>Tells one of the wordings as the next sentence and gives it a capital letter.</summary>
    public void Say(params ReadOnlySpan<string> wordings)
    {
        string sentence = Pick(wordings);
        _sentences.Add(char.ToUpperInvariant(sentence[0]) + sentence[1..]);
    }

    /// <summary>Tells the sentence in about half of the stories.</summary>
    public void MaybeSay(params ReadOnlySpan<string> wordings)
    {
        if (Maybe())
            Say(wordings);
    }

    /// <summary>A noun phrase with "a" or "an".</summary>
    public static string A(string noun) => ("aeiou".Contains(noun[0]) ? "an " : "a ") + noun;

    /// <summary>A small number as a word.</summary>
    public static string Word(int number) => number switch
    {
        0 => "no",
        1 => "one",
        2 => "two",
        3 => "three",
        4 => "four",
        5 => "five",
        6 => "six",
        7 => "seven",
        8 => "eight",
        _ => throw new ArgumentOutOfRangeException(nameof(number), number, "Expected 0 to 8."),
    };

    /// <summary>When the story begins, ready to stand before a main clause.</summary>
    public string OneDay() => Pick("One day", "One morning", "One sunny day", "One afternoon", "On a cold day", "Early in the morning",
        "After lunch", "Last summer", "One evening");
}
