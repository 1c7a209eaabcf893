"""Sources in Python, C and JavaScript that count the words of a text.

Each takes letters one by one, as `preprocessing.words` does. Of the capital letters, a file knows
those that become a letter of its words, and the few that are no letters of their own.
"""

from __future__ import annotations

from ..preprocessing.words import LETTERS, SINGLE, cases, is_letter
from ..preprocessing.words_column import WordsColumn
from .python_layers import bracketed

PYTHON = """\
from math import log

_LETTERS_FROM_TO = {letters}
_SINGLE_FROM_TO = {single}


def _among(code, ranges):
    for first, last in ranges:
        if first <= code <= last:
            return True
    return False


def _words(cell, words, capitals, more=None):
    text = _read(cellMISSING)
    x = [0.0] * len(words)
    if text is None or text != text:
        return x + ([] if more is None else [1.0])
    word, found = u"", []
    for letter in text if isinstance(text, _TEXTS) else str(text):
        letter = capitals.get(letter, letter)
        code = ord(letter)
        if _among(code, _LETTERS_FROM_TO):
            word += letter
            continue
        found.append(word)
        word = u""
        if _among(code, _SINGLE_FROM_TO):
            found.append(letter)
    for word in found + [word]:
        if word in words:
            x[words[word]] += 1.0
    return [log(1.0 + n) if n else 0.0 for n in x] + ([] if more is None else [more])
""".format(
    letters=bracketed(list(map(repr, LETTERS)), "[", "]"),
    single=bracketed(list(map(repr, SINGLE)), "[", "]"),
)


def capitals(column: WordsColumn) -> dict[str, str]:
    """Return what becomes of capital letters, as far as a column's words need it."""
    used = set("".join(column.words))
    return {
        capital: small
        for capital, small in cases().items()
        if small in used or is_letter(small) != is_letter(capital)
    }


def _escaped(code: int) -> str:
    return f"\\u{{{code:x}}}"


def _class(pairs: tuple[tuple[int, int], ...]) -> str:
    return "".join(f"{_escaped(first)}-{_escaped(last)}" for first, last in pairs)


JAVASCRIPT = (
    f"""\
const WORD = /[{_class(LETTERS)}]+|[{_class(SINGLE)}]/gu;
"""
    + r"""
/** Count the words of a text or null into x from index k on; return the index after them. */
function countWords(cell, raw, rule, x, k) {
    const count = rule.words.size;
    x.fill(0, k, k + count);
    if (cell !== null) {
        const text = typeof raw === "string" ? raw : kindOf(raw);
        const small = (c) => rule.capitals.get(c) || c;
        for (const word of Array.from(text, small).join("").match(WORD) || []) {
            if (rule.words.has(word)) x[k + rule.words.get(word)] += 1;
        }
    }
    for (const end = k + count; k < end; k++) x[k] = Math.log(1 + x[k]);
    if (rule.indicator) x[k++] = cell === null ? 1 : 0;
    return k;
}
"""
)
JAVASCRIPT_CASE = """\
        if (rule.words) {
            k = countWords(cell, raw, rule, x, k);
            continue;
        }
"""

C = """\
/* The character of UTF-8 at s, and how many bytes it takes; a byte that begins none is itself. */
static inline long {p}character(const unsigned char *s, int *bytes)
{{
    const int n = s[0] < 0xC0 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    long code = n == 1 ? s[0] : s[0] & (0x7F >> n);
    *bytes = 1;
    for (int i = 1; i < n; i++) {{
        if ((s[i] & 0xC0) != 0x80) return s[0];
        code = code * 64 + (s[i] & 0x3F);
    }}
    *bytes = n;
    return code;
}}

/* Whether a character is in a table of ranges, which ends with 0. */
static inline int {p}among(long code, const long *ranges)
{{
    for (long first; (first = {p}get_long(ranges)) != 0; ranges += 2)
        if (code >= first && code <= {p}get_long(ranges + 1)) return 1;
    return 0;
}}

/* A character in lower case; `capitals` are pairs that end with 0. */
static inline long {p}small(long code, const long *capitals)
{{
    for (long capital; (capital = {p}get_long(capitals)) != 0; capitals += 2)
        if (code == capital) return {p}get_long(capitals + 1);
    return code;
}}

/* The index after a word at the start of s[0..n), in any case, or -1. */
static inline int {p}after(
    const unsigned char *s, int n, const char *word, const long *capitals)
{{
    int bytes, at = 0;
    for (int taken; at < n && {p}get_letter(word); word += taken) {{
        unsigned char letter[4] = {{0}};
        for (int i = 0; i < 4 && (i == 0 || letter[i - 1]); i++)
            letter[i] = (unsigned char){p}get_letter(word + i);
        if ({p}small({p}character(s + at, &bytes), capitals) != {p}character(letter, &taken)) break;
        at += bytes;
    }}
    return {p}get_letter(word) ? -1 : at;
}}

/* Counts the words of a text in x, and marks a missing one if `marked`. */
static inline void {p}count_words(
    const char *text, const char *const *words, int count, const long *capitals, int marked, {T} *x)
{{
    int n, bytes, start = 0;
    const unsigned char *s = {p}stripped(text, &n);
    const int missing = {p}index_of(s, n, {p}missing_kinds) >= 0;
    for (int j = 0; j < count; j++) x[j] = 0;
    if (marked) x[count] = missing ? 1 : 0;
    for (int i = 0; i < n && !missing; i = start) {{
        long code = {p}small({p}character(s + i, &bytes), capitals);
        start = i + bytes;
        if ({p}among(code, {p}letters)) {{
            for (; start < n; start += bytes) {{
                code = {p}small({p}character(s + start, &bytes), capitals);
                if (!{p}among(code, {p}letters)) break;
            }}
        }} else if (!{p}among(code, {p}single)) continue;
        for (int j = 0, size = start - i; j < count; j++)
            if ({p}after(s + i, size, {p}get_text(words + j), capitals) == size) x[j] += 1;
    }}
    for (int j = 0; j < count; j++) x[j] = ({T})log(1.0 + (double)x[j]);
}}
"""


def c_source(prefix: str, real: str) -> str:
    """Return the functions that count words in C; they need LETTERS and SINGLE as tables."""
    return C.format(p=prefix, T=real)
