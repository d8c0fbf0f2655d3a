namespace WebDistill.Distillation.Text.Stories;

using static StoryScene;

/// <summary>Stories about giving, sharing, quarrelling and helping.</summary>
internal static class FriendshipPlots
{
    public static void GiftThatTravels(StoryScene s)
    {
        Person first = s.Hero, second = s.Friend, third = s.Child();
        string gift = s.Draw("apple", "flower", "shell", "feather", "pencil", "button", "lemon", "stone");
        string colour = s.Colour();
        string thing = $"{colour} {gift}";

        s.Say(
            $"{first.Name} found {A(thing)} on the way to school.",
            $"{s.OneDay()}, {first.Name} got {A(thing)} from {s.Elder.Name}.",
            $"{s.OneDay()}, {first.Name} had {A(thing)}.");
        s.Say(
            $"{first.He} liked the {gift}, but {first.He} saw that {second.Name} was sad.",
            $"{first.Name} met {second.Name}, who looked very sad.",
            $"At school {second.Name} was sitting alone.");
        s.Say(
            $"\"This is for you,\" {first.He} said and gave the {gift} to {second.Name}.",
            $"So {first.Name} gave the {gift} to {second.Name}.",
            $"{first.Name} gave {second.Him} the {gift} to make {second.Him} happy.");
        s.MaybeSay(
            $"\"Thank you!\" said {second.Name} and smiled.",
            $"{second.Name} was happy and said thank you.",
            $"Now {second.Name} had the {gift}, and {second.He} smiled.");
        s.Say(
            $"Later, {second.Name} saw {third.Name}, who had fallen and hurt {third.His} knee.",
            $"In the afternoon {second.Name} went to see {third.Name}, who was ill.",
            $"On the way home, {second.Name} met {third.Name}, who had lost {third.His} hat.");
        s.Say(
            $"\"You can have my {gift},\" said {second.Name}.",
            $"{second.Name} gave the {gift} to {third.Name}.",
            $"{second.Name} thought for a moment and then gave {third.Him} the {gift}.");
        s.MaybeSay(
            $"Now {third.Name} had the {thing}.",
            $"{third.Name} took the {gift} and felt better at once.",
            $"\"How kind you are!\" said {third.Name} and took the {gift}.");
        bool returns = s.Maybe();
        if (returns)
        {
            s.Say($"The next day {third.Name} met {first.Name}.", $"In the evening {third.Name} came to see {first.Name}.");
            s.Say(
                $"\"I have a gift for you,\" {third.He} said and gave {first.Him} the {thing}.",
                $"{third.Name} wanted to make {first.Him} happy too and gave {first.Him} the {gift}.");
            s.Say($"{first.Name} laughed, because {first.He} knew that {gift} well.", $"\"It came back to me!\" said {first.Name}.");
        }
        else
            s.Say(
                $"{first.Name} heard about it and was glad.",
                $"When {first.Name} heard about it, {first.He} smiled.",
                $"All three of them were happy.");
        Person holder = returns ? first : third;
        s.Say(
            $"Who has the {gift} now? {holder.Name} has it.",
            $"So in the end the {gift} was with {holder.Name}.",
            $"A small gift can make many people happy.");
    }

