"""Spec files -> questions: every claim, checked against its task and recipe, before anything runs. Loads no torch."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neuronspec.errors import NeuronspecError, ProjectError, SpecError, nearest
from neuronspec.fit import check
from neuronspec.language.claims import Claim
from neuronspec.language.spec import MOST_SEEDS, Spec
from neuronspec.networks.recipes import checkpoint
from neuronspec.project import Project

CLAIMS_SHOWN = 5
"""How many claims are listed where a name fits several."""


@dataclass(frozen=True)
class Question:
    """One claim that is to be verified.

    Args:
        id: ``specs/spec_counting.py::counting::sentence``.
        spec_id: the id without the sentence.
        sentence: as the spec has it, after ``refuted: `` where that verdict is stated.
    """

    id: str
    spec_id: str
    sentence: str
    claim: Claim
    spec: Spec

    @property
    def plain_sentence(self) -> str:
        """The sentence as the spec has it."""
        return self.sentence.removeprefix(f"{self.claim.expected}: ")

    @property
    def recipe(self) -> str:
        return self.spec.recipe

    @property
    def seeds(self) -> tuple[int, ...]:
        return self.spec.seeds


def collect(
    project: Project, paths: Sequence[Path] = (), seeds: Iterable[int] | None = None, full: bool = False
) -> list[Question]:
    """Return the claims of some spec files or folders, or of all the project's own.

    Args:
        seeds: other seeds than the specs name.
        full: take every recipe at the size of its source.

    Raises:
        NeuronspecError: naming file, line, spec or sentence.
    """
    questions = [q for file in spec_files(project, paths) for q in read(project, file, seeds, full)]
    if not questions:
        folders = ", ".join(project.shown(folder.resolve()) for folder in paths or project.specs)
        raise ProjectError(f"no spec_*.py file in {folders}; `neuronspec init` makes a first one")
    return questions


def named(
    project: Project, names: Sequence[str], seeds: Iterable[int] | None = None, full: bool = False
) -> list[Question]:
    """Return the claims that files, folders and ids (``file.py::spec::sentence``) name; all the project's for none."""
    found = collect(project, [Path(name.partition("::")[0]) for name in names], seeds, full)
    kept = [question for question in found if is_named(project, names, question.id)]
    if not kept:
        raise ProjectError(f"{', '.join(names)}: no such claim; `neuronspec list` shows them all")
    return kept


def chosen(
    project: Project,
    names: Sequence[str],
    keyword: str | None = None,
    seeds: Iterable[int] | None = None,
    full: bool = False,
) -> list[Question]:
    """Return the claims that files, folders and ids name and a ``-k`` expression matches: at least one."""
    questions = named(project, names, seeds, full)
    questions = matching(questions, keyword) if keyword else questions
    if not questions:
        raise ProjectError(f"-k {keyword!r} matches no claim; `neuronspec list` shows them all")
    return questions


def is_named(project: Project, names: Sequence[str], id: str) -> bool:
    """Whether files, folders and ids name a claim, which need not exist any more; no names mean all."""
    return not names or any(_names(project, name, id) for name in names)


def _names(project: Project, name: str, id: str) -> bool:
    file, mark, rest = name.partition("::")
    shown = project.shown(Path(file).resolve())
    if not mark:
        return shown in ("", ".") or id.startswith((f"{shown}::", f"{shown}/"))
    return f"{id}::".startswith(f"{shown}::{rest}::")


def one(project: Project, name: str) -> Question:
    """Return the one claim that an id names, or a part of its sentence that no other claim has.

    The file and the spec may stand before it, as in an id. Who writes a whole sentence means that one, though others
    may hold the same words.
    """
    where, _, words = name.rpartition("::")
    file, _, spec = where.partition("::")
    if where:
        where = "::".join([project.shown(Path(file).resolve()), *([spec] if spec else [])])
    found = collect(project, [Path(file)] if where else [])
    within = [q for q in found if not where or f"{q.spec_id}::".startswith(f"{where}::")]
    whole = [q for q in within if q.sentence == words]
    matched = whole or [q for q in within if words.lower() in q.sentence.lower()]
    if not matched:
        near = nearest(words, [question.sentence for question in within or found])
        raise ProjectError(f"{name}: no such claim{near or '; `neuronspec list` shows them all'}")
    if len(matched) > 1:
        told = "\n".join(f"  {question.id}" for question in matched[:CLAIMS_SHOWN])
        more = f"\n  and {len(matched) - CLAIMS_SHOWN} more" if len(matched) > CLAIMS_SHOWN else ""
        raise ProjectError(f"{name}: {len(matched)} claims have this in their sentence; say more of it:\n{told}{more}")
    return matched[0]


def under(project: Project, questions: Iterable[Question], recipe: str) -> list[Question]:
    """Return what some questions ask, asked of the networks of another recipe.

    Raises:
        NeuronspecError: naming the spec; it cannot be said of those.
    """
    asked = []
    for question in questions:
        spec = _fitted(project, question.spec_id, replace(question.spec, recipe=recipe))
        asked.append(replace(question, spec=spec))
    return asked


def read_seeds(text: str) -> tuple[int, ...]:
    """``5`` -> 0…4; ``1000:1010`` -> 1000…1009.

    Raises:
        ProjectError: anything else.
    """
    low, colon, high = text.partition(":")
    try:
        seeds = range(int(low), int(high)) if colon else range(int(low))
    except ValueError:
        seeds = range(0)
    if not 0 < len(seeds) <= MOST_SEEDS or seeds[0] < 0:
        raise ProjectError(f"--seeds {text}: expected how many (5) or from:to (1000:1010, the last left out)")
    return tuple(seeds)


