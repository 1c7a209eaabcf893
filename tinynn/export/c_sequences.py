"""The operations of sequences as routines in C, from which `c_family` also makes JavaScript.

t is how many steps there were before. What is kept from step to step is given as it is, not as a
constant, since constants may be in flash.
"""

from __future__ import annotations

from math import sqrt
from typing import Callable, Sequence

from ..engines.plans import Frozen
from ..formulas.cells import CELLS
from ..formulas.indexed_loops import LoopLanguage, Loops
from .wiring import RESET, SUMMARY, Wiring

# That t is never negative, compilers cannot know: without s[0] = 0, they warn.
_ATTENTION = """\
s[0] = 0;
for (int j = 0; j < n; j++) {{
    keys[t * n + j] = x[n + j];
    values[t * n + j] = x[2 * n + j];
}}
for (int k = 0; k < n; k += d) {{
    for (int i = 0; i <= t; i++) {{
        s[i] = 0;
        for (int j = k; j < k + d; j++) s[i] += x[j] * keys[i * n + j];
        s[i] *= factor;
    }}
    {softmax}(s, t + 1);
    for (int j = k; j < k + d; j++) {{
        y[j] = 0;
        for (int i = 0; i <= t; i++) y[j] += s[i] * values[i * n + j];
    }}
}}"""

# The routine's name, its arguments and its body, by the kind of the operation.
ROUTINES: dict[str, tuple[str, str, str]] = {
    "Embedding": (
        "look_up", "int kind, const REAL *W, REAL *y, int n",
        "for (int j = 0; j < n; j++) y[j] = W[kind * n + j];",
    ),
    "Positions": (
        "add_place", "REAL *x, int n, const REAL *W, long t",
        "for (int j = 0; j < n; j++) x[j] += W[t * n + j];",
    ),
    "MeanSteps": (
        "mean_step", "REAL *x, int n, REAL *sum, long t", """\
for (int j = 0; j < n; j++) {
    sum[j] += x[j];
    x[j] = sum[j] / (REAL)(t + 1);
}""",
    ),
    "MaxSteps": (
        "max_step", "REAL *x, int n, REAL *top, long t", """\
for (int j = 0; j < n; j++) {
    if (t == 0 || x[j] > top[j]) top[j] = x[j];
    x[j] = top[j];
}""",
    ),
    "Copy": ("copy_row", "REAL *x, int n, REAL *y", "for (int j = 0; j < n; j++) y[j] = x[j];"),
    "Add": ("add_row", "REAL *x, int n, REAL *y", "for (int j = 0; j < n; j++) y[j] += x[j];"),
    "Zeros": ("zero_row", "REAL *y, int n", "for (int j = 0; j < n; j++) y[j] = 0;"),
}  # fmt: skip


def is_cell(kind: str) -> bool:
    """Return whether an operation is the program of a recurrent layer, or its part before."""
    return kind.partition(RESET)[0] in CELLS


def routine_name(kind: str) -> str:
    """Return the name of a cell's routine.

    >>> routine_name("GRU with reset before, reset")
    'gru_with_reset_before_reset'
    """
    return kind.lower().replace(",", "").replace(" ", "_")


def cell_routine(kind: str, style: LoopLanguage) -> tuple[str, str, str]:
    """Return name, arguments and body of the routine for a cell or its reset."""
    cell, _, _ = kind.partition(RESET)
    formula = CELLS[cell]
    is_reset = kind != cell
    elements = {name: f"{name}[j]" for name in (*formula.state, "m")}
    for k, gate in enumerate(formula.gates):
        start = ("", "n + ", "2 * n + ", "3 * n + ")[k]
        elements[f"a_{gate}"] = f"a[{start}j]"
        elements[f"v_{gate}"] = f"v[{start}j]"
    if formula.apart:
        elements[f"v_{formula.gates[-1]}"] = "w[j]"
    body: list[str] = []
    kept = ["m"] if is_reset else formula.state
    style = style._replace(element="{list}", store="{list} = {value};")
    Loops(style, body.append, "n", elements, str, kept).run(
        formula.reset if is_reset else formula.program
    )
    rows = ["a", "v", *["w"] * (formula.apart and not is_reset), *formula.state]
    arguments = [f"REAL *{name}" for name in [*rows, *["m"] * is_reset]]
    return routine_name(kind), ", ".join([*arguments, "int n"]), "\n".join(body)


def attention_routine(softmax: str) -> tuple[str, str, str]:
    """Return name, arguments and body of the routine for attention; `softmax` is that for a row."""
    arguments = "REAL *x, int n, int d, REAL factor, REAL *keys, REAL *values, REAL *s, REAL *y"
    return "attend", f"{arguments}, int t", _ATTENTION.format(softmax=softmax)


def arguments_of(
    layer: Frozen,
    wiring: Wiring,
    takes: str,
    gives: str,
    names: Sequence[str],
    number: Callable[[float], str],
) -> list[str]:
    """Return the arguments with which an operation's routine is called.

    names: those of its tables
    """
    plan, kind, n = layer.plan, layer.plan.kind, str(layer.plan.outputs)
    source, target = row(wiring, takes), row(wiring, gives)
    if is_cell(kind):
        formula = CELLS[kind.partition(RESET)[0]]
        given = [source, "v", *["w"] * (formula.apart and RESET not in kind)]
        given += [row(wiring, f"{name}{plan.place}") for name in formula.state]
        return [*given, *["m"] * (RESET in kind), n]
    if kind == "Embedding":
        return ["kind", *names, target, n]
    if kind == "Positions":
        return [source, n, *names, "state->steps"]
    if kind in SUMMARY:
        return [source, n, row(wiring, f"{SUMMARY[kind]}{plan.place}"), "state->steps"]
    if kind == "Zeros":
        return [target, n]
    if kind in ("Copy", "Add"):
        return [source, n, target]
    d = plan.outputs // int(plan.number)
    kept = [row(wiring, f"{name}{plan.place}") for name in ("keys", "values")]
    return [source, n, str(d), number(1.0 / sqrt(d)), *kept, "s", target, "(int)state->steps"]


def row(wiring: Wiring, name: str) -> str:
    """Return a row of a step, or one that is kept in the state."""
    return f"state->{name}" if name in wiring.state else name


def state_sizes(wiring: Wiring) -> dict[str, int]:
    """Return how many numbers each row of the state holds in a sequence of the most steps."""
    return {
        name: size * (wiring.most if name in wiring.growing else 1)
        for name, size in wiring.state.items()
    }
