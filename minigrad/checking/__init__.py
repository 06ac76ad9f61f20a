"""Checking: is a backward pass the derivative of its forward pass?"""

from .adapters import from_gradient, from_numpy
from .bisection import Bisection, Step, bisect
from .check import gradcheck
from .report import Report, Result

__all__ = ["Bisection", "Report", "Result", "Step", "bisect", "from_gradient", "from_numpy"]
__all__ += ["gradcheck"]
