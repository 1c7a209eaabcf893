"""A network of sequences as Python source: a function of a step and the state before it."""

from __future__ import annotations

from math import sqrt

from ..engines.plans import Frozen
from ..formulas import LAYER_FORMULAS
from ..formulas.cells import CELLS
from ..formulas.comprehensions import comprehended
from .c_sequences import is_cell, routine_name
from .python_layers import layer_lines, list_of, with_definitions
from .steps import Description
from .wiring import RESET, SUMMARY, Wiring

_FUNCTIONS = """\
def begin():
    return {{{state}}}


def predict_step(state, step):
{body}

def predict(sequence):
    state = begin()
    answers = [predict_step(state, step) for step in sequence]
    if not answers:
        raise ValueError("a sequence needs at least one step")
    return {result}
"""
_KIND = """\
    kind = step[0] if isinstance(step, (list, tuple)) and len(step) == 1 else step
    if kind not in range({kinds}):
        raise ValueError("a step needs to be a whole number from 0 to {last}, got %r" % (step,))
    kind = int(kind)
"""
_ROW = """\
    x = [v + 0.0 for v in {row}]
    if len(x) != {inputs} or sum(x) * 0.0 != 0.0:
        _check(x)
"""
_MOST = """\
    if state["steps"] >= {most}:
        raise ValueError("a sequence needs to have at most {most} steps")
"""
_ATTEND = """\
def _attend(x, size, factor, keys, values):
    n, whole = len(x) // 3, []
    keys.append(x[n:2 * n])
    values.append(x[2 * n:])
    for k in range(0, n, size):
        q = x[k:k + size]
        z = [_dot(q, key[k:k + size]) * factor for key in keys]
{softmax}
        whole += [_dot(y, [v[j] for v in values]) for j in range(k, k + size)]
    return whole
"""


def sequences_source(d: Description, wiring: Wiring, weights: str) -> str:
    """Return the functions `begin`, `predict_step` and `predict`, and all that they need.

    They call `_check` for a row that is not of finite numbers.
    """
    lines: list[str] = []
    functions: dict[str, str] = {}
    body: list[str] = []
    for layer, takes, gives in zip(d.layers, wiring.takes, wiring.gives):
        kind, source, target = layer.plan.kind, _row(wiring, takes), _row(wiring, gives)
        if is_cell(kind):
            functions.setdefault(kind, _cell_function(kind))
            body.append(_cell_call(layer, wiring, source))
        elif kind == "Attention":
            functions.setdefault(kind, _attention_function())
            size = layer.plan.outputs // int(layer.plan.number)
            kept = ", ".join(
                _row(wiring, f"{name}{layer.plan.place}") for name in ("keys", "values")
            )
            body.append(f"{target} = _attend({source}, {size}, {1.0 / sqrt(size)!r}, {kept})")
        elif kind in ("Embedding", "Positions"):
            table = f"_W{layer.plan.place}"
            rows = "".join(f"    {list_of(row)},\n" for row in layer.values["W"])
            lines.append(f"{table} = [\n{rows}]")
            if kind == "Embedding":
                body.append(f"{target} = {table}[kind]")
            else:
                place = f'{table}[state["steps"]]'
                body.append(f"{target} = [v + w for v, w in zip({source}, {place})]")
        elif kind in SUMMARY:
            body += _summary(kind, _row(wiring, f"{SUMMARY[kind]}{layer.plan.place}"))
        elif kind == "Copy":
            body.append(f"{target} = {source}")
        elif kind == "Add":
            body.append(f"{target} = [v + w for v, w in zip({target}, {source})]")
        elif kind == "Zeros":
            body.append(f"{target} = [0.0] * {layer.plan.outputs}")
        else:
            if layer.plan.kind != "Dense" and source != "x":
                body.append(f"x = {source}")
            found = layer_lines(layer, weights, lines, source, target)
            if kind in LAYER_FORMULAS and LAYER_FORMULAS[kind].own:
                # A caller's program may have any names: here they meet no others.
                name = f"_own{layer.plan.place}"
                lines += ["", "", f"def {name}(x):", *[f"    {line}" for line in found]]
                lines += ["    return x", "", ""]
                found = [f"x = {name}(x)"]
            body += found
    state = [
        f'"{name}": []' if name in wiring.growing else f'"{name}": [0.0] * {size}'
        for name, size in wiring.state.items()
    ]
    if wiring.counts:
        state.insert(0, '"steps": 0')
        body.append('state["steps"] += 1')
    body.append(f"return list({_row(wiring, wiring.result)})")
    written = _start(d, wiring) + "".join(f"    {line}\n" for line in body)
    parts = [*lines, *["\n"] * bool(lines)]
    parts += [f"{function}\n" for function in functions.values()]
    result = "answers[-1]" if wiring.one_row else "answers"
    parts.append(_FUNCTIONS.format(state=", ".join(state), body=written, result=result))
    return with_definitions("\n".join(parts).rstrip("\n"))


