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
"""How many claims are listed where a name matches several."""


@dataclass(frozen=True)
class Question:
    """One claim that is to be verified.

    Args:
        id: ``specs/spec_counting.py::counting::sentence``.
        spec_id: the id without the sentence.
        sentence: as in the spec, after ``refuted: `` where the spec expects that verdict.
    """

    id: str
    spec_id: str
    sentence: str
    claim: Claim
    spec: Spec

    @property
    def plain_sentence(self) -> str:
        """The sentence exactly as in the spec."""
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
    """Return the claims of the given spec files or folders, or of all specs of the project.

    Args:
        seeds: used in place of the seeds that the specs name.
        full: use every recipe at the size of its source.

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
    """Return the claims named by files, folders and ids (``file.py::spec::sentence``); without names, all."""
    questions = collect(project, [Path(name.partition("::")[0]) for name in names], seeds, full)
    matches = [question for question in questions if is_named(project, names, question.id)]
    if not matches:
        raise ProjectError(f"{', '.join(names)}: no such claim; `neuronspec list` shows them all")
    return matches


def chosen(
    project: Project,
    names: Sequence[str],
    keyword: str | None = None,
    seeds: Iterable[int] | None = None,
    full: bool = False,
) -> list[Question]:
    """Return the claims named by files, folders and ids that match a ``-k`` expression; ProjectError for none."""
    questions = named(project, names, seeds, full)
    questions = matching(questions, keyword) if keyword else questions
    if not questions:
        raise no_match(keyword)
    return questions


def no_match(keyword: str | None) -> ProjectError:
    """Return the error for a ``-k`` expression that no claim matches."""
    return ProjectError(f"-k {keyword!r} matches no claim; `neuronspec list` shows them all")


def is_named(project: Project, names: Sequence[str], id: str) -> bool:
    """Whether files, folders and ids name a claim, which may have vanished; without names, all claims are named."""
    return not names or any(_names(project, name, id) for name in names)


def _names(project: Project, name: str, id: str) -> bool:
    file, mark, rest = name.partition("::")
    shown = project.shown(Path(file).resolve())
    if not mark:
        return shown in ("", ".") or id.startswith((f"{shown}::", f"{shown}/"))
    return f"{id}::".startswith(f"{shown}::{rest}::")  # with "::" at both ends, spec "count" does not name "counting"


def one(project: Project, name: str) -> Question:
    """Return the one claim with this id, or with this text in its sentence.

    File and spec may precede the text, as in an id. A complete sentence names its own claim, even where longer
    sentences contain it.
    """
    where, _, text = name.rpartition("::")
    file, _, spec = where.partition("::")
    if where:
        where = "::".join([project.shown(Path(file).resolve()), *([spec] if spec else [])])
    questions = collect(project, [Path(file)] if where else [])
    candidates = [q for q in questions if not where or f"{q.spec_id}::".startswith(f"{where}::")]
    exact = [q for q in candidates if q.sentence == text]
    matches = exact or [q for q in candidates if text.lower() in q.sentence.lower()]
    if not matches:
        suggestion = nearest(text, [question.sentence for question in candidates or questions])
        raise ProjectError(f"{name}: no such claim{suggestion or '; `neuronspec list` shows them all'}")
    if len(matches) > 1:
        ids = "\n".join(f"  {question.id}" for question in matches[:CLAIMS_SHOWN])
        more = f"\n  and {len(matches) - CLAIMS_SHOWN} more" if len(matches) > CLAIMS_SHOWN else ""
        raise ProjectError(f"{name}: {len(matches)} claims have this in their sentence; say more of it:\n{ids}{more}")
    return matches[0]


def under(project: Project, questions: Iterable[Question], recipe: str) -> list[Question]:
    """Return the same questions about the networks of another recipe.

    Raises:
        NeuronspecError: naming the spec; its claims do not fit those networks.
    """
    fitted = []
    for question in questions:
        spec = _fitted(project, question.spec_id, replace(question.spec, recipe=recipe))
        fitted.append(replace(question, spec=spec))
    return fitted


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
    """Return the spec files at or below some paths; without paths, all of the project."""
    files: list[Path] = []
    for path in paths or project.specs:
        if not path.exists() and paths:
            raise ProjectError(f"{path}: no such file or folder")
        files += sorted(path.rglob("spec_*.py")) if path.is_dir() else [path] if path.exists() else []
    return list(dict.fromkeys(file.resolve() for file in files))


def read(project: Project, file: Path, seeds: Iterable[int] | None = None, full: bool = False) -> list[Question]:
    """Return the claims of one spec file, in the order of the file."""
    file = file.resolve()
    _refuse_lost_names(project, file)
    specs = {name: value for name, value in vars(project.load(file)).items() if isinstance(value, Spec)}
    if not specs:
        raise SpecError(f"{project.shown(file)} holds no spec: expected name = Spec(...)")
    return [q for name, spec in specs.items() for q in _questions(project, file, name, _with(spec, seeds, full))]


def _with(spec: Spec, seeds: Iterable[int] | None, full: bool) -> Spec:
    if full and "@" not in spec.recipe:
        spec = replace(spec, recipe=f"{spec.recipe}@full")
    return spec if seeds is None else replace(spec, seeds=tuple(seeds))


def _questions(project: Project, file: Path, name: str, spec: Spec) -> Iterator[Question]:
    spec_id = f"{project.shown(file)}::{name}"
    spec = _fitted(project, spec_id, spec)
    ids: set[str] = set()
    for sentence, claim in spec.claims:
        stated = sentence if claim.expected == "supported" else f"{claim.expected}: {sentence}"
        if stated in ids:
            raise SpecError(f"{spec_id}: two claims of one id, {stated!r}")
        ids.add(stated)
        yield Question(f"{spec_id}::{stated}", spec_id, stated, claim, spec)


def _fitted(project: Project, spec_id: str, spec: Spec) -> Spec:
    """A spec checked against task and recipe, with the seeds that its recipe has."""
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
    """Raise SpecError where two sentences or specs have one name: Python would silently drop the first."""
    try:
        tree = ast.parse(file.read_text("utf-8"), str(file))
    except (OSError, SyntaxError, ValueError):
        return  # loading the file reports it better
    shown = project.shown(file)
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            keys = [k for k in node.keys if isinstance(k, ast.Constant) and isinstance(k.value, str)]
            _refuse_second(shown, ((str(k.value), k.lineno) for k in keys), "sentence")
    assigned = [s for s in tree.body if isinstance(s, ast.Assign | ast.AnnAssign) and _calls_spec(s.value)]
    targets = [(t, s.lineno) for s in assigned for t in (s.targets if isinstance(s, ast.Assign) else [s.target])]
    _refuse_second(shown, ((t.id, line) for t, line in targets if isinstance(t, ast.Name)), "spec")


def _refuse_second(shown: str, names: Iterable[tuple[str, int]], what: str) -> None:
    first: dict[str, int] = {}
    for name, line in names:
        if name in first:
            raise SpecError(f"{shown}:{line}: a second {what} named {name!r}; the first stands in line {first[name]}")
        first[name] = line


def _calls_spec(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Spec"


def matching(questions: Sequence[Question], expression: str) -> list[Question]:
    """Return the questions whose id matches a ``-k`` expression like pytest's: words, and, or, not, brackets."""
    matches = matcher(expression)
    return [question for question in questions if matches(question.id)]


