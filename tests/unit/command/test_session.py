"""Sessions on AWS: what a profile says holds for the role that is assumed with it."""

from pathlib import Path
from typing import Any

import boto3
import pytest

from cli.session import Accounts

KEYS = {"AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c"}


class Sts:
    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "111111111111"}

    def assume_role(self, **_arguments: str) -> dict[str, Any]:
        return {"Credentials": KEYS}


def test_a_role_is_used_at_the_endpoint_and_in_the_region_of_the_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = "[profile central]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:1\naws_access_key_id = x\n"
    (tmp_path / "config").write_text(f"{profile}aws_secret_access_key = y\n", "utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    real = boto3.Session.client
    monkeypatch.setattr(
        boto3.Session, "client", lambda self, name, **options: Sts() if name == "sts" else real(self, name, **options)
    )

    monkeypatch.setenv("MESH_PROFILE_CENTRAL", "central")
    session = Accounts().session("central", "DataMeshOwner")

    found = session.client("s3")
    assert (found.meta.endpoint_url, found.meta.region_name) == ("http://127.0.0.1:1", "eu-west-1")
    credentials = session.get_credentials()
    assert credentials is not None
    assert credentials.access_key == KEYS["AccessKeyId"]
