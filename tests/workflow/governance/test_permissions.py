"""IAM is enforced: one needed permission less, and exactly that step fails; given back, the product completes."""

from dataclasses import dataclass

import pytest

from tests.mesh_conditions import product_of, without_permission
from tests.mesh_driver import MeshDriver, Run
from tests.workflow.onboarding.test_prepare_product import glue_contract

CSV = "id,email\n1,a@example.com\n"
AFTER_FAILURE = {"ReleaseAfterFailure", "OnboardFailed", "RegistrationFailed", "PreparationFailed"}


@dataclass(frozen=True)
class Needed:
    """An action that a step of a machine needs, by the role that needs it."""

    machine: str
    step: str
    account: str
    role: str
    action: str

    @property
    def product(self) -> str:
        return f"iam-{self.step}-{self.action.rpartition(':')[2]}".lower()


NEEDED = [
    Needed("register-product", "CheckContract", "central", "CheckContractFunctionRole", "dynamodb:BatchGetItem"),
    Needed("register-product", "RegisterProduct", "central", "RegisterProductFunctionRole", "glue:CreateDatabase"),
    Needed("register-product", "RegisterProduct", "central", "RegisterProductFunctionRole", "iam:PassRole"),
    Needed(
        "register-product", "RegisterProduct", "central", "RegisterProductFunctionRole",
        "lakeformation:AddLFTagsToResource",
    ),
    Needed(
        "register-product", "RegisterProduct", "central", "RegisterProductFunctionRole",
        "lakeformation:BatchGrantPermissions",
    ),
    Needed("register-product", "AnnounceRegistration", "central", "RegisterProductRole", "sns:Publish"),
    Needed("prepare-product", "PrepareProduct", "producer", "PrepareProductFunctionRole", "glue:CreateDatabase"),
    Needed("prepare-product", "PrepareProduct", "producer", "PrepareProductFunctionRole", "iam:PassRole"),
    Needed("prepare-product", "StartOnboarding", "producer", "PrepareProductRole", "states:StartExecution"),
    Needed("onboard-upload", "TakeBatch", "producer", "TakeBatchFunctionRole", "dynamodb:Query"),
    Needed("onboard-upload", "CheckObjects", "producer", "CheckObjectsFunctionRole", "s3:GetObject"),
    Needed("onboard-upload", "ProposeVersion", "producer", "ProposeVersionFunctionRole", "events:PutEvents"),
]  # fmt: skip


@pytest.mark.parametrize("needed", NEEDED, ids=lambda needed: f"{needed.step}-{needed.action}")
def test_without_a_needed_permission_exactly_that_step_fails(mesh: MeshDriver, needed: Needed) -> None:
    product = needed.product
    before_data = needed.machine in {"register-product", "prepare-product"}
    if not before_data:
        mesh.prepare(product)
        mesh.settled(product)
    with without_permission(mesh, needed.account, needed.role, needed.action):
        if before_data:
            mesh.put_contract(product, glue_contract(product) if needed.action == "iam:PassRole" else None)
        else:
            mesh.put_object(f"{product}/data/t1/a.csv", CSV)
        run = mesh.wait_for_run(needed.machine, product)
        mesh.settled(product)
    assert run.status == "FAILED"
    assert _step_that_failed(run) == needed.step
    said = f"{run.error} {run.cause}"
    assert "AccessDenied" in said or "not authorized to perform" in said
    assert mesh.notices(product, "producer") == []
    _complete(mesh, run)


def _step_that_failed(run: Run) -> str:
    return [state for state in run.states if state not in AFTER_FAILURE][-1]


def _complete(mesh: MeshDriver, run: Run) -> None:
    """By the next contract or upload."""
    product = product_of(run)
    if run.machine != "onboard-upload":
        mesh.put_contract(product, glue_contract(product) if product.endswith("-passrole") else None)
        # Whoever was called twice has declared twice: those runs failed as well.
        mesh.until(
            lambda: any(each.status == "SUCCEEDED" for each in mesh.runs(run.machine, product)), "a run that completes"
        )
    mesh.put_object(f"{product}/data/t1/b.csv", CSV)
    rows = 1 if run.machine in {"register-product", "prepare-product"} else 2
    mesh.until(lambda: _rows(mesh, product) == rows, f"{rows} rows of {product} published")


def _rows(mesh: MeshDriver, product: str) -> int:
    notices = [detail["data"]["changes"] for detail in mesh.notices(product, "producer")]
    return sum(change["rows"] for changes in notices for change in changes)
