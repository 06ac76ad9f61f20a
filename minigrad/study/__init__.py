"""For the student: what a forward and a backward pass do, number by number, and exercises."""

from .explain_html import as_html
from .explain_record import record_text
from .explain_text import as_graph, as_text
from .grading import Grade, grade
from .practice import practising
from .tracing import Trace, trace

__all__ = [
    "Grade", "Trace", "as_graph", "as_html", "as_text", "grade", "practising", "record_text",
    "trace",
]  # fmt: skip
