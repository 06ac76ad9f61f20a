"""From a data set to the training loop: the split, scaling, mini-batches."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np

from ..errors import ArgumentError, DataError, ShapeError
from ..text import counted, listed, shown
from ..typing import Rng
from .dataset import Dataset, plain

Data = TypeVar("Data", Dataset, np.ndarray)
KINDS = ("asinh", "standard", "minmax", "none")
TINY = 1e-9  # 0.29 * 100 is 28.999999999999996: a share this close to a whole number is one


def split(
    dataset: Dataset, *, test: float = 0.2, val: float = 0.2, rng: Rng = 0
) -> tuple[Dataset, Dataset, Dataset]:
    """Return the parts (train, val, test), every class divided as the whole is.

    test and val are fractions of the whole set; 0 gives an empty part. Each class's rows in each
    part, and each part's rows in all, are less than 1 from the exact share. Every class has a row
    in every part whose fraction is above 0. The rows of a part are shuffled; the same seed gives
    the same parts. If the set has its own test set, that is the test part, as it is, and all of
    the rows are divided into train and val.

    Raises ArgumentError for a fraction outside [0, 1) or if nothing is left to train on, DataError
    if a class has too few rows.
    """
    for name, fraction in (("test", test), ("val", val)):
        if not 0 <= fraction < 1:
            wrong, facts = f"{name} is not a fraction of the rows", f"{name} {fraction}"
            raise ArgumentError("split", wrong, facts, f"give {name} in [0, 1), such as 0.2")
    if test + val >= 1:
        facts, remedy = f"test {test}, val {val}", "give fractions whose sum is below 1"
        raise ArgumentError("split", "nothing is left to train on", facts, remedy)
    if dataset.test is not None:
        train, validation, _ = split(replace(dataset, test=None), test=0, val=val, rng=rng)
        return train, validation, dataset.test
    counts = np.bincount(dataset.y, minlength=len(dataset.class_names))
    table = _divide(counts, np.array([1 - (test + val), val, test]))
    if table is None:
        raise _too_few(dataset, counts, test, val)
    rng = np.random.default_rng(rng)
    parts = [], [], []
    for c, division in enumerate(table):
        rows = rng.permutation(np.flatnonzero(dataset.y == c))
        for part, piece in zip(parts, np.split(rows, division.cumsum()[:2]), strict=True):
            part.append(piece)
    takes = [dataset.take(rng.permutation(np.concatenate(part))) for part in parts]
    return takes[0], takes[1], takes[2]


def drop_rare(dataset: Dataset, *, test: float = 0.2, val: float = 0.2) -> Dataset:
    """Return the set without the classes that have fewer rows than `split` makes parts.

    Raises DataError if fewer than two classes are left.
    """
    counts = np.bincount(dataset.y, minlength=len(dataset.class_names))
    rare = _rare(counts, 0 if dataset.test is not None else test, val)
    left = np.flatnonzero(~rare)
    names = [dataset.class_names[c] for c in np.flatnonzero(rare)]
    if not names:
        return dataset
    if len(left) < 2:
        wrong = f"{counted(len(left), 'class')} would be left without the rare ones"
        facts = f"{counted(len(names), 'class')} of {len(counts)} have too few rows to be split"
        raise DataError(dataset.name or "drop_rare", wrong, facts, "choose another label")
    class_names = tuple(dataset.class_names[c] for c in left)
    rows = int(counts[rare].sum())
    note = f"rare classes left out: {listed(names)}, {counted(rows, 'row')} together"

    def without(part):
        kept = part.take(~rare[part.y])
        y, schema = np.searchsorted(left, kept.y), part.schema
        schema = schema and replace(schema, class_names=class_names)
        return replace(kept, y=y, class_names=class_names, schema=schema)

    own_test = None if dataset.test is None else without(dataset.test)
    return replace(without(dataset), test=own_test, notes=(*dataset.notes, note))


def _rare(counts, test, val):
    """Which classes have too few rows for one in each part, and the others where they belong."""
    fractions = np.array([1 - (test + val), val, test])
    least = np.maximum(np.floor(counts[:, None] * fractions + TINY), fractions > 0)
    return counts < least.sum(axis=1)


def _too_few(dataset, counts, test, val):
    """Return the error about the classes that are too small to be divided."""
    few, where = np.flatnonzero(_rare(counts, test, val)), dataset.name or "split"
    if not len(few):
        wrong = f"{len(counts)} classes are too many to have a row in every part"
        facts = f"{len(dataset)} rows, val {val}, test {test}"
        return DataError(where, wrong, facts, "add rows, or change the fractions")
    remedy = "add rows, pass rare='drop' to leave them out, or change the fractions"
    if len(few) == len(counts):
        remedy = "add rows, choose another label, or change the fractions"
    if len(dataset) < 3 * len(counts):  # names or the like
        columns = dataset.schema.columns if dataset.schema else ()
        likely = [column.name for column in columns if column.values and len(column.values) <= 20]
        remedy = "choose the column of the class, "
        remedy += f"such as label={likely[0]!r}" if likely else "with label=COL"
    one = len(few) == 1
    wrong = (
        f"{'a class has' if one else f'{len(few)} classes have'} too few rows to be in every part"
    )
    facts = ", ".join(f"{shown(dataset.class_names[c])} {counts[c]}" for c in few[:20])
    facts += f" and {len(few) - 20} more" if len(few) > 20 else ""
    facts += f" of {len(dataset)} rows, val {val}, test {test}"
    return DataError(where, wrong, facts, remedy)


def _divide(counts, fractions):
    """Return how many rows of each class go to each part, (C, 3), or None if a class is too small.

    Largest remainder, with a memory: each share is rounded down, and the rows left over, at most
    two, go to those of the rounded parts to which all classes so far owe most. So no part is ever
    owed a whole row. A share below one row becomes one row; the smallest classes come first so that
    the larger ones make up for that.
    """
    table = np.zeros((len(counts), 3), dtype=np.int64)
    owed = np.zeros(3)
    for c in np.argsort(counts, kind="stable"):
        exact = counts[c] * fractions
        table[c] = np.maximum(np.floor(exact + TINY), fractions > 0)
        left = counts[c] - table[c].sum()
        if left < 0:
            return None
        owed += exact - table[c]
        claims = np.where(exact - table[c] > TINY, owed, -np.inf)
        winners = np.argsort(-claims, kind="stable")[:left]
        table[c, winners] += 1
        owed[winners] -= 1
    return table if (np.abs(owed) < 1 - TINY).all() else None


@dataclass(frozen=True, eq=False)
class Scaling:
    """x -> (x - shift) / scale, with shift (F,) and scale (F,) in the units of the features.

    The kind "asinh" takes asinh of that, ln(x + √(x² + 1)): about x where x is small, and about
    ±ln |2x| where it is large, so that a few large values do not outweigh the others.

    fill (F,) takes the place of NaN, a missing value; None leaves NaN as it is.
    kind: how shift and scale were chosen: "asinh", "standard", "minmax" or "none".

    Raises ArgumentError for another kind, a number that is not finite and a scale that is not above
    0, ShapeError if the arrays are not (F,).

    Fit it on the training part only, and apply it to all parts and to whatever is predicted later.
    Statistics of the whole set would leak the test rows into the model, and the measured accuracy
    would no longer be that on unseen data.
    """

    shift: np.ndarray
    scale: np.ndarray
    fill: np.ndarray | None = None
    kind: str = "standard"

    def __post_init__(self):
        _check_kind("Scaling", self.kind)
        arrays = {"shift": self.shift, "scale": self.scale, "fill": self.fill}
        arrays = {name: np.asarray(a, np.float64) for name, a in arrays.items() if a is not None}
        if len({a.shape for a in arrays.values()}) > 1 or arrays["shift"].ndim != 1:
            wrong = "there is not one number for each feature"
            facts = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
            raise ShapeError("Scaling", wrong, facts, "give each of them as (F,)")
        for name, a in arrays.items():
            bad = ~np.isfinite(a) | ((name == "scale") & (a <= 0))
            if bad.any():
                wrong = f"{name} holds {a[bad][0]:g} for feature {bad.argmax()}"
                facts = f"it can be any finite number{' above 0' * (name == 'scale')}"
                raise ArgumentError("Scaling", wrong, facts, "use Scaling.fit")
            object.__setattr__(self, name, a)

    @classmethod
    @np.errstate(over="ignore", invalid="ignore")  # of values too large, which are refused
    def fit(
        cls,
        data: Data,
        kind: str = "standard",
        *,
        channels: int | None = None,
        weights: np.ndarray | None = None,
    ) -> Self:
        """Return the scaling of a Dataset or its x (N, F), computed in float64 and without NaN.

        standard    mean 0 and standard deviation 1 in each column; the deviation is the
                    population's (divided by N, as scikit-learn's StandardScaler does). A column of
                    zeros and ones stays as it is: divided by its deviation, a one that is rare
                    would become so large that the first steps diverge
        asinh       asinh of that
        minmax      each column from 0 to 1
        none        x stays as it is, except for missing values

        A constant column has nothing to scale: it gets scale 1. A missing value, NaN, will be
        filled with the mean of its column.

        channels: if the columns are the pixels of images, how many channels these have: each
            channel is scaled as one column, so that a shape looks the same wherever it is.
        weights: (N,), how often each row counts in a mean and a deviation; a row of weight 0 is as
            if it were not there. None takes those of a Dataset, or counts each row once.

        Raises ArgumentError for another kind, ShapeError if x is not (N, F), DataError if x has no
        rows, a column has no values, or its values are too large.
        """
        where = "Scaling.fit"
        _check_kind(where, kind)
        x, weights = _counted_rows(where, data, weights)
        facts = f"x {x.shape}"
        if channels:
            pixels = x.reshape(len(x), channels, -1).swapaxes(1, 2)
            weights = weights if weights is None else np.repeat(weights, pixels.shape[1])
            of_all = cls.fit(pixels.reshape(-1, channels), kind, weights=weights)
            arrays = of_all.shift, of_all.scale, of_all.fill
            return cls(*(np.repeat(a, pixels.shape[1]) for a in arrays), kind)
        if len(x) == 0:
            wrong = "x has no rows to take statistics of"
            raise DataError(where, wrong, facts, "fit on the training part")
        gaps = np.isnan(x)
        for f in np.flatnonzero(gaps.all(axis=0)):
            wrong = f"{shown(_name(data, f))} has no value in the training rows to take a mean of"
            facts += f", all {len(x)} of this column missing"
            raise DataError(where, wrong, facts, "leave the column out")
        # NumPy's plain functions if there are no gaps: the others make copies.
        gappy = gaps.any()
        smallest, largest = (np.nanmin, np.nanmax) if gappy else (np.min, np.max)
        mean, deviation = (np.nanmean, np.nanstd) if gappy else (np.mean, np.std)
        low, high = smallest(x, axis=0), largest(x, axis=0)
        weighted = None if weights is None else _weighted_moments(x, weights)
        fill = weighted[0] if weighted else mean(x, axis=0, dtype=np.float64)
        shift, scale = np.zeros_like(fill), np.ones_like(fill)
        varies = high > low  # not `std > 0`: rounding gives a constant column of 0.1 about 1e-17
        if kind in ("asinh", "standard"):
            binary = (low == 0) & (high == 1)
            for f in np.flatnonzero(binary):
                binary[f] = not ((x[:, f] > 0) & (x[:, f] < 1)).any()
            shift = np.where(binary, 0.0, fill)
            spread = weighted[1] if weighted else deviation(x, axis=0, dtype=np.float64)
            scale = np.where(varies & ~binary, spread, 1.0)
        elif kind == "minmax":
            shift = low.astype(np.float64)
            scale = np.where(varies, high - shift, 1.0)
        floats = np.finfo(x.dtype if x.dtype.kind == "f" else np.float32)
        scale = np.where(scale < floats.tiny, 1.0, scale)  # a denormal has few digits, or none
        reach = np.maximum(np.abs(low), np.abs(high), dtype=np.float64)
        for f in np.flatnonzero((reach > floats.max / 4) | ~np.isfinite(scale)):
            column = shown(_name(data, f))
            wrong = f"the values of {column} are too large to calculate with in {x.dtype}"
            facts = f"they lie from {low[f]:g} to {high[f]:g}"
            raise DataError(where, wrong, facts, "change the unit, or leave the column out")
        return cls(shift, scale, fill, kind)

    @property
    def typical(self) -> float:
        """About the largest value of the rows that it was fitted on; 0 if it does not know.

        It is the largest value for "minmax", a mean plus a deviation for "standard" and "asinh",
        and a mean for "none".
        """
        if self.kind != "none":
            return float((np.abs(self.shift) + self.scale).max())
        return 0.0 if self.fill is None else float(np.abs(self.fill).max())

    def apply(self, data: Data) -> Data:
        """Return `data`, a Dataset or its x (N, F), scaled: a new array of x's own dtype.

        Whole numbers become float32. A Dataset's own test set is scaled with it.

        Raises ShapeError if x is not (N, F) with the F that the scaling was fitted on.
        """
        if isinstance(data, Dataset):
            test = None if data.test is None else self.apply(data.test)
            return replace(data, x=self.apply(data.x), test=test)
        if data.ndim != 2 or data.shape[1] != len(self.shift):
            wrong = f"x does not fit a scaling of {counted(len(self.shift), 'feature')}"
            facts = f"x {data.shape}, shift {self.shift.shape}"
            raise ShapeError("Scaling.apply", wrong, facts, f"give x as (N, {len(self.shift)})")
        dtype = data.dtype if data.dtype.kind == "f" else np.float32
        scaled = np.subtract(data, self.shift, dtype=dtype)
        if self.fill is not None and (gaps := np.isnan(data)).any():
            np.copyto(scaled, self.fill - self.shift, where=gaps, casting="same_kind")
        scaled /= self.scale
        return np.arcsinh(scaled, out=scaled) if self.kind == "asinh" else scaled


def _counted_rows(
    where: str, data: Data, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the rows x (N, F) that count, and how often each of them does."""
    x = data.x if isinstance(data, Dataset) else data
    if isinstance(data, Dataset) and weights is None:
        weights = data.weights
    if weights is not None:
        x, weights = x[weights > 0], weights[weights > 0]
    if x.ndim != 2:
        wrong = "x is not a table of rows and features"
        raise ShapeError(where, wrong, f"x {x.shape}", "give x as (N, F)")
    return x, weights


