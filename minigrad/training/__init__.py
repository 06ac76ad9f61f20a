"""Training: the loop, what it records, and the numbers that judge a classifier."""

from .classifier import Classifier, load
from .history import Epoch, History
from .loop import Evaluation, evaluate, train_epoch
from .metrics import averages, classification_report, confusion_matrix
from .schedules import SCHEDULES, lr_factor
from .trainer import Trainer, fit
from .weights import balanced_weights, named_weights

__all__ = [
    "SCHEDULES",
    "Classifier",
    "Epoch",
    "Evaluation",
    "History",
    "Trainer",
    "averages",
    "balanced_weights",
    "classification_report",
    "confusion_matrix",
    "evaluate",
    "fit",
    "load",
    "lr_factor",
    "named_weights",
    "train_epoch",
]
