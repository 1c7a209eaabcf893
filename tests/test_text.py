"""Text: vocabularies, what is drawn, windows, models and their files."""

import json
import math
import random

import pytest
from hypothesis import given, settings, strategies as st

import tinynn as nn
from tinynn import text
from tinynn.errors import DataError, DivergenceError, FormatError, SettingError
from tinynn.estimators import NotFittedError
from tinynn.estimators.text.generation import Draw, most_steps_of
from tinynn.estimators.text.windows import split, windows

RANDOM = st.randoms(use_true_random=False)
NAMES = ["anna", "hannah", "ann", "nan", "hanna", "anahan", "nana", "an", "ha", "hanan"] * 3
SCORES = st.lists(st.floats(-20, 20), min_size=2, max_size=8)


def network_of(rows, last=None):
    """Return a network whose scores after kind k are rows[k]."""
    layers = [nn.Embedding(len(rows), len(rows), weights=rows)]
    return nn.Sequential(*layers, *([last] if last else []))


def small(**changes):
    given_too = {"width": 8, "heads": 2, "epochs": 2, "batch_size": 4, **changes}
    return text.TextModel(**given_too)


@pytest.fixture(scope="module")
def fitted():
    return small(epochs=15, early_stopping=False, learning_rate=0.05).fit(NAMES)


# --- vocabularies


@settings(max_examples=40)
@given(st.text(min_size=1), st.text())
def test_what_is_encoded_is_decoded_again(characters, more):
    vocabulary = text.Vocabulary(characters)
    assert vocabulary.decode(vocabulary.encode(characters)) == characters
    assert vocabulary.kinds == vocabulary.end + 1 == len(set(characters)) + 1
    assert list(vocabulary.characters) == sorted(set(characters))
    known = "".join(c for c in more if c in characters)
    assert vocabulary.decode(vocabulary.encode(known)) == known


@pytest.mark.parametrize(
    ("encode", "message"),
    [
        (lambda v: v.encode("ab\nx"), "the text, line 2, column 1: 'x' is not among the 3 "
         "characters that the model knows, '\\nab'"),
        (lambda v: v.encode("ab\nbÁ", "names.txt", 4), "names.txt, line 5, column 2: 'Á' (U+00C1) "
         "is not among the 3 characters that the model knows, '\\nab'; did you mean 'a'?"),
        (lambda v: v.encode("\x1b"), "the text, line 1, column 1: '\\x1b' is not among the 3 "
         "characters that the model knows, '\\nab'"),
        (lambda v: v.decode([0, 3]), "Vocabulary('\\nab') needs whole numbers from 0 to 2, got the "
         "kind of begin and end at index 1"),
        (lambda v: v.decode([1.5]), "Vocabulary('\\nab') needs whole numbers from 0 to 2, got 1.5 "
         "at index 0"),
        (lambda v: text.Vocabulary([]), "a vocabulary needs at least one character, got none"),
        (lambda v: text.Vocabulary(["a", 3]), "a vocabulary needs text, got 3 at index 1"),
    ],
)  # fmt: skip
def test_unknown_characters_and_kinds_are_named(encode, message):
    with pytest.raises(DataError) as error:
        encode(text.Vocabulary("ab\n"))
    assert str(error.value) == message


# --- drawing


def softmax(z):
    powers = [math.exp(x - max(z)) for x in z]
    return [power / sum(powers) for power in powers]


@given(SCORES, st.floats(0.05, 10), st.sampled_from([None, nn.Softmax(), nn.LogSoftmax()]))
def test_probabilities_are_those_of_the_scores_whatever_layer_is_last(z, temperature, last):
    rows = [z] * len(z)
    network = network_of(rows, last)
    draw = Draw(network, temperature, None, random.Random(0))
    found = draw.probabilities(network([0])[0])
    wanted = softmax([x / temperature for x in z])
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-9)


