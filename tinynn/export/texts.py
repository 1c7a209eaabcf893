"""What a file holds of a model of text, beside its network: characters, and how it writes.

The functions draw as `estimators/text/generation.py` does: with the same random numbers, a file
writes the same texts as the model.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple, Sequence

from ..estimators.parameters import raise_not_fitted
from ..estimators.text.generation import most_steps_of
from ..estimators.text.model import CONTINUED, TextModel
from ..lesson.activation_layers import Softmax

PYTHON = """\
CHARACTERS = {characters}
END = len(CHARACTERS)  # the kind of what stands before and after a text


def sample(count=1, temperature=1.0, prompt="", length={length}, uniform=None):
    if uniform is None:
        from random import random as uniform
    return [_text(prompt, temperature, length, uniform) for _ in range(count)]


def _text(prompt, temperature, length, uniform):
    for c in prompt:
        if c not in CHARACTERS:
            raise ValueError("a prompt needs to be of known CHARACTERS, got %r" % (c,))
    kinds, written = [END] + [CHARACTERS.index(c) for c in prompt], prompt
    state, seen = begin(), 0
    for _ in range(length - len(prompt)):
{anew}        for kind in kinds[seen:]:
            y = predict_step(state, kind)
        seen = len(kinds)
        kind = _drawn(y, temperature, uniform)
        if kind == END:
            break
        written += CHARACTERS[kind]
        kinds.append(kind)
    return written


def _drawn(y, temperature, uniform):
    z = {scores}
{never}    top = max(z)
    if temperature == 0:
        return z.index(top)
    powers = [exp((v - top) / temperature) for v in z]
    total, last = sum(powers), 0
    shares = [v / total for v in powers]
    left = uniform() * sum(shares)
    for kind, share in enumerate(shares):
        if share > 0.0:
            last = kind
            left -= share
            if left < 0.0:
                break
    return last
"""
_ANEW = """\
        if len(kinds) > {most}:  # what was before the latest half is forgotten
            kinds, state, seen = {recent}, begin(), 0
"""
PYTHON_COMMAND = """\
if __name__ == "__main__":
    import sys

    for line in sample(*[make(v) for make, v in zip((int, float, str), sys.argv[1:] or ["5"])]):
        print(line)
"""

JAVASCRIPT = """\
/** @type {{string[]}} */
export const characters = {characters};
const END = characters.length; // the kind of what stands before and after a text

/**
 * Texts that begin with the prompt. `uniform` returns a random number from 0 to 1.
 * @returns {{string[]}}
 */
export function sample({{
    count = 1, temperature = 1, prompt = "", length = {length}, uniform = Math.random,
}} = {{}}) {{
    return Array.from({{ length: count }}, () => {{
        const first = Array.from(prompt, (c) => characters.indexOf(c));
        if (first.includes(-1)) {{
            throw new RangeError(`a prompt needs to be of known characters, got ${{prompt}}`);
        }}
        let kinds = [END, ...first], state = begin(), seen = 0, written = prompt;
        for (let i = first.length; i < length; i++) {{
{anew}            let y;
            for (const kind of kinds.slice(seen)) y = predictStep(state, kind);
            seen = kinds.length;
            const kind = drawn(y, temperature, uniform);
            if (kind === END) break;
            written += characters[kind];
            kinds.push(kind);
        }}
        return written;
    }});
}}

/** A kind, drawn by the outputs of the network. */
function drawn(y, temperature, uniform) {{
    const z = {scores};
{never}    const top = Math.max(...z);
    if (temperature === 0) return z.indexOf(top);
    const powers = z.map((v) => Math.exp((v - top) / temperature));
    const total = powers.reduce((sum, v) => sum + v, 0);
    const shares = powers.map((v) => v / total);
    let left = uniform() * shares.reduce((sum, v) => sum + v, 0), last = 0;
    for (let kind = 0; kind < shares.length; kind++) {{
        if (shares[kind] > 0) {{
            last = kind;
            left -= shares[kind];
            if (left < 0) break;
        }}
    }}
    return last;
}}
"""
_JAVASCRIPT_ANEW = """\
            if (kinds.length > {most}) {{ // what was before the latest half is forgotten
                [kinds, state, seen] = [{recent}, begin(), 0];
            }}
"""


class Writing(NamedTuple):
    """How a model of text writes.

    characters: by their kinds; the kind after them is that of begin and end
    whole:      whether it continues one text, which never ends
    length:     how many characters it writes at most, unless told otherwise
    most:       how many steps its network sees at once; 0: any number
    shares:     whether its outputs are probabilities, not scores
    """

    characters: Sequence[str]
    whole: bool
    length: int
    most: int
    shares: bool

    @property
    def recent(self) -> tuple[int, int]:
        """How many kinds come first when the sequence begins anew, and how many of the latest."""
        room = max(1, self.most // 2)
        head = int(self.whole and room > 1)
        return head, room - head


def writing_of(model: TextModel) -> Writing:
    """Return how a fitted model writes. Raises NotFittedError before `fit`."""
    if "network_" not in vars(model):
        raise_not_fitted(model, "text")
    layers = model.network_.layers
    most = most_steps_of(layers)
    return Writing(
        list(model.vocabulary_.characters),
        model.whole_,
        CONTINUED if model.whole_ else model.most_steps_,
        0 if most == inf else int(most),
        isinstance(layers[-1], Softmax),
    )


def python_functions(writing: Writing, characters: str) -> str:
    """Return the functions in Python; `characters` is the source of the list of them."""
    head, latest = writing.recent
    recent = f"{'[END] + ' * head}kinds[-{latest}:]"
    return PYTHON.format(
        characters=characters,
        length=writing.length,
        anew=_ANEW.format(most=writing.most, recent=recent) if writing.most else "",
        scores="[log(v) if v > 0.0 else -1e999 for v in y]" if writing.shares else "list(y)",
        never="    z[END] = -1e999\n" * writing.whole,
    )


def javascript_functions(writing: Writing, characters: str) -> str:
    """Return the functions in JavaScript; `characters` is the source of the array of them."""
    head, latest = writing.recent
    recent = f"{'[END, ...' * head}kinds.slice(-{latest}){']' * head}"
    return JAVASCRIPT.format(
        characters=characters,
        length=writing.length,
        anew=_JAVASCRIPT_ANEW.format(most=writing.most, recent=recent) if writing.most else "",
        scores="y.map(Math.log)" if writing.shares else "[...y]",
        never="    z[END] = -Infinity;\n" * writing.whole,
    )
