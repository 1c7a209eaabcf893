"""The functions of a C header for a network of sequences: they take it step by step, or whole."""

from __future__ import annotations

from typing import Callable, Sequence

from ..errors import SettingError
from .c_family import Code, indented
from .c_sequences import row, state_sizes
from .steps import Description
from .texts import Writing
from .wiring import Wiring

_FUNCTIONS = """\
typedef struct {{
{fields}}} {p}state;

/* Forgets all steps: the next one begins a sequence. */
static inline void {p}begin({p}state *state)
{{
{begin}}}

/* Takes the next step of a sequence; y is the answer to the sequence so far.{refused} */
static inline int {p}predict_step({p}state *state, {step}, {T} y[{outputs}])
{{
{body}}}

/* The answer to a whole sequence{shape}. */
static inline int {p}predict(const {given} *x, long steps, {T} *y)
{{
    {p}state state;
    int refused = steps < 1 ? -2 : 0;
    {p}begin(&state);
    for (long t = 0; t < steps && !refused; t++)
        refused = {p}predict_step(&state, {each}, y{next});
    return refused;
}}
"""
_TEXTS = "{p}end comes first; {p}character(k) is what kind k writes, on AVR a string in flash."


def check_most(wiring: Wiring) -> None:
    """Raise SettingError for attention without a bound: C keeps its keys and values in an array."""
    if wiring.growing and not wiring.most:
        raise SettingError(
            "to_c needs to know how many steps a sequence has at most, for the keys and values "
            "that attention keeps of them, and this network has no Positions(most, width), which "
            "would say it"
        )


def character_tables(p: str, writing: Writing, strings: Callable[[str, Sequence[str]], str]) -> str:
    """Return the characters of a model of text; `strings` writes a table of texts."""
    return (
        f"enum {{ {p}end = {len(writing.characters)} }}; /* begins and ends a text */\n"
        f"\n{strings('characters', writing.characters)}"
        f"#define {p}character(k) {p}get_text({p}characters + (k))\n"
    )


def sizes(wiring: Wiring) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many numbers each row of a step, and of the state, holds."""
    scores = {"s": wiring.most} if wiring.growing else {}
    return {**wiring.rows, **scores}, state_sizes(wiring)


def state_size(wiring: Wiring, size: int) -> str:
    """Return what to say about the state, with numbers of so many bytes."""
    numbers = sum(sizes(wiring)[1].values())
    return f"; the state of a sequence takes {numbers * size} bytes" + " and a long" * wiring.counts


def step_functions(d: Description, wiring: Wiring, code: Code, p: str, real: str, x: str) -> str:
    """Return the type of the state and the functions, in a header with numbers of type `real`.

    p: the prefix of names; x: the source of input j, from x[j]
    """
    rows, state = sizes(wiring)
    fields = [f"{real} {name}[{size}];" for name, size in state.items()]
    begin = [
        f"for (int j = 0; j < {size}; j++) state->{name}[j] = 0;"
        for name, size in state.items()
        if name not in wiring.growing
    ]
    body, refused = [], []
    if wiring.kinds:
        body.append(f"if (kind < 0 || kind >= {wiring.kinds}) return -1;")
        refused.append("-1 for a kind below 0 or above the last one")
    if wiring.most:
        body.append(f"if (state->steps >= {wiring.most}) return -2;")
        refused.append(f"-2 for more than {wiring.most} steps")
    if wiring.counts:
        fields.append("long steps;")
        begin.append("state->steps = 0;")
    body = [f"{real} {name}[{size}];" for name, size in rows.items()] + body
    if not wiring.kinds:
        body.append(f"for (int j = 0; j < {d.inputs}; j++) a[j] = {x};")
    body += code.lines
    body += ["state->steps++;"] * wiring.counts
    result = row(wiring, wiring.result)
    body.append(f"for (int j = 0; j < {d.outputs}; j++) y[j] = {result}[j];")
    every = "" if wiring.one_row else f" + t * {d.outputs}"
    where = "" if wiring.one_row else f": y has {d.outputs} numbers for each step"
    return _FUNCTIONS.format(
        p=p, T=real, fields=indented(fields), begin=indented(begin), outputs=d.outputs,
        refused="\n   Returns 0, or " + ", ".join(refused) + "." if refused else " Returns 0.",
        step="int kind" if wiring.kinds else f"const {real} x[{d.inputs}]",
        body=indented([*body, "return 0;"]), shape=where,
        given="int" if wiring.kinds else real,
        each="x[t]" if wiring.kinds else f"x + t * {d.inputs}", next=every,
    )  # fmt: skip


def usage(d: Description, wiring: Wiring, p: str, real: str) -> list[str]:
    """Return an example of use, as lines of a comment."""
    step = "0" if wiring.kinds else "x"
    given = [] if wiring.kinds else [f"    {real} x[{p}inputs] = {{0}};"]
    return [
        f"    {p}state state;",
        f"    {real} y[{p}outputs];",
        *given,
        f"    {p}begin(&state);",
        f"    {p}predict_step(&state, {step}, y);",
        "",
        "for each step of a sequence; y is the answer to the steps so far.",
        *[_TEXTS.format(p=p)] * bool(d.writing),
    ]
