"""Pictures: well-formed, escaped, self-contained, the same every time, true to their numbers."""

from __future__ import annotations

import math
import os
import re
import xml.etree.ElementTree as ElementTree
from itertools import groupby
from pathlib import Path
from typing import Callable, Sequence

import pytest
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn import view
from tinynn.errors import DataError, SettingError, TinynnError
from tinynn.view import Series
from tinynn.view.lines import thinned
from tinynn.view.palettes import PALETTES, contrast, luminance, shade
from tinynn.view.plain_text import cells_wide
from tinynn.view.scales import (
    Bands,
    Scale,
    covering,
    log_ticks,
    nice_number,
    nice_ticks,
    short,
    tick_labels,
)
from tinynn.view.svg import DARK, LIGHT, Svg, abridge, pixels, text_width
from tinynn.view.tiles import Tile, merged_tiles

HOSTILE = '"><script>alert(1)</script>&\x00\x1b[31m\ud800'
NAMESPACE = "{http://www.w3.org/2000/svg}"


TWO = nn.Sequential(nn.Dense(2, 1), nn.Sigmoid(), seed=1)


def gallery(text: str) -> dict[str, str]:
    """Return one picture of each kind, with `text` in every place where a caller can put text."""
    return {
        "line": view.line_chart(
            [Series(text, [3.0, None, 1.0, math.nan, 2.0], markers=True)],
            title=text,
            x_label=text,
            y_label=text,
            marks=[(2.0, text)],
            description=text,
        ),
        "log": view.line_chart(
            {text: [1e-3, 20.0]}, title=text, x=[1, 1000], x_scale="log", y_scale="log"
        ),
        "roc": view.roc_chart({text: ([0, 0.5, 1], [0, 0.8, 1])}, title=text),
        "reliability": view.reliability_chart({text: ([0.1, None, 0.9], [0.2, None, 1.0])}),
        "scatter": view.scatter_chart(
            [[0, 0], [1, 1], [0.5, 2]],
            [0, 1, 2],
            title=text,
            x_label=text,
            y_label=text,
            class_names=[text, text, text],
            scores=lambda rows: [[x, y, 1.0] for x, y in rows],
            resolution=12,
        ),
        "prediction": view.prediction_chart([1, 2, 3], [1.5, 2, 2.5], title=text, unit=text),
        "heat": view.heat_map(
            [[1, None], [-2, 3]],
            title=text,
            row_names=[text, text],
            column_names=[text, text],
            x_label=text,
            y_label=text,
            value_label=text,
            palette="diverging",
            cell_text=[[text, text], [text, text]],
        ),
        "large heat": view.heat_map(
            [[i * j for j in range(25)] for i in range(25)], title=text, cell_text=".0f"
        ),
        "confusion": view.confusion_chart([[5, 1], [0, 0]], [text, text], title=text),
        "bars": view.bar_chart(
            [text, "b"], [2, -1], [0.5, 0], title=text, x_label=text, groups=[text, "other"]
        ),
        "network": view.network_diagram(
            [[[1.0, -2.0], [0.0, 0.5]], [[1.0], [-1.0]]],
            title=text,
            biases=[[0.5, -0.5], None],
            input_names=[text, text],
            output_names=[text],
            layer_names=[text, text, text],
        ),
        "activations": view.activation_chart(["Tanh", "ReLU"], title=text, description=text),
        "epochs": view.boundary_epochs(
            [(0, TWO), (3, TWO)],
            [[0, 0], [1, 1]],
            [0, 1],
            title=text,
            class_names=[text, text],
            x_label=text,
            y_label=text,
            resolution=6,
        ),
        "surface": view.loss_surface(
            TWO,
            [[0, 1]],
            [[1]],
            path={text: [(0, TWO)], text + "2": [(0, TWO)]},
            weights=("0.W[0][0]", "0.b[0]"),
            title=text,
            resolution=6,
        ),
        "graph": view.computation_graph(TWO, [1, 0], [1], title=text),
    }


KINDS = list(gallery("a name"))


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def found(root: ElementTree.Element, tag: str, class_: str = "") -> list[ElementTree.Element]:
    return [
        e for e in root.iter(NAMESPACE + tag) if class_ in e.get("class", "").split() or not class_
    ]


