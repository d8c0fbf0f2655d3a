using System.Text.Json.Nodes;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;

namespace WebDistill.Distillation.Tests.Models;

public sealed class EncoderConfigTests
{
    private const string Bert = """
        {"model_type":"bert","architectures":["BertForMaskedLM"],"vocab_size":30522,"max_position_embeddings":512,"hidden_size":768,"num_hidden_layers":12,
        "num_attention_heads":12,"intermediate_size":3072,"type_vocab_size":2,"gradient_checkpointing":false}
        """;

    private const string DistilBert = """
        {"model_type":"distilbert","architectures":["DistilBertForMaskedLM"],"vocab_size":30522,"max_position_embeddings":512,"dim":768,"n_layers":6,"n_heads":12,
        "hidden_dim":3072,"sinusoidal_pos_embds":false,"tie_weights_":true}
        """;

    private const string Albert = """
        {"model_type":"albert","architectures":["AlbertForMaskedLM"],"vocab_size":30000,"embedding_size":128,"max_position_embeddings":512,"hidden_size":768,
        "num_hidden_layers":12,"num_hidden_groups":1,"inner_group_num":1,"num_attention_heads":12,"intermediate_size":3072}
        """;

    private const string MobileBert = """
        {"model_type":"mobilebert","architectures":["MobileBertForMaskedLM"],"vocab_size":30522,"embedding_size":128,"max_position_embeddings":512,"hidden_size":512,
        "num_hidden_layers":24,"num_attention_heads":4,"intermediate_size":512,"intra_bottleneck_size":128,"num_feedforward_networks":4,"classifier_activation":false}
        """;

    /// <summary>As transformers counts the published models of these shapes.</summary>
    [Theory]
    [InlineData(Bert, "BertForMaskedLM", 109_514_298)]
    [InlineData(Bert, "BertModel", 109_482_240)]
    [InlineData(DistilBert, "DistilBertForMaskedLM", 66_985_530)]
    [InlineData(DistilBert, "DistilBertModel", 66_362_880)]
    [InlineData(Albert, "AlbertModel", 11_683_584)]
    [InlineData(MobileBert, "MobileBertModel", 24_581_888)]
    public void ParameterCount_OfPublishedShapes_IsKnown(string json, string named, long count) =>
        Assert.Equal(count, Architecture.Parse(With(json, "architectures", $"[\"{named}\"]")).ParameterCount);

    /// <summary>Jiao et al. 2019 (TinyBERT, Table 2) give 22.5 billion for BERT-base on 128 tokens; a multiply-add is two.</summary>
    [Fact]
    public void ForwardFlops_OfBertBase_AreThoseOfTheLiterature()
    {
        double flops = 128 * Architecture.Parse(With(Bert, "architectures", "[\"BertModel\"]")).ForwardFlopsPerToken(128);
        Assert.InRange(flops, 22.2e9, 22.7e9);
    }

    public static TheoryData<string> Files => [Bert, DistilBert, Albert, MobileBert];

    [Theory]
    [MemberData(nameof(Files))]
    public void ToJson_OfEachHead_IsReadBackTheSame(string json)
    {
        foreach (string suffix in new[] { "ForMaskedLM", "ForSequenceClassification", "Model" })
        {
            var masked = (EncoderConfig)Architecture.Parse(json);
            string named = ((EncoderFamily)masked.Family).ClassName(ModelHead.MaskedToken).Replace("ForMaskedLM", suffix, StringComparison.Ordinal);
            var read = (EncoderConfig)Architecture.Parse(With(With(json, "architectures", $"[\"{named}\"]"), "id2label", """{"0":"no","1":"perhaps","2":"yes"}"""));
            Assert.Equal(suffix switch { "ForMaskedLM" => ModelHead.MaskedToken, "Model" => ModelHead.None, _ => ModelHead.Classes }, read.Head);
            Assert.Equal(read.Head == ModelHead.Classes ? ["no", "perhaps", "yes"] : null, read.Classes?.Labels);
            EncoderConfig changed = read with { EosTokenId = 5, HiddenDropout = 0.3, InitializerRange = 0.5, PadTokenId = 7, HiddenAct = "relu", ClassifierDropout = 0.25 };
            Assert.Equal(changed, Architecture.Parse(changed.ToJson()));
            Assert.NotEqual(read, changed);
        }
    }