def spec_files(project: Project, paths: Sequence[Path]) -> list[Path]:
    """Return the spec files that some paths mean; all the project's own for none."""
    files: list[Path] = []
    for path in paths or project.specs:
        if not path.exists() and paths:
            raise ProjectError(f"{path}: no such file or folder")
        files += sorted(path.rglob("spec_*.py")) if path.is_dir() else [path] if path.exists() else []
    return list(dict.fromkeys(file.resolve() for file in files))


def read(project: Project, file: Path, seeds: Iterable[int] | None = None, full: bool = False) -> list[Question]:
    """Return the claims of one spec file, in its order."""
    file = file.resolve()
    _refuse_lost_names(project, file)
    specs = {name: value for name, value in vars(project.load(file)).items() if isinstance(value, Spec)}
    if not specs:
        raise SpecError(f"{project.shown(file)} holds no spec: expected name = Spec(...)")
    return [q for name, spec in specs.items() for q in _questions(project, file, name, _as_asked(spec, seeds, full))]


def _as_asked(spec: Spec, seeds: Iterable[int] | None, full: bool) -> Spec:
    if full and "@" not in spec.recipe:
        spec = replace(spec, recipe=f"{spec.recipe}@full")
    return spec if seeds is None else replace(spec, seeds=tuple(seeds))


def _questions(project: Project, file: Path, name: str, spec: Spec) -> Iterator[Question]:
    spec_id = f"{project.shown(file)}::{name}"
    spec = _fitted(project, spec_id, spec)
    ids: set[str] = set()
    for sentence, claim in spec.claims:
        said = sentence if claim.expected == "supported" else f"{claim.expected}: {sentence}"
        if said in ids:
            raise SpecError(f"{spec_id}: two claims of one id, {said!r}")
        ids.add(said)
        yield Question(f"{spec_id}::{said}", spec_id, said, claim, spec)


def _fitted(project: Project, spec_id: str, spec: Spec) -> Spec:
    """A spec with the seeds that its recipe has, once it is known to fit task and recipe."""
    try:
        task_name, _, recipe_name = spec.recipe.partition("/")
        task = project.task(task_name)
        recipe = task.recipe(recipe_name)
        if isinstance(recipe, checkpoint):
            spec = replace(spec, seeds=recipe.seeds(spec.seeds))
        check(spec, task, recipe)
    except NeuronspecError as error:
        raise type(error)(f"{spec_id}: {error}") from error
    return spec


def _refuse_lost_names(project: Project, file: Path) -> None:
    """Raise SpecError where Python would silently drop a sentence or a spec: two of one name."""
    try:
        tree = ast.parse(file.read_text("utf-8"), str(file))
    except (OSError, SyntaxError, ValueError):
        return  # loading the file says it better
    shown = project.shown(file)
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            keys = [k for k in node.keys if isinstance(k, ast.Constant) and isinstance(k.value, str)]
            _refuse_second(shown, ((str(k.value), k.lineno) for k in keys), "sentence")
    assigned = [s for s in tree.body if isinstance(s, ast.Assign | ast.AnnAssign) and _calls_spec(s.value)]
    targets = [(t, s.lineno) for s in assigned for t in (s.targets if isinstance(s, ast.Assign) else [s.target])]
    _refuse_second(shown, ((t.id, line) for t, line in targets if isinstance(t, ast.Name)), "spec")


def _refuse_second(shown: str, names: Iterable[tuple[str, int]], what: str) -> None:
    lines: dict[str, int] = {}
    for name, line in names:
        if name in lines:
            raise SpecError(f"{shown}:{line}: a second {what} named {name!r}; the first stands in line {lines[name]}")
        lines[name] = line


def _calls_spec(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Spec"


def matching(questions: Sequence[Question], expression: str) -> list[Question]:
    """Return the questions whose id matches a ``-k`` expression as pytest has it: words, and, or, not, brackets."""
    matches = matcher(expression)
    return [question for question in questions if matches(question.id)]


def matcher(expression: str) -> Callable[[str], bool]:
    """Return whether an id matches a ``-k`` expression, as a function of the id."""
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
        _matches(tree, "")
    except (SyntaxError, ValueError, RecursionError):
        raise ProjectError(
            f"-k {expression!r}: expected words, and, or, not, brackets; quote a phrase: -k \"'forget gate'\""
        ) from None
    return lambda id: _matches(tree, id.lower())


def _matches(node: ast.expr, text: str) -> bool:
    if isinstance(node, ast.BoolOp):
        held = [_matches(value, text) for value in node.values]
        return all(held) if isinstance(node.op, ast.And) else any(held)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _matches(node.operand, text)
    if isinstance(node, ast.Name):
        return node.id.lower() in text
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int):
        return str(node.value).lower() in text
    raise ValueError(node)


def line_of(file: Path, sentence: str, spec: str = "") -> int | None:
    """Return the line of a spec file that a sentence stands in; None where it is put together, or is not there.

    Args:
        spec: the name of the spec whose sentence it is: another may have the same one.
    """
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    own = [statement for statement in tree.body if spec in _assigned(statement)]
    strings = [
        node
        for part in (*own, tree)
        for node in ast.walk(part)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    plain = {sentence, sentence.removeprefix("refuted: "), sentence.removeprefix("unspecific: ")}
    return next((node.lineno for node in strings if node.value in plain), None)


def _assigned(statement: ast.stmt) -> set[str]:
    """The names that a statement gives a value to."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return set()
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}
