"""An explanation: the lines of one step in sections, the large ones folded; as text and as HTML."""

from __future__ import annotations

from functools import partial
from html import escape
from textwrap import wrap
from typing import Any, Callable, NamedTuple, Sequence

from ...checks.settings import integer
from ...checks.words import counted
from ...lesson.layer import Layer
from ...lesson.layers import Dense
from ...lesson.loss import Loss
from ...lesson.network import Sequential
from ...lesson.optimizer import Optimizer
from ...view.svg import DARK, LIGHT, clean
from .costs import derivative_lines, loss_lines, mean_lines
from .layers import Scene, backward_lines, forward_lines, mixes_rows
from .lines import Equation
from .naming import BoardNames
from .notation import in_ascii, shown
from .rules import once_lines, update_lines
from .selection import Selection, selected
from .step import step_of

DIGITS = 6
WIDTH = 80
EQUALS = "=\u00a0"  # stays with what follows
MOST_TERMS = 150  # in a section; more are folded unless they are asked for
MOST_ROWS = 8  # of a batch; the others are folded
MOST_ASKED = 200_000  # terms in a section that is asked for


class Passage(NamedTuple):
    """Lines that belong together; if they are `folded`, a sentence instead of them."""

    title: str
    part: str
    layer: int | None
    row: int | None
    lines: Sequence[Equation]
    folded: str = ""


class Explanation:
    """One step of training as it would be written on a board: see `sections`, or print it.

    title:     what is explained, in one line
    remarks:   sentences above the sections
    sections:  the lines, in order
    """

    def __init__(
        self, title: str, sections: Sequence[Passage], remarks: Sequence[str] = ()
    ) -> None:
        self.title, self.sections, self.remarks = title, list(sections), list(remarks)

    @property
    def lines(self) -> list[Equation]:
        """All lines that are shown."""
        return [line for section in self.sections for line in section.lines]

    def __getitem__(self, name: str) -> float:
        """Return the result of the line with this name, such as "net_h1"; KeyError without one."""
        for line in self.lines:
            if line.name == name:
                return line.result
        raise KeyError(name)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Explanation: {self.title}; {counted(len(self.lines), 'line')}>"

    def text(self, width: int = WIDTH, ascii_only: bool = False) -> str:
        """Return the explanation as text, in lines of at most about `width` characters."""
        blocks = ["\n".join([*wrap(self.title, width), *_sentences(self.remarks, width)])]
        part = ""
        for section in self.sections:
            head = [section.title] if section.title else []
            if section.part != part:
                part = section.part
                head = [part.upper(), *([""] if head else []), *head]
            body = [line for each in section.lines for line in _as_text(each, width)]
            body += wrap(section.folded, width - 2)
            blocks.append("\n".join(head + [f"  {line}" for line in body]))
        text = "\n\n".join(blocks)
        return in_ascii(text) if ascii_only else text

    def to_html(self) -> str:
        """Return a page of its own, which loads nothing."""
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
            f"<title>{_safe(self.title)}</title>\n"
            f"<style>body{{margin:0;background:{LIGHT['paper']}}}"
            f"@media(prefers-color-scheme:dark){{body{{background:{DARK['paper']}}}}}"
            ".nn-explain{max-width:1000px;margin:0 auto;padding:16px}</style>\n"
            f"</head>\n<body>\n{self._repr_html_()}\n</body>\n</html>\n"
        )

    def _repr_html_(self) -> str:
        """Return the explanation as a part of a page, for notebooks."""
        parts = [f"<style>{_STYLE}</style>", '<div class="nn-explain">']
        parts.append(f"<h1>{_safe(self.title)}</h1>")
        parts += [f"<p>{_safe(remark)}</p>" for remark in self.remarks]
        part = ""
        for section in self.sections:
            if section.part != part:
                part = section.part
                parts.append(f"<h2>{part.capitalize()}</h2>")
            if section.title:
                parts.append(f"<h3>{_safe(section.title)}</h3>")
            parts += map(_as_html, section.lines)
            if section.folded:
                parts.append(f"<p>{_safe(section.folded)}</p>")
        return "\n".join([*parts, "</div>"])


