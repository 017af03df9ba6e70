"""A user's weights arrive whole, or she is told why not; a file's own code never runs."""

import io
import os
import pathlib
import pickle
import re
import shutil
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import nn

from neuronspec.errors import StoreError
from neuronspec.networks.weights import put_weights, read_weights

TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
SUFFIXES = (".safetensors", *TORCH_SUFFIXES, ".npz")
EXPECTED = {
    ".safetensors": "tensors as safetensors.torch.save_file writes them",
    **dict.fromkeys(TORCH_SUFFIXES, "a state_dict as torch.save writes it"),
    ".npz": "arrays as numpy.savez writes them",
}
UNREADABLE = "is cut short, damaged or of another format; expected"


class CharacterModel(nn.Module):
    def __init__(self, units=4):
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.rnn = nn.LSTM(3, units)
        self.head = nn.Linear(units, 5)


def write(file, weights):
    """Write as a user would, by the suffix."""
    if file.suffix == ".safetensors":
        safetensors.torch.save_file(weights, file)
    elif file.suffix == ".npz":
        np.savez(file, **{name: tensor.numpy() for name, tensor in weights.items()})
    else:
        torch.save(weights, file)
    return file


def old_style(what, file):
    torch.save(what, file, _use_new_zipfile_serialization=False)


def same(weights, others):
    return weights.keys() == others.keys() and all(torch.equal(weights[name], others[name]) for name in weights)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".PT"])
def test_weights_go_from_a_module_through_a_file_into_another(tmp_path, suffix):
    source, target = CharacterModel(), CharacterModel()
    file = write(tmp_path / f"weights{suffix}", source.state_dict())
    put_weights(target, read_weights(file), str(file))
    assert same(source.state_dict(), target.state_dict())


def test_weights_that_torch_saved_before_zip_are_read(tmp_path):
    weights = CharacterModel().state_dict()
    old_style(weights, tmp_path / "old.pt")
    assert same(read_weights(tmp_path / "old.pt"), weights)


def test_parameters_and_arrays_of_another_machine_are_plain_tensors(tmp_path):
    torch.save(dict(nn.Linear(2, 1).named_parameters()), tmp_path / "parameters.pt")
    assert not any(tensor.requires_grad for tensor in read_weights(tmp_path / "parameters.pt").values())
    np.savez(tmp_path / "big_endian.npz", a=np.array([1, 2], ">f4"))
    assert read_weights(tmp_path / "big_endian.npz")["a"].tolist() == [1, 2]


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_a_checkpoint_is_unwrapped(tmp_path, key):
    weights = CharacterModel().state_dict()
    torch.save({"epoch": 3, "optimizer": {"lr": 0.1}, key: weights}, tmp_path / "last.ckpt")
    assert same(read_weights(tmp_path / "last.ckpt"), weights)


SOME = {"a": torch.ones(1)}
NOT_WEIGHTS = {
    "under an unusual key": (
        {"epoch": 3, "net": SOME},
        "expected names and tensors, found 'epoch' (int), 'net' (dict)",
    ),
    "two sets": (
        {"model": SOME, "state_dict": SOME},
        "expected names and tensors once, found them under 'state_dict', 'model'",
    ),
    "nested two deep": ({"model": {"state_dict": SOME}}, "expected names and tensors, found 'model' (dict)"),
    "a number among tensors": (
        {**{name: torch.ones(1) for name in "abcdef"}, "step": 7},
        "expected names and tensors, found 'step' (int), 'a' (Tensor), 'b' (Tensor), 'c' (Tensor), 'd' (Tensor), "
        "and 2 more",
    ),
    "numbers for names": ({0: torch.ones(1)}, "expected names and tensors, found 0 (Tensor)"),
    "nothing": ({}, "expected names and tensors, found none"),
    "a tensor": (torch.ones(1), "expected names and tensors, found one Tensor"),
    "a list": ([torch.ones(1)], "expected names and tensors, found one list"),
}


@pytest.mark.parametrize("case", NOT_WEIGHTS)
def test_what_is_no_dict_of_tensors_is_described(tmp_path, case):
    content, message = NOT_WEIGHTS[case]
    file = tmp_path / "weights.pt"
    torch.save(content, file)
    with pytest.raises(StoreError) as error:
        read_weights(file)
    assert str(error.value) == f"{file}: {message}"