def path_points(d: str) -> list[tuple[float, float]]:
    """Return the points of a path of absolute M and L commands."""
    return [(float(a), float(b)) for a, b in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", d)]


def outside_references(svg: str) -> list[str]:
    """Return whatever in a picture would be fetched from elsewhere or run."""
    root = parsed(svg)
    bad = [
        e.tag for e in root.iter() if e.tag.split("}")[1] in ("script", "image", "foreignObject")
    ]
    for e in root.iter():
        for name, value in e.attrib.items():
            bare = name.split("}")[-1]
            if bare in ("href", "src") or bare.startswith("on"):
                bad.append(f"{name}={value}")
            bad += [url for url in re.findall(r"url\(([^)]*)", value) if not url.startswith("#nn-")]
    style = "".join(e.text or "" for e in found(root, "style"))
    return bad + re.findall(r"@import|url\(|https?:|expression", style)


# --- every picture ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_is_well_formed_and_says_what_it_shows(kind: str) -> None:
    root = parsed(gallery("a name")[kind])
    assert root.tag == NAMESPACE + "svg"
    assert root.get("role") == "img"
    labels = (root.get("aria-labelledby") or "").split()
    ids = {e.get("id"): e for e in root.iter() if e.get("id")}
    title, description = (ids[label] for label in labels)
    assert (title.tag, description.tag) == (NAMESPACE + "title", NAMESPACE + "desc")
    assert title.text and description.text
    box = [float(x) for x in (root.get("viewBox") or "").split()]
    assert box == [0.0, 0.0, float(root.get("width") or 0), float(root.get("height") or 0)]


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_text_stays_text(kind: str) -> None:
    svg = gallery(HOSTILE)[kind]
    root = parsed(svg)
    assert not found(root, "script")
    assert "\x00" not in svg and "\x1b" not in svg
    svg.encode("utf-8")
    # The same picture with harmless text of the same length has the same elements.
    harmless = parsed(gallery("x" * len(HOSTILE))[kind])
    assert [e.tag for e in root.iter()] == [e.tag for e in harmless.iter()]


@pytest.mark.parametrize("kind", KINDS)
def test_refers_to_nothing_outside(kind: str) -> None:
    assert outside_references(gallery(HOSTILE)[kind]) == []


def test_the_search_for_outside_references_finds_them() -> None:
    start = '<svg xmlns="http://www.w3.org/2000/svg"><g>'
    for planted in (
        '<image href="https://example.org/a.png"/>',
        "<script>1</script>",
        '<rect onclick="1"/>',
        '<rect fill="url(https://example.org/#a)"/>',
        "<style>@import 'a.css'</style>",
    ):
        assert outside_references(f"{start}{planted}</g></svg>") != []


@pytest.mark.parametrize("kind", KINDS)
def test_is_the_same_every_time(kind: str) -> None:
    assert gallery("a name")[kind] == gallery("a name")[kind]


def test_pictures_in_one_page_do_not_disturb_one_another() -> None:
    names: set[str] = set()
    for svg in gallery("a name").values():
        root = parsed(svg)
        name = root.get("class") or ""
        assert re.fullmatch(r"nn-[0-9a-f]{10}", name)
        assert name not in names
        names.add(name)
        ids = [e.get("id") or "" for e in root.iter() if e.get("id")]
        assert len(ids) == len(set(ids))
        assert all(i.startswith(name + "-") for i in ids)
        assert set(re.findall(r"url\(#([^)]*)\)", svg)) <= set(ids)
        style = found(root, "style")[0].text or ""
        for selector in re.findall(r"([^{}\n]+)\{", style):
            assert selector.startswith((f".{name}", "@media"))


@pytest.mark.parametrize("kind", KINDS)
def test_has_a_light_and_a_dark_theme(kind: str) -> None:
    svg = gallery("a name")[kind]
    style = found(parsed(svg), "style")[0].text or ""
    light, dark = style.split("@media(prefers-color-scheme:dark)")
    used = set(re.findall(r"var\(--nn-(\w+)\)", style))
    assert "paper" in used
    for name in used:
        assert f"--nn-{name}:{LIGHT[name]}" in light
        assert f"--nn-{name}:{DARK[name]}" in dark


def test_colours_can_be_told_from_the_paper() -> None:
    for theme in (LIGHT, DARK):
        assert contrast(theme["ink"], theme["paper"]) >= 7.0
        assert contrast(theme["muted"], theme["paper"]) >= 4.5
        for i in range(7):
            assert contrast(theme[f"s{i}"], theme["paper"]) >= (3.0 if i < 3 else 2.0)


# --- the builder -----------------------------------------------------------------------------


def test_golden_picture() -> None:
    svg = Svg(40, 20, "A & B", "one <box>")
    svg.element("rect", tooltip="1 < 2", x=1.0, y=2.005, width=1 / 3, height=-0.001, class_="nn-f0")
    svg.text(3, 4, 'say "a" & <b>', anchor="end", turn=-90)
    name = "nn-" + re.search(r'class="nn-([0-9a-f]+)"', svg.render()).group(1)  # type: ignore[union-attr]
    assert svg.render() == (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{name}" width="40" height="20" '
        f'viewBox="0 0 40 20" role="img" aria-labelledby="{name}-title {name}-desc">\n'
        f"<style>.{name}{{max-width:100%;height:auto;font:12px system-ui,-apple-system,'Segoe UI',"
        "'Noto Sans',Helvetica,Arial,sans-serif}\n"
        f".{name}{{--nn-ink:#1b1f24;--nn-s0:#0072b2}}\n"
        f"@media(prefers-color-scheme:dark){{.{name}{{--nn-ink:#e6e9ed;--nn-s0:#56b4e9}}}}\n"
        f".{name} .nn-text{{fill:#1b1f24;fill:var(--nn-ink)}}\n"
        f".{name} .nn-f0{{fill:#0072b2;fill:var(--nn-s0)}}</style>\n"
        f'<title id="{name}-title">A &amp; B</title><desc id="{name}-desc">one &lt;box&gt;</desc>'
        '<rect x="1" y="2" width="0.33" height="0" class="nn-f0"><title>1 &lt; 2</title></rect>\n'
        '<text x="3" y="4" dy="0.35em" class="nn-text" text-anchor="end" '
        'transform="rotate(-90 3 4)">say "a" &amp; &lt;b&gt;</text>\n'
        "</svg>\n"
    )


def test_golden_line() -> None:
    svg = view.line_chart({"loss": [4, 2, None, 1]}, title="t", width=200, height=200)
    line = found(parsed(svg), "path", "nn-line")
    assert [e.get("d") for e in line] == ["M16 43h20", "M21.08 66L74.05 126"]
    assert [e.get("d") for e in found(parsed(svg), "path", "nn-point")] == ["M180 156h0"]


@given(st.floats(-1e6, 1e6))
def test_numbers_are_short_and_near(x: float) -> None:
    text = pixels(x)
    assert abs(float(text) - x) <= 0.005 + 1e-9
    assert re.fullmatch(r"-?\d+(\.\d{1,2})?", text) and text != "-0"


@given(st.text(max_size=60), st.floats(20, 300))
def test_abridged_text_fits(text: str, width: float) -> None:
    assert text_width(abridge(text, width)) <= width


def test_a_text_of_every_character_can_be_written() -> None:
    text = "".join(chr(i) for i in [*range(0x300), *range(0xD7F0, 0xE010), 0xFFFD, 0xFFFE, 0x1F600])
    svg = Svg(10, 10, text, text)
    svg.text(0, 0, text)
    parsed(svg.render()).iter()


# --- ticks and scales ------------------------------------------------------------------------

FINITE = st.floats(-1e300, 1e300, allow_subnormal=False)


@given(FINITE, FINITE, st.integers(2, 12))
def test_nice_ticks_cover_the_range_in_nice_steps(a: float, b: float, count: int) -> None:
    low, high = min(a, b), max(a, b)
    ticks = nice_ticks(low, high, count)
    assert ticks[0] <= low and high <= ticks[-1]
    assert 2 <= len(ticks) <= 2 * count + 3
    assert all(s < t for s, t in zip(ticks, ticks[1:]))
    # Each tick is a whole multiple of 1, 2 or 5 times a power of ten, so the step's text is short.
    step = (ticks[-1] / 2 - ticks[0] / 2) / (len(ticks) - 1) * 2
    mantissa = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(mantissa - m) for m in (1, 2, 5, 10)) < 1e-5
    if low < high and high - low > 1e-6 * max(-low, high):
        assert ticks[1] > low and ticks[-2] < high  # no tick more than it takes