_STYLE = (
    f".nn-explain{{--ink:{LIGHT['ink']};--muted:{LIGHT['muted']};--grid:{LIGHT['grid']};"
    f"--paper:{LIGHT['paper']};--mark:{LIGHT['s0']};"
    "color:var(--ink);background:var(--paper);line-height:1.5;overflow-wrap:anywhere;"
    "font-family:system-ui,-apple-system,'Segoe UI','Noto Sans',Helvetica,Arial,sans-serif}"
    f"@media(prefers-color-scheme:dark){{.nn-explain{{--ink:{DARK['ink']};--muted:{DARK['muted']};"
    f"--grid:{DARK['grid']};--paper:{DARK['paper']};--mark:{DARK['s0']}}}}}"
    ".nn-explain h1{font-size:20px;margin:0 0 8px}"
    ".nn-explain h2{font-size:17px;margin:22px 0 0;padding-top:10px;"
    "border-top:1px solid var(--grid)}"
    ".nn-explain h3{font-size:14px;font-weight:600;color:var(--muted);margin:12px 0 4px}"
    ".nn-explain p{margin:4px 0;color:var(--muted);max-width:75ch}"
    ".nn-explain .nn-line{margin:3px 0 3px 12px;padding-left:28px;text-indent:-28px;"
    "font-variant-numeric:tabular-nums}"
    ".nn-explain .nn-line span{margin-right:5px}"
    ".nn-explain sub,.nn-explain sup{line-height:0}"
    ".nn-explain .nn-name{font-weight:600}"
    ".nn-explain .nn-numbers{color:var(--muted)}"
    ".nn-explain .nn-result{font-weight:600;color:var(--mark)}"
    ".nn-explain .nn-note{display:block;text-indent:0;color:var(--ink)}"
)


def _safe(text: str) -> str:
    return escape(clean(text))


def _sentences(remarks: Sequence[str], width: int) -> list[str]:
    return [line for remark in remarks for line in wrap(remark, width)]


def _as_text(line: Equation, width: int) -> list[str]:
    """Return an equation on one line if it fits, or else each step on a line of its own."""
    steps = line.steps()
    note = wrap(f"but: {line.note}", width - 6) if line.note else []
    whole = f"{line.name} = {' = '.join(steps)}"
    if len(whole) <= width - 2:
        return [whole, *[f"    {part}" for part in note]]
    found = [f"{line.name} = {steps[0]}", *[f"    = {step}" for step in steps[1:]]]
    lines = [
        part
        for step in found
        for part in wrap(step, width - 2, subsequent_indent="        ", break_long_words=False)
    ]
    return [*lines, *[f"    {part}" for part in note]]


def _as_html(line: Equation) -> str:
    first, *middle = line.steps(html=True)
    result = middle.pop() if middle else ""
    spans = [f'<span class="nn-name">{line.label}</span><span>{EQUALS}{first}</span>']
    spans += [f'<span class="nn-numbers">{EQUALS}{step}</span>' for step in middle]
    if result:
        spans.append(f'<span class="nn-result">{EQUALS}{result}</span>')
    if line.note:
        spans.append(f'<span class="nn-note">But: {_safe(line.note)}</span>')
    title = f' title="{_safe(line.weight)}"' if line.weight else ""
    return f'<div class="nn-line"{title}>{" ".join(spans)}</div>'


# --- what is explained ----------------------------------------------------------------------------


def explain_network(
    model: Sequential,
    inputs: Any,
    targets: Any,
    loss: str | Loss = "mse",
    optimizer: str | Optimizer = "sgd",
    only: object = None,
    digits: int = DIGITS,
    shared_biases: bool = False,
    clip_norm: float | None = None,
    clip_value: float | None = None,
) -> Explanation:
    """Return the explanation of a network's step; see `explain`."""
    digits = integer("explain", "digits", digits, least=1)
    step = step_of(model, inputs, targets, loss, optimizer, clip_norm, clip_value)
    widths = [len(rows[0]) for rows in step.outputs]
    names = BoardNames(step.layers, widths, len(step.X), shared_biases)
    scene = Scene(step, names, min(digits, 17))
    chosen = selected(only, model, len(step.X))
    book = _Book(scene, chosen)
    book.write()
    after = shown(step.loss_after, scene.digits)
    remarks = [
        f"The loss is {step.loss!r}; the update is by {step.optimizer!r}.",
        f"Before the step the loss is {shown(step.value, scene.digits)}; after it, {after}.",
    ]
    if chosen.is_all:
        remarks += _legend(scene)
    title = f"One step of {model!r} on {counted(len(step.X), 'row')}"
    return Explanation(title, book.sections, remarks)


def _legend(scene: Scene) -> list[str]:
    """Return what the marks mean, as far as they occur."""
    found = ["w1⁺ is what w1 becomes."]
    if scene.names.rows > 1:
        found.append("⁽²⁾ marks what belongs to the second row.")
    if any(type(layer).seed_noise is not Layer.seed_noise for layer in scene.step.layers):
        found.append("Dropout draws as in the next epoch of fit with seed 0.")
    return [" ".join(found)]


