"""Read a user's weight file and put it into her module; no code that the file brings is run.

The suffix tells the format. A file that holds anything but names and tensors is refused with a clear error.
"""

from __future__ import annotations

import io
import pickle
import re
import warnings
from collections.abc import Callable, Iterator, KeysView, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from neuronspec.errors import StoreError

NESTS = ("state_dict", "model_state_dict", "model")  # usual keys of a checkpoint for its weights
PREFIXES = ("module.", "_orig_mod.", "model.")  # of DataParallel, of torch.compile, of a module around the module
NAMES_SHOWN = 5  # names in a message

UNKNOWN_FRAME = "Unsupported operand 149"  # torch's message for any pickle of protocol 4 or 5
ZIP = b"PK\x03\x04"
TORCH_MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")  # near the start of what torch.save wrote before zip


def read_weights(file: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name, from the top or from a usual key of a checkpoint."""
    suffix = file.suffix.lower()
    if suffix not in READERS:
        raise StoreError(f"{file}: cannot tell its format by the suffix {file.suffix!r}; known: {', '.join(READERS)}")
    reader, expected = READERS[suffix]
    data = _read_bytes(file, expected)
    try:
        with warnings.catch_warnings():  # torch warns of what it then refuses: our error is enough
            warnings.simplefilter("ignore")
            content = reader(file, data)
    except StoreError:
        raise
    except Exception as error:  # on foreign bytes the readers raise nearly any exception, KeyError too
        raise StoreError(f"{file}: is cut short, damaged or of another format; expected {expected}") from error
    return {name: tensor.detach() for name, tensor in _unwrapped(file, content).items()}


def _read_bytes(file: Path, expected: str) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise StoreError(f"{file}: {error.strerror}; expected {expected}") from error
    if not data:
        raise StoreError(f"{file}: is empty; expected {expected}")
    return data


def _from_safetensors(file: Path, data: bytes) -> object:
    return safetensors.torch.load(data)


def _from_torch(file: Path, data: bytes) -> object:
    if data.startswith(ZIP) and b"constants.pkl" in data:  # torch before 2.6 loads it, weights_only or not
        raise _refused(
            file, "TorchScript programs", f"torch.save(torch.jit.load({str(file)!r}).state_dict(), 'weights.pt')"
        )
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        name = re.search(r"\bGLOBAL ([\w.]+)", str(error))
        if name is None and UNKNOWN_FRAME not in str(error):
            raise  # damaged, or no pickle at all
        what = "pickled Python objects" + (f" ({name[1].rstrip('.')})" if name else "")
        by_torch = data.startswith(ZIP) or TORCH_MAGIC in data[:40]
        load = "torch.load({!r}, weights_only=False)" if by_torch else "pickle.loads(pathlib.Path({!r}).read_bytes())"
        raise _refused(file, what, f"torch.save({load.format(str(file))}.state_dict(), 'weights.pt')") from error


def _from_npz(file: Path, data: bytes) -> object:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: _tensor(file, arrays, name) for name in arrays.files}


def _tensor(file: Path, arrays: Mapping[str, Any], name: str) -> object:
    """Return an array as a tensor, or unchanged where torch has no such type: an error then names it."""
    try:
        array = arrays[name]
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise
        way_out = (
            f"arrays = numpy.load({str(file)!r}, allow_pickle=True); "
            "numpy.savez('weights.npz', **{name: arrays[name] for name in arrays if arrays[name].dtype != object})"
        )
        raise _refused(file, f"pickled Python objects (array {name!r})", way_out) from error
    try:
        return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))
    except (TypeError, AttributeError):  # text and dates; bytes of a file in the zip that is no array
        return array


READERS: dict[str, tuple[Callable[[Path, bytes], object], str]] = {
    ".safetensors": (_from_safetensors, "tensors as safetensors.torch.save_file writes them"),
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), (_from_torch, "a state_dict as torch.save writes it")),
    ".npz": (_from_npz, "arrays as numpy.savez writes them"),
}


def _refused(file: Path, what: str, way_out: str) -> StoreError:
    return StoreError(
        f"{file}: holds {what}, and reading those runs code that the file brings; it was not opened. "
        f"Convert it once, where you trust it: `{way_out}`"
    )


def _unwrapped(file: Path, content: object) -> dict[str, Tensor]:
    if _is_weights(content):
        return content
    if not isinstance(content, dict):
        raise StoreError(f"{file}: expected names and tensors, found one {type(content).__name__}")
    nested = {key: content[key] for key in NESTS if _is_weights(content.get(key))}
    if len(nested) > 1:
        raise StoreError(f"{file}: expected names and tensors once, found them under {_few([*map(repr, nested)])}")
    if not nested:
        no_tensors_first = sorted(content.items(), key=lambda item: isinstance(item[1], Tensor))
        described = [f"{key!r} ({_kind(value)})" for key, value in no_tensors_first]
        raise StoreError(f"{file}: expected names and tensors, found {_few(described) or 'none'}")
    return next(iter(nested.values()))


def _is_weights(value: object) -> TypeGuard[dict[str, Tensor]]:
    if not isinstance(value, dict) or not value:
        return False
    return all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in value.items())


def _kind(value: object) -> str:
    return f"array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__


def put_weights(module: nn.Module, weights: Mapping[str, Tensor], file: str) -> None:
    """Copy all weights into the module, or none and raise an error that names the file."""
    expected = module.state_dict()
    named = _without_prefix(weights, expected.keys())
    misfits = list(_misfits(named, expected))
    if misfits:
        raise StoreError(f"{file}: does not fit the module: {'; '.join(misfits)}")
    module.load_state_dict(named, strict=True)


def _without_prefix(weights: Mapping[str, Tensor], names: KeysView[str]) -> Mapping[str, Tensor]:
    """Strip prefixes that all names share, if the names then fit; else leave all as they are."""
    stripped = weights
    while stripped and stripped.keys() != names:
        shared = next((prefix for prefix in PREFIXES if all(name.startswith(prefix) for name in stripped)), None)
        if shared is None:
            return weights
        stripped = {name.removeprefix(shared): tensor for name, tensor in stripped.items()}
    return stripped


def _misfits(weights: Mapping[str, Tensor], expected: Mapping[str, Any]) -> Iterator[str]:
    missing = [name for name in expected if name not in weights]
    if missing:
        yield f"not in the file: {_few(missing)}"
    unexpected = [name for name in weights if name not in expected]
    if unexpected:
        yield f"not in the module: {_few(unexpected)}"
    shared = [(name, weights[name], expected[name]) for name in expected if name in weights]
    misfits = [misfit for triple in shared if (misfit := _misfit(*triple))]
    if misfits:
        yield _few(misfits, "; ")


def _misfit(name: str, tensor: Tensor, expected: Tensor) -> str | None:
    if tensor.shape != expected.shape:
        return f"{name} is {list(tensor.shape)} in the file and {list(expected.shape)} in the module"
    if (tensor.is_floating_point(), tensor.is_complex()) != (expected.is_floating_point(), expected.is_complex()):
        return f"{name} is {_dtype(tensor)} in the file and {_dtype(expected)} in the module"
    if tensor.layout is not torch.strided or tensor.is_meta:
        return f"{name} is sparse or without values in the file"
    if not tensor.to(expected.dtype).isfinite().all():  # 1e300 is finite in the file and not in the module
        return f"{name} holds NaN or infinity as {_dtype(expected)}"
    return None


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _few(words: Sequence[str], separator: str = ", ") -> str:
    more = [f"and {len(words) - NAMES_SHOWN} more"] if len(words) > NAMES_SHOWN else []
    return separator.join([*words[:NAMES_SHOWN], *more])
