"""A bar over the steps of a run, for programs and notebooks; the command line has its own."""

import contextlib
import importlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .history import Epoch

if TYPE_CHECKING:
    from .trainer import Trainer

# Without the steps a second, for which 80 columns have no room beside the numbers of an epoch.
FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


def bar(total: int, **options: Any) -> Any:
    """Return tqdm's bar: a widget in a notebook that has ipywidgets, a line of text elsewhere."""
    # Not with the library, whose import would take half as long again.
    return importlib.import_module("tqdm.auto").tqdm(total=total, **options)


@contextlib.contextmanager
def watched(
    trainer: "Trainer", on_epoch: Callable[[Epoch], None], on_step: Callable[[], None]
) -> Iterator[tuple[Callable[[Epoch], None], Callable[[], None]]]:
    """Yield the two functions of `Trainer.run`, which now move a bar, too."""
    done = len(trainer.history)
    total, taken = trainer.steps * trainer.epochs, trainer.steps * done + trainer.sums.steps
    desc = f"{done}/{trainer.epochs}"
    with bar(total, initial=taken, desc=desc, bar_format=FORMAT) as steps:

        def step() -> None:
            steps.update()
            on_step()

        def epoch(epoch: Epoch) -> None:
            steps.set_description_str(f"{epoch.epoch}/{trainer.epochs}", refresh=False)
            steps.set_postfix_str(_numbers(epoch))
            on_epoch(epoch)

        yield epoch, step


def _numbers(epoch: Epoch) -> str:
    text = f"loss {epoch.train_loss:.4f}, train {epoch.train_accuracy:.2%}"
    return text if epoch.val_accuracy is None else f"{text}, val {epoch.val_accuracy:.2%}"
