"""The directive `commands`: what each command of minigrad prints for --help."""

import click
from sphinx.util.docutils import SphinxDirective

from minigrad.cli import COMMANDS


class Commands(SphinxDirective):
    """Shows the commands, each in a section of its own."""

    def run(self):
        """Return the sections."""
        text = ""
        for command in COMMANDS:
            name, settings = f"minigrad {command.name}", command.context_settings
            context = click.Context(command, info_name=name, terminal_width=80, **settings)
            help = command.get_help(context)
            text += f"## {name}\n\n```text\n{help}\n```\n\n"
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app):
    """Add the directive."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}
