namespace WebDistill.Distillation.Text.Stories;

using static StoryScene;

/// <summary>Stories in and around a house.</summary>
internal static class HouseholdPlots
{
    public static void MovedThing(StoryScene s)
    {
        Person hero = s.Hero, friend = s.Friend;
        string colour = s.Colour(), toy = s.Toy();
        string first = s.Spot(), second = s.Spot(), third = s.Spot();

        s.Say(
            $"{hero.Name} had {A(colour)} {toy}.",
            $"{hero.Name} loved {hero.His} {colour} {toy} more than any other toy.",
            $"{s.Elder.Name} gave {hero.Name} {A(colour)} {toy}.");
        s.Say(
            $"{s.OneDay()}, {hero.Name} put the {toy} {first} and went out to play.",
            $"{s.OneDay()}, {hero.He} left it {first} and went to school.",
            $"{s.OneDay()}, {hero.He} put it {first} and ran into the garden.");
        s.Say(
            $"Later, {friend.Name} came in and saw the {toy}.",
            $"Soon {friend.Name} came into the room and found it.",
            $"While {hero.He} was away, {friend.Name} played with the {toy}.");
        s.Say(
            $"When {friend.He} was done, {friend.He} put it {second}.",
            $"Then {friend.Name} moved it and left it {second}.",
            $"{friend.He} took the {toy} and put it {second}.");
        bool movedAgain = s.Maybe();
        if (movedAgain)
            s.Say($"Then {s.Elder.Name} cleaned up and put the {toy} {third}.", $"Then {s.Elder.Name} came and put it {third}.");
        s.Say(
            $"When {hero.Name} came home, {hero.He} looked {first}, but the {toy} was gone.",
            $"{hero.Name} came back and looked {first}, but it was not there.");
        s.MaybeSay(
            $"\"Where is my {toy}?\" asked {hero.Name}.",
            $"\"Who took my {toy}?\" {hero.He} asked.",
            $"\"Oh no, where is my {colour} {toy}?\" said {hero.Name}.");
        s.Say(
            $"\"I put it {second},\" said {friend.Name}.",
            $"{friend.Name} said, \"It is {second}.\"",
            $"\"Look {second},\" said {friend.Name}.");
        string last = second;
        if (movedAgain)
        {
            last = third;
            s.MaybeSay($"But the {toy} was not {second}.", $"They looked {second}, but it was not there.");
            s.Say(
                $"\"I moved it,\" said {s.Elder.Name}, \"and now it is {third}.\"",
                $"Then {s.Elder.Name} smiled and said, \"I put it {third}.\"");
        }
        s.Say($"{hero.Name} looked {last}, and there it was.", $"{hero.He} ran to look, and the {toy} really was {last}.");
        s.MaybeSay(
            $"{hero.Name} was happy to have it back.",
            $"{hero.He} laughed and hugged the {toy}.",
            $"\"Thank you!\" said {hero.Name} with a big smile.");
        s.Say(
            $"Where was the {toy} in the end? It was {last}.",
            $"So the {toy} had been {last} all along.",
            $"The next time, {friend.Name} asked first before {friend.He} moved it.");
    }

    public static void LostThing(StoryScene s)
    {
        Person hero = s.Hero;
        string colour = s.Colour(), toy = s.Toy();
        string first = s.Spot(), second = s.Spot(), found = s.Spot();

        s.Say(
            $"{s.OneDay()}, {hero.Name} could not find {hero.His} {colour} {toy}.",
            $"{hero.Name} was sad because {hero.His} {colour} {toy} was lost.",
            $"{s.OneDay()}, {hero.Name} wanted to play with {hero.His} {colour} {toy}, but it was gone.");
        s.Say(
            $"{hero.He} looked {first}, but it was not there.",
            $"First {hero.He} looked {first}, but {hero.He} only found an old sock.",
            $"{hero.He} searched {first} and found nothing.");
        s.Say(
            $"Then {hero.He} looked {second}, but the {toy} was not there either.",
            $"After that {hero.He} looked {second}, but there was only dust.",
            $"{hero.He} even looked {second}, but no luck.");
        s.MaybeSay(
            $"{hero.Name} sat down and began to cry.",
            $"{hero.Name} did not know what to do.",
            $"\"I will never find it,\" {hero.He} said.");
        Person guide = s.Maybe() ? s.Elder : s.Friend;
        s.Say(
            $"{guide.Name} heard {hero.Him} and came into the room.",
            $"{guide.Name} came in and asked, \"What is wrong?\"",
            $"Then {guide.Name} came to help.");
        s.Say(
            $"\"When did you last play with it?\" asked {guide.Name}.",
            $"\"Think about yesterday,\" said {guide.Name}, \"where did you play?\"");
        s.MaybeSay(
            $"{hero.Name} thought hard.",
            $"{hero.Name} closed {hero.His} eyes and thought.",
            $"{hero.Name} thought about it for a while.");
        s.Say($"\"I know,\" {hero.He} said, \"I left it {found}!\"", $"\"I think I put it {found},\" {hero.He} said slowly.");
        s.Say($"{hero.He} ran to look {found}, and there was the {toy}.", $"They looked {found}, and the {colour} {toy} was there.");
        s.MaybeSay($"A small cat was sleeping next to it.", $"It was dusty, but it was not broken.");
        s.Say(
            $"\"I found it!\" shouted {hero.Name}.",
            $"{hero.Name} jumped up and down with joy.",
            $"{hero.Name} smiled and held the {toy} tight.");
        s.MaybeSay(
            $"From that day on, {hero.He} always put the {toy} away.",
            $"Now the {toy} was not lost any more.",
            $"That night {hero.He} slept with the {toy} by {hero.His} side.");
    }