    /// <summary>As transformers decides where problem_type is missing: a single label is a number, several are classes that exclude each other.</summary>
    [Theory]
    [InlineData("num_labels", "1", ProblemType.Regression, 1)]
    [InlineData("num_labels", "4", ProblemType.SingleLabel, 4)]
    [InlineData("problem_type", "\"multi_label_classification\"", ProblemType.MultiLabel, 2)]
    [InlineData("problem_type", "\"regression\"", ProblemType.Regression, 2)]
    [InlineData("problem_type", "null", ProblemType.SingleLabel, 2)]
    public void Classes_AreWhatTheFileSays(string field, string value, ProblemType problem, int count)
    {
        var read = (EncoderConfig)Architecture.Parse(With(With(Bert, "architectures", "[\"BertForSequenceClassification\"]"), field, value));
        Assert.Equal((problem, count), (read.Classes!.Problem, read.Classes.Count));
        Assert.Equal(read, Architecture.Parse(read.ToJson()));
    }

    [Theory]
    [InlineData(Bert, "num_attention_heads", "7", "num_attention_heads 7 does not divide hidden_size 768")]
    [InlineData(Bert, "hidden_act", "\"silu\"", "hidden_act 'silu' is not supported, expected one of: gelu, gelu_new, gelu_pytorch_tanh, relu")]
    [InlineData(Bert, "position_embedding_type", "\"relative_key\"", "position_embedding_type is 'relative_key', only 'absolute' is supported")]
    [InlineData(Bert, "architectures", "[\"BertForQuestionAnswering\"]", "architectures names 'BertForQuestionAnswering', expected one of: 'BertForMaskedLM'")]
    [InlineData(Bert, "architectures", "[\"GPT2LMHeadModel\"]", "architectures names 'GPT2LMHeadModel'")]
    [InlineData(Bert, "architectures", "\"BertModel\"", "'architectures' is \"BertModel\", expected a list of texts")]
    [InlineData(Bert, "is_decoder", "true", "is_decoder is true, only false is supported")]
    [InlineData(Bert, "add_cross_attention", "true", "add_cross_attention is true")]
    [InlineData(Bert, "tie_word_embeddings", "false", "tie_word_embeddings is false")]
    [InlineData(Bert, "hidden_size", "null", "no 'hidden_size'")]
    [InlineData(Bert, "intermediate_size", "0", "intermediate_size is 0, expected 1 to")]
    [InlineData(Bert, "max_position_embeddings", "-1", "max_position_embeddings is -1")]
    [InlineData(Bert, "type_vocab_size", "-1", "type_vocab_size is -1, expected 0 to")]
    [InlineData(Bert, "pad_token_id", "30522", "pad_token_id is 30522, expected 0 to 30521")]
    [InlineData(Bert, "layer_norm_eps", "0", "layer_norm_eps is 0, expected a number between 0 and 1, usually 1e-12")]
    [InlineData(Bert, "hidden_dropout_prob", "1", "hidden_dropout_prob is 1, expected 0 <= p < 1")]
    [InlineData(Bert, "attention_probs_dropout_prob", "-0.5", "attention_probs_dropout_prob is -0.5")]
    [InlineData(Bert, "classifier_dropout", "2", "classifier_dropout is 2")]
    [InlineData(Bert, "initializer_range", "-1", "initializer_range is -1")]
    [InlineData(DistilBert, "n_heads", "5", "n_heads 5 does not divide dim 768")]
    [InlineData(DistilBert, "activation", "\"tanh\"", "activation 'tanh' is not supported")]
    [InlineData(DistilBert, "dim", "null", "no 'dim'")]
    [InlineData(DistilBert, "sinusoidal_pos_embds", "1", "'sinusoidal_pos_embds' is 1, expected true or false")]
    [InlineData(DistilBert, "seq_classif_dropout", "1.5", "seq_classif_dropout is 1.5")]
    [InlineData(Albert, "embedding_size", "null", "no 'embedding_size'")]
    [InlineData(Albert, "embedding_size", "0", "embedding_size is 0, expected 1 to")]
    [InlineData(Albert, "num_hidden_groups", "13", "num_hidden_groups is 13, expected 1 to 12")]
    [InlineData(Albert, "inner_group_num", "2", "inner_group_num is 2, only 1 is supported")]
    [InlineData(Albert, "classifier_dropout_prob", "1", "classifier_dropout_prob is 1")]
    [InlineData(MobileBert, "num_attention_heads", "3", "num_attention_heads 3 does not divide intra_bottleneck_size 128")]
    [InlineData(MobileBert, "normalization_type", "\"batch_norm\"", "normalization_type is 'batch_norm', expected 'no_norm' or 'layer_norm'")]
    [InlineData(MobileBert, "num_feedforward_networks", "0", "num_feedforward_networks is 0")]
    [InlineData(MobileBert, "embedding_size", "513", "embedding_size is 513, expected 1 to 512")]
    [InlineData(MobileBert, "intra_bottleneck_size", "null", "no 'intra_bottleneck_size'")]
    [InlineData(MobileBert, "use_bottleneck", "\"yes\"", "'use_bottleneck' is \"yes\", expected true or false")]
    public void Parse_BadField_NamesItItsValueAndWhatWasExpected(string json, string field, string value, string expected) =>
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => Architecture.Parse(With(json, field, value))).Message);

    [Theory]
    [InlineData("num_labels", "0", "num_labels is 0, expected 1 to")]
    [InlineData("id2label", "{}", "'id2label' is {}, expected a text for each number from 0 on")]
    [InlineData("id2label", "{\"1\":\"yes\",\"2\":\"no\"}", "expected a text for each number from 0 on")]
    [InlineData("id2label", "[\"yes\"]", "expected a text for each number from 0 on")]
    [InlineData("problem_type", "\"ranking\"", "problem_type is 'ranking', expected one of: single_label_classification, multi_label_classification, regression")]
    public void Parse_BadClasses_AreNamed(string field, string value, string expected) => Assert.Contains(expected, Assert.Throws<InvalidDataException>(
        () => Architecture.Parse(With(With(Bert, "architectures", "[\"BertForSequenceClassification\"]"), field, value))).Message);

    [Theory]
    [InlineData("architectures", """["\ud800"]""")]
    [InlineData("id2label", """{"0":"\ud800"}""")]
    [InlineData("id2label", """{"\ud800":"yes"}""")]
    [InlineData("hidden_act", """ "\ud800" """)]
    public void Parse_HalfACharacter_IsNamed(string field, string value)
    {
        string json = With(Bert, "architectures", "[\"BertForSequenceClassification\"]");
        string message = Assert.Throws<InvalidDataException>(() => Architecture.Parse($"{json[..^1]},\"{field}\":{value}}}")).Message;
        Assert.Contains($"'{field}' is", message);
        Assert.Contains("expected whole characters", message);
    }

    [Fact]
    public void Parse_PretrainingModel_IsTheMaskedWordModelInIt() =>
        Assert.Equal(Architecture.Parse(Bert), Architecture.Parse(With(Bert, "architectures", "[\"BertForPreTraining\"]")));

    [Fact]
    public void Parse_NumbersOfClassesThatDiffer_AreNamed()
    {
        string json = With(With(With(Bert, "architectures", "[\"BertForSequenceClassification\"]"), "num_labels", "3"), "id2label", """{"0":"no","1":"yes"}""");
        Assert.Contains("num_labels is 3 and id2label names 2 classes", Assert.Throws<InvalidDataException>(() => Architecture.Parse(json)).Message);
    }

    private static string With(string json, string field, string value)
    {
        JsonObject changed = JsonNode.Parse(json)!.AsObject();
        changed[field] = JsonNode.Parse(value);
        return changed.ToJsonString();
    }
}
