"""The group that commands join, and how a command ends: exit codes, errors, a request to stop."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from neuronspec.errors import NeuronspecError

INTERRUPTED = 130
BUG = 3


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="neuronspec")
def main() -> None:
    """State what you believe about the units of a recurrent network, and verify it.

    A spec file, specs/spec_NAME.py, ties sentences to claims; a task file, tasks/NAME.py, says what networks
    learn. Networks are trained once and kept in .neuronspec/. Start with:

    \b
      neuronspec init my-project     a task and a spec to change
      neuronspec verify              train what is missing, verify every claim
      pytest specs/                  the same, one test per claim
      neuronspec lock --update       hold claims to what they came to: then verify --lock
    """  # noqa: D301  # click's mark for lines that are not to be joined


def _stop(number: int, frame: object) -> None:
    """End as on Ctrl-C, so that no process is left behind."""
    raise KeyboardInterrupt


def reported(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn an error that the user can mend into one message and exit code 2, and a request to stop into 130."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        before = signal.signal(signal.SIGTERM, _stop)
        try:
            return command(*args, **kwargs)
        except NeuronspecError as error:
            click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("interrupted; finished networks are kept", err=True)
            sys.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception:  # exit code 1 would say that a claim did not hold
            traceback.print_exc()
            click.echo("this is a fault of neuronspec: please report it with the lines above", err=True)
            sys.exit(BUG)
        finally:
            signal.signal(signal.SIGTERM, before)

    return run
