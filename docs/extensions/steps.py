"""What `minigrad explain --html` writes is shown below the command that writes it."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from docutils import nodes
from sphinx.transforms import SphinxTransform

from .sources import ROOT

# The sandbox keeps the page within the frame from scrolling the one around it.
FRAME = """<iframe class="steps" src="{page}" title="{title}" loading="lazy"
 sandbox="allow-scripts allow-forms"></iframe>
<p class="steps"><a href="{page}">Open the page that this command writes</a></p>
"""


class Steps(SphinxTransform):
    """Runs such commands, beside the files that the page shows, and embeds what they write."""

    default_priority = 500

    def apply(self):
        """Change the page."""
        if self.app.builder.format != "html":
            return
        docname = self.env.docname
        blocks = [*self.document.findall(nodes.literal_block)]
        for block in blocks:
            command = re.match(r"\$ minigrad (explain .*--html (\S+))", block.astext())
            if not command:
                continue
            folder = self.app.outdir / "steps" / docname
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory() as work:
                for other in blocks:
                    if name := re.match(r"# (\w+\.py)\n", other.astext()):
                        Path(work, name[1]).write_text(other.astext(), "utf-8")
                words = [sys.executable, "-m", "minigrad", *shlex.split(command[1])]
                environment = {**os.environ, "PYTHONPATH": str(ROOT)}
                subprocess.run(words, cwd=work, env=environment, check=True, capture_output=True)
                page = Path(work, command[2]).read_text("utf-8")
            (folder / command[2]).write_text(page, "utf-8")
            link = "../" * docname.count("/") + f"steps/{docname}/{command[2]}"
            title = f"$ minigrad {command[1]}"
            frame = nodes.raw("", FRAME.format(page=link, title=title), format="html")
            block.parent.insert(block.parent.index(block) + 1, frame)


def setup(app):
    """Add the frames."""
    app.add_transform(Steps)
    return {"parallel_read_safe": True}