def test_an_array_that_torch_has_no_numbers_for_is_named(tmp_path):
    file = tmp_path / "weights.npz"
    np.savez(file, weight=np.ones(2), letters=np.array(["a", "b"]))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("readme.txt", "trained in May")
    with pytest.raises(StoreError) as error:
        read_weights(file)
    assert str(error.value) == (
        f"{file}: expected names and tensors, found 'letters' (array of <U1), 'readme.txt' (bytes), 'weight' (Tensor)"
    )


class Trap:
    """Pickled, it copies a file into the current folder when it is read."""

    def __reduce__(self):
        return shutil.copyfile, (__file__, "sprung")


def pickled(protocol):
    return lambda file: file.write_bytes(pickle.dumps(Trap(), protocol))


def object_array(file):
    np.savez(file, weight=np.ones(2), extra=np.array([Trap()], dtype=object))


TRAPS = {
    "by torch": ("x.pt", lambda file: torch.save(Trap(), file)),
    "by torch, beside weights": ("x.ckpt", lambda file: torch.save({"state_dict": SOME, "args": Trap()}, file)),
    "by torch, protocol 4": ("x.pth", lambda file: torch.save(Trap(), file, pickle_protocol=4)),
    "by torch before zip": ("x.pt", lambda file: old_style(Trap(), file)),
    **{f"by pickle, protocol {n}": ("x.bin", pickled(n)) for n in range(pickle.HIGHEST_PROTOCOL + 1)},
    "in an object array": ("x.npz", object_array),
    "a pickle called .npz": ("x.npz", pickled(4)),
    "a pickle called .safetensors": ("x.safetensors", pickled(4)),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_code_in_a_file_never_runs(tmp_path, monkeypatch, trap):
    monkeypatch.chdir(tmp_path)
    name, lay = TRAPS[trap]
    lay(tmp_path / name)
    with pytest.raises(StoreError):
        read_weights(tmp_path / name)
    assert os.listdir() == [name]


@pytest.mark.parametrize(
    ("name", "lay", "spring"),
    [
        ("x.pt", lambda file: torch.save(Trap(), file), lambda file: torch.load(file, weights_only=False)),
        ("x.pt", lambda file: old_style(Trap(), file), lambda file: torch.load(file, weights_only=False)),
        ("x.npz", object_array, lambda file: np.load(file, allow_pickle=True)["extra"]),
    ],
)
def test_the_traps_would_spring(tmp_path, monkeypatch, name, lay, spring):
    monkeypatch.chdir(tmp_path)
    lay(tmp_path / name)
    spring(tmp_path / name)
    assert (tmp_path / "sprung").exists()


def scripted(file):
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.Linear(2, 3)), buffer)
    file.write_bytes(buffer.getvalue())