@given(SCORES, st.integers(1, 9))
def test_top_k_leaves_the_k_most_likely_in_their_proportions(z, k):
    network = network_of([z] * len(z))
    all_of_them = Draw(network, 1.0, None, random.Random(0)).probabilities(z)
    found = Draw(network, 1.0, k, random.Random(0)).probabilities(z)
    kept = [i for i, p in enumerate(found) if p > 0]
    likely = sorted(range(len(z)), key=lambda i: (-z[i], i))[:k]
    assert set(kept) <= set(likely)
    total = sum(all_of_them[i] for i in likely)
    assert found == pytest.approx(
        [all_of_them[i] / total if i in likely else 0.0 for i in range(len(z))]
    )


@given(SCORES, st.integers(0, 99))
def test_temperature_0_takes_the_most_likely_and_so_does_a_tiny_one(z, seed):
    network = network_of([z] * len(z))
    best = z.index(max(z))
    assert text.generate(network, 0, 3, temperature=0, seed=seed) == [best] * 3
    draw = Draw(network, 5e-324, None, random.Random(seed))
    equal = [i for i, x in enumerate(z) if x == max(z)]
    assert draw(z) in equal
    assert text.generate(network, 0, 3, top_k=1, seed=seed) == [best] * 3


def test_a_softmax_that_is_certain_and_scores_beyond_exp_are_drawn_from():
    z = [[-1e300, 1e300, 0.0]] * 3
    for last in (None, nn.Softmax(), nn.LogSoftmax()):
        for temperature in (0.0, 1e-300, 1.0):
            found = text.generate(network_of(z, last), 0, 4, temperature)
            assert found == [1] * 4
    never = Draw(network_of(z, nn.Softmax()), 1.0, None, random.Random(0), never=1)
    assert sum(never.probabilities([0.0, 1.0, 0.0])) == pytest.approx(1.0)
    assert never.probabilities([0.0, 1.0, 0.0])[1] == 0.0


def test_kinds_are_drawn_as_often_as_they_are_likely():
    """χ² of 10,000 draws with 4 degrees of freedom: 18.5 is exceeded once in 1,000 times."""
    z = [0.0, 1.0, 2.0, -1.0, 0.5]
    network = network_of([z] * 5)
    for temperature in (0.5, 1.0, 2.0):
        draws = text.generate(network, 0, 10_000, temperature, seed=3)
        wanted = softmax([x / temperature for x in z])
        chi2 = sum((draws.count(k) - 10_000 * p) ** 2 / (10_000 * p) for k, p in enumerate(wanted))
        assert chi2 < 18.5
    wrong = softmax([x / 1.2 for x in z])  # the check sees a temperature that is a little off
    draws = text.generate(network, 0, 10_000, 1.0, seed=3)
    assert sum((draws.count(k) - 1e4 * p) ** 2 / (1e4 * p) for k, p in enumerate(wrong)) > 18.5


@given(st.integers(0, 1000))
def test_a_seed_gives_the_same_again_and_a_stream_goes_on(seed):
    network = network_of([[0.0, 0.1, 0.2]] * 3)
    first = text.generate(network, 0, 20, seed=seed)
    assert text.generate(network, 0, 20, seed=seed) == first
    rng = random.Random(seed)
    assert text.generate(network, 0, 20, seed=rng) == first
    assert text.generate(network, 0, 20, seed=rng) != first


def test_generation_stops_at_the_end_and_follows_what_it_wrote():
    # After 0 comes 1, after 1 comes 2, after 2 comes 0.
    cycle = network_of([[0.0, 9.0, 0.0], [0.0, 0.0, 9.0], [9.0, 0.0, 0.0]])
    assert text.generate(cycle, 0, 5, temperature=0) == [1, 2, 0, 1, 2]
    assert text.generate(cycle, [2, 1], 5, temperature=0, end=1) == [2, 0]
    assert text.generate(cycle, 0, 0) == []