@given(st.floats(1e-299, 1e299))
def test_nice_number_is_near_or_above(x: float) -> None:
    m, e = nice_number(x, nearest=True)
    assert 0.5 * (1 - 1e-9) <= float(f"{m}e{e}") / x <= 2.0 / 1.0
    m, e = nice_number(x, nearest=False)
    assert 1.0 - 1e-9 <= float(f"{m}e{e}") / x <= 2.5 * (1 + 1e-9)


def test_golden_ticks() -> None:
    assert [nice_number(x, nearest=True) for x in (1.4, 1.6, 2.9, 3.1, 6.9, 7.1)] == [
        (1, 0), (2, 0), (2, 0), (5, 0), (5, 0), (1, 1),
    ]  # fmt: skip
    # Heckbert's example: 105 to 543 with five ticks.
    assert nice_ticks(105, 543, 5) == [100.0, 200.0, 300.0, 400.0, 500.0, 600.0]
    assert nice_ticks(0, 0.3) == [0.0, 0.1, 0.2, 0.3]
    assert nice_ticks(5, 5) == [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    assert nice_ticks(0, 0) == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert log_ticks(3, 40) == [2.0, 5.0, 10.0, 20.0, 50.0]
    assert log_ticks(1, 1) == [1.0, 2.0]
    assert tick_labels([-0.5, 0.0, 0.5]) == ["−0.5", "0.0", "0.5"]
    assert tick_labels([0, 1.5e7, 3e7]) == ["0", "1.5×10⁷", "3.0×10⁷"]
    assert [short(x) for x in (0.1 + 0.2, 12345.6, 1e-9, 2.5e8)] == [
        "0.3", "12346", "10⁻⁹", "2.5×10⁸",
    ]  # fmt: skip


@given(st.floats(1e-290, 1e290), st.floats(1e-290, 1e290), st.integers(2, 10))
def test_log_ticks_enclose_the_range(a: float, b: float, count: int) -> None:
    low, high = min(a, b), max(a, b)
    ticks = log_ticks(low, high, count)
    assert ticks[0] <= low and high <= ticks[-1]
    assert all(s < t for s, t in zip(ticks, ticks[1:]))
    assert 2 <= len(ticks) <= max(10, count + 6)
    assert all(f"{t:.0e}"[0] in "125" and float(f"{t:.0e}") == t for t in ticks)


@given(FINITE, FINITE, st.lists(st.floats(0, 1), min_size=2, max_size=5), st.booleans())
def test_a_scale_is_monotone_and_keeps_its_values_inside(
    a: float, b: float, shares: list[float], tight: bool
) -> None:
    values = sorted(a / 2 + t * (b / 2 - a / 2) for t in shares)
    scale = covering("test", values, tight=tight)
    positions = [scale.position(v) for v in values]
    assert all(-1e-9 <= p <= 1 + 1e-9 for p in positions)
    assert positions == sorted(positions)
    assert len(scale.ticks) >= 2
    assert all(-1e-9 <= position <= 1 + 1e-9 for position, _ in scale.ticks)


@given(st.lists(st.floats(1e-290, 1e290), min_size=1, max_size=5), st.booleans())
def test_a_logarithmic_scale_is_monotone_too(values: list[float], tight: bool) -> None:
    values.sort()
    scale = covering("test", values, kind="log", tight=tight)
    positions = [scale.position(v) for v in values]
    assert all(-1e-9 <= p <= 1 + 1e-9 for p in positions)
    assert positions == sorted(positions)
    assert len(scale.ticks) >= 2


def test_limits_are_kept_exactly() -> None:
    scale = covering("test", [50.0], limits=(3.0, 4.0), kind="log")
    assert (scale.low, scale.high) == (3.0, 4.0)
    assert len(scale.ticks) >= 2


def test_bands_count_from_the_top_if_told() -> None:
    assert [Bands(["a", "b"]).position(i) for i in (0, 1)] == [0.25, 0.75]
    assert [Bands(["a", "b"], downward=True).position(i) for i in (0, 1)] == [0.75, 0.25]
    assert Scale(0, 10).position(5) == 0.5


# --- palettes --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["viridis", "cividis"])
def test_lightness_rises_evenly(name: str) -> None:
    lights = [luminance(shade(PALETTES[name], i / 50)) for i in range(51)]
    assert lights == sorted(lights)


def test_the_middle_of_the_diverging_palette_is_neutral() -> None:
    assert shade(PALETTES["diverging"], 0.5) == "#f7f7f7"
    lights = [luminance(shade(PALETTES["diverging"], i / 50)) for i in range(51)]
    assert lights[:26] == sorted(lights[:26]) and lights[25:] == sorted(lights[25:], reverse=True)


@given(st.floats(-1, 2))
def test_shades_are_colours(position: float) -> None:
    assert re.fullmatch("#[0-9a-f]{6}", shade(PALETTES["viridis"], position))


# --- tiles -----------------------------------------------------------------------------------


def untiled(tiles: Sequence[Tile], rows: int, columns: int) -> list[list[int | None]]:
    """Return the grid that the tiles paint. Fails if two overlap."""
    cells: list[list[int | None]] = [[None] * columns for _ in range(rows)]
    for kind, (row, column, height, width) in tiles:
        for i in range(row, row + height):
            for j in range(column, column + width):
                assert cells[i][j] is None, "two tiles overlap"
                cells[i][j] = kind
    return cells


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.lists(
            st.lists(st.sampled_from([0, 1, None]), min_size=n, max_size=n), min_size=1, max_size=6
        )
    )
)
def test_tiles_paint_every_cell_once(cells: list[list[int | None]]) -> None:
    assert untiled(merged_tiles(cells), len(cells), len(cells[0])) == cells


