"""A network as Python source: `_network(x)`, straight-line if it is small, else loops over rows.

The source keeps to what Python 2.7, 3.4 and MicroPython have in common. It imports only `math`;
MicroPython has no `log1p`, and its `exp` raises ValueError on overflow, so nothing may overflow.
"""

from __future__ import annotations

import re
from math import frexp, ldexp
from typing import Callable, List, Sequence, Tuple

from ..engines.image_plans import ImagePlan
from ..engines.plans import Frozen
from ..formulas import LAYER_FORMULAS
from ..formulas.comprehensions import as_expression, in_groups
from ..formulas.expressions import replaced, written
from ..formulas.straight_line import StraightLine
from ..lesson.matrix import Matrix, transpose
from ..lesson.windows import count as count_of
from .python_images import DEFINED as IMAGES, by_group, pool_call, windows_line

# Up to this many weights, code is straight-line. A row of 16-32-10 (874) takes 25 µs this way and
# 32 by loops on CPython 3.11, 21 and 25 on 3.13, 0.6 and 3 on PyPy; one of 64-32-10 (2,410) takes
# 59 and 70, 56 and 46, and 105 and 5 on PyPy.
STRAIGHT = 1000
# Up to this many inputs, the sum inside a loop over rows of weights is written out, for Pythons
# without sumprod. A weight of 128 × 32 takes 24 ns this way, 46 by a nested loop on CPython 3.11, 2
# and 3 on PyPy; one of 400 × 20 takes 29 and 45, but 125 and 2 on PyPy.
UNROLLED = 200
MOST_TERMS = 100  # in one sum, for parsers with a small stack
LANE = 64

_DOT = """\
try:
    from math import sumprod as _dot
    _SUMPROD = True
except ImportError:
    _SUMPROD = False

    def _dot(x, y):
        total = 0.0
        for a, b in zip(x, y):
            total += a * b
        return total
"""
_LOG1P = """\
try:
    from math import log1p
except ImportError:
    def log1p(x):  # W. Kahan: the quotient makes up for the digits that 1 + x loses
        y = 1.0 + x
        return x if y == 1.0 else log(y) * (x / (y - 1.0))
"""
_INT8 = """\
# A weight is a byte k and means _LEVELS[k], times the scale of its output.
_LEVELS = [float(k - 128) for k in range(256)]


def _bytes_dense(x, rows, scales, b):
    y, at = [], _LEVELS
    for row, scale, c in zip(rows, scales, b):
        total = 0.0
        for v, k in zip(x, row):
            total += v * at[k]
        y.append(total * scale + c)
    return y
"""
_PACKED = """\
try:
    _CAST = memoryview(b"\\1" + 7 * b"\\0").cast("q")[0] == 1
except AttributeError:
    _CAST = False


def _packed_dense(x, rows, bits, half, b):
    # A row is one integer: in 64-bit lanes, one input's weights for all outputs, each as
    # round(w * 2 ** bits). With |x| below 2 ** 29, no lane overflows into the next. `half` is the
    # highest bit of each lane: adding it makes all lanes positive.
    size = max(frexp(max(max(x), -min(x)))[1], -900)
    unit = 2.0 ** (29 - size)
    n = sum([int(v * unit) * row for v, row in zip(x, rows) if v]) + half
    unit = ldexp(1.0, size - 29 - bits)
    if _CAST:
        lanes = memoryview((n ^ half).to_bytes(8 * len(b), "little")).cast("q")
    else:
        lanes = [(n >> (64 * k) & 0xFFFFFFFFFFFFFFFF) - (1 << 63) for k in range(len(b))]
    return [v * unit + c for v, c in zip(lanes, b)]
"""
_CALLED = ("exp", "expm1", "tanh", "erfc", "sqrt", "log", "frexp", "ldexp")
_DEFINED = {
    "log1p": _LOG1P, "_dot": _DOT, "_bytes_dense": _INT8, "_packed_dense": _PACKED, **IMAGES,
}  # fmt: skip


