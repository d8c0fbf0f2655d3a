namespace WebDistill.Distillation.Text.Stories;

using static StoryScene;

/// <summary>Stories under the open sky.</summary>
internal static class OutdoorPlots
{
    public static void HideAndSeek(StoryScene s)
    {
        Person seeker = s.Hero, hider = s.Friend, other = s.Child();
        string[] places = ["behind the old tree", "under the bench", "in the barn", "behind the wall", "in the tall grass",
            "under the bridge", "behind the well", "in the hay"];
        string hiding = s.Draw(places), otherHiding = s.Draw(places), wrong = s.Draw(places);

        s.Say(
            $"{s.OneDay()}, {seeker.Name}, {hider.Name} and {other.Name} played hide and seek.",
            $"{seeker.Name} wanted to play hide and seek with {hider.Name} and {other.Name}.");
        s.Say(
            $"{seeker.Name} closed {seeker.His} eyes and counted to ten.",
            $"\"I will count,\" said {seeker.Name} and closed {seeker.His} eyes.");
        s.Say($"{hider.Name} ran away and hid {hiding}.", $"{hider.Name} hid {hiding} and did not make a sound.");
        s.Say($"{other.Name} hid {otherHiding}.", $"{other.Name} found a good place and hid {otherHiding}.");
        s.MaybeSay(
            $"\"Ready or not, here I come!\" called {seeker.Name}.",
            $"\"Ready or not, here I come!\" {seeker.He} shouted.",
            $"\"I am coming!\" called {seeker.Name}.");
        s.Say(
            $"First {seeker.He} looked {wrong}, but nobody was there.",
            $"{seeker.He} looked {wrong} and found only a {s.Draw("snail", "frog", "hen", "beetle")}.");
        s.Say($"Then {seeker.He} saw a shoe {otherHiding}.", $"Then {seeker.He} heard a laugh.", $"Then {seeker.He} looked {otherHiding}.");
        s.Say($"\"I see you, {other.Name}!\" {seeker.He} said.", $"It was {other.Name}, who was {otherHiding}.");
        s.MaybeSay(
            $"But where was {hider.Name}?",
            $"Now only {hider.Name} was still hidden.",
            $"They could not find {hider.Name} for a long time.");
        s.MaybeSay(
            $"{other.Name} and {seeker.Name} looked everywhere.",
            $"\"Come out, {hider.Name}!\" they called.",
            $"\"I give up,\" said {seeker.Name} at last.");
        s.Say(
            $"At last they looked {hiding}, and there was {hider.Name}.",
            $"Then {hider.Name} came out, for {hider.He} had been {hiding} all the time.");
        s.MaybeSay($"{hider.Name} had fallen asleep there.", $"There were leaves in {hider.His} hair.");
        s.MaybeSay(
            $"\"You won!\" said {seeker.Name}.",
            $"They all laughed, and {hider.Name} was the winner.",
            $"\"That was a good place,\" said {other.Name}.");
        s.Say(
            $"Then it was {hider.Name}'s turn to count.",
            "They played again and again until the sun went down.",
            $"{s.Elder.Name} called them, and they went home for dinner.");
    }

