"""What the commands share: errors become one line on stderr and an exit code."""

import click

from .. import errors

# 0 done, 1 a check failed, 2 usage, 3 data or model file, 4 diverged, 130 interrupted
EXIT_CODES = {
    errors.GradcheckError: 1,
    errors.ArgumentError: 2,
    errors.DataError: 3,
    errors.DivergedError: 4,
}
INTERRUPTED = 130


class Command(click.Command):
    """A command whose failures are one line after `Error:`, without a traceback."""

    def invoke(self, ctx):
        """Run the command, and turn minigrad's errors into Click's."""
        try:
            return super().invoke(ctx)
        except errors.MinigradError as error:
            failure = click.ClickException(str(error))
            failure.exit_code = EXIT_CODES.get(type(error), 1)
            raise failure from error
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
