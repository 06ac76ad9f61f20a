"""Runs as a picture file; the only module that imports matplotlib (the extra `plot`)."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import BinaryIO

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..data import Dataset
from ..errors import ArgumentError
from ..text import counted, printable, shortened
from ..training import Classifier, History, Run
from ..training.metrics import packed
from .gallery import Gallery, gallery_of, grey, mean_of_channels, part_of
from .panels import Panel, constant_rate, epoch_range, panels
from .plane import MOST_CLASSES, Plane, has_plane, plane_of, plane_without_rows

# Distinct for every kind of colour vision: Okabe and Ito 2008, Color Universal Design.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#7f7f7f")
LINES = ("#0072b2", "#d55e00")
MARKERS = "os^Dv*P"  # 7 of them and 8 colours: 56 classes before two look the same
SIZE = 4.4  # inches, the side of a picture
CELL = 0.36  # inches, the side of a confusion matrix's cell; its number is still legible
MOST_CELLS = 100  # on a side; a larger matrix has colours only
MOST_PIXELS_OF_A_MATRIX = 1000  # on a side; a larger one is not drawn
GRID = 300  # cells of the decision regions, on a side
ABREAST = 3, 6  # of the mistakes, at least and at most
MOST_FILTERS = 64
DPI = 150
MOST_PIXELS = 20_000  # on a side


def save(
    file: BinaryIO,
    picture_format: str,
    runs: list[Run],
    planes: list[Plane | None],
    galleries: list[Gallery | None] | None = None,
) -> None:
    """Write the curves, confusion matrices, decision regions and images of the runs, side by side.

    The same runs and the same matplotlib give the same bytes, whatever its settings are.

    Args:
        file: open for writing.
        picture_format: png or svg.
        runs: one column each.
        planes, galleries: one for each run, or None.

    Raises:
        DataError: if a run has no epochs.
    """
    for run in runs:
        epoch_range(run, runs)
    with _looks():
        figure = _figure(runs, planes, galleries)
        dpi = min(DPI, MOST_PIXELS / max(figure.get_size_inches()))
        metadata = {"Date": None} if picture_format == "svg" else None
        figure.savefig(file, format=picture_format, dpi=dpi, metadata=metadata)


class Picture(Figure):
    """A figure that a notebook shows, also where pyplot was not imported."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        with _looks():
            self.savefig(file, format="png")
        return file.getvalue()


def of_history(history: History) -> Picture:
    """Return the curves of a history that has epochs."""
    with _looks():
        return _figure([_run(history)], [None])


def of_classifier(classifier: Classifier, test: Dataset | None) -> Picture:
    """Return the confusion matrix, decision regions and images of a classifier.

    test: rows to test it on; None for the results that it was saved with.

    Raises:
        ArgumentError: if there is nothing to plot.
    """
    results, plane, gallery = classifier.training.get("results"), None, None
    if test is not None:
        found = classifier.evaluate(test)
        results = {"test_accuracy": found.accuracy, "confusion": packed(found.counts)}
    if has_plane(classifier) and len(classifier.schema.class_names) <= MOST_CLASSES:
        plane = plane_without_rows(classifier)
        if test is not None:
            offsets = test.schema.offsets if test.schema else 0.0
            plane = plane_of(classifier, test.x + offsets, test.y)
    if classifier.schema.image is not None:
        gallery = gallery_of(classifier, test)
    if not results and plane is None and gallery is None:
        wrong, facts = "there is nothing to plot", "it was saved without test results"
        raise ArgumentError("Classifier.plot", wrong, facts, "give rows to test it on")
    run = _run(History(), classifier.schema.class_names, results)
    with _looks():
        return _figure([run], [plane], [gallery])


def _run(history: History, classes: tuple[str, ...] = (), results: dict | None = None) -> Run:
    """Return a run that has no folder."""
    best = history.best
    return Run(
        folder="",
        facts={"results": results},
        history=history,
        options={},
        origins={},
        classes=tuple(map(printable, classes)),
        features=(),
        status="",
        best_epoch=best.epoch if best else None,
        test_accuracy=results["test_accuracy"] if results else None,
        reading={},
    )


