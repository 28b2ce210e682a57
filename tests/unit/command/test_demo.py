"""The demo's product: new data at each version, the crawl as asked for, a file of one's own as it is."""

from types import SimpleNamespace

import pytest
import yaml

from cli import demo
from local.mesh import Mesh
from local.samples import credit


def site(version):
    product = SimpleNamespace(version=version) if version is not None else None
    return SimpleNamespace(registry=lambda: SimpleNamespace(product=lambda _: product))


def contract_of(files):
    return yaml.safe_load(files[0].path.read_text("utf-8"))


def test_the_contract_comes_first_and_each_version_has_new_data(tmp_path):
    first = demo.sample(tmp_path / "1", site(None), None, None)
    second = demo.sample(tmp_path / "2", site(1), None, None)
    assert [file.key for file in first] == ["credit-card/contract.yaml", "credit-card/data/credit_card/part-0.csv"]
    assert [file.key for file in second][1:] == ["credit-card/data/credit_card/part-1.csv"]
    assert first[1].path.read_bytes() != second[1].path.read_bytes()


@pytest.mark.parametrize("crawl", ["express", "glue"])
def test_the_contract_sets_the_crawl_mode(tmp_path, crawl):
    found = contract_of(demo.sample(tmp_path, site(None), None, crawl))
    assert {"property": "crawl", "value": crawl} in found["customProperties"]


def test_without_an_option_the_contract_is_the_samples_own(tmp_path):
    assert contract_of(demo.sample(tmp_path, site(None), None, None)) == credit.contract()


def test_a_file_of_ones_own_is_taken_byte_for_byte(tmp_path):
    data = tmp_path / "real.csv"
    data.write_bytes(b"laufkont,moral\r\n1,2\r\n")
    files = demo.sample(tmp_path / "out", site(3), data, None)
    assert files[1].key == "credit-card/data/credit_card/real.csv"
    assert files[1].path.read_bytes() == data.read_bytes()


def test_the_demo_first_announces_how_long_it_takes(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    monkeypatch.setattr("local.mesh.Mesh.pid", lambda _: None)
    monkeypatch.setattr("local.mesh.Mesh.start", lambda _, **options: None)
    monkeypatch.setattr("local.runtime.is_made", lambda _: False)
    monkeypatch.setattr("cli.mesh_commands.deploy", lambda *_: False)

    with demo.running_mesh(4999, keep=True, quiet=False):
        pass

    first, *others = capsys.readouterr().out.splitlines()
    assert "about 75 seconds, beside downloads" in first
    assert [line.split("s  ")[1].partition(" ")[0] for line in others] == ["installing", "starting"]


def test_the_demo_announces_a_shorter_time_when_built(tmp_path, monkeypatch):
    monkeypatch.setattr("local.deploy.Deployment.is_built", lambda _: True)

    assert "about 30 seconds" in demo.how_long(Mesh(4999, tmp_path))


def test_a_mesh_that_the_demo_started_is_stopped_even_when_it_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    happened = []
    monkeypatch.setattr("local.mesh.Mesh.pid", lambda _: None)
    monkeypatch.setattr("local.mesh.Mesh.start", lambda _, **options: happened.append(("start", options)))
    monkeypatch.setattr("local.mesh.Mesh.stop", lambda _: happened.append("stop"))

    def deploy(_local, _report):
        raise RuntimeError("no")

    monkeypatch.setattr("cli.mesh_commands.deploy", deploy)
    with pytest.raises(RuntimeError, match="no"), demo.running_mesh(4999, keep=False, quiet=True):
        raise AssertionError("it was not deployed")
    assert happened == [("start", {"with_parent": True}), "stop"]


@pytest.mark.parametrize("keep", [False, True])
def test_a_mesh_that_was_up_stays_up(tmp_path, monkeypatch, keep):
    monkeypatch.setenv("MESH_HOME", str(tmp_path))
    monkeypatch.setattr("local.mesh.Mesh.pid", lambda _: 1)
    monkeypatch.setattr("local.mesh.Mesh.stop", lambda _: pytest.fail("stopped"))
    monkeypatch.setattr("cli.mesh_commands.deploy", lambda *_: False)
    with demo.running_mesh(4999, keep=keep, quiet=True) as local:
        assert local.port == 4999
