"""The functions of a JavaScript module for a network of sequences: step by step, or whole."""

from __future__ import annotations

from .c_family import indented, quoted
from .c_sequences import row
from .steps import Description
from .wiring import Wiring

_FUNCTIONS = """\
/**
 * The state before the first step of a sequence.
 * @returns {{Object}}
 */
export function begin() {{
    return {{ {state} }};
}}

/**
 * The answer to a sequence so far, after its next step.
 * @param {{Object}} state
 * @param {{{step}}} step
 * @returns {{number[]}}
 */
export function predictStep(state, step) {{
{body}}}

/**
 * The answer to a sequence{each}.
 * @param {{Array<{step}>}} sequence
 * @returns {{{answer}}}
 */
export function predict(sequence) {{
    const state = begin();
    const answers = Array.from(sequence, (step) => predictStep(state, step));
    if (!answers.length) throw new RangeError("a sequence needs at least one step");
    return {result};
}}

/**
 * The answers to sequences.
 * @param {{Array<Array<{step}>>}} sequences
 * @returns {{Array<{answer}>}}
 */
export function predictRows(sequences) {{
    return Array.from(sequences, (sequence) => predict(sequence));
}}
"""
_KIND = """\
const kind = Array.isArray(step) && step.length === 1 ? step[0] : step;
if (!Number.isInteger(kind) || kind < 0 || kind >= {kinds}) {{
    throw new RangeError(`a step needs to be a whole number from 0 to {last}, got ${{step}}`);
}}"""
_MOST = """\
if (state.steps >= {most}) {{
    throw new RangeError("a sequence needs to have at most {most} steps");
}}"""


def step_functions(d: Description, wiring: Wiring, lines: list[str]) -> str:
    """Return the functions; `lines` turn a step into the outputs."""
    state = [
        f"{name}: {'[]' if name in wiring.growing else f'new Float64Array({size})'}"
        for name, size in wiring.state.items()
    ]
    if wiring.kinds:
        body = [_KIND.format(kinds=wiring.kinds, last=wiring.kinds - 1)]
    elif d.inputs == 1:
        body = ['encode(typeof step === "number" ? [step] : step, a);']
    else:
        body = ["encode(step, a);"]
    body += [_MOST.format(most=wiring.most)] * bool(wiring.most)
    body += ["const s = [];"] * bool(wiring.growing)
    body += lines
    if wiring.counts:
        state.insert(0, "steps: 0")
        body.append("state.steps++;")
    result = row(wiring, wiring.result).replace("->", ".")
    body.append(f"return Array.from({result}.subarray(0, {d.outputs}));")
    answer = "number[]" if wiring.one_row else "Array<number[]>"
    return _FUNCTIONS.format(
        state=", ".join(state), step="number" if wiring.kinds else "number[]",
        body=indented(body), answer=answer,
        each="" if wiring.one_row else ", a row for each step",
        result="answers[answers.length - 1]" if wiring.one_row else "answers",
    )  # fmt: skip


def usage(d: Description, wiring: Wiring, file: str) -> list[str]:
    """Return an example of use, as lines of a comment."""
    if d.writing:
        return [
            "",
            "To use it:",
            "",
            f"    import {{ sample }} from {quoted(f'./{file}')};",
            "    sample({ count: 5, temperature: 0.5 });",
        ]
    step = "0" if wiring.kinds else "[0, ...]"
    return [
        "",
        "To use it:",
        "",
        f"    import {{ begin, predict, predictStep }} from {quoted(f'./{file}')};",
        f"    predict([{step}, {step}, ...]);",
        "    const state = begin(); // or step by step, as they come",
        f"    predictStep(state, {step});",
    ]
