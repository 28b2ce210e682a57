"""`mesh notices`: the notices that an account received."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from mesh.adapters.dynamodb.notices import DynamoNotices
from mesh.domain.names import resource_link

from cli import output
from cli.mesh_context import As, AsJson, InAccount, MeshContext, Port, mesh_context

SQL: Final = "SQL    "
_POLL_SECONDS = 1.0
_SENTENCES: Final[Mapping[str, str]] = {
    "MemberJoined": "an account of {domains} asks to join as {role}",
    "SubscriptionRequested": "{product}: subscription requested",
    "SubscriptionEnded": "{product}: subscription ended",
    "ProductDeclared": "{product}: a contract was uploaded",
    "ProductRetired": "{product} is retired: {reason}",
    "RetirementRequested": "{product}: retirement requested: {reason}",
    "VersionProposed": "{product}: batch {generation} is proposed as a version",
    "RollbackRequested": "{product}: rollback to version {version} requested: {reason}",
    "RollbackRefused": "{product}: no rollback to version {version}",
    "WithdrawalRefused": "{product}: no version was withdrawn",
    "WithdrawalRequested": "{product}: withdrawal of {versions} requested: {reason}",
    "VersionsEnded": "{product}: {versions} can no longer be read",
    "ProposalSettled": "{product}: {outcome}",
    "QuarantineDecided": "{batch} {decision}",
    "QuarantineClosed": "{batch} {outcome}",
    "PinRequested": "{product}: requested that version {version} stay readable until {until}",
    "PinReady": "{product} version {version} stays readable until {until}",
    "PinAccepted": "{product}: version {version} is being pinned",
    "PinEnded": "{product} version {version} is no longer pinned ({cause})",
    "PinRefused": "{product}: version {version} is not pinned",
    "UnpinRequested": "{product}: version {version} need not be pinned any more",
    "AccessRequested": "access to {what} requested for {purpose}, until {until}",
    "AccessNotReady": "{access} cannot be used: the grant is being revoked",
    "AccessReleased": "{access}: the account has removed its grants and resource links",
    "RevocationRequested": "{access}: revocation requested: {reason}",
    "DecisionRefused": "{access}: the decision was rejected",
}
"""Events whose headline is one sentence with the event's own fields."""
_OUTCOMES: Final[Mapping[str, str]] = {
    "published": "the proposed version is published as version {version}",
    "held": "the proposed version is held back",
    "refused": "the proposed version was rejected",
    "released": "was released: its objects are being checked again",
    "rejected": "was rejected: its objects stay unpublished",
    "rebase": "a newer version was published meanwhile; the batch is staged again",
}
_DECISIONS: Final[Mapping[str, str]] = {"release": "is to be released", "reject": "is to be rejected"}


