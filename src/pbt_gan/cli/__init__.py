"""The command line: it talks to people, and leaves the work to the layers below."""

import os
import sys


def main() -> None:
    """Run `pbt-gan`; a mistake of the user's ends in one or two lines and exit code 2, never in a traceback."""
    from pbt_gan.cli.app import app
    from pbt_gan.errors import PbtGanError

    try:
        app()
    except PbtGanError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("Stopped at once. `pbt-gan resume RUN` goes on from the last commit.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # somebody's `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