def matcher(expression: str) -> Callable[[str], bool]:
    """Return a function that tells whether an id matches a ``-k`` expression."""
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
        _matches(tree, "")  # reports what is no such expression now, before any id is matched
    except (SyntaxError, ValueError, RecursionError):
        raise ProjectError(
            f"-k {expression!r}: expected words, and, or, not, brackets; quote a phrase: -k \"'forget gate'\""
        ) from None
    return lambda id: _matches(tree, id.lower())


def _matches(node: ast.expr, text: str) -> bool:
    if isinstance(node, ast.BoolOp):
        operands = [_matches(value, text) for value in node.values]
        return all(operands) if isinstance(node.op, ast.And) else any(operands)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _matches(node.operand, text)
    if isinstance(node, ast.Name):
        return node.id.lower() in text
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int):
        return str(node.value).lower() in text
    raise ValueError(node)


def line_of(file: Path, sentence: str, spec: str = "") -> int | None:
    """Return the line of a sentence in a spec file; None where no string literal of the file equals it.

    Args:
        spec: the name of its spec, which is searched first: another spec may have the same sentence.
    """
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    spec_statements = [statement for statement in tree.body if spec in _assigned(statement)]
    strings = [
        node
        for node_above in (*spec_statements, tree)
        for node in ast.walk(node_above)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    plain = {sentence, sentence.removeprefix("refuted: "), sentence.removeprefix("unspecific: ")}
    return next((node.lineno for node in strings if node.value in plain), None)


def _assigned(statement: ast.stmt) -> set[str]:
    """The names that a statement assigns to."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return set()
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}