    public static void AnimalInATree(StoryScene s)
    {
        Person hero = s.Hero, friend = s.Friend;
        string colour = s.Draw("black", "white", "grey", "brown", "orange");
        string animal = s.Draw("kitten", "cat", "squirrel", "parrot");
        string high = s.Draw("in a tall tree", "on the roof", "on top of a wall", "on a high branch");
        string help = s.Draw("a ladder", "a long rope", "a big box");

        s.Say(
            $"{s.OneDay()}, {hero.Name} and {friend.Name} went for a walk.",
            $"{hero.Name} was walking home with {friend.Name}.",
            $"{s.OneDay()}, {hero.Name} heard a sad little cry.");
        s.Say($"They saw {A(colour)} {animal} {high}.", $"There was {A(colour)} {animal} {high}.");
        s.Say(
            $"The {animal} could not come down and was afraid.",
            $"It was crying because it could not get down.",
            $"\"It is stuck!\" said {friend.Name}.");
        s.MaybeSay($"\"We have to help it,\" said {hero.Name}.", $"\"Poor thing,\" said {hero.Name}.", $"{hero.Name} wanted to help it.");
        s.Say(
            $"{friend.Name} called the {animal}, but it did not move.",
            $"{friend.Name} tried to climb up, but it was too high.",
            $"They held up some food, but the {animal} stayed where it was.");
        s.Say(
            $"So {hero.Name} ran home to get {help}.",
            $"\"I will get {help},\" said {hero.Name} and ran off.",
            $"{s.Elder.Name} saw them and brought {help}.");
        s.MaybeSay($"{friend.Name} stayed with the {animal} and talked to it.", $"{friend.Name} waited below and sang a soft song.");
        s.Say($"With {help}, {hero.Name} climbed up slowly.", $"{friend.Name} held {help} while {hero.Name} climbed up.");
        s.Say(
            $"{hero.He} took the {animal} in {hero.His} arms and came down.",
            $"The {animal} jumped into {hero.His} arms, and they came down.");
        s.MaybeSay(
            $"Now the {animal} was safe on the ground.",
            $"At last the {colour} {animal} was safe.",
            $"The {animal} was safe, and it was not afraid any more.");
        s.Say($"They gave it some {s.Draw("milk", "water", "bread", "seeds")}.", $"It was hungry, so {friend.Name} gave it some food.");
        s.MaybeSay(
            $"\"What shall we call it?\" asked {friend.Name}.",
            $"The {animal} looked at them and seemed to smile.",
            $"\"You were very brave,\" said {s.Elder.Name}.");
        s.Say(
            $"From then on, the {animal} came to see {hero.Name} every day.",
            $"The {animal} followed them all the way home.",
            $"They called it {s.Draw("Star", "Pip", "Lucky", "Cloud")}, and it stayed with {hero.Name}.");
    }

    public static void SuddenRain(StoryScene s)
    {
        Person hero = s.Hero, friend = s.Friend;
        string place = s.Draw("the lake", "the forest", "the beach", "the hill", "the river", "the farm");
        string shelter = s.Draw("a small hut", "a big tree", "an old barn", "a stone bridge");
        string left = s.Draw("hat", "umbrella", "coat", "basket");

        s.Say(
            $"{s.OneDay()}, {hero.Name} and {friend.Name} walked to {place}.",
            $"{hero.Name} and {friend.Name} went to {place} for a picnic.");
        s.MaybeSay(
            "The sun was shining, and the sky was blue.",
            "It was warm, and the birds were singing.",
            "There was not a cloud in the sky.");
        s.Say(
            $"\"Take your {left},\" said {s.Elder.Name}, but {hero.Name} left it at home.",
            $"{hero.Name} did not take {hero.His} {left}, because it was so warm.");
        s.Say(
            $"At {place} they {s.Pick("played ball", "ate bread and cheese", "looked for stones", "picked flowers", "ran and jumped")}.",
            $"They had a lot of fun at {place}.");
        s.MaybeSay("Then dark clouds came.", "Suddenly the sky turned grey.", "All at once a cold wind began to blow.");
        s.Say("It began to rain hard.", "Big drops of rain fell down.", "There was thunder, and it started to rain.");
        s.MaybeSay(
            $"Soon {hero.Name} was wet and cold.",
            $"They were both wet, and {hero.Name} was cold.",
            $"\"I am so wet,\" said {hero.Name}.");
        s.Say($"\"Quick, let us run to {shelter}!\" said {friend.Name}.", $"{friend.Name} saw {shelter}, and they ran there.");
        s.MaybeSay(
            "There it was dry.",
            $"They sat under {(shelter is "a big tree" or "a stone bridge" ? shelter : "the roof")} and waited.",
            "They waited there and told each other jokes.");
        s.Say(
            $"{friend.Name} gave {hero.Him} {friend.His} jacket, and {hero.He} felt warm again.",
            $"{hero.Name} was shaking, so {friend.Name} shared {friend.His} blanket.");
        s.Say("After an hour the rain stopped.", "At last the sun came out again.", "Then the rain stopped, and the clouds went away.");
        s.MaybeSay(
            "There was a big rainbow over them.",
            "The grass was wet and smelled sweet.",
            $"\"Look, a rainbow!\" said {friend.Name}.");
        s.Say(
            $"At home {s.Elder.Name} gave them dry clothes and hot tea.",
            $"When they came home, {s.Elder.Name} was waiting with hot soup.");
        s.Say($"\"Next time I will take my {left},\" said {hero.Name}.", $"And {hero.Name} never forgot {hero.His} {left} again.");
    }

