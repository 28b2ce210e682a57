"""The state machines' error names against the product's error classes, both ways.

Step Functions matches exact class names: an error that is renamed, or a new one, must not fall through unnoticed.
"""

import pytest
from mesh.domain.errors import Rejected, Transient
from mesh.domain.governance.failures import PASSING

from tests.contract.machines import definitions, tasks
from tools.mesh_errors import leaves

SENDER = {"NotAMember", "NotAllowedForRole", "NotTheOwner", "ForgedSender", "MalformedEvent"}
CONTRACT = {
    "ContractNotYaml",
    "ContractSchemaViolation",
    "ContractNameMismatch",
    "ContractLocationMismatch",
    "ContractVersionNotRaised",
    "BreakingContractChange",
    "CrawlModeChanged",
    "DomainMismatch",
    "HandoverRefused",
    "RetirementIsNewer",
    "UnknownLFTag",
    "NameTaken",
    "NotTheOwner",
}
# (machine, state) → the rejections that it can meet and that end the run as rejected.
CAUGHT = {
    ("register-product", "CheckContract"): CONTRACT | SENDER,
    ("register-product", "RegisterProduct"): {"NameTaken"},
    ("prepare-product", "PrepareProduct"): {"LinkTaken", "NameTaken", "ShareRefused"},
    ("commit-version", "VerifyProposal"): SENDER,
    ("commit-version", "CommitVersion"): {"BaseMoved", "NameTaken", "ProposalGone", "UnknownLFTag"},
    ("commit-version", "TagFindings"): {"UnknownLFTag", "UnknownProduct"},
    ("roll-back", "PrepareRollback"): SENDER
    | {
        "AlreadyThere",
        "RollbackTooLate",
        "NeedsExpress",
        "OrderRefused",
        "ProductIsRetired",
        "UnknownVersion",
        "VersionEnded",
        "VersionGone",
    },
    ("roll-back", "CommitVersion"): {"BaseMoved", "NameTaken", "ProposalGone", "UnknownLFTag"},
    ("onboard-upload", "AnnounceFindings"): {"HandedOver", "LeaseLost", "NotCrawled", "TooLargeToRewrite"},
    ("onboard-upload", "CurateBatch"): {"LeaseLost"},
    ("onboard-upload", "PromoteObjects"): {"LeaseLost"},
    ("onboard-upload", "ProposeVersion"): {"HandedOver", "LeaseLost", "NotCrawled", "TooLargeToRewrite"},
    ("onboard-upload", "RunJobs"): {"LeaseLost"},
    ("onboard-upload", "SettleBatch"): {"LeaseLost"},
    ("grant-access", "DecideAccess"): SENDER
    | {
        "AccessOver",
        "AlreadyRequested",
        "AmbiguousRequest",
        "InvalidExpression",
        "NotInCatalog",
        "UnknownAccess",
        "UnknownLFTag",
        "UnknownProduct",
        "UnknownPurpose",
        "UntilInThePast",
        "UntilTooFar",
    },
    ("grant-access", "RequestApproval"): {"AccessOver", "DecidedAlready", "UnknownAccess"},
    ("grant-access", "GrantAccess"): {
        "AccessExpired",
        "AccessOver",
        "BecameStricter",
        "InvalidRowFilter",
        "NotAMember",
        "NotAllowedForRole",
        "UnknownAccess",
    },
    ("revoke-access", "EndAccess"): {"ForgedSender", "MalformedEvent", "MayNotRevoke", "NotAMember", "UnknownAccess"},
    ("accept-share", "AcceptShare"): {
        "AccessOver",
        "LinkTaken",
        "MalformedEvent",
        "ReaderGone",
        "ReaderSuspended",
        "ShareRefused",
        "UnknownAccess",
        "UnknownRole",
    },
    ("accept-share", "VerifyAccess"): {"AccessOver", "ProofFailed", "QueryRefused"},
    ("release-share", "ReleaseAccess"): {"MalformedEvent"},
}
# Rejections that no machine sees: who deals with them instead.
HANDLED_ELSEWHERE = {
    "decide_quarantine, as a note of the decision's trace": {
        "AlreadyReplaced",
        "HeldObjectsDeleted",
        "BatchAlreadyDecided",
        "NotReleasable",
        "UnknownBatch",
    },
    "check_objects, as the reason that an object is held for": {
        "ArchiveUnsupported",
        "BinaryContent",
        "CorruptParquet",
        "DuplicateColumns",
        "EmptyColumnName",
        "EmptyFile",
        "HeaderWithoutRows",
        "InconsistentCompression",
        "InconsistentPartitions",
        "LineTooLong",
        "MalformedJson",
        "MixedFormats",
        "ObjectGone",
        "RaggedRows",
        "UnclosedQuote",
        "UnsupportedEncoding",
    },
    "collect_uploads, as the reason in an object's report": {"InvalidPartition", "UnknownPrefix", "UnsafeKey"},
    "collect_uploads, as the reason in a recipe's report": {"RecipeInvalid", "UnsupportedStep"},
    "curate_batch, as the reason in a raw object's report": {
        "NothingLeft",
        "RawFormatUnsupported",
        "RecipeColumnExists",
        "RecipeColumnMissing",
        "RecipeGone",
        "RecipeTooCostly",
    },
    "curate_batch, as an order for a job": {"RawTooLarge"},
    "run_recipe_jobs, as the reason in a raw object's report": {"RecipeJobFailed", "RecipeNotForJobs"},
    "verify_proposal, as the proposal's answer": {
        "BreakingSchemaChange",
        "MetadataInvalid",
        "ObjectGone",
        "ProposalExpired",
        "ProposalForged",
        "ProposalTooLarge",
        "Rebase",
    },
    "withdraw_versions, as its answer, and sent to the requester": {
        "NothingToWithdraw",
        "ObjectPresent",
        "PresentVersion",
    },
    "release_files, by EventBridge: in the producer's DLQ": {"KeptFileGone"},
    "receive_join and set_membership, as their answer": {"BusPolicyFull", "ProductsWithoutOwner", "UnknownDomain"},
    "change_subscription, as its answer": {"UnknownProduct"},
    "retire_product, as its answer, and sent to the requester": {"ContractIsNewer"},
    "receive_answer, as its answer, and sent to the approver": {"DecidedAlready", "MayNotDecide", "ExceedsRequest"},
    "prepare_rollback, as the reason that an order is refused for": {"RollbackInProgress"},
    "request_pin, as its answer, and sent to the requester": {
        "NoLiveAccess",
        "PinTooLong",
        "TooManyPins",
        "UntilInThePast",
    },
    "settle_pin, as its answer, and sent to the requester": {"NotPinned", "PinIsNewer", "PinnedTableTaken"},
    "receive_answer, as its answer, and sent to the reporting account": {"MayNotAnswer", "UnknownAccess"},
    "revoke_grants, as a failure of revoke-access: an alarm rings": {"NotEnding"},
    "record_lineage, by SQS: after five attempts in the lineage queue's DLQ": {"LineageSourceGone"},
    "relay_inbox, by SQS: after five attempts in the inbox's DLQ": {"NotFromCentral", "UnknownEvent"},
    "govern_lake, as CloudFormation's failure": {"GovernanceInvalid", "GovernanceRefused", "TooManyAdmins"},
    "keep_storage, as CloudFormation's failure": {"BucketTaken"},
    "settle_failure, as its answer": {"NotRepeatable", "UnknownFailure"},
    "settle_failure of central, every five minutes: recorded, and told to the sender": {"EventTooLarge"},
    "mesh preview and mesh explain, as their answer": {"InvalidExpression", "NotInCatalog", "UnknownRole"},
    "functions with the governance layer, at start: a fault of the deployment, not of an input": {
        "MembersInvalid",
        "OntologyInvalid",
        "PersonasInvalid",
        "PoliciesInvalid",
    },
}


