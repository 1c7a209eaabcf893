"""The stations of the playground, in order: what to look at, a thing to try and a question."""

from __future__ import annotations

from typing import Any, NamedTuple


class Station(NamedTuple):
    """A stop on the way: a set-up of the page, two paragraphs about it, a task and a question.

    panel:  the panel that opens with it, by its name on the page
    """

    name: str
    title: str
    paragraphs: tuple[str, str]
    attempt: str
    question: str
    settings: dict[str, Any]
    panel: str


def _hidden(units: int, activation: str = "tanh", dropout: float = 0.0) -> list[Any]:
    return [units, activation, dropout]


STATIONS = (
    Station(
        "original",
        "One neuron",
        (
            "The smallest network there is: three inputs, one sigmoid neuron, no bias. It is shown "
            "four rows of zeros and ones, and has to find out that the answer is the first input. "
            "This is the program with which tinynn began, nine lines that many have learned from.",
            "In every step each weight grows by error × input × output × (1 − output), summed over "
            "the four rows. An input that was 0 had no part in the error, so its weight stays. "
            "Press Step a few times and watch the first weight grow while the third one sinks.",
        ),
        "Open “Numbers”, choose the first weight and press Step: every number that goes into the "
        "update is there. Then train 10,000 epochs: the weights come to about 9.7, −0.2 and −4.6.",
        "The second column is no use for the answer. Why is its weight not exactly 0 at the end?",
        {"data": "original"},
        "numbers",
    ),
    Station(
        "xor",
        "Exclusive or, and why one layer cannot",
        (
            "Orange where exactly one of x and y is large, blue where both or neither are. Without "
            "a hidden layer the network is a single weighted sum: it can only cut the plane along "
            "one straight line, and no line separates these four corners. Its loss stops at about "
            "0.69, which is log 2, the loss of answering one half every time.",
            "A hidden layer cuts the plane several times, and the output adds up the pieces. Two "
            "neurons are enough in principle; with four, training finds a solution almost always. "
            "Point at the hidden neurons to see where each of them cuts.",
        ),
        "Play it as it is. Then press + above “hidden layers”, give the new layer four neurons, "
        "and play again.",
        "Take the layer away again and add the input xy instead. Why does one neuron now suffice?",
        {"data": "xor", "noise": 10, "layers": [], "rate": 0.1},
        "numbers",
    ),
    Station(
        "mazur",
        "One step of back-propagation, number by number",
        (
            "Two inputs, two hidden neurons, two outputs, one row: the example that Matt Mazur "
            "worked out by hand in 2015, and that thousands have checked their own programs "
            "against. The inputs are 0.05 and 0.10, the outputs should become 0.01 and 0.99.",
            "“One number at a time” goes through it as he does: the sums and sigmoids forward, the "
            "error, then the derivatives backward, each the product of three factors by the chain "
            "rule, and the new weights at a learning rate of 0.5. The line of Python that computes "
            "each number stands beside it. (He leaves the biases as they are; tinynn trains them.)",
        ),
        "Find the three factors of ∂E/∂w5: 0.74136507, 0.186815602 and 0.593269992. Their product "
        "is 0.082167041.",
        "Why does a weight of the first layer need a sum over both outputs, and w5 none?",
        {"data": "mazur", "rate": 0.5},
        "walk",
    ),
    Station(
        "boundary",
        "A boundary that bends over time",
        (
            "A ring around a disc. In the first epochs the network can do no better than a "
            "straight cut; then the hidden neurons turn, each towards an edge of the disc of its "
            "own, and the cut closes around it. A line is as wide as its weight is large: "
            "orange for positive, blue for negative.",
            "The loss falls in steps: long flat stretches while neurons point the same way, then "
            "sudden falls when two of them part. That is the rule in larger networks, too, and a "
            "reason not to give up on a training too early.",
        ),
        "Use “Epoch” to go one epoch at a time through the first fall of the loss.",
        "How few neurons can close the ring? Why can two tanh neurons not, but three can?",
        {"data": "circle", "noise": 10, "layers": [_hidden(4)], "rate": 0.1},
        "numbers",
    ),
    Station(
        "iris",
        "Iris: real flowers, three kinds",
        (
            "A hundred and fifty irises that were measured in 1935: the length and the width of a "
            "petal decide here between three species. The output layer has a neuron for each, and "
            "softmax turns their sums into probabilities that add up to 1.",
            "One species stands apart; the other two touch, and a few flowers lie on the wrong "
            "side of any sensible border. A network that gets all of the training flowers right "
            "has learned those few by heart.",
        ),
        "Choose the two columns of the sepal instead (under “Data”) and train again: the test loss "
        "tells which pair of columns knows more about the species.",
        "Where two species touch, the colours fade into each other. What does the fading say?",
        {"data": "iris", "train": 70, "layers": [_hidden(5)], "optimizer": "adam", "rate": 0.02},
        "numbers",
    ),
    Station(
        "digits",
        "Handwritten digits, drawn with the mouse",
        (
            "Five hundred handwritten digits of 8 × 8 pixels. Each hidden neuron is shown by its "
            "weights, laid out as a picture: orange where ink speaks for it, blue where ink speaks "
            "against it. Ten outputs give the probabilities of the ten digits.",
            "After a few seconds of training, draw a digit on the pad. It is made as small as the "
            "others and shown to the network. It will be wrong at times: five hundred digits of "
            "other people are few to learn a hand from.",
        ),
        "Draw a 1 without a foot, with a foot, and slanted. Then a 7 with a bar across it.",
        "The network has never seen your hand. What else in your drawings differs from its digits?",
        {"data": "digits", "train": 80, "layers": [_hidden(24, "relu")], "optimizer": "adam",
         "rate": 0.005, "batch": 16},
        "digits",
    ),
    Station(
        "surface",
        "Down the slope: the loss as a landscape",
        (
            "The loss depends on all weights at once. Of two weights, it can be drawn as a map: "
            "dark where it is low. Training walks downhill on it, and the optimizers walk "
            "differently: plain gradient descent straight down the slope, momentum with swing, "
            "Adam with steps of about one length in every direction.",
            "In a long narrow valley the slope points across it rather than along it. That is "
            "where plain descent zigzags or creeps, and where the others gain what they are "
            "known for.",
        ),
        "Race the optimizers, then draw the surface with their paths. Raise the learning rate of "
        "one until it leaves the valley.",
        "Two paths end in different places with the same loss. What does that say about the map?",
        {"data": "moons", "noise": 10, "layers": [_hidden(4)], "rate": 0.1},
        "race",
    ),
    Station(
        "overfitting",
        "Over-fitting, and what helps",
        (
            "Few noisy points and many neurons: the training loss falls and falls, while the test "
            "loss turns and rises. The network has begun to learn the noise: islands form around "
            "single points that lie on the wrong side.",
            "Three things help. More data help most. L2 keeps all weights small, and the border "
            "with them smooth; L1 brings many of them to exactly 0. Dropout leaves out neurons at "
            "random, so that none can rely on another.",
        ),
        "Note the lowest test loss. Then try L2 at 0.003, dropout at 30%, and half as many "
        "neurons, each from a reset.",
        "With an early stop, the first network would have been good. How would you know when?",
        {"data": "moons", "noise": 60, "train": 20, "layers": [_hidden(16), _hidden(16)],
         "optimizer": "adam", "rate": 0.02},
        "numbers",
    ),
    Station(
        "names",
        "Names from the smallest GPT",
        (
            "Five hundred first names, letter by letter. The network reads the letters so far, and "
            "says how likely each letter is to come next, or the end (⏎). It is a GPT of one block "
            "with four heads of attention and 4,112 weights: A. Karpathy's microgpt, made of the "
            "same layers as its large relatives. Its loss is drawn beside that of a model that "
            "only knows how frequent each letter is.",
            "Attention is where letters meet: each asks those before it, and each head asks for "
            "something of its own. In the small pictures a row is the letter that asks, and the "
            "fuller a square, the more it takes from the letter above. To write, the network draws "
            "a letter, reads it, and draws the next. At a low temperature it keeps to what is "
            "likely; at a high one it dares more, and errs more.",
        ),
        "Play until the training loss is below 2.1. Then type “mari” and “kath”, and see what may "
        "follow and where each head looks. Or paste words of your own: towns, plants, dinosaurs.",
        "The test loss soon stops falling, while the training loss goes on. How could you tell "
        "from the written names alone that the network begins to learn the list by heart?",
        {},
        "names",
    ),
)  # fmt: skip
