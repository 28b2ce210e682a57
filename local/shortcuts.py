"""Caches for work that MiniStack repeats with each request, which slows down every call."""

from functools import lru_cache
from typing import Any

from ministack.core import iam_evaluator, responses, router
from ministack.services import dynamodb

type Statements = list[iam_evaluator.ParsedStatement]

_KEPT = 1024


def install() -> None:
    """Put the short ways in the place of MiniStack's own. Once per process."""
    # A grammar that is checked once for each item that a query looks at.
    dynamodb._condition_syntax_error = lru_cache(_KEPT)(dynamodb._condition_syntax_error)
    iam_evaluator.parse_policy_document = _parsed_once(iam_evaluator.parse_policy_document)
    iam_evaluator.request_caller_arn = _caller_arn
    responses.AccountRegionScopedDict.values = _values


def _parsed_once(parse: Any) -> Any:  # noqa: ANN401 - MiniStack's function
    """A role's policies, which are kept as text, are parsed for each of its calls."""
    known = lru_cache(_KEPT)(parse)

    def parsed(document: str | dict[str, Any]) -> Statements:
        return list(known(document)) if isinstance(document, str) else parse(document)

    return parsed


def _caller_arn(headers: dict[str, str], query_params: dict[str, Any] | None = None) -> str:
    """Who calls; the account's root when that is not known. MiniStack gathers all policies of the caller to tell."""
    account = responses.get_account_id()
    key = router.extract_access_key_id(headers or {}, query_params or {})
    if key:
        found = iam_evaluator.resolve_credential(key, responses._account_from_sts_session(key) or account)
        if isinstance(found, iam_evaluator.ResolvedCredential) and found.principal_arn:
            return str(found.principal_arn)
    return f"arn:aws:iam::{account}:root"


def _values(self: Any) -> list[Any]:  # noqa: ANN401 - MiniStack's dictionary
    """Of the request's account and region, which MiniStack asks for once for each value there is."""
    return self.values_scoped(responses.get_account_id(), responses.get_region())  # type: ignore[no-any-return]
