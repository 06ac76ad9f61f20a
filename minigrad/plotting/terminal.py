"""Training curves, decision regions and images as characters; the same runs draw the same ones."""

import itertools
import math
import textwrap
from typing import NamedTuple, Self

import numpy as np

from ..text import counted, shortened
from ..training import Run
from .gallery import Gallery, grey, mean_of_channels, part_of
from .panels import constant_rate, epoch_range, panels
from .plane import Plane

HEIGHT = 12  # lines in a chart
NARROWEST = 39  # columns in a picture: two fit side by side into 80
WIDEST_PLANE = 78
GAP = "  "
POINT = "o"
REGIONS = ".+-:=~%*,^"
CLASSES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SHORT_NAME = 10  # columns of a class above an image, unless that is wider
LARGEST_IMAGE = 36  # columns; a larger one is drawn smaller
SMALL_FILTER = 6  # pixels; smaller ones are drawn twice as large
TALLEST = 46, 24  # lines of mistakes, of filters


class Style(NamedTuple):
    """The characters of a drawing.

    A character of a line consists of dots, each of which has a number in `dots` (down, across).
    The sum over the dots that are set is the index of the character in `glyphs`. `halves` are the
    characters of two pixels, one above the other: none of them, the upper, the lower, both.
    """

    dots: np.ndarray
    glyphs: str
    line: str
    upright: str
    tick: str
    corner: str
    level: str
    tick_below: str
    best: str
    halves: str


BRAILLE = Style(
    np.array([[1, 8], [2, 16], [4, 32], [64, 128]]),
    " " + "".join(chr(0x2800 + dots) for dots in range(1, 256)),
    "⠤⠤",
    *"│┤└─┬▲",
    " ▀▄█",
)
ASCII = Style(np.array([[1]]), " .", "..", *"|-+-+^", " '.#")


def style_for(encoding: str) -> Style:
    """Return BRAILLE if the encoding of the terminal or file has its characters, else ASCII."""
    try:
        "".join(BRAILLE[1:]).encode(encoding)
    except UnicodeEncodeError:
        return ASCII
    return BRAILLE


class Axis(NamedTuple):
    """A range with a round number at every `step`; `log` counts in powers of ten."""

    low: float
    high: float
    step: float
    log: bool = False

    @classmethod
    def around(cls, numbers: np.ndarray, steps: int, log: bool = False) -> Self:
        """Cover the numbers with about `steps` steps, from a round number to a round one."""
        numbers = np.log10(numbers) if log else numbers
        low, high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (0.0, 1.0)
        step = _step((high - low) / steps or abs(high) / steps, whole=log)
        low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
        return cls(low, high, step, log) if low < high else cls(low - step, high + step, step, log)

    @classmethod
    def between(cls, low: float, high: float, steps: int, whole: bool = False) -> Self:
        """Cover the range between two numbers, which need not be round; steps >= 1 if `whole`."""
        if low == high:
            low, high = low - 0.5, high + 0.5
        return cls(low, high, _step((high - low) / steps, whole))

    def cells(self, values: np.ndarray, count: int) -> np.ndarray:
        """Return which of `count` equal parts of the range each value is in; 0 is the lowest."""
        values = np.log10(values) if self.log else values
        share = (values - self.low) / (self.high - self.low)
        return np.clip((share * count).astype(int), 0, count - 1)

    def ticks(self) -> tuple[np.ndarray, list[str]]:
        """Return the round numbers in the range, and their text."""
        first = math.ceil(self.low / self.step - 1e-9)
        last = math.floor(self.high / self.step + 1e-9)
        numbers = np.arange(first, last + 1) * self.step
        if self.log:
            plain = [f"{number:g}" for number in 10**numbers]
            powers = [f"{number:.0e}" for number in 10**numbers]
            return 10**numbers, powers if any("e" in text for text in plain) else plain
        place = math.floor(math.log10(self.step))  # of the last digit
        form = f".{max(0, -place)}f"
        if place < -5 or max(abs(self.low), abs(self.high)) >= 1e6:
            form = f".{max(0, math.floor(math.log10(abs(numbers).max() or 1)) - place)}e"
            return numbers, [f"{number:{form}}" if number else "0" for number in numbers]
        return numbers, [f"{number:{form}}" for number in numbers]


