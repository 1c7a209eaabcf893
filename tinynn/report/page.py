"""One HTML page without external links: sections of text, tables and charts, light and dark."""

from __future__ import annotations

from html import escape
from string import Template
from typing import NamedTuple, Sequence

from ..view import DARK, LIGHT
from ..view.svg import clean
from .charts import Chart

MOST_ROWS = 40  # of a table; longer ones are folded
NARROWEST = 340  # pixels of a column


class Section(NamedTuple):
    """A part of the page: a title, paragraphs, a table (its first row is the header), charts.

    `text` is shown as it is, in a monospaced font; `facts` are (name, value) pairs, shown large.
    All of them fill up to `columns` columns, fewer on small screens. `split` is the number of rows
    after which the table goes on in another column; 0 keeps it whole.
    """

    title: str
    note: str = ""
    facts: Sequence[tuple[str, str]] = ()
    table: Sequence[Sequence[object]] = ()
    text: str = ""
    charts: Sequence[Chart] = ()
    columns: int = 2
    split: int = 0


_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$title</title>
<style>
:root{$light}
@media(prefers-color-scheme:dark){:root{$dark}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,'Segoe UI','Noto Sans',Helvetica,Arial,sans-serif}
header,main,footer{max-width:1600px;margin:0 auto;padding:0 24px}
header{padding-top:36px}
h1{font-size:28px;line-height:1.25;margin:0 0 6px;overflow-wrap:anywhere}
h2{font-size:20px;margin:0 0 4px}
p{margin:0 0 14px;color:var(--muted);max-width:75ch;overflow-wrap:anywhere}
section{margin:28px 0;padding-top:20px;border-top:1px solid var(--grid)}
.facts{display:flex;flex-wrap:wrap;gap:12px;margin:0 0 18px}
.facts div{background:var(--paper);border:1px solid var(--grid);border-radius:8px;
padding:8px 14px;min-width:104px}
.facts dt{font-size:13px;color:var(--muted)}
.facts dd{margin:0;font-size:22px;font-weight:600;font-variant-numeric:tabular-nums}
.flow{column-gap:18px;margin-top:14px}
.flow>*{break-inside:avoid}
figure{margin:0 0 18px;background:var(--paper);border:1px solid var(--grid);border-radius:8px;
padding:8px}
figcaption{font-size:13px;line-height:1.4;color:var(--muted);padding:4px 10px 6px}
figure svg{display:block;width:100%;height:auto;max-width:760px;margin:0 auto}
.scroll{overflow-x:auto;margin:0 0 18px}
table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:5px 14px 5px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid)}
th{color:var(--muted);font-weight:600}
td.n,th.n{text-align:right}
.flow td,.flow th{padding-right:10px}
td.n{white-space:nowrap}
summary{cursor:pointer;margin:0 0 10px}
pre{font-size:13px;line-height:1.4;overflow-x:auto;background:var(--paper);
border:1px solid var(--grid);border-radius:8px;padding:12px 16px;margin:0 0 18px}
footer{padding-bottom:36px;font-size:13px;color:var(--muted)}
@media print{figure,.facts div,tr{break-inside:avoid}}
</style>
</head>
<body>
<header>
<h1>$title</h1>
<p>$subtitle</p>
</header>
<main>
$sections
</main>
<footer>$footer</footer>
</body>
</html>
""")


def page(title: str, subtitle: str, sections: Sequence[Section], footer: str) -> str:
    """Return the HTML of a page that loads nothing: one file to open, send or keep."""
    return _PAGE.substitute(
        light=_theme(LIGHT, "#f6f7f9"),
        dark=_theme(DARK, "#0e1014"),
        title=_text(title),
        subtitle=_text(subtitle),
        sections="\n".join(map(_section, sections)),
        footer=_text(footer),
    )


def _theme(colours: dict[str, str], ground: str) -> str:
    names = ("paper", "ink", "muted", "grid")
    return f"--ground:{ground};" + ";".join(f"--{name}:{colours[name]}" for name in names)


def _section(section: Section) -> str:
    parts = [f"<section>\n<h2>{_text(section.title)}</h2>"]
    parts += [f"<p>{_text(line)}</p>" for line in section.note.split("\n") if section.note]
    items = []
    if section.facts:
        facts = "".join(
            f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>"
            for name, value in section.facts
        )
        items.append(f'<dl class="facts">{facts}</dl>')
    head, rows = section.table[:1], section.table[1:]
    step = section.split or len(rows) or 1
    items += [_table([*head, *rows[k : k + step]]) for k in range(0, len(rows), step)]
    if section.text:
        items.append(f"<pre>{escape(_lines(section.text), quote=False)}</pre>")
    items += map(_figure, section.charts)
    # A table alone, which may be wide, has all the room.
    several = section.charts or section.split
    style = f' style="columns:{section.columns} {NARROWEST}px"' if several else ""
    return "\n".join([*parts, f'<div class="flow"{style}>', *items, "</div>", "</section>"])


def _lines(text: str) -> str:
    """Return `text` with the characters that HTML forbids replaced, and all its spaces kept."""
    return "\n".join(" ".join(map(clean, line.split(" "))) for line in text.splitlines())


def _figure(chart: Chart) -> str:
    caption = f"<figcaption>{_text(chart.note)}</figcaption>" if chart.note else ""
    return f"<figure>\n{chart.svg}{caption}</figure>"


def _table(rows: Sequence[Sequence[object]]) -> str:
    columns = zip(*rows[1:])
    kinds = [' class="n"' if all(map(_numeric, column)) else "" for column in columns]
    kinds = kinds or [""] * len(rows[0])
    head = "".join(f"<th{kind}>{_text(str(cell))}</th>" for kind, cell in zip(kinds, rows[0]))
    lines = [f"<tr>{head}</tr>"]
    for row in rows[1:]:
        cells = "".join(f"<td{kind}>{_text(str(cell))}</td>" for kind, cell in zip(kinds, row))
        lines.append(f"<tr>{cells}</tr>")
    table = '<div class="scroll"><table>\n' + "\n".join(lines) + "\n</table></div>"
    if len(lines) > MOST_ROWS:
        return f"<details><summary>{len(lines) - 1} rows</summary>{table}</details>"
    return table


def _numeric(cell: object) -> bool:
    text = str(cell).replace(",", "").rstrip("%") or "0"
    try:
        float(text)
    except ValueError:
        return False
    return True


def _text(text: str | None) -> str:
    return escape(clean(text or ""))