    public static void SeedThatGrows(StoryScene s)
    {
        Person hero = s.Hero;
        string plant = s.Draw("sunflower", "bean", "pumpkin", "tomato", "rose", "apple tree");
        string place = s.Draw("in the garden", "in a pot by the window", "behind the house", "next to the fence");

        s.Say(
            $"{s.Elder.Name} gave {hero.Name} a small seed.",
            $"{hero.Name} found a little seed in {hero.His} pocket.",
            $"{s.OneDay()}, {hero.Name} got a seed from {s.Friend.Name}.");
        s.MaybeSay(
            $"\"What will it be?\" asked {hero.Name}.",
            $"\"Is this really {A(plant)}?\" asked {hero.Name}.",
            $"It was small and brown, and {hero.Name} did not know what it was.");
        s.Say($"\"Plant it and wait,\" said {s.Elder.Name}.", $"\"You have to wait and see,\" said {s.Elder.Name}.");
        s.Say($"So {hero.Name} planted the seed {place}.", $"{hero.He} made a hole {place} and put the seed into it.");
        s.Say($"Every day {hero.He} gave it some water.", $"Every morning {hero.He} went there to water it.");
        s.MaybeSay(
            $"The first day nothing happened.",
            $"After a week there was still nothing.",
            $"Day after day there was only earth to see.");
        s.Say(
            $"{s.Friend.Name} said, \"It is dead.\"",
            $"\"It will never grow,\" said {s.Friend.Name}.",
            $"{hero.Name} was sad and wanted to give up.");
        s.Say(
            $"But {hero.Name} did not stop.",
            $"\"Be patient,\" said {s.Elder.Name}.",
            $"But {hero.He} went on and gave it water every day.");
        s.Say("Then one morning there was a tiny green leaf.", "At last something green came out of the earth.");
        s.MaybeSay($"\"It is growing!\" shouted {hero.Name}.", $"{hero.Name} danced around it with joy.");
        s.Say(
            "It grew and grew in the warm sun.",
            "Soon it was as tall as a cat, and then as tall as a door.",
            $"The sun shone, and it grew a little more each day.");
        s.Say(
            $"In summer it was a big {plant}.",
            $"Now everybody could see that it was {A(plant)}.",
            $"By the end of summer {place} stood a fine {plant}.");
        s.MaybeSay(
            $"\"I was wrong,\" said {s.Friend.Name}.",
            $"{s.Friend.Name} came to see it and could not believe it.",
            $"\"You took good care of it,\" said {s.Elder.Name}.");
        s.Say(
            $"{hero.Name} was very proud of {hero.His} {plant}.",
            $"And {hero.Name} kept a new seed for the next year.",
            $"{hero.Name} had learned to wait.");
    }

