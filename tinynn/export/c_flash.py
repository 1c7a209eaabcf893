"""What a C header needs on AVR: constants in flash, and functions that its math.h lacks.

Elsewhere, a `const` table stays in flash by itself. On AVR (Arduino Uno, Nano, Mega), it is copied
to RAM at the start, of which there are 2 to 8 kB, unless it is marked PROGMEM; then it has to be
read by functions of its own. So a header marks and reads all tables by macros, which come to
nothing elsewhere: the same file serves a PC and a board.
"""

from __future__ import annotations

import re

_READING = """\
/* On AVR, tables are kept in flash and read from there; elsewhere, const is enough. */
#ifdef __AVR__
#include <avr/pgmspace.h>
#define {p}FLASH PROGMEM
#define {p}get_byte(at) ((signed char)pgm_read_byte(at))
#define {p}get_letter(at) ((char)pgm_read_byte(at))
#define {p}get_long(at) ((long)pgm_read_dword(at))
#define {p}get_text(at) ((const char *)pgm_read_word(at))
#define {p}get_float(at) pgm_read_float(at)
static inline double {p}get_double(const double *at)
{{
    double x;
    memcpy_P(&x, at, sizeof x);
    return x;
}}
#else
#define {p}FLASH
#define {p}get_byte(at) (*(at))
#define {p}get_letter(at) (*(at))
#define {p}get_long(at) (*(at))
#define {p}get_text(at) (*(at))
#define {p}get_float(at) (*(at))
#define {p}get_double(at) (*(at))
#endif
"""
# What AVR's math.h lacks, for the numbers of 32 bits that it has.
_LACKING = {
    "expm1": """\
{{   /* W. Kahan: the quotient makes up for the digits that y - 1 loses. */
    const double y = exp(x);
    return y == 1 ? x : y < 1e-9 || y - y != 0 ? y - 1 : (y - 1) * (x / log(y));
}}
""",
    "log1p": """\
{{   /* W. Kahan: the quotient makes up for the digits that 1 + x loses. */
    const double y = 1 + x;
    return y == 1 || y - y != 0 ? x : log(y) * (x / (y - 1));
}}
""",
    "erfc": """\
{{   /* W. H. Press et al., Numerical Recipes in C (1992), section 6.2: to a relative 1.2e-7. */
    const double t = 1 / (1 + fabs(x) / 2);
    const double y = t * exp(-x * x - 1.26551223 + t * (1.00002368 + t * (0.37409196
        + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398
        + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)))))))));
    return x < 0 ? 2 - y : y;
}}
""",
}
_FUNCTION = """\
#ifdef __AVR__
static inline double {p}{name}(double x)
{body}#define {p}{name}f {p}{name}
#else
#define {p}{name} {name}
#define {p}{name}f {name}f
#endif
"""


def reading(prefix: str) -> str:
    """Return the macros that mark tables and read them."""
    return _READING.format(p=prefix)


def call(prefix: str, name: str) -> str:
    """Return the name under which a header calls a function of math.h on doubles.

    >>> call("m_", "exp"), call("m_", "expm1")
    ('exp', 'm_expm1')
    """
    return prefix + name if name in _LACKING else name


def lacking(prefix: str, code: str) -> list[str]:
    """Return definitions of the functions that code calls and that AVR lacks."""
    return [
        _FUNCTION.format(p=prefix, name=name, body=body.format())
        for name, body in _LACKING.items()
        if re.search(rf"\b{prefix}{name}f?\(", code)
    ]


def read_from_flash(prefix: str, arguments: str, body: str) -> str:
    """Return the body of a routine that reads the tables among its arguments by the macros.

    Its row is x; all other arguments that are constant pointers are tables.

    >>> read_from_flash("m_", "const float *x, const float *W", "z = x[k] * W[j + k];")
    'z = x[k] * m_get_float(W + j + k);'
    """
    kinds = {"signed char": "byte"}
    for kind, name in re.findall(r"const (\w[\w ]*) \*(\w+)", arguments):
        if name != "x":
            read = f"{prefix}get_{kinds.get(kind, kind)}({name} + "
            body = re.sub(rf"\b{name}\[([^][]+)\]", rf"{read}\1)", body)
    return body