    public static void SharedFood(StoryScene s)
    {
        Person hero = s.Hero, friend = s.Friend, third = s.Child();
        string food = s.Draw("buns", "apples", "cookies", "pears", "pancakes", "plums", "muffins");
        int count = s.Number(5, 8), eaten = s.Number(1, 2);
        int given = s.Number(1, 2);
        int left = count - eaten - given;

        s.Say(
            $"{s.Elder.Name} gave {hero.Name} {Word(count)} {food}.",
            $"{hero.Name} had {Word(count)} {food} in a basket.",
            $"{s.OneDay()}, {hero.Name} made {Word(count)} {food} with {s.Elder.Name}.");
        s.MaybeSay("They smelled so good.", $"The {food} were still warm.", $"\"They look so good,\" said {hero.Name}.");
        s.Say($"{hero.Name} was hungry and ate {Word(eaten)} of them.", $"On the way to the park {hero.He} ate {Word(eaten)} of them.");
        s.Say($"Then there were {Word(count - eaten)} {food}.", $"Now {hero.He} had {Word(count - eaten)} {food}.");
        s.Say($"Soon {friend.Name} came along.", $"At the park {hero.He} met {friend.Name}.", $"Then {friend.Name} knocked on the door.");
        s.MaybeSay(
            $"\"I am so hungry,\" said {friend.Name}.",
            $"\"I had no lunch today,\" said {friend.Name}.",
            $"\"May I have some?\" asked {friend.Name}.");
        s.Say(
            $"{hero.Name} gave {friend.Him} {Word(given)} of the {food}.",
            $"\"Here you are,\" said {hero.Name} and gave {friend.Him} {Word(given)}.");
        s.MaybeSay($"\"Thank you,\" said {friend.Name} and began to eat.", $"{friend.Name} ate at once and was not hungry any more.");
        s.Say(
            $"How many were left? There {(left == 1 ? "was" : "were")} {Word(left)} left.",
            $"Now there {(left == 1 ? "was" : "were")} only {Word(left)} left.",
            $"{hero.Name} counted what was left: {Word(left)}.");
        s.Say($"{hero.Name} wanted to keep the rest for {third.Name}.", $"\"The rest is for {third.Name},\" said {hero.Name}.");
        s.Say(
            $"In the evening {third.Name} got the last {(left == 1 ? "one" : Word(left))} and was very happy.",
            $"{third.Name} came later and ate all the rest.",
            $"{third.Name} laughed with joy when {third.He} saw them.");
        s.MaybeSay(
            "Food tastes better when you share it.",
            "They all felt full and happy.",
            $"\"Tomorrow we will make more,\" said {s.Elder.Name}.");
    }

    public static void Quarrel(StoryScene s)
    {
        Person hero = s.Hero, friend = s.Friend;
        string toy = s.Draw("swing", "drum", "ball", "sled", "toy car", "bike", "paint box");
        string colour = s.Colour();

        s.Say(
            $"{hero.Name} and {friend.Name} were best friends.",
            $"{hero.Name} and {friend.Name} liked to play together.",
            $"{s.OneDay()}, {hero.Name} and {friend.Name} were playing together.");
        s.Say(
            $"There was only one {colour} {toy}, and both of them wanted it.",
            $"Both of them wanted the {colour} {toy}.",
            $"They had just one {colour} {toy}.");
        s.Say(
            $"\"It is mine!\" said {hero.Name}.",
            $"\"I want it first!\" said {hero.Name}.",
            $"\"Let go, it is my turn!\" shouted {hero.Name}.");
        s.Say(
            $"\"No, it is mine!\" said {friend.Name}.",
            $"\"No, I want it!\" said {friend.Name}.",
            $"{friend.Name} got angry and pushed {hero.Him}.");
        s.Say(
            $"{hero.Name} was angry and went home.",
            $"They shouted until they were both tired.",
            $"Then {friend.Name} ran away and hid.");
        s.MaybeSay(
            $"But playing alone was no fun.",
            $"Soon {hero.Name} felt sad and alone.",
            $"After a while {hero.Name} was not angry any more, only sad.");
        s.Say($"{s.Elder.Name} asked, \"What happened?\"", $"{s.Elder.Name} saw it and sat down next to {hero.Him}.");
        s.MaybeSay($"{hero.Name} told {s.Elder.Him} about the {toy}.", $"\"We both wanted the {toy},\" said {hero.Name}.");
        s.Say(
            $"\"You can take turns,\" said {s.Elder.Name}.",
            $"\"Why do you not take turns?\" asked {s.Elder.Name}.",
            $"\"A friend is worth more than a {toy},\" said {s.Elder.Name}.");
        s.Say($"{hero.Name} went to {friend.Name} and said, \"I am sorry.\"", $"So {hero.Name} went to find {friend.Name} and said sorry.");
        s.Say($"\"I am sorry too,\" said {friend.Name}.", $"{friend.Name} smiled and gave {hero.Him} a hug.");
        s.Say(
            $"First {friend.Name} had the {toy}, and then {hero.Name} had it.",
            $"{hero.Name} let {friend.Name} go first.",
            $"They took turns with the {colour} {toy}.");
        s.MaybeSay("Now they were friends again.", "They played until it was dark.", $"It was much more fun together.");
    }

