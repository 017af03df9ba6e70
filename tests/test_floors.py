"""Lower floors never import higher ones: a module imports only those that stand above it in this list."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "neuronspec"

FLOORS = """
    errors files schema watcher
    language.expression language.moments language.signals language.units language.sites language.picks
    language.interventions language.claims language.measures language.unit_measures language.behaviour_measures
    language.over_seeds language.ready language.spec language
    __init__
    networks.cells.cell networks.cells.kind networks.cells.lazy networks.cells.operations
    networks.cells.rnn networks.cells.lstm networks.cells.gru networks.cells
    networks.recipes networks.tasks networks
    networks.cells.gated networks.cells.in_place networks.cells.backward networks.recurrent
    networks.models networks.threads networks.training networks.store networks.supply
    networks.weights networks.restoring networks.user_cell networks.parts networks.wrap
    networks.parity.comparison networks.parity.repeated_runs networks.parity.fused_layers networks.parity.module_forward
    networks.parity.gate networks.parity
    networks.checkpoints
    fit
    planted planted.parts planted.others planted.codes planted.build planted.roles
    testing
    engine engine.sequences engine.unit_sets
    engine.numerics engine.numerics.linear_svm engine.numerics.integrated_gradients
    engine.runs engine.runs.clock engine.runs.tracing
    engine.runs.activations engine.runs.row_edits engine.runs.edits engine.runs.subject
    engine.measures engine.measures.estimates engine.measures.view engine.measures.of_units engine.measures.detectors
    engine.measures.fits engine.measures.of_behaviour engine.measures.evaluate
    engine.picks engine.picks.onward engine.picks.attribution engine.picks.picks
    engine.scan engine.scan.result engine.scan.scan
    engine.verdicts engine.verdicts.random_sets engine.verdicts.matched engine.verdicts.mutants
    engine.verdicts.judge engine.verdicts.controls engine.verdicts.look engine.verdicts.replicates
    engine.verdicts.examine
    notebook.trace notebook.arguments notebook.wrapped notebook project collection named_networks runner
    ledger ledger.record ledger.renamed ledger.circumstances ledger.runs ledger.lock ledger.changes ledger.rejudge
    ledger.compare github
    calibration calibration.populations calibration.candidates calibration.truth calibration.cases calibration.coverage
    calibration.run calibration.report
    pictures pictures.picture pictures.show pictures.about pictures.groups pictures.over_time pictures.by_measure
    pictures.drawn pictures.figures terminal tables
    cli.group cli.options cli.verify cli.networks cli.pictures cli.runs cli.lock cli.compare cli.calibrate cli.start cli
    __main__ pytest_plugin pytest_plugin.run pytest_plugin.lock pytest_plugin.plugin
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
