"""Checking: is a backward pass the derivative of its forward pass?"""

from .check import gradcheck
from .report import Report, Result

__all__ = ["Report", "Result", "gradcheck"]
