"""The command line: it talks to people, and leaves the work to the layers below."""

import os
import sys


def main() -> None:
    """Run `pbt-gan`; what goes wrong ends in one or two lines that say how to mend it, never in a traceback."""
    try:
        from pbt_gan.cli.app import app
        from pbt_gan.cli.mistakes import tell
        from pbt_gan.cli.terminal import show_messages

        show_messages()
        ending = app(args=sys.argv[1:] or ["--help"], prog_name="pbt-gan", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        ending = 130
    except BrokenPipeError:  # somebody's `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        ending = 1
    except Exception as error:
        ending = tell(error)
    sys.exit(ending)
