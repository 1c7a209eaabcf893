"""Convolution and pooling as routines in C, from which `c_family` also makes JavaScript.

x has c channels of h × w pixels, and y channels of m × n; windows of kh × kw pixels start every
sy × sx pixels, from the padding above and on the left on.
"""

from __future__ import annotations

from ..engines.image_plans import ImagePlan

_WINDOWS = "int h, int w, int m, int n, int kh, int kw, int sy, int sx, int top, int left"

_POOL = """\
for (int k = 0; k < c; k++) for (int i = 0; i < m; i++) for (int j = 0; j < n; j++) {{
    REAL z = 0;
    int found = 0;
    for (int p = 0; p < kh; p++) for (int q = 0; q < kw; q++) {{
        const int row = i * sy - top + p, column = j * sx - left + q;
        if (row < 0 || row >= h || column < 0 || column >= w) continue;
        const REAL pixel = x[(k * h + row) * w + column];
        {take}
        found++;
    }}
    y[(k * m + i) * n + j] = {result};
}}"""

_CONV = """\
for (int f = 0; f < filters; f++) for (int i = 0; i < m; i++) for (int j = 0; j < n; j++) {{
    const int first = (f - f % per) / per * c;
    REAL z = 0;
    for (int k = 0; k < c; k++) for (int p = 0; p < kh; p++) {{
        const int row = i * sy - top + p * dy;
        if (row < 0 || row >= h) continue;
        for (int q = 0; q < kw; q++) {{
            const int column = j * sx - left + q * dx;
            if (column < 0 || column >= w) continue;
            z += x[((first + k) * h + row) * w + column] * W[((f * c + k) * kh + p) * kw + q];
        }}
    }}
    y[(f * m + i) * n + j] = {result};
}}"""

_TABLES = "const REAL *W, const REAL *b"
_BYTE_TABLES = "const signed char *W, const REAL *scale, const REAL *b"
_FILTERS = "int c, int filters, int per, int dy, int dx"

# The routine's name, its arguments and its body, by the kind of the layer.
ROUTINES: dict[str, tuple[str, str, str]] = {
    "Conv": (
        "conv", f"const REAL *x, {_TABLES}, REAL *y, {_WINDOWS}, {_FILTERS}",
        _CONV.format(result="b ? z + b[f] : z"),
    ),
    "BytesConv": (
        "bytes_conv", f"const REAL *x, {_BYTE_TABLES}, REAL *y, {_WINDOWS}, {_FILTERS}",
        _CONV.format(result="b ? z * scale[f] + b[f] : z * scale[f]"),
    ),
    "MaxPool": (
        "max_pool", f"const REAL *x, REAL *y, {_WINDOWS}, int c",
        _POOL.format(take="if (!found || pixel > z) z = pixel;", result="z"),
    ),
    "AveragePool": (
        "average_pool", f"const REAL *x, REAL *y, {_WINDOWS}, int c, int whole",
        _POOL.format(take="z += pixel;", result="z / (REAL)(whole ? kh * kw : found)"),
    ),
}  # fmt: skip


def arguments(kind: str, plan: ImagePlan) -> list[str]:
    """Return the arguments of a routine after x, the tables and y."""
    (h, w), kernel, stride, ((top, _), (left, _)), dilation = plan.windows
    numbers = [h, w, *plan.windows.counts, *kernel, *stride, top, left]
    if kind in ("Conv", "BytesConv"):
        per = plan.filters // plan.groups
        numbers += [plan.channels // plan.groups, plan.filters, per, *dilation]
    else:
        numbers += [plan.channels] + [int(plan.count_padding)] * (kind == "AveragePool")
    return list(map(str, numbers))
