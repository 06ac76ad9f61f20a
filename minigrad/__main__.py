"""`python -m minigrad` is the command `minigrad`."""

from .cli import main

main(prog_name="minigrad")