def _step(span, whole):
    """Return the smallest of …, 0.5, 1, 2, 5, 10, … that is at least `span`."""
    if span == 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(span))
    step = next(m * power for m in (1, 2, 5, 10) if m * power * (1 + 1e-9) >= span)
    return max(step, 1.0) if whole else step


def draw(
    runs: list[Run],
    planes: list[Plane | None],
    width: int,
    style: Style,
    galleries: list[Gallery | None] | None = None,
) -> str:
    """Return the curves of the runs, and what their planes and their galleries show.

    As many pictures as fit into `width` columns are side by side: the pictures of one run, or the
    same picture of several runs, on the same axes.

    Raises:
        DataError: if a run has no epochs.
    """
    abreast = max(1, (width + len(GAP)) // (NARROWEST + len(GAP)))
    abreast = min(abreast, max(2, len(runs)))
    wide = (width - len(GAP) * (abreast - 1)) // abreast
    pictures = [
        [_heading(run, runs, wide), *_charts(run, runs, wide, style)]
        + ([] if plane is None else [_regions(plane, run.classes, wide, style)])
        + ([] if gallery is None else _images(gallery, run.classes, wide, style))
        for run, plane, gallery in zip(runs, planes, galleries or [None] * len(runs), strict=True)
    ]
    if len(runs) == 1:
        heading, *rest = pictures[0]
        rows = [[heading], *(rest[i : i + abreast] for i in range(0, len(rest), abreast))]
    else:
        groups = (pictures[i : i + abreast] for i in range(0, len(runs), abreast))
        rows = [row for group in groups for row in itertools.zip_longest(*group, fillvalue=[])]
    return "\n\n".join(_beside(row, wide) for row in rows)


def _beside(blocks, width):
    """Return blocks of lines side by side, each block `width` columns wide."""
    return "\n".join(
        GAP.join(f"{line[:width]:<{width}}" for line in lines).rstrip()
        for lines in itertools.zip_longest(*blocks, fillvalue="")
    )


def _heading(run, runs, width):
    lines = [run.state]
    if run.test_accuracy is not None:
        lines.append(f"test accuracy {run.test_accuracy:.2%}")
    lines += constant_rate(run, runs)
    wrapped = (textwrap.wrap(line, width, break_long_words=False) for line in lines)
    return [run.folder[-width:], *itertools.chain.from_iterable(wrapped)]


def _charts(run, runs, width, style):
    """Yield the lines of each panel with the curves of a run, on axes that fit all runs."""
    epochs = Axis.between(*epoch_range(run, runs), 6, whole=True)
    for panel in panels(runs):
        upright = Axis.around(panel.numbers(runs), 5, panel.needs_log(runs))
        canvas = _Canvas(width, HEIGHT, epochs, upright, style)
        for curve, drawn in zip(panel.curves, (canvas.line, canvas.points), strict=False):
            drawn(run.history.column("epoch"), curve.of(run))
        legend = _legend(panel, run, width, style)
        yield [panel.title, *legend, *canvas.framed("epoch", run.best_epoch)]


def _legend(panel, run, width, style):
    """Return the lines that say what the signs of a panel mean."""
    entries = [
        f"{sign} {curve.label}"
        for curve, sign in zip(panel.curves, (style.line, POINT), strict=False)
        if np.isfinite(curve.of(run)).any() and len(panel.curves) > 1
    ]
    entries += [] if run.best_epoch is None else [f"{style.best} best epoch"]
    return _wrapped(entries, width)


def _wrapped(entries, width):
    """Return the entries in as few lines as they fit into."""
    lines = []
    for entry in entries:
        if lines and len(lines[-1]) + len(GAP) + len(entry) <= width:
            lines[-1] += GAP + entry
        else:
            lines.append(entry)
    return lines


def _regions(plane, classes, width, style):
    """Return the decision regions as characters, with the rows as capital letters on them."""
    width = min(width, WIDEST_PLANE)
    (left, low), (right, high) = plane.low, plane.high
    axes = Axis.between(left, right, 5), Axis.between(low, high, 5)
    canvas = _Canvas(width, max(1, width // 3), *axes, style)
    for (row, column), label in np.ndenumerate(plane.regions(canvas.rows, canvas.columns)):
        canvas.signs[row, column] = REGIONS[label % len(REGIONS)]
    counts = np.zeros((canvas.rows, canvas.columns, len(classes)), dtype=int)
    np.add.at(counts, (*canvas.place(*plane.points.T), plane.labels), 1)
    for row, column in np.argwhere(counts.any(axis=2)):
        label = counts[row, column].argmax()  # the most frequent class of the rows in one place
        canvas.signs[row, column] = CLASSES[label % len(CLASSES)]
    entries = [
        f"{REGIONS[i % len(REGIONS)]} {CLASSES[i % len(CLASSES)]} {name}"[:width]
        for i, name in enumerate(classes)
    ]
    longest = max(map(len, entries))
    on_a_line = max(1, (width + len(GAP)) // (longest + len(GAP)))
    legend = [
        GAP.join(f"{entry:<{longest}}" for entry in entries[i : i + on_a_line])
        for i in range(0, len(entries), on_a_line)
    ]
    return [*legend, plane.names[1][:width], *canvas.framed(plane.names[0])]


def _images(gallery, classes, width, style):
    """Return the lines of the mistakes and those of the filters."""
    shown, longest = [], min(SHORT_NAME, max(map(len, classes)))
    for image, true, predicted, probability in gallery.mistakes:
        lit = grey(image)
        lit = _smaller(lit, -(-lit.shape[1] // min(LARGEST_IMAGE, width)))
        room = max(longest, (lit.shape[1] - len(" >  100%")) // 2)
        names = [shortened(classes[i], room) for i in (true, predicted)]
        label = f"{' > '.join(names)} {probability:.0%}"
        shown.append([label, *_halves(lit > (lit.min() + lit.max()) / 2, style)])
    lines, fit = _abreast(shown, width, TALLEST[0])
    title = f"{part_of(fit, gallery.wrong, 'mistake')} in {counted(gallery.rows, 'held-out row')}"
    legend = ["true > predicted class, probability"] * bool(shown)
    mistakes = [*_wrapped([title, *legend], width), *lines]
    weights = [grey(filter) for filter in gallery.filters]
    smaller = -(-weights[0].shape[1] // min(LARGEST_IMAGE, width))
    larger = 2 if max(weights[0].shape) < SMALL_FILTER else 1
    shown = [
        _halves(np.kron(_smaller(w, smaller), np.ones((larger, larger))) > 0, style)
        for w in weights
    ]
    lines, fit = _abreast(shown, width, TALLEST[1])
    title = f"{part_of(fit, len(weights), 'filter')} of the first layer"
    legend = [title, "filled where positive", *mean_of_channels(gallery.filters)]
    return [*([mistakes] if gallery.rows else []), [*_wrapped(legend, width), *lines]]


def _smaller(image, factor):
    """Return the means over squares of so many pixels on a side."""
    factor = min(factor, *image.shape)
    rows, columns = (n // factor * factor for n in image.shape)
    cut = image[:rows, :columns].reshape(rows // factor, factor, columns // factor, factor)
    return cut.mean(axis=(1, 3))


def _halves(lit, style):
    """Return the lines of an image (H, W) of booleans, two rows of pixels in each."""
    lit = np.pad(lit, ((0, len(lit) % 2), (0, 0)))
    return [
        "".join(style.halves[i] for i in upper + 2 * lower)
        for upper, lower in zip(lit[::2].astype(int), lit[1::2].astype(int), strict=True)
    ]


def _abreast(blocks, width, most):
    """Return equally large blocks of lines side by side, in at most so many lines.

    And how many of the blocks these are.
    """
    if not blocks:
        return [], 0
    cell = max(len(line) for block in blocks for line in block)
    on_a_line = max(1, (width + len(GAP)) // (cell + len(GAP)))
    lines = []
    for i in range(0, len(blocks), on_a_line):
        if lines and len(lines) + len(blocks[0]) > most:
            return lines[:-1], i
        lines += [*_beside(blocks[i : i + on_a_line], cell).split("\n"), ""]
    return lines[:-1], len(blocks)


class _Canvas:
    """Characters between two axes; a place is (row, column), counted from the upper left."""

    def __init__(self, width: int, rows: int, across: Axis, upright: Axis, style: Style):
        self.margin = 1 + max(map(len, upright.ticks()[1]))
        self.columns, self.rows = max(8, width - self.margin - 1), rows
        self.across, self.upright, self.style = across, upright, style
        down, wide = style.dots.shape
        self.dots = np.zeros((rows * down, self.columns * wide), dtype=bool)
        self.signs = {}

    def place(self, x: np.ndarray, y: np.ndarray, down: int = 1, wide: int = 1) -> tuple:
        """Return the rows and columns of points, counted in dots if a character has several."""
        rows = self.rows * down
        return rows - 1 - self.upright.cells(y, rows), self.across.cells(x, self.columns * wide)

    def line(self, x: np.ndarray, y: np.ndarray) -> None:
        """Draw a line through points, with a gap at each y that is NaN."""
        finite = np.flatnonzero(np.isfinite(y))
        rows, columns = self.place(x[finite], y[finite], *self.style.dots.shape)
        self.dots[rows, columns] = True
        for i in np.flatnonzero(np.diff(finite) == 1):
            (r0, r1), (c0, c1) = rows[i : i + 2], columns[i : i + 2]
            steps = max(abs(r1 - r0), abs(c1 - c0)) + 1
            between = np.linspace((r0, c0), (r1, c1), steps).round().astype(int)
            self.dots[*between.T] = True

    def points(self, x: np.ndarray, y: np.ndarray) -> None:
        """Draw points; close ones only in every other column, so that a line stays visible."""
        finite = np.isfinite(y)
        rows, columns = self.place(x[finite], y[finite])
        if 2 * len(x) > self.columns:
            columns -= columns % 2
        self.signs.update(dict.fromkeys(zip(rows, columns, strict=True), POINT))

    def framed(self, title: str, best: float | None = None) -> list[str]:
        """Return the lines of the drawing with its axes, the title below, and `best` marked."""
        style, (down, wide) = self.style, self.style.dots.shape
        parts = self.dots.reshape(self.rows, down, self.columns, wide)
        glyphs = np.einsum("rdcw,dw->rc", parts, style.dots)
        values, labels = self.upright.ticks()
        rows = self.rows - 1 - self.upright.cells(values, self.rows)
        levels = dict(zip(rows, labels, strict=True))
        lines = []
        for row in range(self.rows):
            signs = (
                self.signs.get((row, column), style.glyphs[glyph])
                for column, glyph in enumerate(glyphs[row])
            )
            edge = style.tick if row in levels else style.upright
            lines.append(f"{levels.get(row, ''):>{self.margin - 1}} {edge}{''.join(signs)}")
        values, labels = self.across.ticks()
        ticks = self.across.cells(values, self.columns)
        marks = dict.fromkeys(ticks, style.tick_below)
        if best is not None:
            marks[int(self.across.cells(np.array([best]), self.columns)[0])] = style.best
        level = "".join(marks.get(column, style.level) for column in range(self.columns))
        below = ""
        for column, label in zip(ticks, labels, strict=True):
            start = max(0, min(column - (len(label) - 1) // 2, self.columns - len(label)))
            if start > len(below) or not below:
                below = f"{below:<{start}}{label}"
        indent = " " * (self.margin + 1)
        return [
            *lines,
            f"{indent[1:]}{style.corner}{level}",
            f"{indent}{below}",
            f"{indent}{title[: self.columns]:^{self.columns}}".rstrip(),
        ]
