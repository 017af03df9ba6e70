"""What may have mattered to a run, and nothing about who ran it."""

from neuronspec.ledger import circumstances


def test_circumstances_name_versions_but_no_host_and_no_user(tmp_path):
    told = circumstances.environment(tmp_path, jobs=3)
    known = {"versions", "machine", "cores", "jobs", "threads", "device", "commit", "corpora"}
    assert told.keys() == known
    assert told["versions"].keys() == {"python", "neuronspec", "torch", "numpy", "scikit-learn"}
    assert (told["jobs"], told["threads"], told["commit"]) == (3, 1, None)


def git(folder, *words):
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    circumstances.subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def test_the_commit_and_whether_files_differ_from_it(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "first")
    clean = circumstances.environment(tmp_path)["commit"]
    assert len(clean["id"]) == 40
    assert not clean["dirty"]
    (tmp_path / "a").write_text("2")
    assert circumstances.environment(tmp_path)["commit"] == {"id": clean["id"], "dirty": True}


def test_without_git_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert circumstances.environment(tmp_path)["commit"] is None