    public static void LockedBox(StoryScene s)
    {
        Person hero = s.Hero, friend = s.Friend;
        string boxColour = s.Colour(), keySpot = s.Spot(), boxSpot = s.Draw("in the attic", "in the cellar", "in the old shed",
            "in the back of the garden");
        string inside = s.Draw("an old map", "a silver coin", "a letter", "a bag of sweets", "a tiny music box", "a photo of a ship",
            "a golden ring");

        s.Say(
            $"{s.OneDay()}, {hero.Name} and {friend.Name} found {A(boxColour)} box {boxSpot}.",
            $"There was {A(boxColour)} box {boxSpot}, and {hero.Name} found it with {friend.Name}.");
        s.Say(
            "The box was locked, and they had no key.",
            $"{hero.Name} tried to open it, but it was locked.",
            $"They pulled hard, but the {boxColour} box did not open.");
        s.MaybeSay(
            $"\"We need a key,\" said {friend.Name}.",
            $"\"How can we open it?\" asked {friend.Name}.",
            $"\"What can be inside?\" asked {friend.Name}.");
        s.Say($"They went to {s.Elder.Name} and asked about the box.", $"So they ran into the house to ask {s.Elder.Name}.");
        s.Say(
            $"\"The key is {keySpot},\" said {s.Elder.Name}.",
            $"{s.Elder.Name} smiled and said, \"Look {keySpot}.\"",
            $"\"I think I left the key {keySpot},\" said {s.Elder.Name}.");
        s.Say($"{hero.Name} looked {keySpot} and found a small key.", $"They looked {keySpot}, and there it was.");
        s.MaybeSay($"They ran back to the box {boxSpot}.", "They took the key and ran back to the box.");
        s.Say(
            $"{hero.Name} put the key into the lock and turned it.",
            $"{friend.Name} turned the key very slowly.",
            "The key was old, but it fit.");
        s.Say("Click! The box was open.", "With a click, the box opened.", "At last the box was not locked any more.");
        s.Say(
            $"Inside there was {inside}.",
            $"In the box they found {inside}.",
            $"\"Look!\" said {hero.Name}, for inside the box was {inside}.");
        s.Say(
            $"{s.Elder.Name} laughed and said, \"I put it there when I was a child.\"",
            $"\"You may keep it,\" said {s.Elder.Name}.",
            $"They showed it to {s.Elder.Name}, who told them a long story about it.");
        s.MaybeSay($"What was in the {boxColour} box? It was {inside}.", $"{hero.Name} never forgot what was in the {boxColour} box.");
        s.MaybeSay(
            "It was their best find of all.",
            $"{hero.Name} and {friend.Name} felt like real explorers.",
            "They talked about it all day long.");
    }

