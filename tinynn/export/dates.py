"""Sources in Python, C and JavaScript that read dates and times, and encode them.

JavaScript has the regular expressions of `preprocessing.dates`. Python and C go through a spelling
letter by letter, which comes to the same: no spelling can be read in two ways.
"""

from __future__ import annotations

from ..preprocessing.date_column import CYCLES, DateColumn
from ..preprocessing.dates import MONTHS, PIVOT, YEAR, Instants, pattern_of
from .python_layers import bracketed

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UTC = ("utc", "gmt")

PYTHON = """\
from math import cos, sin

_DIGITS = "0123456789"
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MONTHS = {months}


def _run(text, i, known, most=99):  # the end of a run of known characters from i on
    end = i
    while end < len(text) and end - i < most and text[end] in known:
        end += 1
    return end


def _clock(text, i):  # the seconds and the zone of the time from i to the end, or None
    k = _run(text, i, _DIGITS, 2)
    if k == i or text[k : k + 1] != ":" or _run(text, k + 1, _DIGITS, 2) != k + 3:
        return None
    h, m, s, fraction, zone = int(text[i:k]), int(text[k + 1 : k + 3]), 0, 0.0, 0.0
    i = k + 3
    if text[i : i + 1] == ":":
        if _run(text, i + 1, _DIGITS, 2) != i + 3:
            return None
        s = int(text[i + 1 : i + 3])
        i += 3
        if text[i : i + 1] in (".", ","):
            k = _run(text, i + 1, _DIGITS, 9)
            if k == i + 1:
                return None
            fraction = int(text[i + 1 : k]) / 10.0 ** (k - i - 1)
            i = _run(text, k, _DIGITS, len(text))
    k = _run(text, i, " ", len(text))
    half = text[k : k + 1].lower()
    if half in ("a", "p"):
        k += 1 + (text[k + 1 : k + 2] == ".")
        if text[k : k + 1] not in ("m", "M") or not 1 <= h <= 12:
            return None
        i = k + 1 + (text[k + 1 : k + 2] == ".")
        h = h % 12 + (12 if half == "p" else 0)
        k = _run(text, i, " ", len(text))
    rest = text[k:]
    if rest[:1] in ("+", "-"):
        if _run(rest, 1, _DIGITS, 2) != 3:
            return None
        more = rest[4:] if rest[3:4] == ":" else rest[3:]
        if rest[3:] and (len(more) != 2 or _run(more, 0, _DIGITS) != 2):
            return None
        zone = 3600.0 * int(rest[1:3]) + 60.0 * int(more or 0)
        zone = -zone if rest[0] == "-" else zone
    elif rest.lower() not in ("z", "utc", "gmt") and i != len(text):
        return None
    if h > 23 or m > 59 or s > 60:
        return None
    return 3600 * h + 60 * m + s + fraction, zone


def _instant(text, spelling):  # the day, its seconds and the zone, or None
    i, x = 0, {{"Y": 1, "M": 1, "D": 1}}
    word = _run(text, 0, _LETTERS)
    if spelling and text[:3].lower() in {weekdays} and word > 2:
        i = _run(text, word, "., ", len(text))
        if i == word:
            return None
    for part in spelling:
        most = 4 if part == "Y" else 2
        if part in "YyMmDd":
            end = _run(text, i, _DIGITS, most)
            if end == i or (part not in "MD" and end != i + most):
                return None
            n = int(text[i:end])
            x[part.upper()] = n + (1900 if n >= {pivot} else 2000) if part == "y" else n
        elif part == "B":
            end = _run(text, i, _LETTERS)
            name = text[i:end].lower()
            known = [k for k in range(12) if name in (_MONTHS[k], _MONTHS[k][:3])]
            if not known:
                return None
            x["M"] = known[0] + 1
        else:
            end = _run(text, i, "-/., " if part in " ," else part, len(text) if part in " ," else 1)
            if end == i and part != " ":
                return None
            end = _run(text, end, " ", len(text)) if part == "." else end
        i = end
    y, m, d = x["Y"], x["M"], x["D"]
    leap = y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)
    if y < 1 or not 1 <= m <= 12 or not 1 <= d <= ((m + m // 8) % 2 + 30 if m != 2 else 28 + leap):
        return None
    day = 365 * (y - 1) + (y - 1) // 4 - (y - 1) // 100 + (y - 1) // 400 + (367 * m - 362) // 12 + d
    day = (day - (0 if m < 3 else 2 - leap)) if spelling else 0
    if i == len(text):
        return (day, 0.0, 0.0) if spelling else None
    if spelling:
        end = i + 1 if text[i] in "Tt:" else _run(text, i, ", ", len(text))
        if end == i:
            return None
        i = end
    found = _clock(text, i)
    return found and (day,) + found


def _date(cell, name, spellings, shift, scale, cycles, instead, more=[]):
    text = _read(cell)
    if text is None or text != text:
        return instead
    if not isinstance(text, _TEXTS):
        whole = isinstance(text, (float, int)) and text - text == 0 and text == int(text)
        text = str(int(text) if whole else text)
    for spelling in spellings:
        found = _instant(text, spelling)
        if found:
            day, seconds, zone = found
            x = [(day + (seconds - zone) / 86400.0 - shift) / scale]
            for days in cycles:
                turn = seconds / 86400.0 if days == 1.0 else day % days / days
                x += [sin(6.283185307179586 * turn), cos(6.283185307179586 * turn)]
            return x + more
    raise ValueError("column %r needs a date like those it learned from, got %r" % (name, cell))
""".format(
    months=bracketed([repr(month) for month in MONTHS], "[", "]"), weekdays=WEEKDAYS, pivot=PIVOT
)


