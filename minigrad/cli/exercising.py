"""What `minigrad exercise` prints."""

import click

from ..study import exercises, grading
from ..study.exercises import Exercise
from ..text import printable, table


def list_all() -> None:
    """Print the exercises in their order, and which are done."""
    rows = [("exercise", "", "what is to be written")]
    rows += [(exercise.name, state, exercise.title) for exercise, state in grading.progress()]
    click.echo(table(rows, "<<<"))
    undone = [name for name, state, _ in rows[1:] if state != "done"]
    click.echo(f"\nnext: minigrad exercise {undone[0]}" if undone else "\nall are done")


def begin(name: str) -> None:
    """Write the file of an exercise."""
    exercise, path = exercises.find(name)
    exercises.begin(exercise, path)
    click.echo(f"wrote {printable(path)}: {exercise.title}")
    click.echo(
        f"write what `...` stands for, then: minigrad exercise {_typed(exercise, path)} --check"
    )


def check(name: str) -> bool:
    """Grade the student's file; return whether it is right."""
    exercise, path = exercises.find(name)
    found = grading.grade(exercise, path)
    click.echo("\n".join(found.lines))
    typed = _typed(exercise, path)
    if not found.passed:
        click.echo(f"next: minigrad exercise {typed} --hint")
        return False
    names = [*exercises.EXERCISES]
    after = names[names.index(exercise.name) + 1 :]
    click.echo(
        f"{exercise.name} is done" + (f"; next: minigrad exercise {after[0]}" if after else "")
    )
    return True


def hint(name: str, number: int) -> None:
    """Print one of the hints."""
    exercise, path = exercises.find(name)
    click.echo(exercise.hints[number - 1])
    last = number == len(exercise.hints)
    what = "--solution" if last else f"--hint {number + 1}"
    click.echo(f"next: minigrad exercise {_typed(exercise, path)} {what}")


def solution(name: str) -> None:
    """Print the file with the solution."""
    exercise, _ = exercises.find(name)
    click.echo(exercise.text(solved=True), nl=False)


def _typed(exercise: Exercise, path: str) -> str:
    return exercise.name if path == f"{exercise.name}.py" else path
