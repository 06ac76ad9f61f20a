"""Training: the loop, what it records, and the numbers that judge a classifier."""

from .classifier import Classifier, load
from .experiment import Experiment, Result, Stopped, choose_options
from .history import Epoch, History
from .loop import Evaluation, evaluate, train_epoch
from .metrics import averages, classification_report, confusion_matrix
from .run_folder import Run, read_run
from .schedules import SCHEDULES, lr_factor
from .trainer import Trainer, fit
from .weights import balanced_weights, named_weights

__all__ = [
    "SCHEDULES",
    "Classifier",
    "Epoch",
    "Evaluation",
    "Experiment",
    "History",
    "Result",
    "Run",
    "Stopped",
    "Trainer",
    "averages",
    "balanced_weights",
    "choose_options",
    "classification_report",
    "confusion_matrix",
    "evaluate",
    "fit",
    "load",
    "lr_factor",
    "named_weights",
    "read_run",
    "train_epoch",
]
