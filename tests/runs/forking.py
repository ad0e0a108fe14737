"""A process that has imported all that a run needs, and becomes one whenever a line tells it: a start in no time."""

import json
import os
import sys
import traceback
from pathlib import Path

from pbt_gan.config.settings import Config
from pbt_gan.runs.run import train
from pbt_gan.validation import validated


def main() -> None:
    """Read lines of [folder, settings]; write for each the process of the run, and with what it ended."""
    for line in sys.stdin:
        run = os.fork()
        if run == 0:
            _become(*json.loads(line))
        print(run, flush=True)
        _, status = os.waitpid(run, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(folder: str, settings: dict[str, object]) -> None:
    code = 1
    try:
        train(validated(Config, settings), Path(folder))
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
