"""Sessions of roles that services assume."""

from ministack.services import sts

from local import roles


def test_a_session_that_begins_while_those_that_ended_are_looked_for_breaks_nothing() -> None:
    """Each state of each execution begins one, in a thread of its own."""
    assert isinstance(sts._sessions, roles._Sessions)
    sts.register_session("ASIAFIRST", {"Arn": "first"})
    for key, session in sts._sessions.items():
        sts.register_session("ASIASECOND", {"Arn": f"after {key}, {session}"})
    for key in ("ASIAFIRST", "ASIASECOND"):
        del sts._sessions[key]
