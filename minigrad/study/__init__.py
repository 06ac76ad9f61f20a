"""For the student: what a forward and a backward pass do, number by number."""

from .explain_html import as_html
from .explain_record import record_text
from .explain_text import as_graph, as_text
from .tracing import Trace, trace

__all__ = ["Trace", "as_graph", "as_html", "as_text", "record_text", "trace"]