def network_source(
    name: str, inputs: int, layers: Sequence[Frozen], weights: str, checked: bool
) -> str:
    """Return the source of the function `name` from a row of `inputs` numbers to a row of outputs.

    It calls `_check` for a row that is not of finite numbers, unless rows are `checked` before. The
    source includes the functions it calls and the weights: "float" is exact, "packed" has one
    integer of fixed-point numbers for each input, "int8" bytes with a scale for each output of a
    Dense layer. A network with convolutions or pooling is written as loops, however small.
    """
    count = sum(len(row) for layer in layers for rows in layer.values.values() for row in rows)
    images = any(layer.plan.image for layer in layers)
    if weights == "float" and count <= STRAIGHT and not images:
        lines = _straight(name, inputs, layers, checked)
    else:
        lines = _loops(name, inputs, layers, weights, checked)
    return with_definitions("\n".join(lines))


def with_definitions(source: str) -> str:
    """Return a source with the functions of this module and of `math` that it calls before it."""
    defined = "".join(f"{body}\n\n" for name, body in _DEFINED.items() if _calls(source, name))
    imported = [name for name in _CALLED if _calls(defined + source, name)]
    head = f"from math import {', '.join(imported)}\n\n\n" if imported else ""
    return f"{head}{defined}{source}\n"


def _calls(source: str, name: str) -> bool:
    return re.search(rf"(?<!\w){name}\(", source) is not None


def list_of(numbers: Sequence[float]) -> str:
    """Return the exact literal of a list of numbers, wrapped into lines."""
    return bracketed([repr(number) for number in numbers], "[", "]")


def bracketed(items: Sequence[str], opening: str, closing: str, indent: str = "    ") -> str:
    """Return items between brackets, separated by commas and wrapped into lines."""
    one = f"{opening}{', '.join(items)}{closing}"
    if len(one) <= 90:
        return one
    lines: list[str] = []
    line = ""
    for item in items:
        if line and len(line) + len(item) > 90:
            lines.append(line)
            line = ""
        line += (" " if line else "") + item + ","
    end = indent[4:] + closing.lstrip(",")
    return "\n".join([opening, *(indent + line for line in [*lines, line]), end])


# Straight-line


def _straight(name: str, inputs: int, layers: Sequence[Frozen], checked: bool) -> list[str]:
    x = [f"x{i}" for i in range(inputs)]
    lines = [f"def {name}(row):", f"    {bracketed(x, '(', ',)', ' ' * 8)} = row"]
    if not checked:
        lines += [*_sum("total", x), "    if total * 0.0 != 0.0:", "        _check(row)"]
        if layers[0].plan.kind != "Dense":  # which turns integers into floats
            lines += [f"    {v} += 0.0" for v in x]
    for k, layer in enumerate(layers):
        plan = layer.plan
        if plan.kind == "Dense":
            y = [f"{_letter(k)}{j}" for j in range(plan.outputs)]
            b = map(repr, layer.values["b"][0]) if plan.biased else [""] * plan.outputs
            for v, column, bias in zip(y, transpose(layer.values["W"]), b):
                terms = [f"{x_i}*{w!r}" for x_i, w in zip(x, column)]
                lines += map(_short, _sum(v, [*terms, bias] if bias else terms))
        else:
            y = _straight_layer(layer, x, _letter(k), lines)
        x = y
    return [*lines, f"    return {bracketed(x, '[', ']', ' ' * 8)}"]


def _short(line: str) -> str:
    """Return a line with the same bits in fewer characters: a + b*-0.5 is a - b*.5.

    >>> _short("a0 = x0*-0.5 + x1*-10.0 + -0.25")
    'a0 = x0*-.5 - x1*10.0 - .25'
    """
    return re.sub(r"(?<![\w.])0\.(?=\d)", ".", re.sub(r" \+ (\w+\*)?-", r" - \1", line))


