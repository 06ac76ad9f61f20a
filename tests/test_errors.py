"""The exceptions, the format of the messages, warnings that come once, and whose line they name."""

import ast
import inspect
import pickle
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from minigrad import Tensor, errors
from minigrad import functions as F
from minigrad.errors import MinigradError, MinigradWarning, message, user_frame, warn_once

TESTS = Path(__file__).parent
PACKAGE = Path(errors.__file__).parent


# ---- classes -----------------------------------------------------------------------------------

BASES = {
    "ShapeError": ValueError,
    "DataError": ValueError,
    "ArgumentError": ValueError,
    "DTypeError": TypeError,
    "UnsupportedError": TypeError,
    "GraphError": RuntimeError,
    "GraphFreedError": RuntimeError,
    "NonFiniteError": ArithmeticError,
    "DivergedError": ArithmeticError,
    "GradcheckError": AssertionError,
}


@pytest.mark.parametrize(("name", "base"), BASES.items())
def test_an_error_derives_from_the_common_base_and_from_a_built_in_one(name, base):
    error = getattr(errors, name)
    assert issubclass(error, MinigradError) and issubclass(error, base)
    assert error.__doc__ and str(error("text")) == "text"
    assert str(error("where", "what", "facts", "remedy")) == "where: what; facts; remedy"
    copy = pickle.loads(pickle.dumps(error("where", "what", "facts", "remedy")))
    assert type(copy) is error and str(copy) == "where: what; facts; remedy"


def test_the_table_of_errors_is_complete():
    classes = {n for n, c in vars(errors).items() if inspect.isclass(c)}
    assert classes == {*BASES, "MinigradError", "MinigradWarning"}
    assert issubclass(MinigradWarning, UserWarning) and MinigradError.__base__ is Exception
    assert issubclass(errors.GraphFreedError, errors.GraphError)


# ---- messages ----------------------------------------------------------------------------------


def test_the_one_format():
    text = message("linear", "x has 5 features but W takes 3", "x (32, 5), W (64, 3)", "do this")
    assert text == "linear: x has 5 features but W takes 3; x (32, 5), W (64, 3); do this"


def constants(node):
    """Return the literal texts inside an expression; the parser has joined adjacent ones."""
    return [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and type(n.value) is str]


def messages():
    """Return (place, the literal texts) of what is wrong and what to do, of every message."""
    core = ["engine*", "debugging", "tensor", "numpy_protocol", "optim", "nn/*", "checking/*"]
    for path in sorted(p for part in core for p in PACKAGE.glob(f"{part}.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if name in ("message", "warn_once") or (name.endswith("Error") and len(node.args) == 4):
                for argument in (node.args[1], node.args[3]):
                    yield f"{path.name}:{argument.lineno}", constants(argument)


def test_every_message_of_the_core_is_asserted_in_some_test():
    asserted = {
        text
        for path in TESTS.rglob("*.py")
        for text in constants(ast.parse(path.read_text(encoding="utf-8")))
    }
    # A fact in braces splits a message here and in the tests in the same places, or nearly so.
    corpus = "\n".join(asserted)
    found = list(messages())
    assert len(found) > 40
    missing = [
        (place, part)
        for place, texts in found
        for text in texts
        for part in re.split(r"\W*; \W*", text)
        if len(part) > 7 and part.strip() not in corpus
    ]
    assert not missing


# ---- warn_once ---------------------------------------------------------------------------------


REST = ("wrong", "facts", "remedy")


def test_a_warning_is_given_once_per_text():
    with pytest.warns(MinigradWarning) as caught:
        for _ in range(3):
            warn_once("one", *REST)
            warn_once("two", *REST)
    assert [str(w.message) for w in caught] == [message(where, *REST) for where in ("one", "two")]
    assert all(w.category is MinigradWarning for w in caught)


def test_a_new_block_of_catch_warnings_starts_afresh():
    for _ in range(2):
        with pytest.warns(MinigradWarning, match="again") as caught:
            warn_once("again", *REST)
            warn_once("again", *REST)
        assert len(caught) == 1


def test_a_warning_names_the_users_line():
    with pytest.warns(MinigradWarning) as caught:
        warn_once("here", *REST)
        line = inspect.currentframe().f_lineno - 1
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)
    z = Tensor([[0.5, 0.5]], requires_grad=True).softmax()
    with pytest.warns(MinigradWarning, match="cross_entropy") as caught:  # deep in the package
        F.cross_entropy(z, np.array([1]))
        line = inspect.currentframe().f_lineno - 1
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)


def test_a_filter_can_silence_it_or_make_it_an_error():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MinigradWarning)
        warn_once("silent", *REST)
    with warnings.catch_warnings():
        warnings.simplefilter("error", MinigradWarning)
        with pytest.raises(MinigradWarning, match=r"\Aloud: wrong; facts; remedy\Z"):
            warn_once("loud", *REST)


def test_user_frame_is_the_innermost_frame_outside_the_package():
    frame, depth = user_frame()
    assert frame is sys._getframe() and depth == 1

    def from_inside():
        return user_frame()

    inside = compile("frame, depth = call()", str(PACKAGE / "somewhere.py"), "exec")
    scope = {"call": user_frame}
    exec(inside, scope)
    assert scope["frame"] is sys._getframe() and scope["depth"] == 2
    assert from_inside()[0].f_code.co_name == "from_inside"


def test_a_command_counts_as_outside():
    scope = {"call": user_frame}
    exec(compile("frame, depth = call()", str(PACKAGE / "cli" / "some.py"), "exec"), scope)
    assert scope["frame"].f_code.co_filename == str(PACKAGE / "cli" / "some.py")
    assert scope["depth"] == 1
