"""Claims as a run has them, made up."""

import numpy as np

RECIPE = {"kind": "lstm", "units": 10}


def replicate(seed, value, interval=None, influences=(), verdict="supported", **other):
    ends = [value, value] if interval is None else list(interval)
    told = {"seed": seed, "value": value, "interval": ends, "influences": list(influences), "verdict": verdict}
    return told | {"reason": "", "sequences": 100, "controls": {}} | other


def claim(replicates, id="specs/spec_toy.py::toy::it counts", word="correlation", recipe="toy/lstm", **other):
    values = [r["value"] for r in replicates if r["value"] is not None]
    told = {
        "id": id,
        "claim": f"{word}(position()) >= 0.5",
        "key": f"key of {word}",
        "replicates_key": f"key of {word}",
        "recipe": recipe,
        "made_of": {"key": "k", "sequences": "s", "recipe": dict(RECIPE)},
        "expression": {"word": "claim", "measure": {"word": word}},
        "verdict": "supported",
        "expected": "supported",
        "reason": "",
        "replication": 0.8,
        "value": float(np.median(values)) if values else None,
        "interval": [min(values), max(values)] if values else [None, None],
        "bound": {"low": 0.5, "high": None},
        "controls": {"random units": {"value": 0.1, "note": ""}},
        "replicates": replicates,
        "seconds": {"train": 1.0, "judge": 2.0, "total": 3.0},
        "shared": {"train": 1.0},
    }
    return told | other


def measured(value, **other):
    """A claim on one network; of no value, where there is none."""
    ends = (None, None) if value is None else (value - 0.01, value + 0.01)
    return claim([replicate(0, value, ends)], **other)