def test_the_check_of_tiles_sees_an_overlap() -> None:
    with pytest.raises(AssertionError, match="two tiles overlap"):
        untiled([(0, (0, 0, 1, 2)), (1, (0, 1, 1, 1))], 1, 2)


def test_large_areas_are_few_tiles() -> None:
    assert len(merged_tiles([[0] * 50 + [1] * 50] * 100)) == 2


# --- line charts -----------------------------------------------------------------------------


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=40).filter(
        lambda ys: any(y is not None for y in ys)
    )
)
def test_lines_stay_inside_the_frame_and_keep_their_order(ys: list[float | None]) -> None:
    root = parsed(view.line_chart({"": ys}, title="t"))
    area = found(root, "clipPath")[0][0]
    x, y, w, h = (float(area.get(k) or 0) for k in ("x", "y", "width", "height"))
    points = [
        p
        for class_ in ("nn-line", "nn-point")
        for e in found(root, "path", class_)
        for p in path_points((e.get("d") or "").replace("h0", ""))
    ]
    present = sorted(v for v in ys if v is not None)
    assert len(points) == len(present)
    assert all(x <= a <= x + w and y <= b <= y + h for a, b in points)
    heights = sorted((b for _, b in points), reverse=True)
    by_x = sorted(points)
    drawn = [b for _, b in by_x]
    ranked = [v for v in ys if v is not None]
    # A higher value is never drawn lower.
    order = sorted(range(len(ranked)), key=ranked.__getitem__)
    assert all(abs(drawn[i] - b) <= 0.011 for i, b in zip(order, heights))


def test_gaps_break_the_line() -> None:
    svg = view.line_chart({"": [1, 2, None, 3, math.nan, 4, 5]}, title="t")
    d = found(parsed(svg), "path", "nn-line")[0].get("d") or ""
    assert d.count("M") == 2 and len(found(parsed(svg), "path", "nn-point")) == 1


def test_a_long_line_is_thinned_without_losing_its_extremes() -> None:
    points = [(i / 1000, float((i * 7919) % 1013)) for i in range(100_000)]
    thin = thinned(points)
    assert len(thin) <= 4 * 101
    columns = [
        [[y for _, y in group] for _, group in groupby(some, lambda point: int(point[0]))]
        for some in (points, thin)
    ]
    assert len(columns[0]) == len(columns[1]) == 100
    for full, kept in zip(*columns):
        assert (min(kept), max(kept), kept[0], kept[-1]) == (
            min(full),
            max(full),
            full[0],
            full[-1],
        )


def test_lines_that_run_back_are_not_thinned() -> None:
    points = [(float(i % 2), float(i)) for i in range(1000)]
    assert thinned(points) == points


