namespace WebDistill.Web.Glossary;

/// <summary>A word of the field as the pages use it.</summary>
/// <param name="Id">Its place on the page, and what <see cref="Term"/> names it by.</param>
/// <param name="Name">As it is read.</param>
/// <param name="Meaning">What it is, in a sentence or two, and what its size says.</param>
/// <param name="Formula">How it is computed; null where nothing is.</param>
/// <param name="Source">Where it comes from; null for a word of this product.</param>
public sealed record GlossaryTerm(string Id, string Name, string Meaning, string? Formula = null, string? Source = null)
{
    /// <summary>Where it is explained.</summary>
    public string Address => $"/glossary#{Id}";

    /// <summary>The catalogue: a new word is one line here.</summary>
    public static IReadOnlyList<GlossaryTerm> All { get; } =
    [
        new("distillation", "Knowledge distillation", "A small model, the student, learns what a large one, the teacher, would have said of each token, and not only which token the text has. "
            + "How probable the teacher finds the other tokens tells the student more than the text alone.", Source: "Hinton, Vinyals and Dean 2015"),
        new("teacher", "Teacher", "The model whose predictions are learned. It is not changed. Shown in violet everywhere."),
        new("student", "Student", "The model in training: fewer layers or a smaller width than its teacher, the same vocabulary. Shown in teal everywhere."),
        new("token", "Token", "A piece of text that has a number of its own: a word, a part of one, a byte. Text is cut into tokens before a model reads it, and figures per token depend on that cut."),
        new("vocabulary", "Vocabulary", "All tokens that a model knows. Teacher, student and text of a run share one, because predictions over different tokens cannot be compared."),
        new("logit", "Logit", "What a model gives for each token of the vocabulary before the softmax makes probabilities of it."),
        new("temperature", "Temperature T", "Divides the logits before the softmax. At 1 the distribution is the model's own; above 1 it is flatter, and what the teacher finds improbable weighs more. 1 to 20; 2 in DistilBERT.",
            "p = softmax(z / T)", "Hinton, Vinyals and Dean 2015"),
        new("centred-logits", "Centred logits", "A row of logits less its own mean, which no probability depends on. Matching them is what the softened cross-entropy becomes as the temperature grows without bound.",
            "z − mean(z)", "Hinton, Vinyals and Dean 2015, section 2.1"),
        new("ensemble", "Ensemble", "Several teachers of one vocabulary that teach together: by the mean of their probabilities, of their logits or of the losses towards each."),
        new("disagreement", "Disagreement of the teachers", "How far several teachers are from their common distribution, in nats per token: the weighted Jensen-Shannon divergence. 0 where all say the same. The mean of the "
            + "losses towards each is larger than the loss towards their mean by exactly this.", "Σ w · KL(p ∥ Σ w p)", "Lin 1991"),
        new("gold-token", "Gold token", "The token that the text really has at a place, as against those that a model expects."),
        new("kl", "KL divergence", "How far the student's distribution is from the teacher's, in nats per token. 0 means the same; it grows without bound where the student gives almost nothing to what the teacher expects.",
            "KL(p ∥ q) = Σ p · (log p − log q)", "Kullback and Leibler 1951"),
        new("cross-entropy", "Cross-entropy", "The surprise of a distribution at another one. Distillation CE is the teacher's softened distribution against the student's, Causal LM the text's next token against the student's.",
            "H(p, q) = −Σ p · log q"),
        new("entropy", "Entropy", "How undecided a distribution is: 0 nats when one token has all the probability, log V when all V tokens have the same.", "H(p) = −Σ p · log p"),
        new("nat", "Nat", "The unit of losses and entropies with natural logarithms. 1 nat is 1.443 bits."),
        new("perplexity", "Perplexity", "Among how many equally probable tokens a model might as well choose, on the average over a text. Lower is better; 1 is perfect. Comparable only for the same text, vocabulary and protocol.",
            "exp(mean nats per token)"),
        new("validation-perplexity", "Validation perplexity", "Perplexity of the first tokens of the held-out text, without overlap of the windows: what runs show while they train. Evaluations measure all of a text, with a stride, and so give another number."),
        new("stride", "Stride", "Tokens from one window to the next when a text is longer than a model reads at once. A smaller one gives each token more context: a lower perplexity, and more work.",
            Source: "Radford et al. 2019 use 32"),
        new("bits-per-byte", "Bits per byte", "The loss of a text over its bytes instead of its tokens: comparable between vocabularies.", "nats of the text / (bytes · ln 2)"),
        new("agreement", "Agreement", "On how many tokens teacher and student find the same one the most probable."),
        new("held-out", "Held-out text", "The end of a data set, which is never trained on. Validation perplexity is measured there. Of labelled examples it is a share of each class, drawn at random, or a file of their own."),
        new("labelled-example", "Labelled example", "A text, or a pair of texts, with the class that it belongs to: a question with its intent, two sentences with whether they say the same. A model learns to tell the class of texts that it has not seen."),
        new("class", "Class", "One of the sorts that texts are told apart by. A data set has 2 to 1000 of them, in one order, which is that of the model's logits."),
        new("context-length", "Context length", "Tokens that a model reads at once, and the length of the sequences that it is trained on. At most its number of positions."),
        new("update", "Update", "One change of the weights, from the gradient of batch size × accumulation sequences. The word step means the same."),
        new("epoch", "Epoch", "Once through the whole training text."),
        new("accumulation", "Gradient accumulation", "Micro-batches whose gradients are added up before an update: a large batch in the memory of a small one."),
        new("warm-up", "Warm-up", "The share of the updates in which the learning rate rises from 0 to its full value."),
        new("learning-rate", "Learning rate", "How far an update goes. Too high and the loss jumps or becomes infinite, too low and it hardly falls."),
        new("gradient-norm", "Gradient norm", "Length of the gradient of all parameters before it is clipped. A sudden jump comes before a loss that jumps.", "√Σ g²"),
        new("weight-decay", "Weight decay", "Pulls weights towards 0 by a share of the learning rate in every update.", Source: "Loshchilov and Hutter 2019 (AdamW)"),
        new("dropout", "Dropout", "The share of activations that are set to 0 while training, so that nothing is learned by one of them alone.", Source: "Srivastava et al. 2014"),
        new("hidden-state", "Hidden state", "What a layer gives for a token: as many numbers as the model is wide. The cosine loss turns the student's last one into the direction of the teacher's."),
        new("attention-score", "Attention score", "How much a head of a layer would have one token look at another, before the softmax makes shares of it and before what must not be seen is hidden.", "q kᵀ / √d"),
        new("relation", "Relation of self-attention", "How alike a layer finds two tokens of a text, by their queries, keys or values: a distribution over the text for each token, which models of any width can be compared by.",
            "softmax(X Xᵀ / √d)", "Wang et al. 2021"),
        new("projection", "Projection", "A matrix that brings vectors of the student's width to the teacher's, learned with the student and left behind when it is exported."),
        new("layer-map", "Layer map", "Which teacher layer each layer of the student is compared with: spread over the whole depth, the last ones, or as a list says.", "Skip: round(m N / M); Last: m + N − M"),
        new("checkpoint", "Checkpoint", "Everything that a run needs to go on from an update to the bit: weights, state of the optimiser, place in the text."),
        new("branch", "Branch", "A new run that begins at another one's checkpoint with other options."),
        new("compression", "Compression", "The teacher's parameters over the student's.", "N(teacher) / N(student)"),
        new("sweep", "Sweep", "The same run several times with some options varied: a point for each combination, each point with one or more seeds."),
        new("seed", "Seed", "The number from which everything random of a run follows. Two runs with the same options and seed are equal to the bit."),
        new("confidence-interval", "95 % interval", "Where the mean of many more seeds would lie, for 95 of 100 such experiments. Verdicts use the intervals of the seeds' paired differences, widened for the number of comparisons.",
            "mean ± t · s / √n", "Student 1908; Bonferroni"),
        new("verdict", "Verdict", "BEATS: the whole interval of the differences lies on the better side of 0. NO BEATS: it lies on the other one. INCONCLUSIVE: it contains 0, or too little is measured."),
        new("guard", "Guard", "A rule that watches a run while it trains, says what it saw and, where it is allowed to, pauses, stops or rolls the run back."),
        new("pin", "Pinned baseline", "The run that all others are measured against until another one is pinned."),
    ];

    /// <summary>The word of that name, as labels of figures are; null where the glossary has none.</summary>
    public static GlossaryTerm? Named(string label) => All.FirstOrDefault(term => string.Equals(term.Name, label, StringComparison.OrdinalIgnoreCase));

    /// <summary>The word of that id.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists those that there are.</exception>
    public static GlossaryTerm Find(string id) => All.FirstOrDefault(term => term.Id == id)
        ?? throw new ArgumentException($"The glossary has no word '{id}'; it has {string.Join(", ", All.Select(term => term.Id))}.", nameof(id));
}
