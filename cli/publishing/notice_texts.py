"""What notices say: each kind of event has a headline of its own, and its details a line each."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

from mesh.domain import events
from mesh.domain.events import EventData, Outcome, Reason, TableChange
from mesh.domain.names import resource_link

from cli import output

SQL: Final = "SQL    "
_OUTCOMES: Final[Mapping[Outcome, str]] = {
    "published": "the proposed version is published as version {}",
    "held": "the proposed version is held back",
    "refused": "the proposed version was rejected",
    "tagged": "what was found in the batch is on the columns; the batch is published next",
    "rebase": "a newer version was published meanwhile; the batch is staged again",
}


def headline(event: EventData) -> str:
    """What happened, in one sentence."""
    for say in _SAYING:
        if said := say(event):
            return said
    return event.detail_type()


def _of_members(event: EventData) -> str:
    match event:
        case events.MemberJoined():
            return f"an account of {', '.join(event.domains)} asks to join as {event.role}"
        case events.MembershipEnded():
            return f"this account was expelled from the mesh, and its accesses end: {event.reason}"
    return ""


def _of_products(event: EventData) -> str:
    match event:
        case events.SubscriptionRequested():
            return f"{event.product}: subscription requested"
        case events.SubscriptionEnded():
            return f"{event.product}: subscription ended"
        case events.ProductDeclared():
            return f"{event.product}: a contract was uploaded"
        case events.ProductRegistered():
            return f"{event.product} is registered" + (" as a draft" if event.draft else "")
        case events.ContractChangeAnnounced(withdrawn=True):
            return f"{event.product}: contract {event.contract_version}, which was announced, does not come"
        case events.ContractChangeAnnounced():
            return f"{event.product}: contract {event.contract_version} breaks readers of {event.registered}"
        case events.TagsLoosened():
            return f"{event.product}: contract {event.contract_version} makes {event.count} LF-Tags laxer"
        case events.HandoverOffered():
            how = f"to take it, upload its contract here, as a later version than {event.contract_version}"
            return f"{event.product}: account {event.owner_account} hands it over to this account; {how}"
        case events.ProductHandedOver():
            return f"{event.product}: account {event.new_owner} has taken it over from {event.owner_account}"
        case events.RetirementRequested():
            return f"{event.product}: retirement requested: {event.reason}"
        case events.ProductRetired():
            return f"{event.product} is retired: {event.reason}"
    return ""


def _of_batches(event: EventData) -> str:
    match event:
        case events.VersionProposed():
            return f"{event.product}: batch {event.generation} is proposed as a version"
        case events.ProposalSettled():
            return f"{event.product}: {_OUTCOMES[event.outcome].format(event.version)}"
        case events.ProductUpdated():
            marks = [*(["draft"] if event.draft else []), *([event.severity] if event.severity != "info" else [])]
            if event.rollback:
                marks.append(f"version {event.rollback.version} again")
            in_brackets = f" ({', '.join(marks)})" if marks else ""
            return f"{event.product} version {event.version} can be read{in_brackets}"
        case events.ProductQuarantined():
            count = event.objects_count or len(event.objects)
            return f"{event.product}: {output.amount(count, 'object')} did not pass"
        case events.QuarantineDecided():
            wanted = "released" if event.decision == "release" else "rejected"
            return f"{event.product}/{int(event.run)} is to be {wanted}"
        case events.QuarantineClosed(outcome="released"):
            return f"{event.product}/{int(event.run)} was released: its objects are being checked again"
        case events.QuarantineClosed():
            return f"{event.product}/{int(event.run)} was rejected: its objects stay unpublished"
    return ""


def _of_versions(event: EventData) -> str:
    match event:
        case events.RollbackRequested():
            return f"{event.product}: rollback to version {event.version} requested: {event.reason}"
        case events.RollbackRefused():
            return f"{event.product}: no rollback to version {event.version}"
        case events.WithdrawalRequested():
            which = f"all versions with rows of {event.key}" if event.key else _versions(event.versions)
            return f"{event.product}: withdrawal of {which} requested: {event.reason}"
        case events.WithdrawalRefused():
            return f"{event.product}: no version was withdrawn"
        case events.VersionsEnded():
            return f"{event.product}: {_versions(event.versions)} can no longer be read"
        case events.FilesReleased():
            files = output.amount(len(event.released), "metadata file")
            return f"{event.product}: {files} of {event.table} can be deleted, with the data that only they use"
        case events.FilesKept():
            return f"{event.product}: what is kept of {event.table} is looked at"
    return ""


def _of_pins(event: EventData) -> str:
    match event:
        case events.PinRequested():
            until = moment(event.until)
            return f"{event.product}: requested that version {event.version} stay readable until {until}"
        case events.PinAccepted():
            return f"{event.product}: version {event.version} is being pinned"
        case events.PinReady():
            return f"{event.product} version {event.version} stays readable until {moment(event.until)}"
        case events.PinEnded():
            return f"{event.product} version {event.version} is no longer pinned ({event.cause})"
        case events.PinRefused():
            return f"{event.product}: version {event.version} is not pinned"
        case events.UnpinRequested():
            return f"{event.product}: version {event.version} need not be pinned any more"
    return ""


def _of_requests(event: EventData) -> str:
    match event:
        case events.AccessRequested():
            what = event.product or event.expression
            return f"access to {what} requested for {event.purpose}, until {moment(event.until)}"
        case events.DecisionRequested():
            again = "reminder: " if event.reminder else ""
            reader = f"{event.reader or 'all'} of {event.receiver}"
            return f"{again}{event.access} requests access to {event.what} for {reader}"
        case events.AccessDecided():
            decided = "approved" if event.decision == "approve" else "denied"
            return f"{event.access} {decided}: {event.reason}"
        case events.DecisionRefused():
            return f"{event.access}: the decision was rejected"
        case events.EventRefused():
            return f"central refused {event.event}"
        case events.AccessDenied():
            return f"{event.access} denied: {event.what or 'a request'}"
    return ""


def _of_accesses(event: EventData) -> str:
    match event:
        case events.AccessGranted():
            reader = event.reader or "the account"
            return f"{event.access} granted: {reader} can read {event.what} until {moment(event.until)}"
        case events.AccessReady():
            return f"{event.access} is ready: {', '.join(event.links) or 'nothing yet to query'}"
        case events.AccessNotReady():
            return f"{event.access} cannot be used: the grant is being revoked"
        case events.AccessCheckRequested():
            return f"{event.access}: central asks whether its reader reads"
        case events.AccessChecked():
            return f"{event.access}: its reader {'cannot read' if event.reason else 'reads'}"
        case events.AccessExpiring():
            reader = event.reader or "the account"
            return f"{event.access} ends {moment(event.until)}: {event.what}, read by {reader}"
        case events.RevocationRequested():
            return f"{event.access}: revocation requested: {event.reason}"
        case events.AccessRevoked():
            return f"{event.access} has ended ({event.cause}): {event.what}"
        case events.AccessReleased():
            return f"{event.access}: the account has removed its grants and resource links"
    return ""


_SAYING: Final[tuple[Callable[[EventData], str], ...]] = (
    _of_members, _of_products, _of_batches, _of_versions, _of_pins, _of_requests, _of_accesses,
)  # fmt: skip


def lines(event: EventData) -> Iterator[str]:
    """The details, a line each."""
    match event:
        case events.ProductUpdated():
            yield from _update_lines(event)
        case events.PinReady():
            yield from (f"{SQL}{query.sql}" for query in event.queries)
        case events.ProductQuarantined():
            yield from _quarantine_lines(event)
        case events.ProductRegistered():
            yield f"database {event.database} in {event.catalog_id}, data in {event.location}"
        case events.ContractChangeAnnounced(withdrawn=False):
            yield from _announcement_lines(event)
        case events.QuarantineDecided() | events.QuarantineClosed():
            yield f"by {event.by}: {event.reason}"
        case events.AccessGranted():
            for table in event.tables:
                yield f'{SQL}SELECT * FROM "{resource_link(table.database)}"."{table.table}" LIMIT 10'  # noqa: S608
            yield from (f"left out: {line}" for line in event.left_out)
        case events.AccessExpiring(reason=None):
            yield f"to extend it, request it again with a later --until; mesh grants {event.access} shows it"
        case events.DecisionRequested():
            yield from _decision_lines(event)
        case _ if isinstance(reason := getattr(event, "reason", None), Reason):
            yield f"{reason.code}: {reason.message}"
            if reason.remedy:
                yield f"next: {reason.remedy}"


def _announcement_lines(event: events.ContractChangeAnnounced) -> Iterator[str]:
    """From when on, what changes, whose accesses read it, and how to keep what is there."""
    yield f"data may follow it from {moment(event.in_force)}"
    yield from (change.text for change in event.changes)
    if more := event.changes_count - len(event.changes):
        yield f"and {output.amount(more, 'further change')}"
    for access in event.accesses:
        more = access.columns_count - len(access.columns)
        columns = ", ".join(access.columns) + (f" and {more} more" if more else "")
        yield f"{access.access} of {access.reader or 'the account'} reads {columns}"
    if more := event.accesses_count - len(event.accesses):
        yield f"and {output.amount(more, 'further access', plural='further accesses')}"
    yield f"queries of it: mesh queries {event.product}"
    if event.version:
        yield f"to keep the data as it is: mesh pin {event.product} {event.version} --until … --reason …"


def _quarantine_lines(event: events.ProductQuarantined) -> Iterator[str]:
    """Each object's reason, or the contract's."""
    for key, reason in [(each.key, each.reason) for each in event.objects] or [("", event.reason)]:
        yield f"{key}: {reason.message}".removeprefix(": ")
        if reason.remedy:
            yield f"  next: {reason.remedy}"


def _update_lines(event: events.ProductUpdated) -> Iterator[str]:
    """Why it is there, what it changed, what checks found, how to query it, and what it is compared with."""
    if event.rollback:
        yield f"requested by {event.rollback.requested_by}: {event.rollback.reason}"
    for change in event.changes:
        yield f"{change.table}: {'; '.join(what_changed(change))}"
        if change.compatibility != "full":
            yield f"{change.table}: {change.compatibility} compatible with the version before"
        if change.quality:
            yield f"{change.table}: {output.quality_text(change.quality.scores, change.quality.warnings)}"
    for warning in event.warnings:
        place = ".".join(filter(None, (warning.table, warning.column)))
        yield f"warning {warning.code}: {place + ': ' if place else ''}{warning.message}"
    yield from (f"{SQL}{query.sql}" for query in event.queries)
    compared = f"; mesh diff {event.product} {event.follows} {event.version}" if event.follows else ""
    yield f"contract {event.contract_version}{compared}"


def _decision_lines(event: events.DecisionRequested) -> Iterator[str]:
    """What an access would expose, why, and what to do."""
    yield f"for {event.purpose}, until {moment(event.until)}; {event.why}"
    for shown in event.exposure:
        classes = ", ".join(f"{each.count} {each.confidentiality}/{each.pii}" for each in shown.classes)
        yield f"{shown.database}.{shown.table}: {classes} (columns, confidentiality/pii)"
    yield f"decide by {moment(event.answer_by)}: {event.how}"


def what_changed(change: TableChange) -> Iterator[str]:
    """The parts of one table's change."""
    if change.new_table:
        yield f"new table with {output.amount(change.columns, 'column')}"
    if change.dropped:
        yield "dropped by the contract: its rows are gone"
    if change.added_columns:
        yield "added " + ", ".join(f"{column.name} {column.type}" for column in change.added_columns)
    if change.removed_columns:
        yield "removed " + ", ".join(change.removed_columns)
    yield from (f"{each.name} is {each.after}, was {each.before}" for each in change.changed_types)
    if change.added_partitions_count:
        more = change.added_partitions_count - len(change.added_partitions)
        listed = ", ".join(change.added_partitions) + (f" and {more} more" if more > 0 else "")
        yield f"{output.amount(change.added_partitions_count, 'new partition')} {listed}"
    rows = output.amount(change.rows, "row", exact=change.rows_exact)
    if change.rows_delta is not None and not change.new_table:
        rows += f" ({change.rows_delta:+,}, now {change.rows_total:,})"
    yield f"{rows}, {output.size(change.bytes)} in {output.amount(change.objects, 'file')}"


def _versions(numbers: tuple[int, ...]) -> str:
    return f"version{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def moment(at: datetime) -> str:
    """An event's time, for people."""
    return f"{output.day_text(at)} UTC"