def test_area_under_the_curve_is_in_the_legend() -> None:
    svg = view.roc_chart({"a": ([0, 0, 1], [0, 1, 1]), "b": ([0, 0.5, 1], [0, 0.5, 1])})
    assert "a (area 1.000)" in svg and "b (area 0.500)" in svg


def test_description_tells_the_numbers() -> None:
    svg = view.line_chart({"loss": [0.5, 0.25]}, title="t", x_label="epoch", y_label="loss (nats)")
    description = found(parsed(svg), "desc")[0].text
    assert description == (
        "Line chart, loss (nats) against epoch. "
        "loss: 2 points, first 0.5, last 0.25, lowest 0.25, highest 0.5."
    )


def test_marks_and_markers_beyond_the_limits_are_left_out() -> None:
    svg = view.line_chart(
        [Series("", [1, 2, 3], markers=True)],
        title="t",
        x_limits=(1, 2),
        y_limits=(1, 2),
        marks=[(1.5, "seen"), (9, "hidden")],
    )
    assert len(found(parsed(svg), "path", "nn-dots")) == 2
    assert "seen" in svg and "hidden" not in svg


# --- the other charts ------------------------------------------------------------------------


def test_decision_areas_follow_the_scores() -> None:
    def right_half(rows: Sequence[Sequence[float]]) -> list[list[float]]:
        return [[float(x > 0)] for x, _ in rows]

    svg = view.scatter_chart(
        [[-1, -1], [1, 1]], [0, 1], title="t", scores=right_half, resolution=10
    )
    areas = list(found(parsed(svg), "g", "nn-area")[0])
    assert [(e.get("class"), e.get("d")) for e in areas] == [
        ("nn-f0", "M0 0h5v10h-5z"),
        ("nn-f1", "M5 0h5v10h-5z"),
    ]


def test_a_grid_of_scores_begins_at_the_lowest_y() -> None:
    svg = view.scatter_chart(
        [[0, 0]],
        title="t",
        scores=[[[1, 0], [1, 0]], [[0, 1], [0, 1]]],
        x_limits=(-1, 1),
        y_limits=(-1, 1),
    )
    areas = list(found(parsed(svg), "g", "nn-area")[0])
    assert [(e.get("class"), e.get("d")) for e in areas] == [
        ("nn-f0", "M0 1h2v1h-2z"),
        ("nn-f1", "M0 0h2v1h-2z"),
    ]


def test_points_have_a_shape_for_each_class() -> None:
    svg = view.scatter_chart([[0, 0], [1, 1], [2, 0]], [0, 1, 0], title="t")
    groups = found(parsed(svg), "g", "nn-dots")
    assert [len(found(g, "path")) for g in groups] == [2, 1]


def test_confusion_shows_counts_and_shares_of_the_row() -> None:
    svg = view.confusion_chart([[3, 1], [0, 6]], ["no", "yes"])
    texts = [e.text for e in found(parsed(svg), "text")]
    assert texts[texts.index("3") :][:8] == ["3", "75.0%", "1", "25.0%", "0", "0%", "6", "100%"]
    assert found(parsed(svg), "desc")[0].text == "Confusion matrix of 2 classes: 9 of 10 right."


def test_small_maps_tell_each_value_and_gaps_are_empty() -> None:
    svg = view.heat_map([[1.5, None], [2.5, 3.5]], title="t", row_names=["a", "b"])
    cells = found(found(parsed(svg), "g", "nn-area")[0], "rect")
    assert [c[0].text for c in cells] == ["a, 0: 1.5", "b, 0: 2.5", "b, 1: 3.5"]


def test_diverging_maps_are_centred_on_zero() -> None:
    svg = view.heat_map([[-1.0, 0.0, 4.0]], title="t", palette="diverging")
    cells = found(found(parsed(svg), "g", "nn-area")[0], "rect")
    assert cells[1].get("fill") == "#f7f7f7"
    assert cells[2].get("fill") == PALETTES["diverging"][-1]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12))
def test_bars_are_as_long_as_their_values(values: list[float]) -> None:
    svg = view.bar_chart([f"n{i}" for i in range(len(values))], values, title="t")
    widths = [float(e.get("width") or 0) for e in found(parsed(svg), "rect", "nn-f0")]
    largest = max(range(len(values)), key=lambda i: abs(values[i]))
    for v, w in zip(values, widths):
        if values[largest]:
            assert abs(w - widths[largest] * abs(v / values[largest])) < 0.02


def test_predictions_far_beyond_the_others_are_drawn_at_the_edge() -> None:
    near = [float(i) for i in range(100)]
    svg = parsed(view.prediction_chart([*near, 50.0, 9e9], [*near, -9e9, 3.0]))
    plain, far = found(svg, "g", "nn-dots")
    assert (len(found(plain, "path")), len(found(far, "path"))) == (100, 2)
    texts = [text.text or "" for text in found(svg, "text")]
    assert "far beyond the others, at the edge: 2" in texts and not any("×10" in t for t in texts)
    svg = parsed(view.prediction_chart(near, [1.5 * x for x in near]))
    assert "beyond" not in "".join(svg.itertext())


def test_negative_bars_reach_to_the_left_of_zero() -> None:
    a, b = found(parsed(view.bar_chart(["a", "b"], [1, -1], title="t")), "rect", "nn-f0")
    assert float(b.get("x") or 0) + float(b.get("width") or 0) == pytest.approx(
        float(a.get("x") or 0), abs=0.02
    )


