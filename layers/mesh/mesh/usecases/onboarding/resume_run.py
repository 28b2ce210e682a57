"""An event that a run of `onboard-upload` waits for: its task token is stored under the event's subject.

An event that no run waits for may be lost: a run without an answer asks central again, or polls the crawler.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mesh.domain.events import Envelope, ProposalSettled, read_event
from mesh.domain.model import Model
from mesh.ports import TaskAnswers, Uploads


class Resumed(Model):
    """Whether a run was waiting."""

    resumed: bool


def resume_run(event: Mapping[str, Any], *, uploads: Uploads, answers: TaskAnswers) -> Resumed:
    """Release the run that waits. Idempotent: a token is used once, and kept until it was. Raises MalformedEvent."""
    subject, said = _READERS[event["detail-type"]](event)
    token = uploads.token(subject)
    if token is None:
        return Resumed(resumed=False)
    resumed = answers.send(token, said)
    uploads.drop_token(subject, token)
    return Resumed(resumed=resumed)


def _settled(event: Mapping[str, Any]) -> tuple[str, str]:
    answer = read_event(ProposalSettled, Envelope.model_validate(event)).data
    return answer.proposal, answer.model_dump_json()


def _crawled(event: Mapping[str, Any]) -> tuple[str, str]:
    """A short cut: the run polls the crawler in any case."""
    return str(event["detail"]["crawlerName"]), "{}"


_READERS: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    ProposalSettled.detail_type(): _settled,
    "Glue Crawler State Change": _crawled,
}
"""How an event of each type is read: its subject, and the output for the run."""