def _row(wiring: Wiring, name: str) -> str:
    """Return the source of a row: one of the state, or a variable, x for both that take turns."""
    if name in wiring.state:
        return f'state["{name}"]'
    return "x" if name in ("a", "b") else name


def _start(d: Description, wiring: Wiring) -> str:
    """Return the lines that check a step."""
    most = _MOST.format(most=wiring.most) if wiring.most else ""
    if wiring.kinds:
        return _KIND.format(kinds=wiring.kinds, last=wiring.kinds - 1) + most
    row = "(step if isinstance(step, (list, tuple)) else [step])" if d.inputs == 1 else "step"
    return _ROW.format(inputs=d.inputs, row=row) + most


def _cell_function(kind: str) -> str:
    """Return the function of a cell, or of its reset."""
    cell, _, _ = kind.partition(RESET)
    formula, is_reset = CELLS[cell], kind != cell
    given = ["a", "v", *["w"] * (formula.apart and not is_reset), *formula.state]
    through = formula.gates[: len(formula.gates) - formula.apart]
    lines = [f"def _{routine_name(kind)}({', '.join(given)}):", "    size = len(h)"]
    for row, gates in (("a", formula.gates), ("v", through)):
        names = ", ".join(f"{row}_{gate}" for gate in gates)
        lines.append(f"    [{names}] = [{row}[k:k + size] for k in range(0, len({row}), size)]")
    if "w" in given:
        lines.append(f"    v_{formula.gates[-1]} = w")
    rows = [*formula.state, *(f"{row}_{gate}" for row in "av" for gate in formula.gates)]
    program = formula.reset if is_reset else formula.program
    lines += [f"    {line}" for line in comprehended(program, rows)]
    return "\n".join([*lines, f"    return {'m' if is_reset else ', '.join(formula.state)}", ""])


def _cell_call(layer: Frozen, wiring: Wiring, source: str) -> str:
    """Return the line that calls the function of a cell, or of its reset."""
    kind, place = layer.plan.kind, layer.plan.place
    formula = CELLS[kind.partition(RESET)[0]]
    state = ", ".join(_row(wiring, f"{name}{place}") for name in formula.state)
    w = ", w" * (formula.apart and RESET not in kind)
    return f"{'m' if RESET in kind else state} = _{routine_name(kind)}({source}, v{w}, {state})"


def _attention_function() -> str:
    softmax = comprehended(LAYER_FORMULAS["Softmax"].forward, ["z"])
    return _ATTEND.format(softmax="\n".join(f"        {line}" for line in softmax))


def _summary(kind: str, kept: str) -> list[str]:
    """Return the lines that make of row x, and of what was kept, that of all steps so far."""
    if kind == "MeanSteps":
        lines = [f"{kept} = [v + w for v, w in zip({kept}, x)]"]
        return [*lines, f'x = [v / (state["steps"] + 1.0) for v in {kept}]']
    either = f"[max(v, w) for v, w in zip({kept}, x)]"
    return [f'{kept} = x = {either} if state["steps"] else x']
