"""The console script: Ctrl-C ends it from its first line on, without a traceback.

Python turns Ctrl-C into an exception, which during an import ends in a traceback. So this file lies
outside the package, whose import takes a while, and lets the signal end the process, as it ends a
program in C. A command that has something to put away takes the signal itself.
"""

import _signal  # not `signal`, which imports for milliseconds before its first line is done

if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:  # not if it is ignored
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def main(command: str = "main", prog_name: str = "minigrad") -> None:
    """Run a command of `minigrad.cli` and end the process."""
    from minigrad import cli

    getattr(cli, command)(prog_name=prog_name)


if __name__ == "__main__":
    main()
