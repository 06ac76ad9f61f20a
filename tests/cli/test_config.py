"""--config and --show-config: flags over environment over file over defaults."""

import tomllib

import pytest

TRAIN = ("train", "iris", "--hidden", "6", "--epochs", "2", "--no-save")


@pytest.fixture
def config(folder):
    """Write lines into a TOML file, and return its name."""

    def write(text):
        (folder / "my.toml").write_text(text)
        return "my.toml"

    return write


def shown(ended):
    """Return {option: (value, origin)} from what --show-config printed."""
    assert (ended.code, ended.err) == (0, "")
    values = tomllib.loads(ended.out)
    origins = {}
    for line in ended.out.splitlines():
        name, _, rest = line.removeprefix("# ").partition(" =")
        origins[name] = rest.rpartition("  # ")[2]
    return {name: (values.get(name), origin) for name, origin in origins.items()}


def test_each_value_with_its_origin(cli, config, monkeypatch):
    """The stronger one wins, for every pair of places."""
    file = config("lr = 0.1\nmomentum = 0.2\nepochs = 3\nseed = 4\n")
    monkeypatch.setenv("MINIGRAD_TRAIN_MOMENTUM", "0.3")
    monkeypatch.setenv("MINIGRAD_TRAIN_EPOCHS", "5")
    monkeypatch.setenv("MINIGRAD_TRAIN_DROPOUT", "0.25")
    found = shown(
        cli("train", "digits", "--config", file, "--epochs", "7", "--lr", "0.9", "--show-config")
    )
    assert found["lr"] == (0.9, "command line")
    assert found["epochs"] == (7, "command line")
    assert found["momentum"] == (0.3, "environment, MINIGRAD_TRAIN_MOMENTUM")
    assert found["dropout"] == (0.25, "environment, MINIGRAD_TRAIN_DROPOUT")
    assert found["seed"] == (4, "my.toml")
    assert found["batch_size"] == (32, "default")
    rule = "0.05; over 500 training rows 25 / rows"
    assert found["label_smoothing"] == (None, f"default: {rule}")
    assert found["patience"] == (None, "default")
    assert found["data"] == ("digits", "command line")


def test_what_is_shown_can_be_given_again(cli, config):
    options = ("--hidden", "8,4", "--nesterov", "--lr", "0.05", "--drop", "a", "--drop", "b c")
    first = cli("train", "spirals", *options, "--show-config")
    again = cli("train", "--config", config(first.out), "--show-config")
    values = [{k: v for k, (v, _) in shown(ended).items()} for ended in (first, again)]
    assert values[0] == values[1]
    assert values[0]["hidden"] == [8, 4] and values[0]["drop"] == ["a", "b c"]
    assert shown(again)["hidden"][1] == "my.toml"


def test_the_file_trains_like_the_flags(cli, config):
    file = config('data = "iris"\nhidden = [6]\nepochs = 2\nno-save = true\nbatch-size = 16\n')
    assert cli("train", "--config", file).out == cli(*TRAIN, "--batch-size", "16").out


def test_the_environment_can_name_the_file(cli, config, monkeypatch):
    monkeypatch.setenv("MINIGRAD_TRAIN_CONFIG", config("lr = 0.5"))
    assert shown(cli("train", "--show-config"))["lr"] == (0.5, "my.toml")


def test_the_environment_counts_for_train_py_too(program, monkeypatch):
    from tests.cli import program as module

    monkeypatch.setitem(module.ENVIRONMENT, "MINIGRAD_TRAIN_LR", "0.125")
    assert shown(program("--show-config"))["lr"] == (0.125, "environment, MINIGRAD_TRAIN_LR")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate = 1", "my.toml: there is no option 'learning_rate'; see --help"),
        ("batchsize = 1", "my.toml: there is no option 'batchsize'; did you mean 'batch_size'?"),
        ("config = 'x'", "my.toml: there is no option 'config'; did you mean 'conv'?"),
        ("[train]\nlr = 1", "my.toml: there is no option 'train'; see --help"),
        ("lr = {a = 1}", "my.toml: lr is not a number, a string, or a list of them"),
        ("nesterov = 1", "my.toml: nesterov is a flag; write true or false"),
        ("overwrite = 'yes'", "my.toml: overwrite is a flag; write true or false"),
        ("batch-size = 3\nbatch_size = 4", "my.toml: batch_size is set twice, with - and with _"),
        ("jsn = true", "my.toml: there is no option 'jsn'; did you mean 'json'?"),
        (
            "lr 1",
            "my.toml: not valid TOML; Expected '=' after a key in a key/value pair (at line 1, "
            "column 4); write lines such as lr = 0.05",
        ),
    ],
)
def test_a_file_that_cannot_be_used(cli, config, text, message):
    ended = cli(*TRAIN, "--config", config(text))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"Error: Invalid value for '--config': {message}\n"


