"""A project to start from."""


def test_init_writes_an_example_that_verifies(run, tmp_path):
    said = run("init", "mine", spec=False)
    assert said.stdout.splitlines()[-1] == "next: cd mine && neuronspec verify"
    verified = run("verify", "mine/specs", "--jobs", 1, spec=False)
    assert verified.exit_code == 0, verified.stdout
    again = run("init", "mine", spec=False)
    assert again.exit_code == 2
    assert "is there already; nothing was written" in again.stderr