    public static void NoiseAtNight(StoryScene s)
    {
        Person hero = s.Hero;
        string spot = s.Spot();
        string animal = s.Draw("cat", "mouse", "puppy", "bird", "hedgehog", "frog");
        string noise = s.Draw("a scratch", "a soft bump", "a tap", "a strange squeak", "a quiet knock");

        s.Say(
            $"It was night, and {hero.Name} was in bed.",
            $"{hero.Name} lay in bed in the dark.",
            $"One night {hero.Name} could not sleep.");
        s.Say(
            $"Suddenly {hero.He} heard {noise}.",
            $"Then there was {noise} in the dark.",
            $"All at once {hero.He} heard {noise} in the room.");
        s.MaybeSay(
            $"\"What was that?\" {hero.He} thought.",
            $"{hero.Name} pulled the blanket over {hero.His} head.",
            $"{hero.His} heart began to beat fast.");
        s.MaybeSay(
            $"The noise came again, and {hero.Name} was afraid.",
            $"{hero.He} was afraid of the dark.",
            "There it was again, a little louder.");
        s.Say(
            $"\"{s.Elder.Name}!\" {hero.He} called.",
            $"{hero.He} called for {s.Elder.Name}.",
            $"In the end {hero.He} ran to wake {s.Elder.Name}.");
        s.Say(
            $"{s.Elder.Name} came with a lamp.",
            $"{s.Elder.Name} got up and took a lamp.",
            $"{s.Elder.Name} came into the room and turned on the light.");
        s.Say(
            $"\"Let us look together,\" said {s.Elder.Name}.",
            $"\"Let us look together,\" {s.Elder.He} said.",
            $"\"Do not be afraid,\" said {s.Elder.Name}, \"I am here.\"");
        s.MaybeSay("Together they looked around the room.", $"{hero.Name} held {s.Elder.His} hand, and they looked everywhere.");
        string wrong = s.Spot();
        s.MaybeSay($"There was nothing {wrong}.", $"They looked {wrong}, but there was nothing.");
        s.Say($"Then they looked {spot} and saw a small {animal}.", $"But {spot} there sat a small {animal}.");
        s.MaybeSay(
            $"The {animal} was even more afraid than {hero.Name}.",
            $"\"It is only {A(animal)}!\" laughed {hero.Name}.",
            $"The {animal} looked up at them with big eyes.");
        s.Say(
            $"They gave the {animal} some water and let it go.",
            $"{s.Elder.Name} opened the door, and the {animal} ran out into the garden.",
            $"{hero.Name} took the {animal} outside and said good night to it.");
        s.Say(
            $"Now {hero.Name} was not afraid any more, and soon {hero.He} was asleep.",
            $"After that the house was quiet, and {hero.Name} slept well.",
            $"{hero.Name} went back to bed and dreamed of the {animal}.");
    }

    public static void BrokenThing(StoryScene s)
    {
        Person hero = s.Hero, friend = s.Friend;
        (string thing, string broke, string part) = s.Draw(
            ("kite", "flew into a tree and tore", "tail"), ("toy train", "fell off the table and broke", "wheel"), ("wooden chair",
                "fell over and broke", "leg"),
            ("bike", "hit a stone and broke", "wheel"), ("lamp", "fell down and broke", "foot"), ("robot",
                "fell down the stairs and broke", "arm"));
        string colour = s.Colour();
        string tool = s.Draw("glue", "tape", "a hammer and a nail", "a piece of string", "a small screw");

        s.Say(
            $"{hero.Name} had {A(colour)} {thing}.",
            $"{hero.Name} was playing with {friend.Name} and {A(colour)} {thing}.",
            $"For {hero.His} birthday, {hero.Name} got {A(colour)} {thing}.");
        s.Say($"{s.OneDay()}, the {thing} {broke}.", $"But {s.Pick("one day", "that day", "in the afternoon")} it {broke}.");
        s.Say(
            $"Now the {part} of the {thing} was broken.",
            $"The {part} was broken, and {hero.Name} began to cry.",
            $"\"Oh no, the {part} is broken!\" said {hero.Name}.");
        s.MaybeSay(
            $"\"I am sorry,\" said {friend.Name}.",
            $"{friend.Name} saw that {hero.He} was sad.",
            $"\"Do not cry,\" said {friend.Name}, \"we can fix it.\"");
        s.Say($"They took the {thing} to {s.Elder.Name}.", $"Together they went to {s.Elder.Name} with the broken {thing}.");
        s.MaybeSay(
            $"{s.Elder.Name} looked at the {part} for a long time.",
            $"\"Let me see,\" said {s.Elder.Name}.",
            $"{s.Elder.Name} put on {s.Elder.His} glasses and looked at it.");
        s.Say($"\"We need {tool},\" {s.Elder.He} said.", $"\"I can fix it with {tool},\" {s.Elder.He} said.");
        s.Say($"{friend.Name} ran and came back with {tool}.", $"{hero.Name} found {tool} {s.Spot()}.");
        s.Say(
            $"{s.Elder.Name} fixed the {part} while {hero.Name} held the {thing}.",
            $"They worked on it together until the {part} was fixed.");
        s.Say(
            $"Soon the {thing} was as good as new.",
            $"At last the {colour} {thing} was not broken any more.",
            $"Now the {part} was even stronger than before.");
        s.MaybeSay(
            $"\"Thank you, {s.Elder.Name}!\" said {hero.Name}.",
            $"{hero.Name} hugged {s.Elder.Name} and {friend.Name}.",
            $"{hero.Name} stopped crying and smiled.");
        s.Say(
            $"{hero.Name} and {friend.Name} played with the {thing} all day.",
            $"After that, {hero.He} took good care of the {thing}.",
            $"\"Next time I will fix it myself,\" said {hero.Name}.");
    }
}
