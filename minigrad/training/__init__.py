"""Training: the loop, what it records, and the numbers that judge a classifier."""

from .history import Epoch, History
from .loop import Evaluation, evaluate, fit, train_epoch
from .metrics import classification_report, confusion_matrix

__all__ = [
    "Epoch",
    "Evaluation",
    "History",
    "classification_report",
    "confusion_matrix",
    "evaluate",
    "fit",
    "train_epoch",
]