def missing_date(column: DateColumn) -> list[float]:
    """Return what a missing cell is encoded as."""
    day, seconds, zone = column.fill()
    found = column.encoded(Instants([day], [seconds], [zone]))
    return [value for (value,) in found] + [1.0] * column.indicator


def days_of(column: DateColumn) -> list[float]:
    """Return the days of each cycle."""
    return [CYCLES[cycle][1] for cycle in column.cycles]


JAVASCRIPT = r"""const MONTHS = [MONTH_NAMES];

/** The day, its seconds and the zone that a text says, or null. */
function dateIn(text, spellings) {
    for (const [letters, pattern] of spellings) {
        const found = pattern.exec(text);
        if (!found) continue;
        const part = (letter) => found[letters.indexOf(letter) + 1];
        const has = (letter) => letters.includes(letter);
        let day = 0, seconds = 0, zone = 0;
        if (letters[0] !== "h") {
            let y = Number(part(has("Y") ? "Y" : "y"));
            if (!has("Y")) y += y >= PIVOT ? 1900 : 2000;
            let m = Number(part(has("M") ? "M" : "m"));
            if (has("B")) {
                const name = part("B").toLowerCase();
                m = MONTHS.findIndex((month) => name === month || name === month.slice(0, 3)) + 1;
            }
            const d = has("D") || has("d") ? Number(part(has("D") ? "D" : "d")) : 1;
            const leap = Number(y % 4 === 0 && (y % 100 !== 0 || y % 400 === 0));
            const last = m === 2 ? 28 + leap : (m + Math.floor(m / 8)) % 2 + 30;
            if (y < 1 || m < 1 || m > 12 || d < 1 || d > last) continue;
            day = 365 * (y - 1) + Math.floor((y - 1) / 4) - Math.floor((y - 1) / 100)
                + Math.floor((y - 1) / 400) + Math.floor((367 * m - 362) / 12) + d
                - (m < 3 ? 0 : 2 - leap);
        }
        if (part("h")) {
            let h = Number(part("h"));
            const half = (part("p") || "").toLowerCase();
            if (half && (h < 1 || h > 12)) continue;
            if (half) h = h % 12 + (half === "p" ? 12 : 0);
            const m = Number(part("i")), s = Number(part("s") || 0), f = part("f");
            if (h > 23 || m > 59 || s > 60) continue;
            seconds = 3600 * h + 60 * m + s;
            if (f) seconds += Number(f) / Number("1" + "0".repeat(f.length));
        }
        const ahead = /^([-+])(\d\d):?(\d\d)?$/.exec(part("z") || "");
        if (ahead) zone = (3600 * ahead[2] + 60 * (ahead[3] || 0)) * (ahead[1] === "-" ? -1 : 1);
        return [day, seconds, zone];
    }
    return null;
}

/** The numbers of a date or null, by a rule; null if the cell is no date. */
function encodedDate(cell, raw, rule) {
    if (cell === null) return rule.missing;
    const text = typeof raw === "string" ? raw.replace(AROUND, "") : String(raw);
    const found = dateIn(text, rule.spellings);
    if (!found) return null;
    const [day, seconds, zone] = found;
    const x = [(day + (seconds - zone) / 86400 - rule.shift) / rule.scale];
    for (const days of rule.cycles) {
        const turn = 2 * Math.PI * (days === 1 ? seconds / 86400 : day % days / days);
        x.push(Math.sin(turn), Math.cos(turn));
    }
    if (rule.indicator) x.push(0);
    return x;
}
""".replace("MONTH_NAMES", ", ".join(f'"{month}"' for month in MONTHS)).replace("PIVOT", str(PIVOT))
JAVASCRIPT_CASE = """\
        if (rule.spellings) {
            const found = encodedDate(cell, raw, rule);
            if (!found) refuse(j, raw, "a date like those it learned from");
            for (const value of found) x[k++] = value;
            continue;
        }
"""


