"""Write the tables of docs/speed.md, and the picture of README.md, from what was measured.

    python benchmarks/report.py

It reads docs/speed.jsonl, the lines that step.py, start.py and growth.py print with --json. A table
replaces what is between `<!-- step 2 -->` (or `step 1`, `start`, `growth`, `engine`; the number is
that of the threads) and `<!-- end -->`. The picture is docs/step-light.svg and docs/step-dark.svg.
Needs Matplotlib (extra `plot`).
"""

import json
import re
from pathlib import Path

import growth
import matplotlib
import start
import step
from matplotlib.figure import Figure
from turns import header, line

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "speed.md"
STYLES = {  # of the picture: text, bars, the bar of minigrad
    "light": ("#1f2328", "#c4ccd5", "#0a69da"),
    "dark": ("#e6edf3", "#4b535d", "#4493f8"),
}


def table(name, records):
    """Return the Markdown table of the records of a benchmark."""
    if name == "growth":
        columns, cells = growth.COLUMNS, growth.cells
    elif name == "engine":
        columns, cells = growth.engine_columns(records[0]["microseconds"]), growth.engine_cells
    elif name == "start":
        columns, cells = start.COLUMNS, start.cells
    else:
        columns, cells = step.columns(records[0]["microseconds"]), step.cells
    return "\n".join([header(columns), *(line(cells(record)) for record in records)])


def picture(records, path, style):
    """Draw the times of a step, a panel for each network."""
    text, bar, ours = STYLES[style]
    matplotlib.rcParams.update({"svg.hashsalt": "minigrad", "font.size": 9})
    figure = Figure(figsize=(8.6, 4.6), layout="constrained")
    for axes, record in zip(figure.subplots(2, 2).flat, records, strict=False):
        times = record["microseconds"]
        bars = axes.barh(list(times), list(times.values()), color=bar)
        bars[list(times).index("minigrad")].set_color(ours)
        axes.bar_label(bars, map(step.shown, times.values()), padding=3, color=text)
        axes.set_title(step.name_of(record), fontsize=10, color=text, loc="left")
        axes.set_xlim(right=1.18 * max(times.values()))
        axes.set_xticks([])
        axes.invert_yaxis()
        axes.tick_params(colors=text, length=0)
        axes.patch.set_alpha(0)
        axes.spines[:].set_visible(False)
    figure.patch.set_alpha(0)
    figure.savefig(path, metadata={"Date": None})


def groups():
    """Return the records of docs/speed.jsonl by the name of their table."""
    found = {}
    for text in (ROOT / "docs" / "speed.jsonl").read_text("utf-8").splitlines():
        record = json.loads(text)
        threads = f" {record['threads']}" if record["event"] == "step" else ""
        found.setdefault(record["event"] + threads, []).append(record)
    return found


def filled(text, records):
    """Return the page with the tables that it names."""

    def fill(marked):
        name = marked[1]
        found = table(name, records[name]) if name in records else "Not measured yet."
        return f"<!-- {name} -->\n{found}\n<!-- end -->"

    return re.sub(r"<!-- ([a-z]+(?: \d+)?) -->\n.*?<!-- end -->", fill, text, flags=re.S)


def main():
    """Write the tables and the picture."""
    records = groups()
    PAGE.write_text(filled(PAGE.read_text("utf-8"), records), "utf-8")
    steps = max(name for name in records if name.startswith("step"))
    for style in STYLES:
        picture(records[steps], ROOT / "docs" / f"step-{style}.svg", style)


if __name__ == "__main__":
    main()
