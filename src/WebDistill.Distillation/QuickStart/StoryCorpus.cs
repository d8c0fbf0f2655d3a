namespace WebDistill.Distillation.QuickStart;

public static class StoryCorpus
{
    public static IEnumerable<string> Generate(int seed, int stories) => throw new NotSupportedException();
}
