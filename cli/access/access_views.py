"""How a request or a grant is shown: a line of a list, one in full, and what its reader can do with it."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from mesh.domain import names
from mesh.domain.access.record import Access
from mesh.domain.events import ExposedData
from mesh.domain.governance.expressions import Expression
from mesh.domain.governance.publication_tag import as_requested
from mesh.domain.packing import Packed
from rich.text import Text

from cli import output
from cli.durations import remaining

STYLES = {"live": "green", "waiting": "yellow", "denied": "red", "ended": "dim", "ending": "dim"}


def summary(access: Access) -> dict[str, Any]:
    """An access in a list, for `--json`."""
    found = access.decided
    return {
        "id": access.id,
        "status": access.status,
        "what": access.request.what,
        "permission": access.request.permission,
        "receiver": access.receiver,
        "reader": access.request.reader,
        "purpose": access.request.purpose,
        "until": access.until.isoformat(),
        "asked_at": access.asked_at.isoformat(),
        "rules": list(found.rules) if found else [],
        "approvers": list(found.approvers) if found else [],
        "waits_for": list(waits_for(access)),
        "answer_by": access.answer_by.isoformat() if access.answer_by else None,
        "escalated": access.escalated,
        "links": list(links(access)),
        "queries": list(queries(access)),
        "correlation_id": access.correlation_id,
    }


def document(access: Access) -> dict[str, Any]:
    """An access in full, for `--json`."""
    return {**access.model_dump(mode="json", context=Packed.READABLE), **summary(access)}


def waits_for(access: Access) -> tuple[str, ...]:
    """The accounts whose decision is pending. The data mesh owner may answer as well once it is `escalated`."""
    if access.status != "waiting" or access.decided is None:
        return ()
    answered = {answer.account for answer in access.answers}
    return tuple(account for account in access.decided.approvers if account not in answered)


def owners(access: Access) -> set[str]:
    """The accounts that own the data."""
    return {shown.owner for shown in access.decided.exposure if shown.owner} if access.decided else set()


def links(access: Access) -> Iterator[str]:
    """The databases under which the receiving account finds it."""
    for database in access.decided.databases if access.decided else ():
        yield names.resource_link(database)


def queries(access: Access) -> Iterator[str]:
    """A query of each table; of the columns, `SELECT *` gives those that are granted."""
    for table in access.decided.tables if access.decided else ():
        yield f'SELECT * FROM "{names.resource_link(table.database)}"."{table.table}" LIMIT 10'  # noqa: S608 - shown


def who(access: Access) -> str:
    """`DataAnalyst of 333333333333`."""
    return f"{access.request.reader or 'all'} of {access.receiver}"


def until_text(access: Access) -> str:
    """`2027-01-31 23:59:59 UTC (70 days)`."""
    return f"{output.day_text(access.until)} UTC ({remaining(access.until, datetime.now(UTC))})"


def render_list(accesses: Iterable[Access]) -> None:
    """A list: what, who, why, until when; for pending requests also the approvers and their deadline."""
    rows = []
    for access in accesses:
        lines = [access.request.what if access.request.permission == "SELECT" else f"DESCRIBE {access.request.what}"]
        lines.append(f"{who(access)}, {access.request.purpose}, until {until_text(access)}")
        if access.status == "waiting" and access.answer_by:
            asked = ", ".join(waits_for(access)) + (" or the data mesh owner" if access.escalated else "")
            lines.append(f"waiting for {asked} until {output.day_text(access.answer_by)} UTC")
        if access.reason is not None:
            lines.append(f"{access.reason.code}: {access.reason.message}")
        head = Text(access.status, style=STYLES.get(access.status, ""))
        rows.append((access.id, head, "\n".join(lines)))
    output.table(("id", "status", "what"), rows, wrap="what", record="access")


def render(access: Access) -> None:
    """One access in full: the request, what it exposes, each decision, and its history."""
    output.say(f"{access.id} is {access.status}", style=f"bold {STYLES.get(access.status, '')}".strip())
    found, reason = access.decided, access.reason
    output.fields(
        [
            ("request", f"{access.request.permission} {access.request.what}"),
            ("by", f"{who(access)} ({', '.join(access.receiver_domains)}), {access.request.persona or 'no persona'}"),
            ("purpose", access.request.purpose),
            ("until", until_text(access)),
            ("rules", ", ".join(found.rules) if found else ""),
            ("why", found.why if found else ""),
            ("approvers", ", ".join(found.approvers) if found else ""),
            ("waiting for", ", ".join(waits_for(access))),
            ("decide by", f"{output.day_text(access.answer_by)} UTC" if waits_for(access) and access.answer_by else ""),
            ("reason", f"{reason.code}: {reason.message}" if reason else ""),
            ("next", reason.remedy if reason else ""),
        ]
    )
    if found is not None:
        render_exposure(found.exposure)
        render_left_out(found.left_out)
        if found.entries:
            output.say(f"granted to account {access.receiver}:" if access.granted else "to be granted:")
            for entry in found.entries:
                output.say(f"  {entry_text(entry.resource)}: {', '.join(entry.permissions)}")
    rows = [(output.day_text(step.at), step.what) for step in access.history]
    output.table(("when (UTC)", "what happened"), rows, wrap="what happened")
    if access.status == "waiting":
        output.say_whole(f"  mesh approve {access.id} --reason …     mesh deny {access.id} --reason …")
    output.say_whole(f"  trace  {access.correlation_id}")


def render_exposure(exposure: Iterable[ExposedData]) -> None:
    """Tables with their exposed columns, by classification."""
    for shown in exposure:
        rows: list[tuple[str | Text, ...]] = []
        for each in shown.classes:
            more = f" and {each.count - len(each.columns)} more" if each.count > len(each.columns) else ""
            columns = f"{each.count}: {', '.join(each.columns)}{more}"
            rows.append((each.confidentiality or "-", each.pii or "-", columns))
        if shown.hidden:
            rows.append(("", "", Text(f"{output.amount(shown.hidden, 'column')} not exposed", style="dim")))
        output.say(
            f"exposes {shown.database}.{shown.table} of account {shown.owner}"
            if shown.owner
            else f"exposes {shown.database}.{shown.table}"
        )
        output.table(("confidentiality", "pii", "columns"), rows, wrap="columns")


def render_left_out(left_out: Iterable[str]) -> None:
    """What was requested and is not granted, with the rule."""
    for line in left_out:
        output.say(f"left out: {line}", style="yellow")


def entry_text(resource: dict[str, Any]) -> str:
    """A grant's resource: `LF-Tag policy on TABLE product=credit-card`, `Table credit-card.credit_card`."""
    (kind, found), *_ = resource.items()
    if kind == "LFTagPolicy":
        tags = as_requested(Expression.of_tags(found.get("Expression", ())))
        return f"LF-Tag policy on {found['ResourceType']} {tags if tags.clauses else found.get('ExpressionName', '')}"
    if kind == "DataCellsFilter":
        return f"filter {found['Name']} on {found['DatabaseName']}.{found['TableName']}"
    if kind == "Database":
        return f"database {found['Name']}"
    columns = f" ({', '.join(found['ColumnNames'])})" if found.get("ColumnNames") else ""
    return f"table {found['DatabaseName']}.{found.get('Name', '*')}{columns}"


def render_live(access: Access) -> None:
    """What its reader can read now, and how to use it."""
    output.say(f"{access.id} is live: {who(access)} can read until {until_text(access)}", style="bold green")
    render_given(access)
    sql = next(queries(access), None)
    if sql is not None:
        output.say("query it:")
        role = f" --as {access.request.reader}" if access.request.reader else ""
        output.say_whole(f"  mesh query '{sql}'{role}")


def render_given(access: Access) -> None:
    """Tables by link, what was left out, and why."""
    found = access.decided
    if found is None:
        return
    for shown in found.exposure:
        count = sum(each.count for each in shown.classes)
        place = f"{names.resource_link(shown.database)}.{shown.table}"
        output.say(
            f"  {place}: {output.amount(count, 'column')}" + (f" ({shown.hidden} not exposed)" if shown.hidden else "")
        )
    if not found.exposure:
        output.say("  nothing today; data tagged this way later becomes readable")
    if found.row_filter:
        output.say(f"  rows where {found.row_filter}")
    render_left_out(found.left_out)
    output.say(found.why, style="dim")