def _straight_layer(layer: Frozen, x: list[str], letter: str, lines: list[str]) -> list[str]:
    """Add the lines of a layer's row program, and return the names of its outputs."""

    formula, plan = LAYER_FORMULAS[layer.plan.kind], layer.plan
    in_place = formula.elementwise and not layer.values
    groups = plan.groups()

    def write(line: str) -> None:
        lines.append("    " + line)

    y: list[str] = []
    for begin, end in groups:

        def name(to: str, column: int | None, begin: int = begin) -> str:
            if column is None:
                return f"{to}_g{begin}" if len(groups) > 1 else to
            if to == "y":
                return x[begin + column] if in_place else f"{letter}{begin + column}"
            return f"{to}_{begin + column}"

        straight = StraightLine(
            write, name, quick=False, kept_numbers=layer.values, longest=MOST_TERMS
        )
        straight.rows["z"] = x[begin:end]
        for of, rows in layer.values.items():
            straight.rows[of] = list(map(repr, rows[0][begin:end]))
        straight.scalars.update(plan.written_numbers())
        straight.run(formula.forward)
        y += straight.rows["y"]
    return y


def _letter(k: int) -> str:
    """Return the prefix of the names in layer k: a, b, c …, and v23_ … after the last letter."""
    return "abcdfghijklmnopqrstuwyz"[k] if k < 23 else f"v{k}_"


def _sum(name: str, terms: list[str]) -> list[str]:
    return [
        f"    {name} {'+=' if k else '='} {' + '.join(terms[k : k + MOST_TERMS])}"
        for k in range(0, len(terms), MOST_TERMS)
    ]


# Loops


def _loops(
    name: str, inputs: int, layers: Sequence[Frozen], weights: str, checked: bool
) -> list[str]:
    lines: list[str] = []
    body = [f"def {name}({'x' if checked else 'row'}):"]
    if not checked:
        body += [
            "    x = [v + 0.0 for v in row]",
            f"    if len(x) != {inputs} or sum(x) * 0.0 != 0.0:",
            "        _check(row)",
        ]
    for layer in layers:
        body += [f"    {line}" for line in layer_lines(layer, weights, lines)]
    return [*lines, *["", ""] * bool(lines), *body, "    return x"]


def layer_lines(
    layer: Frozen, weights: str, lines: list[str], takes: str = "x", gives: str = "x"
) -> list[str]:
    """Add what a layer needs to the lines, and return those that apply it to a row.

    takes, gives: the sources of the row that it takes, x unless it is Dense, and gives
    """
    plan = layer.plan
    if plan.image:
        return [f"{gives} = {_image_layer(layer, plan.image, weights, lines)}"]
    if plan.kind == "Dense":
        b = layer.values["b"][0] if plan.biased else [0.0] * plan.outputs
        constants, call = _DENSE[weights](f"_W{plan.place}", layer.values["W"])
        lines += [*constants, f"_b{plan.place} = {list_of(b)}"]
        return [f"{gives} = {call.format(x=takes, b=f'_b{plan.place}')}"]
    for letter, rows in layer.values.items():
        lines.append(f"_{letter}{plan.place} = {list_of(rows[0])}")
    return _row_lines(layer)


def _image_layer(layer: Frozen, plan: ImagePlan, weights: str, lines: list[str]) -> str:
    """Add what a layer needs to the lines, and return the expression of it for the row x."""
    place = layer.plan.place
    lines.append(windows_line(place, plan))
    if layer.plan.kind != "Conv":
        return pool_call(layer, plan)
    functions = []
    for g, group in enumerate(by_group(layer, plan)):
        name = f"{place}_{g}" if plan.groups > 1 else f"{place}"
        constants, call = _DENSE[weights](f"_W{name}", group.values["W"])
        lines += [*constants, f"_b{name} = {list_of(group.values['b'][0])}"]
        lines += [
            "",
            "",
            f"def _patch{name}(x):",
            f"    return {call.format(x='x', b=f'_b{name}')}",
        ]
        lines += ["", ""]
        functions.append(f"_patch{name}")
    sums = bracketed(functions, "[", "]", " " * 8)
    return f"_conv(x, {count_of(plan.windows.size)}, _P{place}, {sums})"


