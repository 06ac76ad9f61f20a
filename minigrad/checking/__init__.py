"""Checking: is a backward pass the derivative of its forward pass?"""

from .differences import Report, Result, gradcheck

__all__ = ["Report", "Result", "gradcheck"]
