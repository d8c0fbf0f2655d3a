using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Evaluation;

/// <summary>A model that predicts the same distribution after every text, so that any score can be computed by hand.</summary>
internal static class ConstantModel
{
    /// <summary>The named ids have these logits, every other id has 0.</summary>
    public static TextModel Create(int vocabulary, params (int Id, double Logit)[] logits)
    {
        TextModel model = TextModel.CreateRandom(SmallModels.Config(1, 16, vocabulary, positions: 64), 1);
        foreach ((string name, var parameter) in model.named_parameters())
        {
            ParameterData.Write(parameter, values =>
            {
                values.Clear();
                // The final layer norm says 1 in the first column, whatever came before; the head reads that column.
                if (name == "ln_f.bias")
                    values[0] = 1;
                if (name == "wte.weight")
                {
                    foreach ((int id, double logit) in logits)
                        values[id * 16] = (float)logit;
                }
            });
        }
        return model;
    }

    /// <summary>A tokenizer whose merges make a token of " cat".</summary>
    public static Gpt2Tokenizer Tokenizer { get; } =
        Gpt2Tokenizer.Train(["the cat saw a cat and the cat", "a cat, a cat; one cat"], Gpt2Tokenizer.MinVocabularySize + 3);

    /// <summary>The id of a text that is one token.</summary>
    public static int Id(string text) => Assert.Single(Tokenizer.EncodeToIds(text));
}
