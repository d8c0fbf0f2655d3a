using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Text.Stories;

/// <summary>
/// The text of the quick start: small stories about people, places and things whose state changes from sentence to sentence, so that a
/// model has to keep track (where the ball was put last, who holds the apple, how many buns are left). Written here, so nothing is
/// downloaded and no foreign text is shipped.
/// </summary>
public static class StoryCorpus
{
    /// <summary>Stories in the quick start's corpus: about 1.7 megabytes.</summary>
    public const int QuickStartStories = 4000;

    /// <summary>Vocabulary that covers the quick start's corpus: nearly every word of it is one token.</summary>
    public const int QuickStartVocabularySize = 1024;

    /// <summary>Shortest and longest story, in words: a context of 128 tokens of <see cref="QuickStartVocabularySize"/> holds about
    /// one.</summary>
    internal const int MinWords = 60, MaxWords = 120;

    /// <summary>The catalogue of plots: a new one is one line here.</summary>
    internal static IReadOnlyList<Action<StoryScene>> Plots { get; } =
    [
        HouseholdPlots.MovedThing,
        HouseholdPlots.LostThing,
        HouseholdPlots.LockedBox,
        HouseholdPlots.NoiseAtNight,
        HouseholdPlots.BrokenThing,
        FriendshipPlots.GiftThatTravels,
        FriendshipPlots.SharedFood,
        FriendshipPlots.Quarrel,
        FriendshipPlots.SickFriend,
        FriendshipPlots.Secret,
        OutdoorPlots.HideAndSeek,
        OutdoorPlots.AnimalInATree,
        OutdoorPlots.SuddenRain,
        OutdoorPlots.SeedThatGrows,
        OutdoorPlots.Race,
        OutdoorPlots.NewSkill,
    ];

    /// <summary>Stories one after the other, each one paragraph of <see cref="MinWords"/> to <see cref="MaxWords"/> words.</summary>
    /// <param name="seed">Decides everything: the same seed gives the same stories on every platform, and fewer stories are the beginning
    /// of more.</param>
    /// <param name="stories">How many.</param>
    public static IEnumerable<string> Generate(int seed, int stories)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(stories);
        var random = new SplittableRandom(seed);
        for (int i = 0; i < stories; i++)
            yield return Tell(random.Split());
    }

    private static string Tell(SplittableRandom random)
    {
        while (true)
        {
            var scene = new StoryScene(random.Split());
            Plots[random.Next(Plots.Count)](scene);
            if (scene.WordCount is >= MinWords and <= MaxWords)
                return scene.Text;
        }
    }
}
