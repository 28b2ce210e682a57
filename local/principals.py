"""Roles that bucket policies name: S3 keeps a principal's unique id, and a role that is made again has another one.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles
"""

import json
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import iam, s3
from ministack.services.cloudformation import provisioners


def install() -> None:
    """Once per process: a role goes by the API, or with its stack."""
    iam._IAM_HANDLERS["DeleteRole"] = _forgotten(
        iam._IAM_HANDLERS["DeleteRole"], lambda request: iam._p(request, "RoleName")
    )
    handler = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    handler["delete"] = _forgotten(handler["delete"], str)


def _forgotten(delete: Any, name_of: Any) -> Any:  # noqa: ANN401 - MiniStack's functions
    def delete_role(first: Any, *rest: Any) -> Any:  # noqa: ANN401
        name = name_of(first)
        role = iam._roles.get(name)
        answer = delete(first, *rest)
        if role and name not in iam._roles:
            _show_id(f"arn:aws:iam::{get_account_id()}:role{role.get('Path', '/')}{name}", role["RoleId"])
        return answer

    return delete_role


def _show_id(arn: str, unique_id: str) -> None:
    """In every account's policies the id stands where the ARN stood: nobody has it any more."""
    for place, text in list(s3._bucket_policies._data.items()):
        if arn in text:
            policy = json.loads(text)
            for statement in policy["Statement"]:
                if isinstance(statement.get("Principal"), dict):
                    named = statement["Principal"].get("AWS", [])
                    named = named if isinstance(named, list) else [named]
                    statement["Principal"]["AWS"] = [unique_id if each == arn else each for each in named]
            s3._bucket_policies._data[place] = json.dumps(policy)
