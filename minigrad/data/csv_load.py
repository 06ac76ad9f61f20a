"""A table as a Dataset: its cells are read once, then it is clear what its columns are."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError
from ..text import counted, shown
from .cells import Format
from .columns import (
    MOST_LISTED,
    MOST_VALUES,
    Roles,
    Text,
    as_option,
    check_texts,
    choose_roles,
    is_numeric,
    looks_numeric,
    note_of,
    warn_of_ids,
    warn_of_settled,
)
from .csv_file import TextTable
from .csv_start import find_header
from .dataset import Column, Dataset, Schema
from .labels import Codes, classes_of, with_one_hot
from .points import Points
from .precision import note_of_offsets
from .problems import ABSENT, Findings, Problems
from .tables import Table

LABELS = ("label", "class", "target", "species")  # what a first column with the label is called


def load_delimited(
    lines: Callable[[], Iterator[str]], where: str, *, form: Format, header: str, **options: Any
) -> Dataset:
    """Return the Dataset in the lines of delimited text; see `load` and `dataset_of`."""

    def find(rows: list[list[str]]) -> bool:
        return find_header(rows, where, form)

    return dataset_of(lambda: TextTable(lines(), where, form, header, find), **options)


def dataset_of(
    table: Callable[[], Table],
    *,
    name: str,
    dtype: np.dtype,
    label: str | int | None,
    one_hot: tuple[str | int, ...],
    drop: tuple[str | int, ...],
    missing: str,
    classes: bool,
    ask: bool,
    again: bool = True,
) -> Dataset:
    """Return the Dataset in a table; see `load` for the options.

    table: returns the table, from its first row on.
    ask: whether to refuse numbers whose points may separate thousands, see Points.
    again: whether `table` can be called a second time.
    """

    def read(texts: set[int] | None = None) -> _Content:
        rows = table()
        roles = choose_roles(rows, label, one_hot, drop)
        return _Content(rows, roles, missing, dtype, ask, texts)

    content = read()
    if wrong := content.misjudged():
        if not again:
            _refuse_second_reading(content.table, wrong)
        content = read({*content.texts} ^ wrong)
    features = _choose_features(content)
    kept = _choose_rows(content, features)
    class_names, y = _labels(content, kept, classes)
    columns, x, values = _assemble(content, features, kept)
    used, found = tuple(columns.values()), content.table
    warn_of_settled(columns, values, y, found.where)
    warn_of_ids(columns, values, found.where)
    y_name, left_out = found.names[content.roles.label], tuple(features.left_out)
    schema = Schema(
        used,
        y_name,
        class_names,
        missing,
        found.has_header,
        found.form,
        left_out,
        content.roles.dropped,
    )
    of_label = f", the last one{_first_called_label(content)}" if label is None else ""
    notes = (
        *found.notes,
        *content.problems.notes(),
        *note_of(used, features.left_out),
        *note_of_offsets(schema.feature_names, schema.offsets, dtype, content.problems.lost),
        f"label: column {shown(y_name)}{of_label}; {len(class_names)} classes",
    )
    return Dataset(x, y, schema.feature_names, class_names, name, schema, notes=notes)


class _Content:
    """The cells of a table as numbers and codes of words, for every column that is not dropped.

    ask: whether points may separate thousands, see Points.
    texts: the positions of the columns of texts among the free ones; None to find them in the first
        rows.
    """

    def __init__(
        self,
        table: Table,
        roles: Roles,
        missing: str,
        dtype: np.dtype,
        ask: bool,
        texts: set[int] | None = None,
    ):
        self.table, self.roles, form = table, roles, table.form
        if texts is None:
            width = len(table.names)
            columns = [*zip(*(row for row in table.first_rows if len(row) == width), strict=True)]
            texts = {i for i in roles.free if columns and not looks_numeric(columns[i], form)}
        self.texts = sorted(texts)
        self.numbers = [i for i in roles.free if i not in texts]
        names = [table.names[i] for i in self.numbers]
        asked = [f for f, i in enumerate(self.numbers) if i not in table.numbers]
        self.points = Points(table.where, names, asked) if ask else None
        self.known = {i: Codes(form=form, most=MOST_VALUES) for i in (*roles.one_hot, *self.texts)}
        self.known[roles.label] = Codes(form=form)
        self.problems = Problems(
            table.where, table.names, self.numbers, roles.label, missing, dtype, form=form
        )
        # Growing buffers: a list of blocks would need the memory twice when it is joined.
        buffer, buffers = bytearray(), {i: bytearray() for i in self.known}
        numbers = bytearray()
        for x, codes, rows, row_numbers in table.cells(self.numbers, self.known):
            if self.points:
                self.points.look(x, row_numbers, lambda r, f, rows=rows: rows[r][self.numbers[f]])
            self.problems.triage(x, codes, row_numbers, lambda r, i, rows=rows: rows[r][i])
            buffer += self.problems.features(x, np.ones(len(x), bool)).data
            for i, code in codes.items():
                buffers[i] += code.data
            numbers += np.array(row_numbers, np.int64).data
            if self.problems.enough:
                self.problems.check()
        if not self.problems.rows:
            facts = "there is nothing to learn from, whether row 1 holds names or values"
            remedy = "give a file with rows below its header"
            raise DataError(table.where, "has only one row", facts, remedy)
        self.x = np.frombuffer(buffer, dtype).reshape(self.problems.rows, len(self.numbers))
        self.row_numbers = np.frombuffer(numbers, np.int64)
        self.codes = {i: np.frombuffer(code, np.int64) for i, code in buffers.items()}

    def misjudged(self) -> set[int]:
        """Return the positions of the free columns that turned out to be of the other kind."""
        problems, names = self.problems, self.table.names
        words = {
            i
            for i in self.numbers
            if 2 * problems.words[names[i]]
            > problems.rows - problems.missing.counts.get(names[i], 0)
        }
        counts = {i: np.bincount(c[c >= 0]) for i, c in self.codes.items() if i in self.texts}
        return words | {i for i, count in counts.items() if is_numeric(self.known[i], count)}

    def text(self, i: int) -> Text:
        """Return what the column of texts at a position holds."""
        present = int(np.sum(self.codes[i] != ABSENT))
        return Text(self.table.names[i], self.known[i].distinct, present)


class _Features(NamedTuple):
    """The positions of the columns that become features, and why those by name do not."""

    numbers: list[int]
    hot: list[int]
    left_out: dict[str, str]


def _refuse_second_reading(table, wrong):
    names = [table.names[i] for i in sorted(wrong)]
    what = "the first rows of column {} hold numbers and the others texts, or the other way round"
    remedy = f"save it to a file, or pass {as_option('drop', names)}"
    raise DataError(table.where, what.format(shown(names[0])), "it can be read only once", remedy)


def _choose_features(content):
    """Return the _Features of the columns that are not dropped.

    Raises DataError for texts for which an option has to decide, or if no feature is left.
    """
    table, problems = content.table, content.problems
    texts = {i: content.text(i) for i in (*content.texts, *content.roles.one_hot)}
    check_texts([texts[i] for i in content.texts], table.where, content.roles.strict)
    left_out = {}
    for i in sorted((*content.numbers, *texts)):
        name, text = table.names[i], texts.get(i)
        empty = problems.missing.counts.get(name) == problems.rows
        if empty and problems.missing_rule != "error":
            left_out[name] = "no values"
        elif i in content.texts and text.fate == "left out":
            rows = counted(text.rows, "row")
            left_out[name] = f"{counted(text.values, 'different text')} in {rows}"
        elif text and text.values > MOST_VALUES:
            wrong = f"column {shown(name)} has too many values for one-hot"
            facts = f"{text.values} different ones, and at most {MOST_VALUES} are taken"
            raise DataError(table.where, wrong, facts, f"pass {as_option('drop', [name])}")
    numbers = [i for i in content.numbers if table.names[i] not in left_out]
    hot = [i for i in sorted(texts) if table.names[i] not in left_out]
    for name in left_out:
        problems.missing.forget(name)
    if not numbers and not hot:
        parts = [f"{shown(name)} ({why})" for name, why in left_out.items()]
        more = f" and {len(parts) - MOST_LISTED} more" if len(parts) > MOST_LISTED else ""
        facts = ", ".join(parts[:MOST_LISTED]) + more
        remedy = f"give a {table.kind} with columns of numbers or of categories"
        raise DataError(table.where, "no column can be a feature", f"left out: {facts}", remedy)
    return _Features(numbers, hot, left_out)


def _choose_rows(content, features):
    """Return which rows are kept, (N,) bool.

    Raises DataError for cells that cannot be used, and if no row is left.
    """
    problems, label = content.problems, content.roles.label
    _check_labels(content)
    kept = content.codes[label] != ABSENT
    if problems.missing_rule == "drop":
        if problems.missing:
            used = [content.numbers.index(i) for i in features.numbers]
            kept &= np.isfinite(content.x[:, used]).all(axis=1)
        for i in features.hot:
            kept &= content.codes[i] != ABSENT
    problems.dropped = 0 if problems.missing_rule == "error" else int(np.sum(~kept))
    problems.check()
    if content.points:
        content.points.check()
    return kept


def _check_labels(content):
    """Where all other labels are numbers, take None for a missing one, and refuse an infinite one.

    Raises DataError for that.
    """
    table, label = content.table, content.roles.label
    words, form, codes = content.known[label].words, content.table.form, content.codes[label]
    infinite = {code for code, word in enumerate(words) if math.isinf(form.number(word))}
    absent = {code for code, word in enumerate(words) if form.is_missing(word)} - infinite
    others = [word for code, word in enumerate(words) if code not in infinite | absent]
    if not others or not all(map(form.is_number, others)):
        return
    found = Findings()
    for code in (*infinite, *absent):
        findings = found if code in infinite else content.problems.unlabelled
        for row in content.row_numbers[codes == code].tolist():
            findings.add(row, table.names[label], words[code])
    if found:
        remedy = "correct it, or leave the field empty if the label is missing"
        raise found.error(table.where, "is not a finite number", remedy)
    codes[np.isin(codes, [*absent])] = ABSENT


def _labels(content, kept, are_classes):
    """Return the class names and y (N,) of the rows that are kept."""
    table, y_column = content.table, content.roles.label
    words, codes = _used(content.known[y_column].words, content.codes[y_column][kept])
    class_names, index = classes_of(
        words,
        table.where,
        rows=len(codes),
        form=table.form,
        are_classes=are_classes,
        column=table.names[y_column],
        remedy=lambda: _other_label(content),
    )
    return class_names, index[codes]


def _assemble(content, features, kept):
    """Return the Column and the values (N,) of each used position, and x (N, F) between them."""
    x, numbers = content.x, features.numbers
    if numbers != content.numbers:
        x = x[:, [content.numbers.index(i) for i in numbers]]
    if not kept.all():
        x = x[kept]
    names, known = content.table.names, content.known
    offsets = dict(zip(content.numbers, content.problems.offsets.tolist(), strict=True))
    columns, codes = {}, {}
    for i in sorted((*numbers, *features.hot)):
        values = None
        if i in features.hot:
            words, code = _used(known[i].words, content.codes[i][kept])
            values = tuple(sorted(words))
            place = np.array([*map(values.index, words), ABSENT])
            codes[i] = place[code]  # ABSENT is -1, and so finds the last one
        columns[i] = Column(names[i], values, offsets.get(i, 0.0))
    single = {i: x[:, j] for j, i in enumerate(numbers)} | codes
    return columns, with_one_hot(x, columns, codes) if codes else x, single


def _used(words, codes):
    """Return the words that occur among the codes, and the codes as indices into these."""
    found = np.bincount(codes[codes >= 0], minlength=len(words)) > 0
    place = np.array([*(np.cumsum(found) - 1), ABSENT])
    return [word for word, used in zip(words, found, strict=True) if used], place[codes]


# ---- which column might be the label -------------------------------------------------------------


def _first_called_label(content):
    """Return the remark that the first column has the name of a label, "" if it has not."""
    names = content.table.names
    if names[0].lower() not in LABELS or 0 not in content.roles.free + content.roles.one_hot:
        return ""
    return f" (pass label={names[0]!r} if it is the first one)"


def _other_label(content):
    """Return what to do where the label is a quantity."""
    names = content.table.names
    free = sorted((*content.roles.free, *content.roles.one_hot))
    likely = [i for i in free if i == 0 and names[0].lower() in LABELS]
    likely += [i for i in free if 1 < _values(content, i) <= 20]
    choose = f"such as label={names[likely[0]]!r}" if likely else "with label=COL"
    return f"choose the column of the class, {choose}, or pass classes=True"


def _values(content, i):
    """Return how many different values a column has."""
    if i in content.known:
        return content.known[i].distinct
    return len(np.unique(content.x[:, content.numbers.index(i)]))