def _row_lines(layer: Frozen) -> list[str]:
    """Return the lines that apply a layer other than Dense to the row x."""
    formula, plan = LAYER_FORMULAS[layer.plan.kind], layer.plan
    if formula.elementwise and not layer.values:
        y = replaced(as_expression(formula), {k: ("number", v) for k, v in plan.numbers().items()})
        return [f"x = [{written(y)} for z in x]"]
    rows = {"z": "x", **{letter: f"_{letter}{plan.place}" for letter in layer.values}}
    size = plan.groups()[0][1]
    numbers = plan.written_numbers()
    return [*in_groups(formula.forward, rows, numbers, plan.inputs, size), "x = y"]


Dense = Tuple[List[str], str]  # lines with the weights, and the expression for the row of sums


def _float_dense(name: str, W: Matrix) -> Dense:
    rows = [
        f"    {bracketed([repr(w) for w in column], '(', ',)', ' ' * 8)}," for column in zip(*W)
    ]
    lines, call = (
        [f"{name} = [", *rows, "]"],
        f"[_dot({{x}}, w) + c for w, c in zip({name}, {{b}})]",
    )
    if len(W) > UNROLLED:
        return lines, call
    x, w = [f"x{i}" for i in range(len(W))], [f"w{i}" for i in range(len(W))]
    lines += [
        "",
        "",
        f"def {name}_sums(x, b):",
        f"    {bracketed(x, '(', ',)', ' ' * 8)} = x",
        "    y = []",
        f"    for {bracketed(w, '(', ',)', ' ' * 8)}, c in zip({name}, b):",
        *[f"    {line}" for line in _sum("z", [*(f"{v} * {u}" for v, u in zip(x, w)), "c"])],
        "        y.append(z)",
        "    return y",
        "",
        "",
    ]
    return lines, f"{call} if _SUMPROD else {name}_sums({{x}}, {{b}})"


def _int8_dense(name: str, W: Matrix) -> Dense:
    lines, scales = [f"{name} = ["], []
    for column in zip(*W):
        levels, scale = in_bytes(column)
        lines.append(f'    bytearray.fromhex("{bytes([128 + n for n in levels]).hex()}"),')
        scales.append(scale)
    lines += ["]", f"{name}_scales = {list_of(scales)}"]
    return lines, f"_bytes_dense({{x}}, {name}, {name}_scales, {{b}})"


def in_bytes(column: Sequence[float]) -> tuple[list[int], float]:
    """Return an output's weights as integers from -127 to 127, and the scale to multiply by."""
    scale = max(map(abs, column)) / 127.0
    return [round(w / scale) if scale > 1e-300 else 0 for w in column], scale


def _packed_dense(name: str, W: Matrix) -> Dense:
    bits = fixed_point_bits(W)
    lines = [f"{name} = ["]
    for row in W:
        n = sum([round(ldexp(w, bits)) << (LANE * j) for j, w in enumerate(row)])
        lines.append(f"    {n:#x},")
    half = sum([1 << (LANE * j + LANE - 1) for j in range(len(W[0]))])
    lines += ["]", f"{name}_half = {half:#x}"]
    return lines, f"_packed_dense({{x}}, {name}, {bits}, {name}_half, {{b}})"


def fixed_point_bits(W: Matrix) -> int:
    """Return the fractional bits of packed weights: 2³¹ ≤ max |w|₁ 2^bits < 2³²."""
    return 32 - frexp(max(sum(map(abs, column)) for column in zip(*W)))[1]


_DENSE: dict[str, Callable[[str, Matrix], Dense]] = {
    "float": _float_dense, "packed": _packed_dense, "int8": _int8_dense,
}  # fmt: skip
WEIGHTS = tuple(_DENSE)