class _Book:
    """Writes the sections of an explanation, in order."""

    def __init__(self, scene: Scene, chosen: Selection) -> None:
        self.scene, self.chosen = scene, chosen
        self.sections: list[Passage] = []
        self.layers = scene.step.layers
        self.rows = scene.names.rows

    def write(self) -> None:
        """Write all sections: forward row by row, or layer by layer where rows are mixed."""
        scene, indices = self.scene, range(len(self.layers))
        if any(map(mixes_rows, self.layers)):
            for k in indices:
                self._add("forward", k, None, partial(forward_lines, scene, k, None))
        else:
            for row in self._each_row():
                for k in indices:
                    self._add("forward", k, row, partial(forward_lines, scene, k, row))
            self._other_rows("forward")
        for row in self._each_row():
            self._add("loss", None, row, partial(loss_lines, scene, row))
        self._other_rows("loss")
        if self.rows > 1:
            self._add("loss", None, None, partial(mean_lines, scene))
        for row in self._each_row():
            self._add("backward", None, row, partial(derivative_lines, scene, row))
        self._other_rows("backward")
        for k in indices[: len(indices) - scene.step.joint][::-1]:
            self._add("backward", k, None, partial(backward_lines, scene, k, self._wants))
        self._add("update", None, None, partial(once_lines, scene))
        for k in indices:
            if self.layers[k].parameters():
                self._add("update", k, None, partial(update_lines, scene, k, self._wants))
        if self.chosen.weight is not None:
            self._only_of_weight(self.chosen.weight)

    def _wants(self, weight: str) -> bool:
        return self.chosen.weight in (None, weight)

    def _each_row(self) -> list[int]:
        """Return the rows that are shown one by one."""
        if self.chosen.row is not None:
            return [self.chosen.row]
        return list(range(min(self.rows, MOST_ROWS)))

    def _other_rows(self, part: str) -> None:
        """Add a sentence on the rows that are not shown."""
        if (
            self.chosen.row is None
            and self.rows > MOST_ROWS
            and self.chosen.takes(part, None, None)
        ):
            first = MOST_ROWS + 1
            title = f"rows {first} to {self.rows}"
            text = f"likewise, not shown; only='row {first}' shows one"
            self.sections.append(Passage(title, part, None, None, [], text))

    def _add(
        self, part: str, layer: int | None, row: int | None, make: Callable[[], list[Equation]]
    ) -> None:
        """Add a section if it is wanted; fold it if it is long and not asked for."""
        chosen = self.chosen
        if not chosen.takes(part, layer, row):
            return
        title, terms = self._title(part, layer, row), self._terms(part, layer)
        if terms > (MOST_TERMS if chosen.is_all else MOST_ASKED):
            asked = f"only='layer {layer}'" if layer is not None else f"only='{part}'"
            text = f"about {terms:,} terms, not shown; {asked} shows them"
            self.sections.append(Passage(title, part, layer, row, [], text))
            return
        lines = [line for line in make() if chosen.row is None or line.row in (None, chosen.row)]
        if lines:
            self.sections.append(Passage(title, part, layer, row, lines))

    def _only_of_weight(self, weight: str) -> None:
        """Keep the lines about one weight: those that use it, and what its gradient needs."""
        about = [line for s in self.sections for line in s.lines if line.weight == weight]
        name = [line for line in about if line.part == "update"][-1].name.rstrip("⁺")
        needed = {used for line in about if line.part == "backward" for used in line.uses}
        kept = []
        for section in self.sections:
            lines = [
                line
                for line in section.lines
                if line.weight == weight
                or (name in line.uses and line.part != "update")
                or line.name in needed
                or (section.part, section.layer) == ("update", None)
            ]
            if lines:
                kept.append(section._replace(lines=lines))
        self.sections = kept

    def _title(self, part: str, layer: int | None, row: int | None) -> str:
        named = f"layer {layer}: {self.layers[layer]!r}" if layer is not None else ""
        of_row = f"row {row + 1}" if row is not None and self.rows > 1 else ""
        if part == "backward" and layer is None:
            named = "derivatives of the loss"
            if self.scene.step.joint:
                named += f" and of layer {len(self.layers) - 1}, {self.layers[-1]!r}, in one"
        if part == "loss" and row is None:
            named = "mean over the rows"
        if part == "update" and layer is None:
            named = "once for all weights"
        return ", ".join(filter(None, [of_row, named]))

    def _terms(self, part: str, layer: int | None) -> int:
        """Return about how many terms a section has."""
        step = self.scene.step
        if part == "update" and layer is None and (step.clip_norm or step.clip_value):
            return step.network.count_parameters()
        if layer is None:
            return self.scene.width(len(self.layers) - 1)
        one = self.layers[layer]
        rows = 1 if part in ("forward", "update") else self.rows
        if isinstance(one, Dense):
            return one.inputs * one.outputs * rows
        return self.scene.width(layer) * rows