def _weighted_moments(x: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation (F,) of the columns, float64, without NaN."""
    w = np.where(np.isnan(x), 0.0, weights[:, None].astype(np.float64))
    mean = np.nansum(w * x, axis=0) / w.sum(axis=0)
    return mean, np.sqrt(np.nansum(w * np.square(x - mean), axis=0) / w.sum(axis=0))


def _check_kind(where: str, kind: str) -> None:
    if kind not in KINDS:
        facts = f"it can be {', '.join(KINDS)}"
        raise ArgumentError(where, f"kind {kind!r:.40} is unknown", facts, "give kind='standard'")


def _name(data: Data, feature: int) -> str:
    return data.feature_names[feature] if isinstance(data, Dataset) else f"feature {feature}"


def batches(
    x: np.ndarray, y: np.ndarray, size: int, *, rng: Rng
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Return an iterator over one epoch: every row once, shuffled, as (x[rows], y[rows]).

    x (N, …), y (N, …) -> pairs of copies with `size` rows; the last pair has what is left. What
    comes from pandas goes by position.
    One permutation is drawn per call, at the call. Give the same Generator for every epoch: an int
    seed would repeat the order.

    Raises ShapeError if x and y differ in length, ArgumentError for size < 1.
    """
    x, y = plain(x), plain(y)
    if len(x) != len(y):
        wrong, facts = (
            f"x has {counted(len(x), 'row')} but y has {len(y)}",
            f"x {x.shape}, y {y.shape}",
        )
        raise ShapeError("batches", wrong, facts, "give one label for each row of x")
    if size < 1:
        raise ArgumentError("batches", "size must be 1 or more", f"size {size}", "give size=32")
    order = np.random.default_rng(rng).permutation(len(x))
    # Not a generator function: that would check its arguments only at the first next().
    cuts = (order[start : start + size] for start in range(0, len(x), size))
    return ((x[rows], y[rows]) for rows in cuts)
