"""The command line: it talks to people, and leaves the work to the layers below."""

import errno
import sys
from typing import Any

from pbt_gan import streams
from pbt_gan.cli.mistakes import tell
from pbt_gan.terminal import show_messages

_GONE = (errno.EPIPE, errno.EIO)
"""Nobody reads any more: `| head` has read enough, or the terminal was closed."""


def main() -> None:
    """Run `pbt-gan`; what goes wrong ends in one or two lines that say how to mend it, never in a traceback."""
    streams.hold()
    streams.forgive()
    ending = _ending()
    streams.settle()
    sys.exit(ending)


def _ending() -> Any:
    try:
        from pbt_gan.cli.app import app

        show_messages()
        ending = app(args=sys.argv[1:] or ["--help"], prog_name="pbt-gan", standalone_mode=False)
        sys.stdout.flush()
        return ending
    except KeyboardInterrupt:
        return 130
    except SystemExit as ending:
        return ending.code
    except OSError as error:
        return 1 if error.filename is None and error.errno in _GONE else tell(error)
    except Exception as error:
        return tell(error)
