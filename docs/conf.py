"""The book as a site; `python -m sphinx -W docs build/docs` writes it to build/docs."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]  # where minigrad and the folder extensions are

project = html_title = "minigrad"
author = "The minigrad developers"
language = "en"
extensions = [
    "myst_parser",
    "extensions.commands",
    "extensions.mathml",
    "extensions.names",
    "extensions.reference",
    "extensions.sources",
    "extensions.steps",
]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
smartquotes = False  # options are written with two hyphens
highlight_language = "none"  # an indented block is mathematics
add_module_names = False
toc_object_entries_show_parents = "hide"
python_maximum_signature_line_length = 80

html_theme = "furo"
pygments_dark_style = "a11y-high-contrast-dark"
html_static_path = ["static"]
html_css_files = ["book.css"]
html_copy_source = html_show_sourcelink = False
html_show_copyright = False