def javascript_patterns(column: DateColumn) -> str:
    """Return the list of a column's spellings: the letters of the groups, and the pattern."""
    pairs = []
    for spelling in column.spellings:
        letters = "".join(filter(str.isalpha, spelling)) + "hisfpz"
        pattern = pattern_of(spelling).replace("/", "\\/")
        pairs.append(f'["{letters}", /^{pattern}$/i]')
    return f"[{', '.join(pairs)}]"


C = """\
/* Reads at most `most` digits at s[i]: returns the index after them, and x is their number. */
static inline int {p}digits(const unsigned char *s, int i, int most, long *x)
{{
    int end = i;
    for (*x = 0; end < i + most && s[end] >= '0' && s[end] <= '9'; end++)
        *x = *x * 10 + (s[end] - '0');
    return end;
}}

/* The letter in lower case, or 0 if it is none of ASCII. */
static inline int {p}letter(unsigned char c)
{{
    return c >= 'A' && c <= 'Z' ? c + 32 : c >= 'a' && c <= 'z' ? c : 0;
}}

/* The index of the word at s in a table, or -1; the index after it is in end. Three letters
   are enough, and the others are ignored if `any`. */
static inline int {p}word(const unsigned char *s, const char *const *words, int any, int *end)
{{
    const char *word;
    int n = 0;
    while ({p}letter(s[n])) n++;
    *end = n;
    for (int j = 0; (word = {p}get_text(words + j)) != 0; j++) {{
        int i = 0;
        while (i < n && {p}letter(s[i]) == {p}get_letter(word + i)) i++;
        if (i >= 3 && (any || (i == n && (n == 3 || !{p}get_letter(word + i))))) return j;
    }}
    return -1;
}}

/* Reads the time of day from s[i] to the end s[n]; returns 0 if it is none. */
static inline int {p}clock(const unsigned char *s, int i, int n, double *seconds, double *zone)
{{
    long h, m, x, minutes = 0;
    int half, end = {p}digits(s, i, 2, &h);
    double second = 0, part = 0, ten = 1;
    if (end == i || s[end] != ':' || {p}digits(s, end + 1, 2, &m) != end + 3) return 0;
    i = end + 3;
    if (s[i] == ':') {{
        if ({p}digits(s, i + 1, 2, &x) != i + 3 || x > 60) return 0;
        i += 3;
        second = (double)x;
        if (s[i] == '.' || s[i] == ',') {{
            end = {p}digits(s, i + 1, 9, &x);
            if (end == i + 1) return 0;
            for (int j = i + 1; j < end; j++) ten *= 10;
            part = (double)x / ten;
            for (i = end; s[i] >= '0' && s[i] <= '9';) i++;
        }}
    }}
    for (end = i; s[end] == ' ';) end++;
    half = {p}letter(s[end]);
    if (half == 'a' || half == 'p') {{
        end += s[end + 1] == '.' ? 2 : 1;
        if ({p}letter(s[end]) != 'm' || h < 1 || h > 12) return 0;
        i = end + (s[end + 1] == '.' ? 2 : 1);
        h = h % 12 + (half == 'p' ? 12 : 0);
        for (end = i; s[end] == ' ';) end++;
    }}
    *zone = 0;
    if (s[end] == '+' || s[end] == '-') {{
        const int sign = s[end] == '-' ? -60 : 60;
        i = {p}digits(s, end + 1, 2, &x);
        if (i != end + 3) return 0;
        if (i < n) {{
            end = i + (s[i] == ':');
            i = {p}digits(s, end, 2, &minutes);
            if (i != end + 2) return 0;
        }}
        *zone = (double)(sign * (60 * x + minutes));
    }} else {{
        int length;
        if ({p}letter(s[end]) == 'z') i = end + 1;
        else if ({p}word(s + end, {p}utc, 0, &length) >= 0) i = end + length;
    }}
    *seconds = (double)(3600 * h + 60 * m) + second + part;
    return i == n && h < 24 && m < 60;
}}

/* Reads a date in a spelling from s to the end s[n]; returns 0 if it is none. */
static inline int {p}instant(
    const unsigned char *s, int n, const char *spelling, long *day, double *seconds, double *zone)
{{
    long y = 1, m = 1, d = 1;
    int i = 0, timed = !{p}get_letter(spelling), end, leap;
    if (!timed && {p}word(s, {p}weekdays, 1, &end) >= 0) {{
        for (i = end; s[i] == '.' || s[i] == ',' || s[i] == ' ';) i++;
        if (i == end) return 0;
    }}
    for (char c; (c = {p}get_letter(spelling)) != 0; spelling++, i = end) {{
        if (c == 'Y' || c == 'y') {{
            end = {p}digits(s, i, c == 'Y' ? 4 : 2, &y);
            if (end != i + (c == 'Y' ? 4 : 2)) return 0;
            if (c == 'y') y += y >= {pivot} ? 1900 : 2000;
        }} else if (c == 'M' || c == 'm' || c == 'D' || c == 'd') {{
            end = {p}digits(s, i, 2, c == 'M' || c == 'm' ? &m : &d);
            if (end == i || (c >= 'a' && end != i + 2)) return 0;
        }} else if (c == 'B') {{
            m = {p}word(s + i, {p}months, 0, &end) + 1;
            end += i;
        }} else if (c == ' ' || c == ',') {{
            for (end = i; s[end] == ' ' || (s[end] >= ',' && s[end] <= '/');) end++;
            if (c == ',' && end == i) return 0;
        }} else {{
            if (s[i] != (unsigned char)c) return 0;
            end = i + 1;
            while (c == '.' && s[end] == ' ') end++;
        }}
    }}
    leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    if (y < 1 || m < 1 || m > 12 || d < 1) return 0;
    if (d > (m == 2 ? 28 + leap : (m + m / 8) % 2 + 30)) return 0;
    y--;
    *day = timed ? 0 : 365 * y + y / 4 - y / 100 + y / 400 + (367 * m - 362) / 12 + d;
    if (!timed && m > 2) *day -= 2 - leap;
    *seconds = *zone = 0;
    if (i == n) return !timed;
    if (!timed) {{
        end = i;
        if (s[i] == 'T' || s[i] == 't' || s[i] == ':') end++;
        else while (s[end] == ',' || s[end] == ' ') end++;
        if (end == i) return 0;
        i = end;
    }}
    return {p}clock(s, i, n, seconds, zone);
}}

/* Writes the numbers of a date or time to x; returns 0 if the text is none. The bits of `cycles`
   are the year, the week, the day, and whether a missing text is marked. */
static inline int {p}date(
    const char *text, const char *const *spellings, double whole, double rest, double scale,
    int cycles, const {T} *missing, {T} *x)
{{
    const double days[3] = {{{year!r}, 7, 1}};
    int n, k = 1, known = 0;
    long day = 0;
    double seconds = 0, zone = 0;
    const unsigned char *s = {p}stripped(text, &n);
    if ({p}index_of(s, n, {p}missing_words) >= 0) {{
        for (int j = 0; j < 3; j++) k += cycles >> j & 1 ? 2 : 0;
        k += cycles >> 3 & 1;
        for (int j = 0; j < k; j++) x[j] = {p}get_{T}(missing + j);
        return 1;
    }}
    for (const char *way; !known && (way = {p}get_text(spellings)) != 0; spellings++)
        known = {p}instant(s, n, way, &day, &seconds, &zone);
    if (sizeof(double) < 8) {{  /* which holds a day's time only without the day */
        x[0] = ({T})(((double)(day - (long)whole) + (seconds - zone) / 86400 - rest) / scale);
    }} else {{
        x[0] = ({T})(((double)day + (seconds - zone) / 86400 - (whole + rest)) / scale);
    }}
    for (int j = 0; j < 3; j++) if (cycles >> j & 1) {{
        const double turn = j == 2 ? seconds / 86400 : fmod((double)day, days[j]) / days[j];
        x[k++] = ({T})sin(6.283185307179586 * turn);
        x[k++] = ({T})cos(6.283185307179586 * turn);
    }}
    if (cycles >> 3 & 1) x[k] = 0;
    return known;
}}
"""


def c_source(prefix: str, real: str) -> str:
    """Return the functions that read dates in C; they need MONTHS, WEEKDAYS and UTC as tables."""
    return C.format(p=prefix, T=real, pivot=PIVOT, year=YEAR)


def cycle_bits(column: DateColumn) -> int:
    """Return the bits of `cycles` in C."""
    bits = sum(1 << i for i, cycle in enumerate(CYCLES) if cycle in column.cycles)
    return bits | (8 if column.indicator else 0)
