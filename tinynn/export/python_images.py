"""Convolution and pooling in exported Python files.

A convolution is the function of a Dense layer, applied to the patch of every window.
"""

from __future__ import annotations

from ..engines.image_plans import ImagePlan
from ..engines.plans import Frozen
from ..lesson.windows import count

# The functions that an exported file may need, by what calls them. A window is the list of the
# indices of its pixels in a channel; the index of the padding is one behind the last pixel.
DEFINED = {
    "_windows": """\
def _windows(size, counts, kernel, stride, start, step):
    (h, w), found = size, []
    for i in range(counts[0]):
        for j in range(counts[1]):
            ys = [i * stride[0] - start[0] + p * step[0] for p in range(kernel[0])]
            xs = [j * stride[1] - start[1] + q * step[1] for q in range(kernel[1])]
            pixels = [(y, x) for y in ys for x in xs]
            found.append([y * w + x if 0 <= y < h and 0 <= x < w else h * w for y, x in pixels])
    return found
""",
    "_conv": """\
def _conv(x, size, windows, sums):
    # sums: for each group of channels, the function from a patch to the sums of its filters
    step, filters = len(x) // len(sums), []
    for g, of_patch in enumerate(sums):
        channels = [x[k:k + size] + [0.0] for k in range(g * step, (g + 1) * step, size)]
        found = [of_patch([c[i] for c in channels for i in window]) for window in windows]
        filters += zip(*found)
    return [z for row in filters for z in row]
""",
    "_max_pool": """\
def _max_pool(x, size, windows):
    windows = [[i for i in window if i < size] for window in windows]
    channels = [x[k:k + size] for k in range(0, len(x), size)]
    return [max([c[i] for i in window]) for c in channels for window in windows]
""",
    "_average_pool": """\
def _average_pool(x, size, windows, whole):
    real = [[i for i in window if i < size] for window in windows]
    counted = [(r, len(window if whole else r) * 1.0) for r, window in zip(real, windows)]
    channels = [x[k:k + size] for k in range(0, len(x), size)]
    return [sum([c[i] for i in r]) / n for c in channels for r, n in counted]
""",
}  # fmt: skip


def windows_line(place: int, plan: ImagePlan) -> str:
    """Return the definition of a layer's windows."""
    size, kernel, stride, ((top, _), (left, _)), dilation = plan.windows
    given = (size, plan.windows.counts, kernel, stride, (top, left), dilation)
    return f"_P{place} = _windows({', '.join(map(repr, given))})"


def by_group(layer: Frozen, plan: ImagePlan) -> list[Frozen]:
    """Return a convolution as the Dense layers that its groups apply to their patches."""
    W, per = layer.values["W"], plan.filters // plan.groups
    b = layer.values["b"][0] if layer.plan.biased else [0.0] * plan.filters
    scales = layer.values.get("scale")
    found = []
    for k in range(0, plan.filters, per):
        values = {"W": [row[k : k + per] for row in W], "b": [b[k : k + per]]}
        values.update({"scale": [scales[0][k : k + per]]} if scales else {})
        found.append(Frozen(layer.plan, values))
    return found


def pool_call(layer: Frozen, plan: ImagePlan) -> str:
    """Return the expression of a pooling layer applied to the row x."""
    given = f"x, {count(plan.windows.size)}, _P{layer.plan.place}"
    if layer.plan.kind == "MaxPool":
        return f"_max_pool({given})"
    return f"_average_pool({given}, {plan.count_padding})"
