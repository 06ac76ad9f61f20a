"""Grading a student's backward pass: shapes first, then numbers, then what the mistake is."""

import contextlib
import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .. import checking
from ..checking.diagnosis import RECORDED
from ..checking.differences import Probe, step
from ..checking.records import Arrays, Mistake, Record, same
from ..checking.user_code import in_file, run_file
from ..engine import Function
from ..errors import DataError
from ..tensor import Tensor
from .engine_grading import GRADERS
from .exercises import EXERCISES, Exercise, is_begun

UNWRITTEN = "is not written yet"


class Grade(NamedTuple):
    """What is said of a student's file.

    Attributes:
        lines: the findings, one a line; what is wrong comes with what to think about.
        passed: whether all is right.
    """

    lines: list[str]
    passed: bool


class Wrong(Exception):
    """The student's answer is wrong; the message says how."""


def grade(exercise: Exercise, path: str) -> Grade:
    """Run the student's file and grade it.

    Raises:
        DataError: if there is no such file, if it raises, or if what it has to define is missing.
    """
    found = load(exercise, path)
    if exercise.record is None:
        with in_file(path, f"calling {exercise.class_name}"):
            lines = GRADERS[exercise.name](found)
        return Grade(lines or [f"{exercise.class_name} ok"], not lines)
    return _Operation(exercise.record, found, path).grade()


def load(exercise: Exercise, path: str) -> Any:
    """Return the student's class or function."""
    name = exercise.class_name
    module = run_file(path, f"`minigrad exercise {exercise.name}` writes it")
    found = getattr(module, name, None)
    operation = exercise.record is not None
    kind = f"class {name}(mg.Function)" if operation else f"def {name}(…)"
    known = [n for n, value in vars(module).items() if callable(value) and n[0] != "_"]
    facts = f"it defines {', '.join(known)}" if known else "it defines nothing"
    if found is None:
        raise DataError(path, f"there is no {name} in it", facts, f"write {kind}")
    fits = isinstance(found, type) and issubclass(found, Function) if operation else callable(found)
    if not fits:
        raise DataError(path, f"{name} is not {kind}", facts, f"write {kind}, as in the beginning")
    for method in ("forward", "backward") if operation else ():
        if getattr(found, method) is getattr(Function, method):
            remedy = f"write def {method}(self, …) inside the class"
            raise DataError(path, f"{name} has no {method}", facts, remedy)
    return found


def progress() -> Iterator[tuple[Exercise, str]]:
    """Yield each exercise with "done", "begun" or "", by the files in the current folder."""
    for exercise in EXERCISES.values():
        path = f"{exercise.name}.py"
        state = "begun" if is_begun(exercise, path) else ""
        with contextlib.suppress(DataError):  # a file that raises is begun
            if state and grade(exercise, path).passed:
                state = "done"
        yield exercise, state


