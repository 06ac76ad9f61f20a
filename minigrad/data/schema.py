"""Schema: what the columns of a data set mean, so that other files can be read in the same way."""

from dataclasses import asdict, dataclass
from typing import NamedTuple, Self

from ..errors import DataError

MISSING_RULES = ("error", "drop", "mean")


class Column(NamedTuple):
    """A column of the file: a number, or a text of which each of `values` becomes a feature.

    values are sorted and one-hot: the feature of the value that stands in the file is 1, the
    others are 0. None means a number.
    """

    name: str
    values: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Schema:
    """How the rows of a file become features and labels.

    columns: the columns that the features come from, in the order of the features.
    label: the name of the label's column, "" where labels do not stand in a column.
    class_names: the classes in label order.
    missing: what is done with a missing value. "error"; "drop": its row is left out; "mean": it is
        NaN, which Scaling fills with the mean of the training rows.
    by_name: whether the file named its columns; else `column_3` is the fourth one.
    delimiter: what stood between the columns, None where the file was no text.
    """

    columns: tuple[Column, ...]
    label: str
    class_names: tuple[str, ...]
    missing: str = "error"
    by_name: bool = True
    delimiter: str | None = None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One name for each feature: the column's own, or name=value for a one-hot value."""
        return tuple(
            name
            for column, values in self.columns
            for name in ([column] if values is None else [f"{column}={v}" for v in values])
        )

    def to_dict(self) -> dict:
        """Return the fields as JSON can hold them."""
        return {**asdict(self), "columns": [column._asdict() for column in self.columns]}

    @classmethod
    def from_dict(cls, fields: dict) -> Self:
        """Return the Schema that `to_dict` gave, also after a way through JSON.

        Raises DataError where a field is absent, unknown or of another kind.
        """
        try:
            columns = tuple(Column(c["name"], _texts(c["values"])) for c in fields["columns"])
            classes = _texts(fields["class_names"])
            schema = cls(**{**fields, "columns": columns, "class_names": classes})
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(f"{type(error).__name__}: {error}") from error
        names = [schema.label, *(column.name for column in columns)]
        if not all(isinstance(name, str) for name in names) or classes is None:
            raise _damaged("a name is no text")
        if len(set(names)) < len(names):
            raise _damaged("two columns have one name")
        if schema.missing not in MISSING_RULES or type(schema.by_name) is not bool:
            raise _damaged(f"missing {schema.missing!r}, by_name {schema.by_name!r}")
        if schema.delimiter not in (None, ",", ";", "\t", "|"):
            raise _damaged(f"delimiter {schema.delimiter!r}")
        if len(set(classes)) != len(classes):
            raise _damaged(f"class_names {classes}")
        return schema


def _texts(values):
    if values is None:
        return None
    if not isinstance(values, (list, tuple)) or not all(isinstance(v, str) for v in values):
        raise ValueError(f"{values!r} is no list of texts")
    return tuple(values)


def _damaged(facts):
    return DataError(
        "Schema.from_dict",
        "these are not the fields of a schema",
        facts,
        "give what to_dict returned",
    )
