"""Nobody ever reads half of a file."""

import os
import time

import pytest

from neuronspec.files import FORSAKEN, write_atomically


def test_the_file_is_whole_readable_by_others_and_alone(tmp_path):
    write_atomically(tmp_path / "deep" / "file", b"whole")
    (file,) = (tmp_path / "deep").iterdir()
    assert file.read_bytes() == b"whole"
    umask = os.umask(0)
    os.umask(umask)
    assert file.stat().st_mode & 0o777 == 0o666 & ~umask


def test_links_and_pipes_stay_what_they_are(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_atomically(tmp_path / "link", b"whole")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"whole"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(tmp_path / "pipe", b"whole")
    assert os.read(reader, 9) == b"whole"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_what_goes_wrong_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    file = tmp_path / "file"
    write_atomically(file, b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_what_a_killed_writer_left_is_removed_once_it_is_old(tmp_path):
    """Nothing else is, however it is called."""
    left, at_work = ".run.json.0123abcd.unfinished", ".run.json.4567cdef.unfinished"
    others = ["run.json", ".run.json.0123abcd", "a.0123abcd.unfinished", ".notes.unfinished", ".a.0123ABCD.unfinished"]
    for name in (left, at_work, *others):
        (tmp_path / name).write_text("half of")
        if name != at_work:
            os.utime(tmp_path / name, (time.time() - FORSAKEN - 9,) * 2)
    write_atomically(tmp_path / "file", b"whole")
    assert {file.name for file in tmp_path.iterdir()} == {"file", at_work, *others}