def of_root(root: type[Exception]) -> set[str]:
    return {name for name, kind in leaves().items() if issubclass(kind, root)}


def caught_by_name(state: dict) -> set[str]:
    return {error for catch in state["Catch"] for error in catch["ErrorEquals"]}


def retried(state: dict) -> set[str]:
    return {error for retry in state["Retry"] for error in retry["ErrorEquals"]}


def test_each_rejection_has_somebody_who_deals_with_it():
    decided = set().union(*CAUGHT.values(), *HANDLED_ELSEWHERE.values())

    assert of_root(Rejected) - decided == set(), "a new rejection: decide here who deals with it"
    assert decided - of_root(Rejected) == set(), "not a rejection any more"


def test_the_machines_catch_exactly_those_rejections():
    found = {
        (machine, name): caught_by_name(state) & of_root(Rejected)
        for machine, name, state in tasks()
        if caught_by_name(state) & of_root(Rejected)
    }

    assert found == CAUGHT


@pytest.mark.parametrize(("machine", "name", "state"), [pytest.param(*task, id="-".join(task[:2])) for task in tasks()])
def test_a_rejection_is_never_retried_and_its_way_does_not_end_in_failure(machine, name, state):
    assert retried(state) & of_root(Rejected) == set()
    for catch in state["Catch"]:
        if set(catch["ErrorEquals"]) & of_root(Rejected):
            assert definitions()[machine]["States"][catch["Next"]]["Type"] != "Fail"


def test_each_transient_error_is_retried_somewhere():
    waited_for = set().union(*(retried(state) for _, _, state in tasks()))
    # PutEvents in a function: `join_mesh`, `collect_uploads` and `relay_inbox` are retried by Lambda and SQS, and
    # `declare_product` by Lambda; the machines put events by SDK integration. `record_lineage` is retried by SQS.
    by_lambda = {"EventNotAccepted", "LineageUndelivered", "NotOnTheBus"}

    assert of_root(Transient) - waited_for == by_lambda


def test_what_belongs_to_neither_root_is_known():
    """They reach `States.ALL`: a fault that nobody can wait for or correct by input."""
    assert set(leaves()) - of_root(Rejected) - of_root(Transient) == {
        "FormatDeclined",  # never leaves the checks
        "LakeFormationRefused",
        "ObjectsNotRemoved",
    }


def test_every_error_shows_its_reason_as_json():
    """Machines parse `errorMessage`: it has to be the error's own JSON."""
    for name, kind in leaves().items():
        error = kind("what", remedy="do", key="k", nothing=None)
        assert error.to_dict() == {"code": name, "message": "what", "where": {"key": "k"}, "remedy": "do"}


def test_what_is_transient_is_delivered_again():
    assert of_root(Transient) <= PASSING