def gpt(most=4, kinds=5):
    layers = text.ARCHITECTURES["gpt"](kinds, text.networks.Size(4, 2, 1, most, 1))
    return nn.Sequential(*layers, seed=1)


@given(RANDOM, st.integers(2, 5), st.integers(1, 9))
def test_when_positions_are_used_up_the_latest_half_goes_on(rng, most, length):
    """Each kind is that of a whole sequence: all so far, or the latest half and what came after."""
    network = gpt(most)
    begin = [rng.randrange(5) for _ in range(length)]
    found = text.generate(network, begin, 12, temperature=0)
    seen = list(begin)
    for kind in found:
        if len(seen) > most:
            seen = seen[-max(1, most // 2) :]
        scores = network(seen)[-1]
        assert scores[kind] == pytest.approx(max(scores), abs=1e-9)
        seen.append(kind)
    assert most_steps_of(network.layers) == most


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: text.generate(nn.Sequential(nn.Dense(2, 2)), 0, 1),
         "generate needs a network of kinds, which begins with an Embedding, got Dense(2, 2)"),
        (lambda n: text.generate(nn.Sequential(nn.Embedding(3, 2)), 0, 1),
         "generate needs a network with an output for each of its 3 kinds, got 2 outputs"),
        (lambda n: text.generate(nn.Sequential(nn.Embedding(3, 3), nn.Sigmoid()), 0, 1),
         "generate needs a network that ends with scores of the kinds, with Softmax or with "
         "LogSoftmax, got Sigmoid()"),
        (lambda n: text.generate("gpt", 0, 1),
         "generate needs a Sequential network, got 'gpt'"),
        (lambda n: text.generate(n, 7, 1),
         "generate needs begin to be whole numbers from 0 to 4, got 7 at index 0"),
        (lambda n: text.generate(n, [], 1), "generate needs begin to be at least one kind, got []"),
        (lambda n: text.generate(n, "ab", 1),
         "generate needs begin to be at least one kind, got 'ab'"),
        (lambda n: text.generate(n, 0, 1, end=5),
         "generate needs end to be whole numbers from 0 to 4, got 5 at index 0"),
        (lambda n: text.generate(n, 0, -1),
         "generate needs steps to be a whole number, at least 0, got -1"),
        (lambda n: text.generate(n, 0, 1, temperature=-0.5),
         "generate needs temperature to be a finite number, at least 0, got -0.5; did you mean "
         "0.5?"),
        (lambda n: text.generate(n, 0, 1, top_k=0),
         "generate needs top_k to be a whole number, at least 1, got 0"),
        (lambda n: text.generate(
            nn.Sequential(nn.Embedding(3, 3), nn.MultiHeadAttention(3, 1)), 0, 1),
         "MultiHeadAttention(3, 1) attends to later steps, so it cannot take them one by one; "
         "causal=True"),
    ],
)  # fmt: skip
def test_what_cannot_be_generated_is_said(call, message):
    with pytest.raises((SettingError, DataError)) as error:
        call(gpt())
    assert str(error.value) == message


# --- windows


@given(st.lists(st.text("abc"), min_size=1, max_size=5), st.integers(2, 6))
def test_windows_of_lines_predict_each_character_and_each_end_once(lines, most):
    vocabulary = text.Vocabulary("abc")
    found = windows(lines, vocabulary, most, "it")
    assert found.size == sum(len(line) + 1 for line in lines)
    assert all(0 < len(x) == len(t) <= most for x, t in zip(*found))
    targets = [kind for part in found.targets for kind in part]
    assert targets == [kind for line in lines for kind in [*vocabulary.encode(line), 3]]
    inputs = [kind for part in found.inputs for kind in part]
    assert inputs == [kind for line in lines for kind in [3, *vocabulary.encode(line)]]


@given(st.text("abc", min_size=1), st.integers(2, 6))
def test_windows_of_one_text_begin_with_the_end_and_predict_each_character_once(one, most):
    vocabulary = text.Vocabulary("abc")
    found = windows(one, vocabulary, most, "it")
    assert "".join(vocabulary.decode(t) for t in found.targets) == one
    assert all(x == [3, *t[:-1]] for x, t in zip(*found))


