"""Lower floors never import higher ones: a module imports only those that stand above it in this list."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "neuronspec"

FLOORS = """
    errors files shape watcher
    language.expression language.signals language.units language.interventions language.claims language.measures
    language.ready language.spec language
    __init__
    networks.recipes networks.tasks networks networks.cells networks.in_place networks.backward networks.recurrent
    networks.models networks.threads networks.training networks.store networks.supply
    networks.weights networks.untouched networks.by_hand networks.parts networks.wrap networks.parity
    networks.checkpoints
    planted planted.parts planted.others planted.codes planted.build planted.roles
    testing picture
    engine engine.clock engine.vocabulary engine.statistics engine.svm_rfe engine.replicates engine.signals
    engine.tracing engine.picks engine.patching engine.subject engine.view engine.unit_measures engine.detectors
    engine.fits engine.behaviour_measures engine.integrated_gradients engine.onward engine.attribution
    engine.evaluate engine.selection engine.matched engine.mutants engine.examine engine.drawn engine.scanned
    engine.scan
    notebook project collection runner
    ledger ledger.record ledger.circumstances ledger.runs ledger.lock ledger.changes ledger.rejudge
    ledger.compare github
    calibration calibration.populations calibration.candidates calibration.truth calibration.cases calibration.coverage
    calibration.run calibration.report
    show figures terminal tables
    cli.group cli.options cli.verify cli.networks cli.pictures cli.runs cli.lock cli.compare cli.calibrate cli.start cli
    __main__ pytest_run pytest_lock pytest_plugin
""".split()


def module(file):
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imports(file):
    """The modules of ours that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{a.name}" for a in node.names]
            names = [name if name.removeprefix("neuronspec.") in FLOORS else node.module for name in inner]
        for name in names:
            if name.split(".")[0] == "neuronspec":
                yield name.removeprefix("neuronspec").removeprefix(".") or "__init__"


FILES = [file for file in sorted(PACKAGE.rglob("*.py")) if "starter" not in file.parts]


@pytest.mark.parametrize("file", FILES, ids=module)
def test_imports_point_down(file):
    floor = FLOORS.index(module(file))
    assert [name for name in imports(file) if FLOORS.index(name) >= floor] == []


def test_every_module_has_its_floor():
    assert sorted(map(module, FILES)) == sorted(FLOORS)