def test_wide_layers_are_abridged_and_counted() -> None:
    W = [[0.5] * 3 for _ in range(784)]
    svg = view.network_diagram([W], title="t", most_neurons=5)
    assert len(found(parsed(svg), "circle")) == 5 + 3
    assert len(found(parsed(svg), "path", "nn-edge")) == 5 * 3
    texts = [e.text for e in found(parsed(svg), "text")]
    assert "⋮ 779 more" in texts and "784 inputs" in texts and "3 neurons" in texts
    assert "783 → 2: 0.5" in svg  # the last ones are drawn too


def test_weights_show_sign_and_size() -> None:
    svg = view.network_diagram([[[2.0, -1.0], [0.0, 0.5]]], title="t")
    edges = {e[0].text or "": e for e in found(parsed(svg), "path", "nn-edge")}
    assert sorted(edges) == ["0 → 0: 2", "0 → 1: −1", "1 → 1: 0.5"]
    assert edges["0 → 0: 2"].get("stroke-width") == "5"
    assert edges["0 → 1: −1"].get("stroke-width") == "2.5"
    assert "nn-l1" in (edges["0 → 1: −1"].get("class") or "")
    assert "nn-l0" in (edges["1 → 1: 0.5"].get("class") or "")


# --- refusals --------------------------------------------------------------------------------

