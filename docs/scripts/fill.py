"""Write the generated parts of the pages: ``python docs/scripts/fill.py``.

A part stands between ``<!-- words: char one_of -->`` (``table:``, ``help:``) and ``<!-- end -->``.
"""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import sys
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from click.testing import CliRunner

import neuronspec
from neuronspec.cli import main
from neuronspec.language.claims import Claim
from neuronspec.language.measures import Measure
from neuronspec.language.signals import Signal
from neuronspec.language.units import Site, Units

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
PART = re.compile(r"(<!-- (words|table|help): (.*?) -->\n)(.*?)(<!-- end -->)", re.S)
OWNERS: dict[str, type] = {"signal": Signal, "site": Site, "units": Units, "measure": Measure, "claim": Claim}
"""Classes whose methods are words too, under the name that they have in the pages: ``site.best``."""


class Undocumented(Exception):
    """A public word has no docstring, or its docstring has no example."""


def filled(page: str) -> str:
    """Return a page with all its generated parts written anew."""
    return PART.sub(lambda part: part[1] + PARTS[part[2]](part[3]) + part[5], page)


def words(names: str) -> str:
    """Return an entry for each word: its signature, docstring and example."""
    return "".join(map(entry, names.split()))


def entry(name: str) -> str:
    text = docstring(name)
    prose, found, example = text.partition("\nExample:\n")
    if not prose or not found:
        raise Undocumented(f"{name}: expected a docstring with an example")
    code = "".join(line.source for line in doctest.DocTestParser().get_examples(inspect.cleandoc(example)))
    return f"### `{name}`\n\n{signature(name)}{markdown(prose)}\n\n```python\n{code}```\n\n"


def docstring(name: str) -> str:
    return inspect.cleandoc(of_instances().get(name) or valued(name).__doc__ or "")


def valued(name: str) -> Any:
    """The word itself, or the method of a kind of word."""
    owner, dot, method = name.partition(".")
    return getattr(OWNERS[owner], method) if dot else getattr(neuronspec, name)


@cache
def of_instances() -> dict[str, str]:
    """The docstrings of words that are instances, such as ``cell``: the string below the assignment."""
    found = {}
    for file in (ROOT / "neuronspec" / "language").glob("*.py"):
        body = ast.parse(file.read_text("utf-8")).body
        for assigned, below in pairwise(body):
            match assigned, below:
                case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = text
    return {name: text for name, text in found.items() if name in neuronspec.__all__}


def signature(name: str) -> str:
    """The arguments of a word as a line of code; nothing for what is not called."""
    if not callable(valued(name)) or isinstance(valued(name), Site):
        return ""
    parameters = [p for p in inspect.signature(valued(name)).parameters.values() if p.name != "self"]
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    return f"`{name}{inspect.Signature(plain)}`\n\n"


def markdown(text: str) -> str:
    """A docstring as Markdown: its sections of arguments and errors become lists."""
    text = text.strip().replace("``", "`")
    lines = []
    for line in text.splitlines():
        argument = re.fullmatch(r"    (\w[\w, ]*): (.*)", line)
        if re.fullmatch(r"(Args|Raises):", line):
            lines += [f"**{ {'Args:': 'Arguments', 'Raises:': 'Errors'}[line] }**", ""]
        else:
            lines.append(f"- `{argument[1]}`: {argument[2]}" if argument else line.replace("        ", "  ", 1))
    return "\n".join(lines)


def table(arguments: str) -> str:
    """Return what ``neuronspec table`` prints; runs are named by their files in docs/findings/runs/."""
    runs = ROOT / "docs" / "findings" / "runs"
    given = [word if word.startswith("-") else str(runs / f"{word}.json") for word in arguments.split()]
    return f"\n{printed('table', *given)}\n"


def help_text(command: str) -> str:
    """Return what a command prints for ``--help``."""
    return f"\n```text\n{printed(command, '--help')}```\n\n"


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments, terminal_width=100, prog_name="neuronspec")
    if result.exit_code:
        raise ValueError(f"neuronspec {' '.join(arguments)}: {result.output}")
    return result.stdout


PARTS: dict[str, Callable[[str], str]] = {"words": words, "table": table, "help": help_text}


def write() -> None:
    for file in PAGES:
        page = file.read_text("utf-8")
        if filled(page) != page:
            file.write_text(filled(page), "utf-8")
            sys.stdout.write(f"wrote {file.relative_to(ROOT)}\n")


if __name__ == "__main__":
    write()