class _Operation:
    """A student's Function, and the record that says what it should do."""

    def __init__(self, record: Record, function: type[Function], path: str):
        self.record, self.function, self.path = record, function, path
        self.cases = record.cases()
        self.upstream = "gy" if self.cases[0][0].ndim else "gL"

    def grade(self) -> Grade:
        """Return what is to be said of it."""
        try:
            answers = [self._answer(*case) for case in self.cases]
        except Wrong as wrong:
            return Grade([f"{self.record.name}: {wrong}"], False)
        except DataError as error:
            square = self._on_squares() if isinstance(error.__cause__, ValueError) else []
            if not square:
                raise
            return Grade([f"{error.args[0]}: {error.args[1]}; {error.args[2]}", *square], False)
        lines, passed = [], []
        for of in answers[0]:
            said = self._about_shape(of, answers) or self._about_numbers(of, answers)
            lines += said or [f"{of} ok"]
            passed.append(not said)
        return Grade(lines, all(passed))

    def _on_squares(self) -> list[str]:
        """Return the mistake of a backward pass that NumPy only runs with square matrices."""
        with contextlib.suppress(Wrong, DataError):
            answer = self._answer(*self.cases[-1])
            for of, g in answer.items():
                seen = [] if g is Ellipsis else self._seen(of, [answer], self.cases[-1:])
                if seen:
                    text = f"this is {seen[0].formula}, whose shapes do not fit"
                    return [f"{of}: {text}: {seen[0].says}.", seen[0].hint]
        return []

    # ---- what the student's code returns

    def _answer(self, gy: np.ndarray, inputs: Arrays) -> dict[str, Any]:
        """Return what the student's backward returns, by its name."""
        given, u = copy.deepcopy(inputs), gy.copy()
        shapes = _shapes({**given, self.upstream: u})
        with np.errstate(all="ignore"):
            with in_file(self.path, f"forward, with {shapes}"):
                node = self.function()
                node.needs = (True,) * len(self.record.inputs)
                y = node.forward(*given.values())
            right = self.record.apply(**inputs).data
            numbers = isinstance(y, (np.ndarray, np.generic)) and y.dtype.kind in "fiu"
            if not (numbers and y.shape == right.shape and same(y, right)):
                raise Wrong(
                    "forward does not return y any more. It was right as it was written for you: "
                    "`--solution` shows it"
                )
            with in_file(self.path, f"backward, with {shapes}"):
                found = node.backward(u)
        for name, before, after in (
            (self.upstream, gy, u),
            *((n, inputs[n], given[n]) for n in inputs),
        ):
            if not np.array_equal(before, after):
                raise Wrong(
                    f"{name} was written to, and others use it after you. Write to arrays that you "
                    "made: y = y + 1, not y += 1"
                )
        names = [f"g{name}" for name in self.record.inputs]
        wanted = f"return {', '.join(names)}"
        if found is None:
            raise Wrong(f"backward returns None. Does it end with `{wanted}`?")
        if not isinstance(found, tuple):
            if len(names) > 1:
                text = f"backward returns {_kind(found)}, and {len(names)} gradients are wanted"
                raise Wrong(f"{text}: {wanted}")
            found = (found,)
        if len(found) != len(names):
            raise Wrong(f"backward returns {len(found)} gradients, not {len(names)}: {wanted}")
        return dict(zip(names, found, strict=True))

    # ---- what is wrong with it

    def _about_shape(self, of: str, answers: list[dict]) -> list[str]:
        """Return what is wrong with a gradient before its numbers are looked at."""
        for (_, inputs), answer in zip(self.cases, answers, strict=True):
            g, shape = answer[of], inputs[of[1:]].shape
            if g is Ellipsis:
                return [f"{of} {UNWRITTEN}"]
            if not isinstance(g, (np.ndarray, np.generic, int, float)):
                return [f"{of} is {_kind(g)}: return an array of shape {shape}"]
            if np.asarray(g).dtype.kind not in "fiub":
                return [f"{of} holds {np.asarray(g).dtype}, not numbers"]
            if np.shape(g) != shape:
                text = f"{of} has the shape {np.shape(g)}, and {of[1:]} has {shape}"
                known = self._mistake(of, answers, self.cases)
                return [
                    text,
                    *(known or [f"{of} has a number for each of {of[1:]}, at its place."]),
                ]
        return []

    def _about_numbers(self, of: str, answers: list[dict]) -> list[str]:
        """Return which element is wrong, and why."""
        for (gy, inputs), answer in zip(self.cases, answers, strict=True):
            yours = np.asarray(answer[of], dtype=float)
            measured = self._measure(gy, inputs, of[1:])
            if _agree(yours, measured):
                continue
            gap = np.where(np.isfinite(yours), abs(yours - measured), np.inf)
            at = np.unravel_index(np.argmax(gap), gap.shape)
            where = f"{of}[{', '.join(map(str, at))}]"
            text = f"{of} shape ok   {where}: yours {yours[at]:.6f}, measured {measured[at]:.6f}"
            if known := self._mistake(of, answers, self.cases):
                return [text, *known]
            if np.asarray(answer[of]).dtype.kind == "b":
                return [text, "These are True and False: gy * x > 0 means (gy * x) > 0."]
            return [text, *self._other(of, gy, inputs)]
        return []

    def _mistake(self, of: str, answers: list[dict], cases: list[tuple]) -> list[str]:
        """Return the sentence of the mistake whose numbers are the student's in all these cases."""
        seen = self._seen(of, answers, cases)
        which = f"{of}: your" if len(self.record.inputs) > 1 else "Your"
        return [f"{which} numbers are exactly those of {seen[0]}.", seen[0].hint] if seen else []

    def _seen(self, of: str, answers: list[dict], cases: list[tuple]) -> list[Mistake]:
        """Return the mistakes whose numbers are the student's in all these cases."""
        seen = list(self.record.mistakes)
        for (gy, inputs), answer in zip(cases, answers, strict=True):
            found = list(self.record.named(of, np.asarray(answer[of]), gy, inputs))
            seen = [mistake for mistake in seen if mistake in found]
        return seen

    def _other(self, of: str, gy: np.ndarray, inputs: Arrays) -> list[str]:
        """Return what gradcheck says of a mistake that has no record, or the smallest example."""
        said = [text for text in map(partial(self._diagnosed, of), self.cases) if text is not None]
        common = [text for text in said[0] if all(text in other for other in said)] if said else []
        if common == ["it is zero"]:
            return [f"{of}: it is zero. Is a factor 0, or do its terms cancel?"]
        if common:
            return [f"{of}: {', or '.join(common)}."]
        return self._smallest(of, (gy, inputs))

    def _diagnosed(self, of: str, case: tuple[np.ndarray, Arrays]) -> list[str] | None:
        """Return which mistakes gradcheck sees in a case; None if it says nothing of others.

        That is so where the gradient is right, and where it is that of a record's mistake: `_seen`
        knows whether that one is made in all cases.
        """
        _, inputs = case
        options = {n: a for n, a in inputs.items() if n not in self.record.inputs}
        leaves = [Tensor(inputs[n], requires_grad=n == of[1:]) for n in self.record.inputs]
        f = lambda *xs: self.function.apply(*xs, **options)  # noqa: E731
        with in_file(self.path, "backward, under gradcheck"):
            (result,) = checking.gradcheck(f, leaves, raises=False).results
        if result.verdict != "FAIL" or result.diagnosis.startswith(RECORDED):
            return None
        return result.diagnosis.split(", or ") if result.diagnosis else []

    def _smallest(self, of: str, failing: tuple[np.ndarray, Arrays]) -> list[str]:
        """Return the smallest example in which it is wrong, with its Jacobian, as measured."""
        gy, inputs = example = self.cases[0]
        two_rows = self.record.draw(np.random.default_rng(0), 2, 2, 2)
        tried = [example, (np.resize(gy, self.record.apply(**two_rows).shape), two_rows)]
        if self.record.name == "batch_norm":  # its channels have nothing to do with each other
            tried.insert(0, (gy[:, :1], {name: a[..., :1] for name, a in inputs.items()}))
        gy, inputs = next((case for case in tried if self._fails(of, *case)), failing)
        one_row = gy.ndim > 0 and len(example[0]) == 1 < len(gy)
        units = np.eye(gy.size).reshape(gy.size, *gy.shape)
        J = np.array([self._measure(unit, inputs, of[1:]).reshape(-1) for unit in units])
        right = (gy.reshape(-1) @ J).reshape(inputs[of[1:]].shape)
        rows = f"a row for each y, a column for each {of[1:]}"
        if self.upstream == "gL":
            rows = f"one row, for L, and a column for each {of[1:]}"
        return [
            *["It is right for one row, and wrong for several."] * one_row,
            "No usual mistake has these numbers. The smallest example:",
            *(f"  {name} = {_text(a)}" for name, a in {**inputs, self.upstream: gy}.items()),
            f"  the Jacobian, measured: {rows}",
            *("   " + "".join(f"{value:8.4f}" for value in row) for row in J),
            f"  {of} = Jᵀ {self.upstream}: measured {_text(right)}",
            f"  {' ' * len(of)}          yours    {_text(self._numbers(of, gy, inputs))}",
        ]

    def _numbers(self, of: str, gy: np.ndarray, inputs: Arrays) -> np.ndarray:
        """Return what the student's backward returns for one input."""
        return np.asarray(self._answer(gy, inputs)[of], dtype=float)

    def _fails(self, of: str, gy: np.ndarray, inputs: Arrays) -> bool:
        """Return whether the student's gradient is wrong in numbers here."""
        with contextlib.suppress(Wrong, DataError):
            yours = self._numbers(of, gy, inputs)
            right = self._measure(gy, inputs, of[1:])
            return yours.shape == right.shape and not _agree(yours, right)
        return False

    def _measure(self, gy: np.ndarray, inputs: Arrays, name: str) -> np.ndarray:
        """Return the gradient of one input, by differences of the library's forward pass."""
        return measure(lambda **arrays: self.record.apply(**arrays).data, gy, inputs, name)


def _agree(yours: np.ndarray, measured: np.ndarray) -> bool:
    """Return whether they are the same; a difference is off by about 1e-9 of what flows."""
    return np.allclose(yours, measured, rtol=1e-6, atol=1e-7 * (1 + abs(measured).max()))


def measure(f: Callable[..., np.ndarray], gy: np.ndarray, inputs: Arrays, name: str) -> np.ndarray:
    """Return the gradient of Σ gy f(**inputs) for the input `name`, by central differences."""
    arrays = {n: np.array(a) for n, a in inputs.items()}
    x = arrays[name] = arrays[name].astype(np.float64)
    probe = Probe(lambda: np.array(f(**arrays), dtype=float), x, None, None)
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        h = step(float(x[i]))
        below, above = (probe.at(i, t)[0] for t in (-h, h))
        gradient[i] = (gy * (above - below)).sum() / (2 * h)
    return gradient


def _kind(value: object) -> str:
    if value is None:
        return "None"
    return "an array" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


def _shapes(arrays: Arrays) -> str:
    return ", ".join(f"{name} {np.shape(a)}" for name, a in arrays.items())


def _text(a: np.ndarray) -> str:
    return " ".join(np.array2string(np.asarray(a), precision=4, suppress_small=True).split())