@given(st.lists(st.sampled_from("abcdef"), min_size=2), st.floats(0.01, 0.99), st.integers(0, 9))
def test_equal_lines_are_held_out_together(lines, share, seed):
    if len(set(lines)) < 2:
        with pytest.raises(DataError, match="at least two different lines to hold some out, got 1"):
            split(lines, share, seed, 1, "it")
        return
    kept, apart = split(lines, share, seed, 1, "it")
    assert sorted(kept + apart) == sorted(lines)
    assert kept and apart and not set(kept) & set(apart)


# --- models


def test_a_model_learns_what_its_lines_have_in_common(fitted):
    assert fitted.vocabulary_.characters == "ahn"
    assert fitted.most_steps_ == 7
    assert fitted.loss(NAMES) < 0.8 * fitted.frequency_loss(NAMES)
    assert fitted.perplexity(NAMES) == math.exp(fitted.loss(NAMES))
    assert fitted.counts_[-1] == len(NAMES)
    assert sum(fitted.counts_) == sum(len(name) + 1 for name in NAMES)


def test_losses_are_means_over_characters_by_hand(fitted):
    line = "nan"
    rows = fitted.network_([3, 2, 0, 2])  # end, n, a, n
    wanted = -sum(math.log(softmax(row)[k]) for row, k in zip(rows, [2, 0, 2, 3])) / 4
    assert fitted.loss([line]) == pytest.approx(wanted, rel=1e-12)
    counts, total = fitted.counts_, sum(fitted.counts_) + 4
    wanted = -sum(math.log((counts[k] + 1) / total) for k in [2, 0, 2, 3]) / 4
    assert fitted.frequency_loss([line]) == pytest.approx(wanted, rel=1e-12)


def test_samples_are_reproducible_and_begin_with_the_prompt(fitted):
    first = fitted.sample(8, temperature=0.8, seed=4)
    assert first == fitted.sample(8, temperature=0.8, seed=4)
    assert first != fitted.sample(8, temperature=0.8, seed=5)
    assert len(set(first)) > 1
    assert all(each.startswith("ha") for each in fitted.sample(8, prompt="ha"))
    assert fitted.sample(2, temperature=0) == [fitted.sample(1, top_k=1)[0]] * 2
    assert all(len(each) <= 3 for each in fitted.sample(20, temperature=5.0, length=3))
    assert max(map(len, fitted.sample(50, temperature=50.0))) == 7
    assert fitted.sample(0) == []
    assert fitted.sample(1, prompt="nannanannananna" * 3, length=2) == ["nannanannananna" * 3]


def test_long_lines_are_cut_into_windows_and_longer_ones_are_written():
    model = small(most_steps=4, early_stopping=False).fit(["abcabcabcabc", "abc"])
    assert model.network_.layers[1].most == 4
    assert model.loss(["abcabc"]) > 0
    assert max(map(len, model.sample(9, 9.0, length=30, prompt="abcabcab"))) > 12


def test_one_text_goes_on_without_an_end():
    one = "the cat sat on the mat.\nthe dog sat on the cat.\n" * 8
    model = small(epochs=6, learning_rate=0.03, most_steps=8, seed=2).fit(one)
    assert model.whole_ and model.counts_[model.vocabulary_.end] == 0
    for temperature in (0, 1.0, 100.0):
        (written,) = model.sample(1, temperature, length=60, prompt="the ")
        assert len(written) == 60 and written.startswith("the ")
    assert len(model.sample()[0]) == 500
    assert model.loss(one) < model.frequency_loss(one)
    total = sum(model.counts_) + model.vocabulary_.end
    shares = [(count + 1) / total for count in model.counts_[:-1]]
    assert sum(shares) == pytest.approx(1.0)