REFUSALS: list[tuple[Callable[[], object], type, str]] = [
    (
        lambda: view.line_chart({}, title="t"),
        DataError,
        "line_chart needs at least one series, got none",
    ),
    (
        lambda: view.line_chart({"loss": []}, title="t"),
        DataError,
        "line_chart needs at least one number in series 'loss', got none",
    ),
    (
        lambda: view.line_chart({"loss": [None, math.nan]}, title="t"),
        DataError,
        "line_chart needs at least one number in series 'loss', got only gaps (None or NaN)",
    ),
    (
        lambda: view.line_chart({"loss": [1, math.inf]}, title="t"),
        DataError,
        "line_chart needs numbers between -1e300 and 1e300 in series 'loss', got inf at "
        "position 1; "
        "put None there to leave it out",
    ),
    (
        lambda: view.line_chart({"loss": [1, 10**400]}, title="t"),
        DataError,
        "line_chart needs numbers between -1e300 and 1e300 in series 'loss', got inf at "
        "position 1; "
        "put None there to leave it out",
    ),
    (
        lambda: view.line_chart({"loss": [1, "2"]}, title="t"),  # type: ignore[list-item]
        DataError,
        "line_chart needs numbers in series 'loss', got '2' at position 1; did you mean "
        "float(...)?",
    ),
    (
        lambda: view.line_chart({"loss": [1, 2]}, x=[1], title="t"),
        DataError,
        "line_chart needs as many x values as values of series 'loss', "
        "got 1 x values and 2 values of series 'loss'",
    ),
    (
        lambda: view.line_chart({"loss": [1, 2]}, x=[1, None], title="t"),  # type: ignore[list-item]
        DataError,
        "line_chart needs a number at every position of the x of series 'loss', got None at "
        "position "
        "1; leave that item out",
    ),
    (
        lambda: view.line_chart({"loss": [1, 0]}, title="t", y_scale="log"),
        DataError,
        "line_chart needs values above 0 on a logarithmic axis, got 0.0; "
        "use a linear axis or put None there",
    ),
    (
        lambda: view.line_chart({"loss": [1]}, title="t", y_scale="ln"),
        SettingError,
        "line_chart needs y_scale to be one of 'linear', 'log', got 'ln'",
    ),
    (
        lambda: view.line_chart({"loss": [1]}, title="t", width=3),
        SettingError,
        "line_chart needs width between 120 and 10000 pixels, got 3; leave it out for the default "
        "size",
    ),
    (
        lambda: view.line_chart({"loss": [1]}, title="t", x_limits=(2, 1)),
        SettingError,
        "line_chart needs axis limits (low, high) with low below high, got (2, 1)",
    ),
    (
        lambda: view.roc_chart({"a": ([0, 0.5, 0.4], [0, 0.5, 1])}),
        DataError,
        "roc_chart needs rising rates, at least two, in 'a', got [0.0, 0.5, 0.4]; "
        "did you mean to sort them by falling threshold?",
    ),
    (
        lambda: view.roc_chart({"a": ([0, 2], [0, 1])}),
        DataError,
        "roc_chart needs shares between 0 and 1 in 'a', got 2.0",
    ),
    (
        lambda: view.reliability_chart({"a": ([0.1], [])}),
        DataError,
        "reliability_chart needs as many observed shares in 'a' as predicted probabilities, "
        "got 0 observed shares in 'a' and 1 predicted probabilities",
    ),
    (
        lambda: view.scatter_chart([[1, 2, 3]], title="t"),
        DataError,
        "scatter_chart needs points of 2 numbers (x and y), got rows of 3",
    ),
    (
        lambda: view.scatter_chart([[1, 2], [1]], title="t"),
        DataError,
        "scatter_chart needs rows of equal length in points, got 2 columns in row 0 and 1 in row 1",
    ),
    (
        lambda: view.scatter_chart([[1, math.nan]], title="t"),
        DataError,
        "scatter_chart needs a number in every cell of points, got nan at row 0, column 1",
    ),
    (
        lambda: view.scatter_chart([[1, 2]], [0, 1], title="t"),
        DataError,
        "scatter_chart needs as many classes as points, got 2 classes and 1 points",
    ),
    (
        lambda: view.scatter_chart([[1, 2]], [2], title="t", class_names=["a", "b"]),
        DataError,
        "scatter_chart needs classes numbered 0 to 1 (one for each class name), got 2 at "
        "position 0",
    ),
    (
        lambda: view.scatter_chart([[1, 2]], [-1], title="t"),
        DataError,
        "scatter_chart needs classes numbered 0, 1, 2, …, got -1 at position 0",
    ),
    (
        lambda: view.scatter_chart([[1, 2]], title="t", scores=[[[1]]]),
        SettingError,
        "scatter_chart needs x_limits and y_limits with a grid of scores, got None and None; "
        "give the corners that the grid spans, or a function",
    ),
    (
        lambda: view.scatter_chart([[1, 2]], title="t", scores=lambda rows: [[1.0]], resolution=2),
        DataError,
        "scatter_chart needs as many rows of scores as rows of [x, y] given to the function, "
        "got 1 rows of scores and 4 rows of [x, y] given to the function",
    ),
    (
        lambda: view.scatter_chart([[1, 2]], title="t", scores=lambda rows: rows, resolution=1),
        SettingError,
        "scatter_chart needs resolution between 2 and 1000 cells, got 1",
    ),
    (
        lambda: view.prediction_chart([1, 2], [1]),
        DataError,
        "prediction_chart needs as many predictions as true values, "
        "got 2 predictions and 1 true values",
    ),
    (
        lambda: view.heat_map([], title="t"),
        DataError,
        "heat_map needs at least one row and one column in values, got none",
    ),
    (
        lambda: view.heat_map([[None]], title="t"),
        DataError,
        "heat_map needs at least one number in values, got only gaps (None or NaN)",
    ),
    (
        lambda: view.heat_map([[1]], title="t", palette="jet"),
        SettingError,
        "heat_map needs palette to be one of 'viridis', 'cividis', 'diverging', 'blues', got 'jet'",
    ),
    (
        lambda: view.heat_map([[1]], title="t", low=2, high=1),
        SettingError,
        "heat_map needs low to be at most high, got 2.0 and 1.0",
    ),
    (
        lambda: view.heat_map([[1, 2]], title="t", column_names=["a"]),
        DataError,
        "heat_map needs as many column_names as columns, got 1 column_names and 2 columns",
    ),
    (
        lambda: view.heat_map([[1, 2]], title="t", cell_text=[["a"]]),
        DataError,
        "heat_map needs one text for each cell, got texts in rows of [1] for 1 rows of 2 values",
    ),
    (
        lambda: view.heat_map([[1.0]], title="t", cell_text="d"),
        SettingError,
        "heat_map needs cell_text to be a number format such as \".2f\", got 'd': "
        "Unknown format code 'd' for object of type 'float'",
    ),
    (
        lambda: view.confusion_chart([[1, 2]]),
        DataError,
        "confusion_chart needs as many rows as columns, got 1 rows and 2 columns",
    ),
    (
        lambda: view.confusion_chart([[-1]]),
        DataError,
        "confusion_chart needs counts of at least 0, got −1",
    ),
    (
        lambda: view.bar_chart(["a"], [1, 2], title="t"),
        DataError,
        "bar_chart needs as many names as values, got 1 names and 2 values",
    ),
    (
        lambda: view.bar_chart(["a"], [1], [-1], title="t"),
        DataError,
        "bar_chart needs errors of at least 0, got −1",
    ),
    (
        lambda: view.network_diagram([], title="t"),
        DataError,
        "network_diagram needs the weights of at least one layer, got none",
    ),
    (
        lambda: view.network_diagram([[[1, 2]], [[1]]], title="t"),
        DataError,
        "network_diagram needs as many rows in weights of layer 1 as columns in weights of "
        "layer 0, "
        "got 1 rows in weights of layer 1 and 2 columns in weights of layer 0",
    ),
    (
        lambda: view.network_diagram([[[1]]], title="t", biases=[[1, 2]]),
        DataError,
        "network_diagram needs as many biases of layer 0 as neurons, "
        "got 2 biases of layer 0 and 1 neurons",
    ),
    (
        lambda: view.network_diagram([[[1]]], title="t", most_neurons=1),
        SettingError,
        "network_diagram needs most_neurons of at least 2, got 1",
    ),
    (
        lambda: view.sparkline([]),
        DataError,
        "sparkline needs at least one number in values, got none",
    ),
    (
        lambda: view.sparkline([1], 0),
        SettingError,
        "sparkline needs a width of at least 1 characters, got 0",
    ),
    (
        lambda: view.text_table([[1, 2], [3]]),
        DataError,
        "text_table needs as many cells in line 1 as columns, got 1 cells in line 1 and 2 columns",
    ),
    (
        lambda: view.text_table([[1]], align="x"),
        SettingError,
        "text_table needs each letter of align to be one of 'l', 'r', 'c', got 'x'",
    ),
    (
        lambda: view.text_table([[1, 2, 3]], width=9),
        SettingError,
        "text_table needs a width of at least 10 characters, got 9",
    ),
    (
        lambda: view.text_bars(["a"], [1, 2]),
        DataError,
        "text_bars needs as many names as values, got 1 names and 2 values",
    ),
    (
        lambda: view.text_confusion([[1, 2]]),
        DataError,
        "text_confusion needs as many columns as rows, got 2 columns and 1 rows",
    ),
    (
        lambda: view.save(b"x", "chart.svg"),  # type: ignore[arg-type]
        SettingError,
        "save needs the picture as text first and then the path, got bytes; "
        'did you mean save(line_chart(...), "chart.svg")?',
    ),
]