REFUSAL = (
    "{file}: holds {what}, and reading those runs code that the file brings; it was not opened. "
    "Convert it once, where you trust it: `{way_out}`"
)
BY_TORCH = "torch.save(torch.load({file!r}, weights_only=False).state_dict(), 'weights.pt')"
BY_PICKLE = "torch.save(pickle.loads(pathlib.Path({file!r}).read_bytes()).state_dict(), 'weights.pt')"
BY_JIT = "torch.save(torch.jit.load({file!r}).state_dict(), 'weights.pt')"
BY_NUMPY = (
    "arrays = numpy.load({file!r}, allow_pickle=True); "
    "numpy.savez('weights.npz', **{{name: arrays[name] for name in arrays if arrays[name].dtype != object}})"
)
LINEAR = "pickled Python objects (torch.nn.modules.linear.Linear)"
REFUSED = {
    "module": ("x.pt", lambda file: torch.save(nn.Linear(2, 3), file), LINEAR, BY_TORCH),
    "module, before zip": ("x.pt", lambda file: old_style(nn.Linear(2, 3), file), LINEAR, BY_TORCH),
    "module, protocol 4": (
        "x.pt",
        lambda file: torch.save(nn.Linear(2, 3), file, pickle_protocol=4),
        "pickled Python objects",
        BY_TORCH,
    ),
    "module, pickled": (
        "x.bin",
        lambda file: file.write_bytes(pickle.dumps(nn.Linear(2, 3), 4)),
        "pickled Python objects",
        BY_PICKLE,
    ),
    "module, pickled, protocol 2": (
        "x.bin",
        lambda file: file.write_bytes(pickle.dumps(nn.Linear(2, 3), 2)),
        LINEAR,
        BY_PICKLE,
    ),
    "program": ("x.pt", scripted, "TorchScript programs", BY_JIT),
    "array": (
        "x.npz",
        lambda file: np.savez(file, weight=np.ones(2), words=np.array([{}], dtype=object)),
        "pickled Python objects (array 'words')",
        BY_NUMPY,
    ),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("case", REFUSED)
def test_what_only_runs_as_code_is_refused_with_a_way_out(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    name, make, what, way_out = REFUSED[case]
    file = tmp_path / name
    make(file)
    with pytest.raises(StoreError) as error:
        read_weights(file)
    message = str(error.value)
    way_out = way_out.format(file=str(file))
    assert message == REFUSAL.format(file=file, what=what, way_out=way_out)
    exec(way_out, {"torch": torch, "pickle": pickle, "numpy": np, "pathlib": pathlib})
    [converted] = tmp_path.glob("weights.*")
    assert "weight" in read_weights(converted)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("length", [1, 2, 4, 5, 8, 20, 100, 300, 0.5, 0.9, -50, -1])
def test_a_file_cut_short(tmp_path, suffix, length):
    file = write(tmp_path / f"weights{suffix}", CharacterModel().state_dict())
    whole = file.read_bytes()
    file.write_bytes(whole[: int(length * len(whole)) if isinstance(length, float) else length])
    with pytest.raises(StoreError) as error:
        read_weights(file)
    assert str(error.value) == f"{file}: {UNREADABLE} {EXPECTED[suffix]}"


@pytest.mark.parametrize("length", [1, 2, 5, 20, 100, 300, 500, -50, -1])
def test_a_file_from_before_zip_cut_short(tmp_path, length):
    file = tmp_path / "old.pt"
    old_style(CharacterModel().state_dict(), file)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(StoreError) as error:
        read_weights(file)
    assert str(error.value) == f"{file}: {UNREADABLE} {EXPECTED['.pt']}"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_not_there_or_empty_or_a_folder(tmp_path, suffix):
    file, folder, empty = (tmp_path / f"{name}{suffix}" for name in ("gone", "folder", "empty"))
    folder.mkdir()
    empty.touch()
    for path, reason in [(file, "No such file or directory"), (folder, "Is a directory"), (empty, "is empty")]:
        with pytest.raises(StoreError) as error:
            read_weights(path)
        assert str(error.value) == f"{path}: {reason}; expected {EXPECTED[suffix]}"


@pytest.mark.parametrize("name", ["weights.h5", "weights", "weights.pt.gz"])
def test_a_suffix_that_is_not_known(tmp_path, name):
    file = tmp_path / name
    with pytest.raises(StoreError) as error:
        read_weights(file)
    assert str(error.value) == (
        f"{file}: cannot tell its format by the suffix {file.suffix!r}; "
        "known: .safetensors, .pt, .pth, .bin, .ckpt, .npz"
    )


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "_orig_mod.module."])
def test_a_prefix_that_a_wrapper_left_is_stripped(prefix):
    source, target = CharacterModel(), CharacterModel()
    put_weights(target, {prefix + name: tensor for name, tensor in source.state_dict().items()}, "x.pt")
    assert same(source.state_dict(), target.state_dict())


def test_a_prefix_that_is_the_modules_own_stays():
    source, target = (nn.ModuleDict({"model": nn.Linear(2, 2)}) for _ in range(2))
    put_weights(target, source.state_dict(), "x.pt")
    assert same(source.state_dict(), target.state_dict())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_another_width_are_converted(dtype):
    weights = {name: tensor.to(dtype) for name, tensor in CharacterModel().state_dict().items()}
    target = CharacterModel()
    put_weights(target, weights, "x.pt")
    assert same({name: tensor.float() for name, tensor in weights.items()}, target.state_dict())


def whole(units=4):
    return CharacterModel(units).state_dict()


def without(*names):
    return {name: tensor for name, tensor in whole().items() if name not in names}


