"""Networks without claims: trained, and stored."""


def test_train_stores_networks(run, tmp_path):
    said = run("train", "tiny/lstm", "--seeds", 2, "--jobs", 1)
    assert said.exit_code == 0
    assert said.stdout.startswith("tiny/lstm: 2 networks in ")
    assert len(list((tmp_path / ".neuronspec").rglob("*.safetensors"))) == 2
