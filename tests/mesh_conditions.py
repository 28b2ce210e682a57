"""What may be the case in a mesh while it works: another run, another owner, a missing permission, a crash."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from mesh.adapters.dynamodb.items import Table, delete
from mesh.adapters.dynamodb.registry import DynamoRegistry
from mesh.adapters.dynamodb.uploads import DynamoUploads
from mesh.domain.contracts.claims import claims_of
from mesh.domain.contracts.product import Product

from local.accounts import REGION
from tests.builders import take_lease
from tests.mesh_driver import MeshDriver, Run, subject_of
from tests.role_policies import attached_policies, own_policies

ATTEMPTS = 2
"""Of a crashing function in one run (`lambda-crash` in policies.yaml); a failed run is started three times more."""


@contextmanager
def lease_held(mesh: MeshDriver, product: str, holder: str = "another-run") -> Iterator[None]:
    """As if another run, `holder`, were at work on the product."""
    uploads, now = DynamoUploads(_table(mesh, "producer")), mesh.now()
    assert take_lease(uploads, product, holder, now + timedelta(minutes=5), now) is not None
    try:
        yield
    finally:
        uploads.drop_lease(product, holder)


@contextmanager
def registered_to(mesh: MeshDriver, product: str, account_id: str) -> Iterator[None]:
    """As if another producer had declared the product before; forgotten at the end."""
    table, bucket = _table(mesh, "central"), f"other-{account_id}-{REGION}"
    theirs = Product(
        name=product,
        owner=account_id,
        domain="risk",
        status="registered",
        bucket=bucket,
        location=f"s3://{bucket}/{product}/data/",
        contract_version="1.0.0",
        contract={},
        updated=mesh.now(),
    )
    DynamoRegistry(table).claim_product(theirs)
    try:
        yield
    finally:
        for claim in claims_of(theirs):
            table.write(delete(f"CLAIM#{claim.kind}#{claim.name}", "CLAIM"))
        table.write(delete(f"PRODUCT#{product}", "PRODUCT"))
        table.write(delete("LIST#PRODUCTS", product))


def _table(mesh: MeshDriver, account: str) -> Table:
    return Table(mesh.client(account, "dynamodb"), mesh.output(account, "TableName"))


@contextmanager
def without_permission(mesh: MeshDriver, account: str, role: str, action: str) -> Iterator[None]:
    """One action taken from a role, named by its logical id, and given back at the end; others keep what it shares."""
    iam, name = mesh.client(account, "iam"), mesh.physical_id(account, role)
    own, shared = own_policies(mesh, account, name), attached_policies(mesh, account, name)
    cut = {policy: _without(document, action) for policy, document in own.items()}
    left = {arn: _without(document, action) for arn, document in shared.items()}
    detached = [arn for arn in shared if left[arn] != shared[arn]]
    assert cut != own or detached, f"{role} may not {action} anyway"
    instead = {arn.rpartition("/")[2]: left[arn] for arn in detached if left[arn]["Statement"]}
    try:
        _put_policies(iam, name, cut | instead)
        for arn in detached:
            iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        yield
    finally:
        for arn in detached:
            iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        for policy in instead:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        _put_policies(iam, name, own)


def _without(document: dict[str, Any], action: str) -> dict[str, Any]:
    statements = []
    for statement in document["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        left = [name for name in actions if name != action]
        if left:
            statements.append({**statement, "Action": left if left != actions else statement["Action"]})
    return {**document, "Statement": statements}


def _put_policies(iam: Any, role: str, policies: dict[str, dict[str, Any]]) -> None:
    for policy, document in policies.items():
        if document["Statement"]:
            iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
        else:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)


@contextmanager
def with_environment(mesh: MeshDriver, account: str, function: str, **variables: str) -> Iterator[None]:
    """Other variables for a function, named by its logical id; its own again at the end."""
    client, name = mesh.client(account, "lambda"), mesh.physical_id(account, function)
    own = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    assert set(variables) <= set(own), "the function reads no such variable"
    try:
        client.update_function_configuration(FunctionName=name, Environment={"Variables": own | variables})
        yield
    finally:
        client.update_function_configuration(FunctionName=name, Environment={"Variables": own})


def crash(mesh: MeshDriver, account: str, function: str, times: int = 1) -> None:
    """The next calls of a function, named by its logical id, kill its process."""
    name = mesh.physical_id(account, function)
    mesh.inject("function_crash", "lambda", "Invoke", resource=f"*:function:{name}", count=times)


def started_again(mesh: MeshDriver, run: Run) -> Run:
    """How a failed run ended once it was started again by itself, as often as it took."""
    name = run.arn.rpartition(":")[2][:71]

    def succeeded() -> list[Run]:
        later = (one for one in mesh.runs(run.machine, subject_of(run.input)) if f":{name}-retry-" in one.arn)
        return [one for one in later if one.status == "SUCCEEDED"]

    return mesh.until(succeeded, f"{run.machine} {name}, started again")[0]


def start_onboarding(mesh: MeshDriver, product: str) -> Run:
    """A run that nobody asked for: as when two are started at once. However it ended."""
    before = mesh.runs("onboard-upload", product)
    given = {"product": product, "correlation_id": f"started-{len(before)}"}
    return mesh.start("producer", mesh.output("producer", "OnboardUploadArn"), given)


def product_of(run: Run) -> str:
    """The product that a run is about."""
    data = run.input.get("detail", {}).get("data", run.input)
    return str(data["product"])


@contextmanager
def with_definition(mesh: MeshDriver, account: str, machine: str, was: str, instead: str) -> Iterator[None]:
    """A machine, named by its logical id, with another text in its definition; its own again at the end."""
    client, arn = mesh.client(account, "stepfunctions"), mesh.physical_id(account, machine)
    own = client.describe_state_machine(stateMachineArn=arn)["definition"]
    assert was in own, "the definition has no such text"
    try:
        client.update_state_machine(stateMachineArn=arn, definition=own.replace(was, instead))
        yield
    finally:
        client.update_state_machine(stateMachineArn=arn, definition=own)