@pytest.mark.parametrize("call, kind, message", REFUSALS, ids=[m[:50] for _, _, m in REFUSALS])
def test_refusals_say_who_needs_what(call: Callable[[], object], kind: type, message: str) -> None:
    with pytest.raises(TinynnError) as error:
        call()
    assert type(error.value) is kind
    assert str(error.value) == message


# --- text ------------------------------------------------------------------------------------


@given(
    st.lists(st.one_of(st.none(), FINITE), min_size=1, max_size=100).filter(
        lambda v: any(x is not None for x in v)
    ),
    st.integers(1, 80),
    st.booleans(),
)
def test_sparklines_have_their_width(
    values: list[float | None], width: int, ascii_only: bool
) -> None:
    line = view.sparkline(values, width, ascii_only=ascii_only)
    assert len(line) == min(width, len(values))
    assert not ascii_only or line.isascii()
    if len(values) <= width:
        assert [c == " " for c in line] == [v is None for v in values]


def test_golden_text() -> None:
    assert view.sparkline([1, 2, 3, 4, 5, 6, 7, 8], 4) == "▁▃▆█"
    assert view.sparkline([2, 2], ascii_only=True) == "__"
    assert view.text_bars(["a", "日本"], [1.0, 0.3], 30) == (
        "a    █████████████████████   1\n日本 ██████▎               0.3"
    )
    assert view.text_confusion([[9, 1], [0, 0]], ["no", "yes"]) == (
        "true \\ predicted  no  yes  recall\n"
        "─────────────────────────────────\n"
        "no                 9    1   90.0%\n"
        "yes                0    0    none"
    )
    assert view.text_table([["x", 1], ["y", 22]], align="rc") == "x  1\ny  22"
    assert view.text_table([["long name", "日本語"]], width=12) == "long…  日本…"


CELL = st.one_of(st.text(max_size=12), st.integers(), st.floats())


@given(
    st.integers(1, 4).flatmap(
        lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=1, max_size=5)
    ),
    st.booleans(),
)
def test_tables_line_up_and_fit(rows: list[list[object]], ascii_only: bool) -> None:
    columns = len(rows[0])
    lines = view.text_table(
        rows, [f"h{i}" for i in range(columns)], width=30, ascii_only=ascii_only
    ).split("\n")
    assert len(lines) == len(rows) + 2
    assert all(cells_wide(line) <= 30 for line in lines)
    assert all(line == line.rstrip(" ") for line in lines)
    assert not ascii_only or all(line.isascii() for line in lines)


@given(
    st.lists(st.tuples(st.text(max_size=30), FINITE), min_size=1, max_size=6),
    st.integers(24, 90),
    st.booleans(),
)
def test_text_bars_fit(bars: list[tuple[str, float]], width: int, ascii_only: bool) -> None:
    lines = view.text_bars(
        [n for n, _ in bars], [v for _, v in bars], width, ascii_only=ascii_only
    ).split("\n")
    assert len(lines) == len(bars)
    assert {cells_wide(line) for line in lines} == {width}
    assert not ascii_only or all(line.isascii() for line in lines)


def test_text_cannot_steer_the_terminal() -> None:
    table = view.text_table([["\x1b[2Jgone\r\n", "\u202etxt"]])
    assert table == r"\x1b[2Jgone\r\n  \u202etxt"
    assert "\x1b" not in view.text_bars(["\x1b[0m"], [1.0])


def test_encodings_that_show_blocks() -> None:
    assert [view.shows_blocks(e) for e in ("utf-8", "ascii", "latin-1", None, "no such")] == [
        True, False, False, False, False,
    ]  # fmt: skip


# --- saving ----------------------------------------------------------------------------------


def test_saving_replaces_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "chart.svg"
    path.write_text("old")
    svg = gallery("é日")["line"]
    view.save(svg, path)
    assert path.read_bytes() == svg.encode("utf-8")
    assert os.listdir(str(tmp_path)) == ["chart.svg"]


def test_a_failed_save_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "chart.svg"
    path.write_text("old")

    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="disk full"):
        view.save("<svg/>", path)
    assert path.read_text() == "old"
    assert os.listdir(str(tmp_path)) == ["chart.svg"]


def test_saving_follows_links_and_spares_devices(tmp_path: Path) -> None:
    (tmp_path / "real.svg").write_text("old")
    try:
        os.symlink(str(tmp_path / "real.svg"), str(tmp_path / "link.svg"))
    except (OSError, NotImplementedError):
        pytest.skip("this system has no links")
    view.save("<svg/>", tmp_path / "link.svg")
    assert (tmp_path / "link.svg").is_symlink()
    assert (tmp_path / "real.svg").read_text() == "<svg/>"
    view.save("<svg/>", os.devnull)
    assert not os.path.isfile(os.devnull)
    with pytest.raises(OSError):
        view.save("<svg/>", tmp_path)
    with pytest.raises(OSError):
        view.save("<svg/>", tmp_path / "no such directory" / "chart.svg")