def test_epochs_are_as_many_as_show_enough_characters(monkeypatch):
    monkeypatch.setattr("tinynn.estimators.text.model.SHOWN", 600)
    model = small(epochs=None, early_stopping=False).fit(NAMES)
    assert model.history_.epochs == round(600 / sum(len(name) + 1 for name in NAMES))


def test_training_is_that_of_fit_on_the_same_sequences():
    model = small(epochs=4, early_stopping=False).fit(NAMES)
    other = nn.Sequential(
        *text.ARCHITECTURES["gpt"](4, text.networks.Size(8, 2, 1, 7, 1)), seed=0
    )  # fmt: skip
    X, T = windows(NAMES, model.vocabulary_, 7, "it")
    rate = nn.schedules.Linear(0.01, 0.0, steps=4 * math.ceil(len(X) / 4))
    history = nn.fit(
        other, X, T, loss=nn.CategoricalCrossEntropy(from_logits=True), epochs=4, batch_size=4,
        optimizer=nn.Adam(rate, (0.85, 0.99), 1e-8),
    )  # fmt: skip
    assert model.network_.state() == other.state()
    assert model.history_.loss == history.loss


def test_no_more_is_held_out_than_says_something(monkeypatch):
    monkeypatch.setattr("tinynn.estimators.text.model.MOST_HELD", 8)
    model = small(validation_share=0.5).fit(NAMES)
    assert sum(model.counts_[:-1]) >= sum(map(len, NAMES)) - 8 - 3 * max(map(len, NAMES))


def test_early_stopping_keeps_the_best_weights():
    model = small(epochs=200, patience=3, learning_rate=0.2, validation_share=0.3).fit(NAMES)
    history = model.history_
    assert history.stopped_by == "early stopping"
    assert history.epochs == history.best_epoch + 3
    held = split(NAMES, 0.3, 0, 1, "it")[1]
    assert model.loss(held) == pytest.approx(min(history.validation_loss), rel=1e-9)


