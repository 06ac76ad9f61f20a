"""Training: the loop, what it records, and the numbers that judge a classifier."""

from .classifier import Classifier, load
from .experiment import Experiment, Result, choose_options
from .history import Epoch, History
from .importance import Importance, permutation_importance
from .loop import Evaluation, evaluate, train_epoch
from .metrics import averages, classification_report, confusion_matrix
from .run_data import held_out
from .run_folder import Run, read_run
from .schedules import SCHEDULES, lr_factor
from .trainer import Stopped, Trainer, fit
from .weights import balanced_weights, named_weights

__all__ = [
    "SCHEDULES",
    "Classifier",
    "Epoch",
    "Evaluation",
    "Experiment",
    "History",
    "Importance",
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
    "held_out",
    "load",
    "lr_factor",
    "named_weights",
    "permutation_importance",
    "read_run",
    "train_epoch",
]
