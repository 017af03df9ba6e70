"""Without anybody who watches, a run is quiet, but for warnings."""

import pytest

from neuronspec.watcher import Watcher


def test_progress_is_not_shown(capsys):
    Watcher().training("toy/gru", 1, 2)
    Watcher().examined("toy/gru", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_warnings_are_pythons_and_name_the_line_that_warned():
    with pytest.warns(UserWarning, match="^the disk is full$") as caught:
        Watcher().warn("the disk is full")
    assert caught[0].filename == __file__
