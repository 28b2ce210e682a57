"""The commands, by what people want to do: what `mesh --help` lists. A command's module is imported when it runs."""

from typing import Final, NamedTuple


class Command(NamedTuple):
    """`target` is `module:function`, or `module:app` for a group; `summary` is the first line of its help."""

    name: str
    panel: str
    target: str
    summary: str


_START: Final = "Get started"
_PUBLISH: Final = "Publish data"
_USE: Final = "Find and use data"
_DECIDE: Final = "Decide on access"
_WATCH: Final = "Monitor"
_MAINTAIN: Final = "Maintain"

COMMANDS: Final = (
    Command("demo", _START, "cli.demo:demo_command", "Run the whole flow on this machine: upload, notice, query."),
    Command("up", _START, "cli.mesh_commands:up", "Start a local mesh: three accounts or more, stacks deployed."),
    Command("env", _START, "cli.mesh_commands:env", "Print shell exports with an account's credentials."),
    Command(
        "admit", _START, "cli.membership.members:admit_command", "Admit an account, or change its role or domains."
    ),
    Command("expel", _START, "cli.membership.members:expel_command", "Expel an account from the mesh."),
    Command("skip", _START, "cli.mesh_commands:skip", "Let time pass in a local mesh: its clock goes ahead."),
    Command("down", _START, "cli.mesh_commands:down", "Stop the local mesh and discard its accounts."),
    Command("contract", _PUBLISH, "cli.contracts.contract:contracts", "Check, draft and compare contracts, offline."),
    Command("recipe", _PUBLISH, "cli.onboarding.recipe:recipes", "Check recipes and try them on data, offline."),
    Command("put", _PUBLISH, "cli.onboarding.uploads:put_command", "Upload a product's folder, contract first."),
    Command("quarantine", _PUBLISH, "cli.onboarding.quarantine:quarantine_command", "List held batches, or show one."),
    Command("release", _PUBLISH, "cli.onboarding.quarantine:release_command", "Publish a held batch after all."),
    Command(
        "reject", _PUBLISH, "cli.onboarding.quarantine:reject_command", "Close a held batch without publishing it."
    ),
    Command("rollback", _PUBLISH, "cli.publishing.rollback:rollback_command", "Publish an earlier version again."),
    Command("withdraw", _PUBLISH, "cli.publishing.withdraw:withdraw_command", "Delete versions permanently."),
    Command("retire", _PUBLISH, "cli.access.revoke:retire_command", "Retire a product and revoke all access to it."),
    Command("products", _USE, "cli.contracts.products:products_command", "List data products, or search them."),
    Command("show", _USE, "cli.contracts.products:show_command", "Show a product: owner, tables, LF-Tags, versions."),
    Command(
        "request", _USE, "cli.access.request:request_command", "Request access to a product or an LF-Tag expression."
    ),
    Command("query", _USE, "cli.access.query:query_command", "Run a SELECT in Athena as a consumer role."),
    Command(
        "queries",
        _USE,
        "cli.access.past_queries:queries_command",
        "List an account's past queries of a product, newest first.",
    ),
    Command("explain", _USE, "cli.access.explain:explain_command", "Explain why a role can or cannot read a table."),
    Command("subscribe", _USE, "cli.publishing.subscriptions:subscribe_command", "Subscribe to a product's notices."),
    Command("history", _USE, "cli.publishing.history:history_command", "List a product's versions and their changes."),
    Command("diff", _USE, "cli.publishing.history:diff_command", "Compare two versions of a product."),
    Command("lineage", _USE, "cli.lineage.lineage:lineage_command", "Show where a product's data comes from and goes."),
    Command("pin", _USE, "cli.publishing.pin:pin_command", "Keep a version readable for a limited time."),
    Command("pins", _USE, "cli.publishing.pin:pins_command", "List pinned versions: for whom, until when."),
    Command("unpin", _USE, "cli.publishing.pin:unpin_command", "Remove this account's pin of a version."),
    Command("requests", _DECIDE, "cli.access.grants:requests_command", "List open access requests, or show one."),
    Command(
        "preview", _DECIDE, "cli.access.explain:preview_command", "Preview a grant, an LF-Tag, a contract or a request."
    ),
    Command(
        "approve", _DECIDE, "cli.access.approvals:approve_command", "Approve an access request, in full or in part."
    ),
    Command("deny", _DECIDE, "cli.access.approvals:deny_command", "Deny an access request."),
    Command("grants", _DECIDE, "cli.access.grants:grants_command", "List active grants, or show one."),
    Command("revoke", _DECIDE, "cli.access.revoke:revoke_command", "Revoke a grant, or cancel an open request."),
    Command(
        "members",
        _WATCH,
        "cli.membership.member_list:members_command",
        "List the accounts of the mesh, and those that ask to join.",
    ),
    Command("notices", _WATCH, "cli.publishing.notices:notices_command", "Show an account's notices, oldest first."),
    Command("trace", _WATCH, "cli.tracing:trace_command", "Trace an upload or an access through all accounts."),
    Command("doctor", _MAINTAIN, "cli.governance.doctor:doctor_command", "Check accounts, stacks, members and queues."),
    Command(
        "version",
        _MAINTAIN,
        "cli.governance.versions:version_command",
        "Show the release of this clone and of each account's stack.",
    ),
    Command(
        "failures",
        _MAINTAIN,
        "cli.governance.stopped_work:failures_command",
        "List work that stopped: what, since when, why, and what to do.",
    ),
    Command(
        "retry",
        _MAINTAIN,
        "cli.governance.stopped_work:retry_command",
        "Start a failed run again, with the same input.",
    ),
    Command("dlq", _MAINTAIN, "cli.governance.failed_messages:dlq", "Messages that could not be processed."),
    Command(
        "governance",
        _MAINTAIN,
        "cli.governance.changes:governance",
        "Check a change of governance before it is deployed.",
    ),
    Command("reconcile", _MAINTAIN, "cli.governance.reconcile:reconcile_command", "Find and repair what drifted."),
)
"""In the order of the help: panels by what people do first, commands as they are needed within each."""