def test_a_value_outside_its_range_is_refused_as_on_the_command_line(cli, config):
    ended = cli("train", "--config", config("lr = -1"))
    assert ended.code == 2
    wrong = "-1.0 is not in the range x>0."
    assert ended.err == f"Error: Invalid value for '--lr' from my.toml: {wrong}\n"


def test_a_variable_of_no_option_is_refused(cli, monkeypatch):
    monkeypatch.setenv("MINIGRAD_TRAIN_LRR", "0.5")
    assert cli("train", "iris") == (
        2,
        "",
        "Error: environment: there is no option MINIGRAD_TRAIN_LRR; "
        "did you mean 'MINIGRAD_TRAIN_LR'?\n",
    )
    assert cli("datasets").code == 0


def test_a_wrong_value_in_the_environment_names_the_variable(cli, monkeypatch):
    monkeypatch.setenv("MINIGRAD_TRAIN_LR", "fast")
    ended = cli("train")
    assert (ended.code, ended.out) == (2, "")
    origin = "'--lr' from environment, MINIGRAD_TRAIN_LR"
    assert ended.err == f"Error: Invalid value for {origin}: 'fast' is not a valid number.\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("epochs = 2.5", "'--epochs' from my.toml: '2.5' is not a valid whole number."),
        ("epochs = true", "'--epochs' from my.toml: 'True' is not a valid whole number."),
        ("epochs = inf", "'--epochs' from my.toml: 'inf' is not a valid whole number."),
        ("lr = true", "'--lr' from my.toml: 'True' is not a valid number."),
        ("lr = nan", "'--lr' from my.toml: nan is not a finite number."),
        (
            "schedule = 3",
            "'--schedule' from my.toml: '3' is not one of 'constant', 'step', 'cosine'.",
        ),
    ],
)
def test_a_value_of_another_kind(cli, config, line, message):
    ended = cli("train", "--config", config(line))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"Error: Invalid value for {message}\n"


def test_lists_and_flags(cli, config):
    text = "drop = ['a', 2]\nno-save = true\njson = false\nhidden = []\ninit_from = 3\n"
    found = shown(cli("train", "--config", config(text), "--show-config"))
    assert found["drop"] == (["a", "2"], "my.toml")
    assert found["no_save"] == (True, "my.toml") and found["hidden"] == ([], "my.toml")
    assert found["init_from"] == ("3", "my.toml")


def test_no_such_file(cli):
    ended = cli(*TRAIN, "--config", "nothing.toml")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith(
        "Error: Invalid value for '--config': nothing.toml: No such file or directory; "
        "give a TOML file\n"
    )


def test_a_file_that_is_not_utf_8(cli, folder):
    (folder / "my.toml").write_bytes(b"lr = \xff")
    ended = cli(*TRAIN, "--config", "my.toml")
    assert ended.code == 2
    assert "Error: Invalid value for '--config': my.toml: not valid TOML; " in ended.err


def test_options_with_a_short_name_too(cli, config):
    text = 'data = "iris"\nhidden = [6]\nepochs = 2\nno-save = true\nquiet = true\n'
    assert cli("train", "--config", config(text)) == cli(*TRAIN, "-q")
    found = shown(cli("train", "--config", config("verbose = true"), "--show-config"))
    assert "verbose" not in found  # it belongs to this start, not to the run


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("9" * 5000, "my.toml: too large for options; it can have "),
        ("[" * 3000, "my.toml: not valid TOML; "),
        ("0x" + "9" * 3900, "my.toml: epochs is a number with too many digits\n"),
    ],
    ids=["digits", "nested", "hexadecimal"],
)
def test_values_too_long_or_too_deeply_nested(cli, config, value, message):
    ended = cli(*TRAIN, "--config", config(f"epochs = {value}"))
    assert (ended.code, ended.out) == (2, "")
    assert f"Error: Invalid value for '--config': {message}" in ended.err