def test_a_network_of_ones_own():
    def make(kinds):
        return nn.Sequential(nn.Embedding(kinds, 6), nn.Dense(6, kinds), nn.Softmax(), seed=1)

    model = small(network=make, epochs=5).fit(NAMES)
    assert model.loss(NAMES) > 0
    assert [type(layer) for layer in model.network_.layers] == [nn.Embedding, nn.Dense, nn.Softmax]
    assert all(set(each) <= set("ahn") for each in model.sample(5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: small(network="lstn").fit(NAMES),
         "TextModel needs network to be 'gpt', 'rnn', 'lstm', 'gru', or a function of the number "
         "of kinds that returns a Sequential, got 'lstn'; did you mean 'lstm'?"),
        (lambda: small(network=lambda kinds: gpt(9, 9)).fit(NAMES),
         "TextModel needs a network of 4 kinds, 3 characters and one for begin and end, got 9"),
        (lambda: small(network=lambda kinds: gpt(3, kinds)).fit(NAMES),
         "TextModel needs a network that takes 7 steps, got Positions for 3; set most_steps"),
        (lambda: small(network=lambda kinds: None).fit(NAMES),
         "generate needs a Sequential network, got None"),
        (lambda: small(most_steps=1).fit(NAMES),
         "TextModel needs most_steps to be a whole number, at least 2, got 1"),
        (lambda: small(width=0).fit(NAMES),
         "TextModel needs width to be a whole number, at least 1, got 0"),
        (lambda: small(validation_share=1).fit(NAMES),
         "TextModel needs validation_share to be a finite number, above 0 and below 1, got 1"),
        (lambda: small().fit([]), "TextModel needs at least one line, got none"),
        (lambda: small().fit(""), "TextModel needs a text of at least one character, got an empty "
         "one"),
        (lambda: small().fit(["anna", None]),
         "TextModel needs lines of text, got None in line 2"),
        (lambda: small().fit(b"anna"),
         "TextModel needs a list of lines, or one text, got b'anna'"),
        (lambda: small().fit(["anna", "anna"]),
         "TextModel needs at least two different lines to hold some out, got 1"),
        (lambda: small().fit("ann"), "TextModel needs at least 4 characters to hold some out, got "
         "3"),
        (lambda: small().fit(NAMES, text.Vocabulary("an")),
         "the text, line 2, column 1: 'h' is not among the 2 characters that the model knows, "
         "'an'"),
        (lambda: small().fit(NAMES, "ahn"), "TextModel needs a Vocabulary, got 'ahn'"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_said(call, message):
    with pytest.raises((SettingError, DataError)) as error:
        call()
    assert str(error.value) == message


def test_what_is_refused_leaves_the_model_as_it_was(fitted):
    before = fitted.sample(3)
    with pytest.raises(DataError):
        fitted.fit([None])
    with pytest.raises(SettingError, match="engine"):
        fitted.fresh(engine="nativ").fit(NAMES)
    assert fitted.sample(3) == before
    with pytest.raises(DataError) as error:
        fitted.sample(prompt="anX")
    assert str(error.value) == (
        "the prompt, line 1, column 3: 'X' is not among the 3 characters that the model knows, "
        "'ahn'"
    )
    with pytest.raises(DataError, match=r"^names, line 12, column 2: 'o'"):
        fitted.loss(["ann", "no"], "names", [3, 12])
    with pytest.raises(SettingError) as error:
        fitted.loss("anna")
    assert str(error.value) == (
        "this TextModel was trained on lines, and measures lines, got one text"
    )
    with pytest.raises(NotFittedError) as error:
        text.TextModel().sample()
    assert str(error.value) == "this TextModel needs fit(text) first"


def test_divergence_says_where():
    model = small(learning_rate=1e300, early_stopping=False)
    with pytest.raises(DivergenceError, match="epoch 1"):
        model.fit(NAMES)


def test_ctrl_c_keeps_what_was_learned():
    class Interrupt(nn.Callback):
        def on_batch_end(self, trainer):
            if (trainer.epoch, trainer.batch) == (1, 3):
                raise KeyboardInterrupt

    model = small(callbacks=[Interrupt()]).fit(NAMES)
    assert model.history_.stopped_by == "interrupted"
    assert model.sample(2) == model.sample(2)


# --- files


def test_a_saved_model_is_the_same(fitted, tmp_path):
    path = tmp_path / "m.json"
    fitted.save(path)
    again = nn.load(path)
    assert isinstance(again, text.TextModel)
    assert again.sample(9) == fitted.sample(9)
    assert again.loss(NAMES) == fitted.loss(NAMES)
    assert again.get_params() == {**fitted.get_params()}
    assert again.vocabulary_ == fitted.vocabulary_
    again.save(tmp_path / "n.json")
    assert (tmp_path / "n.json").read_bytes() == path.read_bytes()
    again.fit(NAMES)
    assert again.sample(5) == fitted.fresh().fit(NAMES).sample(5)


def test_characters_of_any_kind_are_saved(tmp_path):
    lines = ["\x00\ud800", "é\n\u2028", "😀"]
    model = small(epochs=1, early_stopping=False).fit(lines)
    model.save(tmp_path / "m.json")
    assert nn.load(tmp_path / "m.json").vocabulary_ == model.vocabulary_


def test_a_model_of_a_network_of_ones_own_is_loaded_but_not_fitted_again(tmp_path):
    model = small(network=lambda kinds: gpt(9, kinds)).fit(NAMES)
    model.save(tmp_path / "m.json")
    again = nn.load(tmp_path / "m.json")
    assert again.sample(3) == model.sample(3)
    with pytest.raises(SettingError) as error:
        again.fit(NAMES)
    assert str(error.value) == (
        "this TextModel's network was made by a function of its own, which its file does not hold; "
        "set network"
    )


def test_a_training_cut_short_goes_on_with_the_same_bits(tmp_path):
    whole = small(epochs=6).fit(NAMES)

    class Stop(nn.Callback):
        def on_epoch_end(self, trainer):
            if trainer.epoch == 2:
                raise KeyboardInterrupt

    path = tmp_path / "run.json"
    cut = small(epochs=6, callbacks=[Stop()]).fit(NAMES, resume=path)
    assert cut.history_.stopped_by == "interrupted"
    assert isinstance(nn.load(path), text.TextModel)
    again = small(epochs=6).fit(NAMES, resume=path)
    assert again.network_.state() == whole.network_.state()
    assert again.history_.loss == whole.history_.loss
    with pytest.raises(SettingError, match="differs in rows and data"):
        small(epochs=6).fit([*NAMES, "hahn"], resume=path)


def changed(*keys, to):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("counts"), "{} needs counts to be a text model"),
        (changed("settings", to=[]), "{} needs settings to be an object, got []"),
        (changed("settings", "with", to=1), "{}: settings cannot have 'with'"),
        (changed("settings", "callbacks", to=[]), "{}: settings cannot have 'callbacks'"),
        (changed("settings", "network", to=["gpt"]),
         "{} needs network in settings to be text, got ['gpt']"),
        (changed("settings", "network", to="gtp"),
         "{} is not a valid text model: TextModel needs network to be 'gpt', 'rnn', 'lstm', 'gru', "
         "or a function of the number of kinds that returns a Sequential, got 'gtp'; did you mean "
         "'gpt'?"),
        (changed("settings", "width", to="8"),
         "{} is not a valid text model: TextModel needs width to be a whole number, at least 1, "
         "got '8'"),
        (changed("settings", "width", to=10**6),
         "{} needs width, layers and most_steps in settings about those of its network, got "
         "1000000, 1 and 7"),
        (changed("settings", "layers", to=10**9),
         "{} needs width, layers and most_steps in settings about those of its network, got 8, "
         "1000000000 and 7"),
        (changed("settings", to={"network": "gru", "units": 10**9}),
         "{} needs width, layers, units and most_steps in settings about those of its network, got "
         "16, 1, 1000000000 and 7"),
        (changed("settings", "units", to=0),
         "{} is not a valid text model: TextModel needs units to be a whole number, at least 1, "
         "got 0"),
        (changed("characters", to=7), "{} needs characters to be text, got 7"),
        (changed("characters", to=""), "{} needs characters to be text, got ''"),
        (changed("characters", to="anh"), "{} needs its characters sorted, each of them once"),
        (changed("characters", to="aan"), "{} needs its characters sorted, each of them once"),
        (changed("characters", to="ah"),
         "{} needs counts to be 3 whole numbers, one for each kind"),
        (changed("whole", to=0), "{} needs whole to be true or false, got 0"),
        (changed("most_steps", to=8),
         "{} needs a network that takes 8 steps, got Positions for 7"),
        (changed("most_steps", to=True),
         "{} is not a valid text model: the file needs most_steps to be a whole number, at least "
         "2, got True"),
        (changed("counts", to=[1, 2, 3, -4]),
         "{} needs counts to be 4 whole numbers, one for each kind"),
        (changed("counts", to=[1, 2, 3, 2**60]),
         "{} needs counts to be 4 whole numbers, one for each kind"),
        (changed("network", to=None), '{}: network needs "layers" to be a list'),
        (changed("history", to={}),
         "{} is not a valid text model: history needs loss, validation_loss, learning_rate, "
         "seconds, metrics, stopped_by, engine, engine_reason"),
        (changed("about", to={}),
         "{}: about needs source, lines, characters, tested, loss, frequency_loss"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_said(fitted, tmp_path, change, message):
    path = tmp_path / "m.json"
    fitted.save(path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(FormatError) as error:
        nn.load(path)
    assert str(error.value) == message.format(path)


def test_networks_in_a_file_that_are_not_of_its_kinds(fitted, tmp_path):
    path = tmp_path / "m.json"
    fitted.save(path)
    content = json.loads(path.read_text())
    for network, message in (
        (gpt(7, 5), "needs a network of 4 kinds, one for each of its characters and one for begin "
         "and end, got 5"),
        (nn.Sequential(nn.Dense(1, 4)), "is not a valid text model: generate needs a network of "
         "kinds, which begins with an Embedding, got Dense(1, 4)"),
        (nn.Sequential(nn.Embedding(4, 4), nn.MultiHeadAttention(4, 1)),
         "is not a valid text model: MultiHeadAttention(4, 1) attends to later steps, so it cannot "
         "take them one by one; causal=True"),
    ):  # fmt: skip
        content["network"] = network.to_dict()
        path.write_text(json.dumps(content))
        with pytest.raises(FormatError) as error:
            nn.load(path)
        assert str(error.value) == f"{path} {message}"
    content["network"] = network_of([[0.0] * 4] * 4).to_dict()
    content["most_steps"] = 2**40  # without Positions, nothing else limits what `sample` writes
    path.write_text(json.dumps(content))
    with pytest.raises(FormatError, match="about those of its network, got 8, 1 and 1099511627776"):
        nn.load(path)


@pytest.mark.parametrize("name", text.ARCHITECTURES)
def test_every_architecture_learns_is_saved_and_writes(name, tmp_path):
    model = small(
        network=name, units=8, layers=2, epochs=8, learning_rate=0.05, early_stopping=False
    )
    assert model.fit(NAMES).loss(NAMES) < 0.9 * model.frequency_loss(NAMES)
    model.save(tmp_path / "m.json")
    again = nn.load(tmp_path / "m.json")
    assert again.sample(5) == model.sample(5)
    assert again.fit(NAMES).network_.state() == model.network_.state()


@pytest.mark.parametrize(("name", "layer"), [("rnn", nn.RNN), ("lstm", nn.LSTM), ("gru", nn.GRU)])
def test_recurrent_architectures_have_a_state_of_units_in_each_layer(name, layer):
    made = text.ARCHITECTURES[name](5, text.networks.Size(3, 1, 2, 9, 4))
    assert list(map(repr, made)) == [
        "Embedding(5, 3)", repr(layer(3, 4)), repr(layer(4, 4)), "Dense(4, 5)"
    ]  # fmt: skip
    model = small(network=name, units=4, layers=2, early_stopping=False, epochs=1).fit(NAMES)
    assert [each.units for each in model.network_.layers[1:3]] == [4, 4]


@given(RANDOM, st.sampled_from(["rnn", "lstm", "gru"]), st.integers(1, 2))
@settings(max_examples=20)
def test_the_state_of_a_recurrent_network_goes_along_all_that_is_written(rng, name, layers):
    """Each kind is the likeliest after a whole sequence, however long: none of it is forgotten."""
    size = text.networks.Size(3, 1, layers, 2, 4)
    network = nn.Sequential(*text.ARCHITECTURES[name](5, size), seed=rng.randrange(99))
    seen = [rng.randrange(5) for _ in range(3)]
    for kind in text.generate(network, seen, 9, temperature=0):
        scores = network(seen)[-1]
        assert scores[kind] == pytest.approx(max(scores), abs=1e-9)
        seen.append(kind)
    assert len(seen) == 12


def test_one_text_is_written_on_from_the_state_beyond_the_windows_of_training():
    one = "the cat sat on the mat.\nthe dog sat on the cat.\n" * 4
    model = small(network="gru", units=6, most_steps=8, epochs=3, early_stopping=False).fit(one)
    (written,) = model.sample(1, temperature=0, length=40, prompt="the ")
    known = [model.vocabulary_.end, *model.vocabulary_.encode(written)]
    scores = model.network_(known)[-2]
    assert scores[known[-1]] == max(scores[:-1]) and len(written) == 40