    public static void SickFriend(StoryScene s)
    {
        Person hero = s.Hero, friend = s.Friend;
        string food = s.Draw("soup", "tea", "warm milk", "porridge", "orange juice");
        string noun = s.Toy();
        string toy = $"{s.Colour()} {noun}";

        s.Say(
            $"{s.OneDay()}, {friend.Name} did not come to school, and {hero.Name} had to play alone.",
            $"{s.OneDay()}, {hero.Name} waited for {friend.Name}, but {friend.He} did not come.");
        s.MaybeSay($"\"Where is {friend.Name}?\" asked {hero.Name}.", $"{hero.Name} wondered where {friend.He} was.");
        s.Say($"\"{friend.Name} is ill and has to stay in bed,\" said {s.Elder.Name}.", $"{s.Elder.Name} said that {friend.Name} was ill.");
        s.MaybeSay(
            $"{hero.Name} was worried and wanted to help.",
            $"\"Then I will go and see {friend.Him},\" said {hero.Name}.",
            $"{hero.Name} wanted to make {friend.Him} feel better.");
        s.Say($"{hero.He} made some {food} with {s.Elder.Name}.", $"{s.Elder.Name} helped {hero.Him} to make some {food}.");
        s.Say($"{hero.He} also took {hero.His} {toy}.", $"Then {hero.He} put it in a bag, together with {A(toy)}.");
        s.Say(
            $"{hero.Name} walked through the {s.Draw("snow", "rain", "wind", "park", "village")} to {friend.Name}'s house.",
            $"{hero.Name} walked to {friend.Name}'s house and knocked on the door.");
        s.MaybeSay($"{friend.Name} was in bed and looked pale.", $"{friend.Name} lay in bed and felt hot.");
        s.Say($"\"I brought you some {food},\" said {hero.Name}.", $"{hero.Name} sat down by the bed and gave {friend.Him} the {food}.");
        s.Say(
            $"{friend.Name} {(food == "porridge" ? "ate" : "drank")} it and felt warm inside.",
            $"\"It is so good,\" said {friend.Name}.");
        s.Say(
            $"Then they played with the {noun} for a while.",
            $"{hero.Name} left the {toy} there so that {friend.He} was not alone.",
            $"After that {hero.Name} read {friend.Him} a story.");
        s.Say($"The next day {friend.Name} felt better.", $"After {s.Pick("two", "three")} days {friend.Name} was well again.");
        s.MaybeSay(
            $"\"You are a good friend,\" {friend.He} said to {hero.Name}.",
            $"{friend.Name} came to school, and {hero.Name} was so happy to see {friend.Him}.");
    }

    public static void Secret(StoryScene s)
    {
        Person hero = s.Hero, friend = s.Friend, third = s.Child();
        string noun = s.Toy();
        string present = $"{s.Colour()} {noun}";
        string spot = s.Spot(), wrong = s.Spot();

        s.Say($"Tomorrow was {friend.Name}'s birthday.", $"{friend.Name} was going to have a birthday party.");
        s.Say(
            $"{hero.Name} had {A(present)} for {friend.Him}.",
            $"{hero.Name} and {third.Name} bought {A(present)} as a present.",
            $"{hero.Name} saved some money and bought {friend.Him} {A(present)}.");
        s.Say($"{hero.He} hid the {noun} {spot}.", $"{hero.Name} put it {spot} so that nobody could see it.");
        s.Say(
            $"\"Do not tell {friend.Name},\" {hero.He} said to {third.Name}.",
            $"Only {third.Name} knew that it was {spot}.",
            $"\"It is a secret,\" {hero.He} said to {third.Name}.");
        s.MaybeSay($"\"I will not tell {friend.Him},\" said {third.Name}.", $"{third.Name} nodded and did not say a word.");
        s.Say(
            $"But {friend.Name} wanted to know everything.",
            $"Soon {friend.Name} came and asked, \"What are you doing?\"",
            $"\"What is my present?\" asked {friend.Name}.");
        s.MaybeSay($"\"Nothing,\" said {third.Name} and laughed.", $"{hero.Name} and {third.Name} looked at each other and smiled.");
        s.Say($"{friend.Name} looked {wrong}, but there was no present.", $"{friend.Name} looked {wrong} and found nothing.");
        s.MaybeSay($"{friend.He} did not look {spot}.", $"{friend.He} could not wait any longer.");
        s.MaybeSay(
            $"The next day all the friends sang for {friend.Name}.",
            $"In the morning there was a big cake with candles.",
            $"At the party they danced and ate cake.");
        s.Say($"Then {hero.Name} took the {noun} from its place {spot}.", $"Then {third.Name} looked {spot} and brought out the present.");
        s.Say(
            $"\"Happy birthday!\" they said and gave {friend.Him} the {noun}.",
            $"{hero.Name} gave {friend.Him} the {present} and said, \"Happy birthday!\"");
        s.Say(
            $"{friend.Name} opened it and was so happy.",
            $"\"Oh, {A(present)}! Just what I wanted!\" said {friend.Name}.",
            $"It was the best birthday of all.");
    }
}