    public static void Race(StoryScene s)
    {
        Person fast = s.Hero, kind = s.Friend, third = s.Child();
        string goal = s.Draw("the old mill", "the bridge", "the big oak", "the church", "the gate", "the lake");
        string prize = s.Draw("a golden cup", "a big cake", "a new ball", "a red ribbon", "a bag of nuts");

        s.Say($"{s.OneDay()}, there was a race from the school to {goal}.", $"{s.OneDay()}, the children had a race to {goal}.");
        s.Say($"{fast.Name}, {kind.Name} and {third.Name} wanted to win.", $"{fast.Name} ran against {kind.Name} and {third.Name}.");
        s.Say($"The prize was {prize}.", $"\"The winner gets {prize},\" said {s.Elder.Name}.");
        s.MaybeSay(
            $"\"I am the fastest,\" said {fast.Name}.",
            $"{fast.Name} was sure that {fast.He} would win.",
            $"\"Nobody can beat me,\" said {fast.Name}.");
        s.MaybeSay($"\"One, two, three, go!\" called {s.Elder.Name}.", $"{s.Elder.Name} clapped, and they all ran.");
        s.Say(
            $"{fast.Name} was first, {kind.Name} was second, and {third.Name} was last.",
            $"At first {fast.Name} was far ahead, and {third.Name} was last.");
        s.Say($"Then {fast.Name} fell over a stone and hurt {fast.His} foot.", $"But {fast.Name} did not see a hole and fell down.");
        s.MaybeSay($"Now {kind.Name} was first and could win.", $"{kind.Name} came by and saw {fast.Him} on the ground.");
        s.Say(
            $"But {kind.Name} stopped to help.",
            $"\"Are you hurt?\" asked {kind.Name} and stopped.",
            $"{kind.Name} did not run on, but took {fast.His} hand.");
        s.Say($"{third.Name} ran past them and came to {goal} first.", $"So {third.Name} came first and won the race.");
        s.MaybeSay(
            $"{fast.Name} and {kind.Name} walked to {goal} together.",
            $"{kind.Name} helped {fast.Him} to walk, and they came in last.");
        s.Say(
            $"{third.Name} got {prize} and {(prize is "a big cake" or "a bag of nuts" ? "shared it with" : "showed it to")} them.",
            $"{third.Name} won {prize}, but everybody clapped for {kind.Name}.");
        s.Say($"\"Thank you for helping me,\" said {fast.Name}.", $"\"You are a true friend,\" {fast.He} said to {kind.Name}.");
        s.Say(
            $"Who won the race? It was {third.Name}.",
            $"Since then {fast.Name} and {kind.Name} always run together.",
            $"To help a friend is better than to win.");
    }

    public static void NewSkill(StoryScene s)
    {
        Person hero = s.Hero;
        (string skill, string doing, string failed) = s.Draw(
            ("ride a bike", "rode their bikes", "fell into the grass"), ("swim", "swam", "swallowed some water"), ("skate", "skated",
                "fell on the ice"),
            ("play the flute", "played", "made an awful noise"), ("fly a kite", "flew their kites", "got the string stuck in a tree"),
            ("bake bread", "baked", "burned the bread"));

        s.Say(
            $"{hero.Name} wanted to learn to {skill}.",
            $"{hero.Name} could not {skill} yet.",
            $"All the other children could {skill}, but {hero.Name} could not.");
        s.Say(
            $"\"It is too hard for me,\" {hero.He} said.",
            $"\"Can you teach me?\" {hero.He} asked {s.Elder.Name}.",
            $"{hero.He} watched {s.Friend.Name}, who could do it well.");
        s.MaybeSay($"\"I will show you,\" said {s.Elder.Name}.", $"{s.Elder.Name} said, \"Let us try it together.\"");
        s.Say($"The first time, {hero.Name} {failed}.", $"{hero.He} tried it and {failed}.");
        s.MaybeSay(
            $"{s.Friend.Name} laughed, and {hero.Name} was sad.",
            $"\"I cannot do it!\" {hero.He} cried.",
            $"{hero.Name} was angry and wanted to stop.");
        s.Say($"\"Everybody makes mistakes,\" said {s.Elder.Name}.", $"\"Try again,\" said {s.Elder.Name}, \"I believe in you.\"");
        s.Say($"The second time, {hero.He} {failed} again.", $"{hero.Name} tried again, and it was a little better.");
        s.Say(
            $"But {hero.He} did not give up.",
            $"{hero.Name} practised every day after school.",
            $"Every day {hero.He} tried a little more.");
        s.Say(
            $"Then, {s.Pick("on Sunday", "on Friday", "one week later", "a month later")}, it worked.",
            $"And {s.Pick("on Sunday", "on Friday", "one week later", "a month later")}, {hero.He} could do it.");
        s.Say($"\"Look at me!\" {hero.He} shouted, \"I can {skill}!\"", $"\"I can {skill}!\" said {hero.Name} with shining eyes.");
        s.Say(
            $"{s.Elder.Name} clapped {s.Elder.His} hands.",
            $"{s.Friend.Name} saw it and was surprised.",
            $"{s.Friend.Name} said, \"I am sorry that I laughed.\"");
        s.Say($"After that {hero.Name} and {s.Friend.Name} {doing} together every day.", $"{s.Elder.Name} was so proud of {hero.Him}.");
        s.Say(
            $"What can {hero.Name} do now? {hero.Name} can {skill}.",
            $"{hero.Name} had learned that you must not give up.",
            $"In the evening {hero.He} was tired but happy.");
    }
}