MISFITS = {
    "none": (
        {},
        "not in the file: embed.weight, rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0, rnn.bias_hh_l0, and 2 more",
    ),
    "one missing": (without("head.bias"), "not in the file: head.bias"),
    "many unexpected": (
        whole() | {f"layers.{n}": torch.ones(1) for n in range(8)},
        "not in the module: layers.0, layers.1, layers.2, layers.3, layers.4, and 3 more",
    ),
    "misnamed": (
        without("head.bias") | {"out.bias": torch.ones(5)},
        "not in the file: head.bias; not in the module: out.bias",
    ),
    "one without the prefix": (
        {"head.bias": torch.ones(5)} | {f"module.{name}": tensor for name, tensor in without("head.bias").items()},
        "not in the file: embed.weight, rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0, rnn.bias_hh_l0, "
        "and 1 more; not in the module: module.embed.weight, module.rnn.weight_ih_l0, module.rnn.weight_hh_l0, "
        "module.rnn.bias_ih_l0, module.rnn.bias_hh_l0, and 1 more",
    ),
    "another prefix": (
        {f"net.{name}": tensor for name, tensor in {"head.bias": torch.ones(5)}.items()} | without("head.bias"),
        "not in the file: head.bias; not in the module: net.head.bias",
    ),
    "one shape": (
        whole() | {"rnn.weight_hh_l0": torch.ones(24, 6)},
        "rnn.weight_hh_l0 is [24, 6] in the file and [16, 4] in the module",
    ),
    "six shapes": (
        {name: tensor[:-1] for name, tensor in whole().items()},
        "embed.weight is [4, 3] in the file and [5, 3] in the module; "
        "rnn.weight_ih_l0 is [15, 3] in the file and [16, 3] in the module; "
        "rnn.weight_hh_l0 is [15, 4] in the file and [16, 4] in the module; "
        "rnn.bias_ih_l0 is [15] in the file and [16] in the module; "
        "rnn.bias_hh_l0 is [15] in the file and [16] in the module; and 2 more",
    ),
    "a name and a shape": (
        without("embed.weight") | {"head.bias": torch.ones(1)},
        "not in the file: embed.weight; head.bias is [1] in the file and [5] in the module",
    ),
    "integers": (
        whole() | {"head.bias": torch.ones(5, dtype=torch.int64)},
        "head.bias is int64 in the file and float32 in the module",
    ),
    "complex numbers": (
        whole() | {"head.bias": torch.ones(5, dtype=torch.complex64)},
        "head.bias is complex64 in the file and float32 in the module",
    ),
    "not a number": (
        whole() | {"head.bias": torch.tensor([0, 0, float("nan"), 0, 0])},
        "head.bias holds NaN or infinity as float32",
    ),
    "infinity": (
        whole() | {"head.bias": torch.tensor([0, 0, -float("inf"), 0, 0])},
        "head.bias holds NaN or infinity as float32",
    ),
    "too large": (
        whole() | {"head.bias": torch.full((5,), 1e300, dtype=torch.float64)},
        "head.bias holds NaN or infinity as float32",
    ),
    "sparse": (whole() | {"head.bias": torch.ones(5).to_sparse()}, "head.bias is sparse or without values in the file"),
    "no values": (
        whole() | {"head.bias": torch.ones(5, device="meta")},
        "head.bias is sparse or without values in the file",
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_weights_that_do_not_fit_leave_the_module_as_it_was(case):
    weights, message = MISFITS[case]
    module = CharacterModel()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(StoreError) as error:
        put_weights(module, weights, "theirs.pt")
    assert str(error.value) == f"theirs.pt: does not fit the module: {message}"
    assert same(module.state_dict(), before)


def test_whole_numbers_are_kept_where_the_module_has_them():
    source, target = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    source.num_batches_tracked += 3
    put_weights(target, source.state_dict(), "x.pt")
    assert target.num_batches_tracked == 3


STARTS = [b"", b"PK\x03\x04", b"\x80\x02", b"\x80\x04", b"c", b"\x93NUMPY\x01\x00", b"\x08" + bytes(7)]


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.builds(bytes.__add__, st.sampled_from(STARTS), st.binary(max_size=200)))
@example(data=b"cos\nsystem\n.")
def test_bytes_of_any_kind_give_our_error_and_nothing_else(tmp_path, suffix, data):
    file = tmp_path / f"fuzz{suffix}"
    file.write_bytes(data)
    with pytest.raises(StoreError, match=re.escape(str(file))):
        read_weights(file)
