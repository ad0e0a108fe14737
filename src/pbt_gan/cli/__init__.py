"""The command line: it talks to people, and leaves the work to the layers below."""

import errno
import os
import signal
import sys
import threading
from typing import Any

from pbt_gan import streams
from pbt_gan.cli.mistakes import tell
from pbt_gan.terminal import show_messages

_GONE = (errno.EPIPE, errno.EIO)
"""Nobody reads any more: `| head` has read enough, or the terminal was closed."""


_INTERRUPTED = 128 + signal.SIGINT


def main() -> None:
    """Run `pbt-gan`; what goes wrong ends in one or two lines that say how to mend it, never in a traceback."""
    streams.hold()
    streams.forgive()
    ending = _ending()
    streams.settle()
    if ending == _INTERRUPTED and any(thread.name.startswith("checkpoints") for thread in threading.enumerate()):
        os._exit(ending)  # or Python would wait for a commit that a second Ctrl-C has given up
    sys.exit(ending)


def _ending() -> Any:
    try:
        from pbt_gan.cli.app import app

        show_messages()
        ending = app(args=sys.argv[1:] or ["--help"], prog_name="pbt-gan", standalone_mode=False)
        sys.stdout.flush()
        return ending
    except KeyboardInterrupt:
        return _INTERRUPTED
    except SystemExit as ending:
        return ending.code
    except OSError as error:
        return 1 if error.filename is None and error.errno in _GONE else tell(error)
    except Exception as error:
        return tell(error)
