"""Checking: is a backward pass the derivative of its forward pass?"""

from .bisection import Bisection, Step, bisect
from .check import gradcheck
from .report import Report, Result

__all__ = ["Bisection", "Report", "Result", "Step", "bisect", "gradcheck"]