@contextlib.contextmanager
def _looks() -> Iterator[None]:
    """Give pictures the same looks whatever the settings of matplotlib are."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # the font lacks some letters
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "axes.spines.right": False,
                "axes.spines.top": False,
                "axes.titlelocation": "left",
                "axes.titlesize": "medium",
                "svg.hashsalt": "minigrad",
                "text.parse_math": False,  # a class may be called $x$
            }
        )
        yield


def _figure(runs, planes, galleries=None):
    """Return the picture: a column for each run, or two rows for a single one."""
    shown, galleries = panels(runs), galleries or [None] * len(runs)
    if not any(run.history for run in runs):
        shown = ()
    kinds = [panel.title for panel in shown]
    kinds += ["confusion"] if any(run.counts is not None for run in runs) else []
    kinds += ["regions"] if any(planes) else []
    images = ["mistakes", "filters"] if any(galleries) else []
    sides = [max(SIZE, _side(run)) for run in runs]
    rows = [[kind] for kind in kinds + images]
    if len(runs) == 1:
        top = 2 if len(kinds) == 4 and sides[0] < 1.5 * SIZE else len(shown)
        rows = [row for row in (kinds[:top], kinds[top:], images) if row]
    tall = {"confusion", "regions", "mistakes", "filters"}
    heights = [max(sides) if tall & {*row} else 0.75 * SIZE for row in rows]
    widths = [
        max(len(row) * (side if "confusion" in row else SIZE) for row in rows) for side in sides
    ]
    figure = Picture((sum(widths), sum(heights) + 0.9), layout="constrained")
    columns = np.ravel(figure.subfigures(1, len(runs), width_ratios=widths))
    shared = {}
    for run, plane, gallery, part in zip(runs, planes, galleries, columns, strict=True):
        part.suptitle(_heading(run, runs), fontsize="medium")
        bands = part.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0]
        axes = {}
        for row, band in zip(rows, bands, strict=True):
            axes |= zip(row, band.subplots(1, len(row), squeeze=False)[0], strict=True)
        for panel in shown:
            if panel.title in shared:
                axes[panel.title].sharey(shared[panel.title])
            shared[panel.title] = axes[panel.title]
            _draw_panel(axes[panel.title], panel, run, runs)
        if "confusion" in kinds:
            _draw_confusion(axes["confusion"], run)
        if "regions" in kinds:
            _draw_regions(axes["regions"], plane, run.classes)
        if images:
            _draw_mistakes(axes["mistakes"], gallery, run.classes)
            _draw_filters(axes["filters"], gallery)
    return figure


def _side(run):
    """Return the side in inches of a confusion matrix with its names."""
    cells = min(len(run.classes), MOST_CELLS)
    return 1.3 + CELL * cells + 0.08 * max(map(len, map(shortened, run.classes)), default=0)


def _heading(run, runs):
    parts = [] if run.test_accuracy is None else [f"test accuracy {run.test_accuracy:.2%}"]
    lines = [
        run.folder[-48:],
        run.state if run.history else "",
        ", ".join(parts + constant_rate(run, runs)),
    ]
    return "\n".join(filter(None, lines))


def _draw_panel(axes: Axes, panel: Panel, run: Run, runs: list[Run]) -> None:
    """Draw the curves of a panel over the epochs, the second one dashed."""
    epochs = run.history.column("epoch")
    marker = "o" if len(epochs) <= 40 else None
    looks = {"marker": marker, "markersize": 3}
    for curve, colour, style in zip(panel.curves, LINES, ("-", "--"), strict=False):
        values = curve.of(run)
        if np.isfinite(values).any():
            axes.plot(epochs, values, style, color=colour, label=curve.label, **looks)
    if run.best_epoch is not None:
        label = f"best epoch, {run.best_epoch}"
        axes.axvline(run.best_epoch, color="grey", linewidth=0.8, zorder=0, label=label)
    if panel.needs_log(runs):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    first, last = epoch_range(run, runs)
    axes.set_xlim(first - 0.5, last + 0.5)
    axes.set_ylabel(panel.title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.grid(alpha=0.3)
    if len(panel.curves) > 1:
        axes.legend(frameon=False, fontsize="small")


def _draw_confusion(axes: Axes, run: Run) -> None:
    """Draw the counts, on a colour that shows their share of the true class."""
    confusion = run.counts
    if confusion is None or confusion.classes > MOST_PIXELS_OF_A_MATRIX:
        many = confusion and f"confusion matrix: {confusion.classes} classes are too many to draw"
        axes.set_axis_off()
        axes.text(0.5, 0.5, many or "no test results", ha="center", color="grey")
        return
    counts = confusion.matrix
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    beside = axes.inset_axes([1.03, 0, 0.04, 1])
    axes.figure.colorbar(image, cax=beside, label="share of the true class")
    axes.set(title="confusion matrix, test rows", xlabel="predicted class", ylabel="true class")
    axes.spines[:].set_visible(False)
    if len(counts) > MOST_CELLS:
        return
    names = [shortened(name) for name in run.classes]
    turned = 90 if len(names) * max(map(len, names)) > 40 else 0
    axes.set_xticks(range(len(names)), names, rotation=turned)
    axes.set_yticks(range(len(names)), names)
    size = min(8, 32 / len(str(counts.max())))  # points; four digits fill a cell at 8
    for (row, column), number in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        place = {"ha": "center", "va": "center", "fontsize": size}
        axes.text(column, row, number, color=colour, **place)


def _draw_regions(axes: Axes, plane: Plane | None, classes: tuple[str, ...]) -> None:
    """Draw the predicted class of every place as a pale colour, and the rows as points."""
    if plane is None:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no decision regions", ha="center", color="grey")
        return
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(classes))]
    pale = ListedColormap([1 - 0.35 * (1 - np.array(matplotlib.colors.to_rgb(c))) for c in colours])
    (left, low), (right, high) = plane.low, plane.high
    axes.imshow(
        plane.regions(GRID, GRID),
        cmap=pale,
        vmin=-0.5,
        vmax=len(classes) - 0.5,
        extent=(left, right, low, high),
        aspect="auto",
        interpolation="nearest",
    )
    for i, name in enumerate(classes):
        own = plane.points[plane.labels == i]
        axes.scatter(
            *own.T,
            s=14,
            color=colours[i],
            marker=MARKERS[i % len(MARKERS)],
            edgecolors="black",
            linewidths=0.3,
            label=f" {shortened(name)}",  # matplotlib leaves out a label that begins with _
            rasterized=True,  # a million points would make a huge .svg
        )
    axes.set(
        title="decision regions", xlabel=shortened(plane.names[0]), ylabel=shortened(plane.names[1])
    )
    place = {"loc": "upper left", "bbox_to_anchor": (1, 1), "ncols": 1 + (len(classes) - 1) // 20}
    axes.legend(frameon=False, fontsize="small", **place)


def _draw_mistakes(axes: Axes, gallery: Gallery | None, classes: tuple[str, ...]) -> None:
    """Draw the images as a grid, each below its classes."""
    axes.set_axis_off()
    if gallery is None or not gallery.mistakes:
        text = "no images" if gallery is None or not gallery.rows else "no mistakes"
        axes.text(0.5, 0.5, text, ha="center", color="grey")
        return
    counts = f"{part_of(len(gallery.mistakes), gallery.wrong, 'mistake')} in "
    counts += counted(gallery.rows, "test row")
    axes.set_title(f"{counts}, the most confident first:\ntrue → predicted class, its probability")
    abreast = int(np.clip(np.ceil(len(gallery.mistakes) ** 0.5), *ABREAST))
    places = _grid(axes, gallery.mistakes[0].image, len(gallery.mistakes), abreast, label=0.3)
    size = min(8, 36 / abreast)  # points; eleven characters fit above an image
    for mistake, place in zip(gallery.mistakes, places, strict=True):
        _show(axes, mistake.image, place, cmap="gray")
        names = [shortened(classes[i], 8) for i in (mistake.true, mistake.predicted)]
        label = f"{' → '.join(names)}, {mistake.probability:.0%}"
        left, _, _, top = place
        axes.text(left, top - 0.04, label, ha="left", va="bottom", fontsize=size)


def _draw_filters(axes: Axes, gallery: Gallery | None) -> None:
    """Draw the weights of the first layer, blue where negative and red where positive."""
    axes.set_axis_off()
    if gallery is None:
        axes.text(0.5, 0.5, "no images", ha="center", color="grey")
        return
    filters = gallery.filters[:MOST_FILTERS]
    names = f"{part_of(len(filters), len(gallery.filters), 'filter')} of the first layer"
    legend = ["blue negative, red positive", *mean_of_channels(gallery.filters)]
    axes.set_title(f"{names}:\n{', '.join(legend)}")
    most = max(np.abs(grey(filter)).max() for filter in filters)
    places = _grid(axes, filters[0], len(filters))
    for filter, place in zip(filters, places, strict=True):
        _show(axes, grey(filter)[None], place, cmap="RdBu_r", vmin=-most, vmax=most)


def _grid(
    axes: Axes, image: np.ndarray, count: int, abreast: int | None = None, label: float = 0.0
) -> list[tuple[float, ...]]:
    """Return (left, right, bottom, top) of each of so many images as this one, y counted down.

    The longer side of an image is 1. A label is as wide as that, however narrow the image.

    abreast: how many are side by side; None makes the grid about square.
    """
    high, wide = np.array(image.shape[1:]) / max(image.shape[1:])
    step, down = (1.0 if label else wide) + 0.12, high + 0.12 + label
    abreast = abreast or min(count, int(np.ceil((count * down / step) ** 0.5)))
    rows = -(-count // abreast)
    axes.set(xlim=(-0.06, step * abreast), ylim=(down * rows, 0), aspect="equal", anchor="NW")
    corners = [(i % abreast * step, i // abreast * down + label) for i in range(count)]
    return [(left, left + wide, top + high, top) for left, top in corners]


def _show(axes: Axes, image: np.ndarray, place: tuple[float, ...], **colours) -> None:
    """Draw an image (C, H, W) at a place; one of 3 channels in colour, others in grey."""
    pixels = grey(image)
    if len(image) == 3:
        low, high = image.min(), image.max()
        pixels = np.moveaxis((image - low) / max(high - low, 1e-12), 0, 2)
    axes.imshow(pixels, extent=place, interpolation="nearest", **colours)