def notices_command(
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Keep running, and show new ones as they arrive.")] = False,
    account: InAccount = "consumer",
    role: As = None,
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Show an account's notices, oldest first.

    What changed, how to query it, and the id for mesh trace.
    """
    if follow and as_json:
        raise typer.BadParameter("--json cannot be combined with --follow", param_hint="--follow")
    where = mesh_context(port, acting=account, role=role)
    notices = DynamoNotices(where.table(account))
    if as_json:
        output.emit({"notices": list(notices.all())})
        return
    after = show_all(notices.all())
    if not after and not follow:
        output.say("no notices yet: mesh subscribe PRODUCT, then wait for its next version")
    while follow:
        time.sleep(_POLL_SECONDS)
        after = show_all(notices.all(after)) or after


def of_product(where: MeshContext, product: str, version: int) -> dict[str, Any] | None:
    """The consumer's notice of that version, once it is there."""
    for notice in DynamoNotices(where.table("consumer")).all():
        data = notice["detail"]["data"]
        if (notice["detail_type"], data.get("product"), data.get("version")) == ("ProductUpdated", product, version):
            return notice
    return None


def show_all(notices: Iterator[dict[str, Any]]) -> str:
    """Show each; returns the sort key of the last one, "" when there were none."""
    after = ""
    for notice in notices:
        render(notice)
        after = f"{notice['time']}#{notice['id']}"
    return after


def render(notice: Mapping[str, Any]) -> None:
    """One notice: a headline, then what changed and what to do."""
    data, at = notice["detail"]["data"], datetime.fromisoformat(notice["time"])
    output.say(f"{output.day_text(at)}  ", headline(notice["detail_type"], data), style="bold")
    for line in lines(notice["detail_type"], data):
        (output.say_whole if line.startswith(SQL) else output.say)(f"  {line}")
    output.say_whole(f"  trace  {notice['detail']['metadata']['correlation_id']}")
    output.say()


def headline(detail_type: str, data: Mapping[str, Any]) -> str:
    """What happened, in one sentence: each kind of event has its own."""
    match detail_type:
        case "ProductUpdated":
            return product_headline(data)
        case "ProductQuarantined":
            count = data.get("objects_count") or len(data.get("objects", ()))
            return f"{data['product']}: {output.amount(count, 'object')} did not pass"
        case "ProductRegistered":
            return f"{data['product']} is registered" + (" as a draft" if data.get("draft") else "")
        case "FilesReleased":
            count = output.amount(len(data["released"]), "metadata file")
            return f"{data['product']}: {count} of {data['table']} can be deleted, with the data that only they use"
        case _ if detail_type in _SENTENCES:
            return _SENTENCES[detail_type].format_map({**data, **_in_words(data)})
        case _ if "access" in data:
            return access_headline(detail_type, data)
        case _:
            return f"{detail_type} {data.get('product', '')}".rstrip()


def _in_words(data: Mapping[str, Any]) -> dict[str, str]:
    """Fields of events as sentences name them."""
    return {
        "until": moment(data["until"]) if data.get("until") else "",
        "versions": _versions(data),
        "batch": f"{data.get('product')}/{int(data.get('run', 0))}",
        "outcome": _OUTCOMES.get(data.get("outcome", ""), "").format_map(data),
        "decision": _DECISIONS.get(data.get("decision", ""), ""),
        "domains": ", ".join(data.get("domains", ())),
        "what": data.get("product") or data.get("expression") or "",
    }


def product_headline(data: Mapping[str, Any]) -> str:
    """`credit-card version 3 can be read (breaking: version 1 again)`."""
    marks = ["draft"] if data["draft"] else []
    if data.get("severity", "info") != "info":
        marks.append(data["severity"])
    if data.get("rollback"):
        marks.append(f"version {data['rollback']['version']} again")
    return f"{data['product']} version {data['version']} can be read" + (f" ({', '.join(marks)})" if marks else "")


def access_headline(detail_type: str, data: Mapping[str, Any]) -> str:
    """What happened to which access."""
    number, what = data["access"], data.get("what", "")
    match detail_type:
        case "AccessGranted":
            return f"{number} granted: {data['reader'] or 'the account'} can read {what} until {moment(data['until'])}"
        case "AccessReady":
            return f"{number} is ready: {', '.join(data['links']) or 'nothing yet to query'}"
        case "AccessDenied":
            return f"{number} denied: {what or 'a request'}"
        case "AccessExpiring":
            return f"{number} ends {moment(data['until'])}: {what}, read by {data['reader'] or 'the account'}"
        case "AccessRevoked":
            return f"{number} has ended ({data['cause']}): {what}"
        case "DecisionRequested":
            again = "reminder: " if data["reminder"] else ""
            reader = f"{data['reader'] or 'all'} of {data['receiver']}"
            return f"{again}{number} requests access to {what} for {reader}"
        case "AccessDecided":
            return f"{number} {'approved' if data['decision'] == 'approve' else 'denied'}: {data['reason']}"
        case _:
            return f"{detail_type} {number}"


def lines(detail_type: str, data: Mapping[str, Any]) -> Iterator[str]:
    """The details, a line each."""
    match detail_type:
        case "ProductUpdated":
            yield from update_lines(data)
        case "PinReady":
            yield from (f"{SQL}{query['sql']}" for query in data["queries"])
        case "ProductQuarantined":
            for item in data.get("objects") or [{"key": "", "reason": data["reason"]}]:
                yield f"{item['key']}: {item['reason']['message']}".removeprefix(": ")
                if item["reason"].get("remedy"):
                    yield f"  next: {item['reason']['remedy']}"
        case "ProductRegistered":
            yield f"database {data['database']} in {data['catalog_id']}, data in {data['location']}"
        case "QuarantineDecided" | "QuarantineClosed":
            yield f"by {data['by']}: {data['reason']}"
        case "AccessGranted" | "AccessExpiring" | "DecisionRequested":
            yield from access_lines(detail_type, data)
        case _ if isinstance(data.get("reason"), Mapping):
            yield f"{data['reason']['code']}: {data['reason']['message']}"
            if data["reason"].get("remedy"):
                yield f"next: {data['reason']['remedy']}"


def update_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Why it is there, what it changed, what checks found, how to query it, and what it is compared with."""
    if rollback := data.get("rollback"):
        yield f"requested by {rollback['requested_by']}: {rollback['reason']}"
    for change in data["changes"]:
        yield f"{change['table']}: {'; '.join(what_changed(change))}"
        if change.get("compatibility", "full") != "full":
            yield f"{change['table']}: {change['compatibility']} compatible with the version before"
        if quality := change.get("quality"):
            yield f"{change['table']}: {output.quality_text(quality)}"
    for warning in data.get("warnings", ()):
        place = ".".join(filter(None, (warning["table"], warning["column"])))
        yield f"warning {warning['code']}: {place + ': ' if place else ''}{warning['message']}"
    for query in data["queries"]:
        yield f"{SQL}{query['sql']}"
    yield f"contract {data['contract_version']}" + (
        f"; mesh diff {data['product']} {data['follows']} {data['version']}" if data.get("follows") else ""
    )


def access_lines(detail_type: str, data: Mapping[str, Any]) -> Iterator[str]:
    """What an access exposes, why, and what to do."""
    match detail_type:
        case "AccessGranted":
            for table in data["tables"]:
                yield f'{SQL}SELECT * FROM "{resource_link(table["database"])}"."{table["table"]}" LIMIT 10'  # noqa: S608
            yield from (f"left out: {line}" for line in data["left_out"])
        case "AccessExpiring":
            yield f"to extend it, request it again with a later --until; mesh grants {data['access']} shows it"
        case "DecisionRequested":
            yield f"for {data['purpose']}, until {moment(data['until'])}; {data['why']}"
            for shown in data["exposure"]:
                classes = ", ".join(
                    f"{each['count']} {each['confidentiality']}/{each['pii']}" for each in shown["classes"]
                )
                yield f"{shown['database']}.{shown['table']}: {classes} (columns, confidentiality/pii)"
            yield f"decide by {moment(data['answer_by'])}: {data['how']}"


def _versions(data: Mapping[str, Any]) -> str:
    if data.get("key"):
        return f"all versions with rows of {data['key']}"
    numbers = data.get("versions", ())
    return f"version{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def moment(text: str) -> str:
    """An event's time, for people."""
    return f"{output.day_text(datetime.fromisoformat(text))} UTC"


def what_changed(change: Mapping[str, Any]) -> Iterator[str]:
    """The parts of one table's change."""
    if change["new_table"]:
        yield f"new table with {output.amount(change['columns'], 'column')}"
    if change["added_columns"]:
        yield "added " + ", ".join(f"{column['name']} {column['type']}" for column in change["added_columns"])
    if change["removed_columns"]:
        yield "removed " + ", ".join(change["removed_columns"])
    for changed in change["changed_types"]:
        yield f"{changed['name']} is {changed['after']}, was {changed['before']}"
    if change["added_partitions_count"]:
        listed = ", ".join(change["added_partitions"])
        more = change["added_partitions_count"] - len(change["added_partitions"])
        yield f"{output.amount(change['added_partitions_count'], 'new partition')} {listed}" + (
            f" and {more} more" if more > 0 else ""
        )
    rows = output.amount(change["rows"], "row", exact=change["rows_exact"])
    if change.get("rows_delta") is not None and not change["new_table"]:
        rows += f" ({change['rows_delta']:+,}, now {change['rows_total']:,})"
    yield f"{rows}, {output.size(change['bytes'])} in {output.amount(change['objects'], 'file')}"
