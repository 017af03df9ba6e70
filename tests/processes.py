"""Processes that tests start: none outlives its test, and what the parent ignores does not matter to them."""

import subprocess
import sys
from contextlib import contextmanager

HEEDS_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""What a shell starts in the background ignores SIGINT, and so does all that it starts."""

PATIENCE = 600
"""Seconds after which a process hangs; a busy machine takes long to load torch."""


@contextmanager
def started(code, *words, **options):
    """Run Python code with some words on its command line; kill it where it has not ended by itself."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([sys.executable, "-c", HEEDS_CTRL_C + code, *words], **pipes | options) as process:
        try:
            yield process
        finally:
            process.kill()
