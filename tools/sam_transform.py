"""The templates as CloudFormation deploys them: SAM's transform, offline, with each machine's definition put in."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.utils.py27hash_fix import to_py27_compatible_template, undo_mark_unicode_str_in_template

from tools.templates import STATE_MACHINE, load

REGION = "us-east-1"
# Where `sam package` would put code: the transform wants some S3 address.
_CODE = "s3://packaged/code.zip"
_PATHS = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}
_SUBSTITUTION = re.compile(r"\$\{[^}]+\}")


def transformed(path: Path) -> dict[str, Any]:
    """The CloudFormation template behind a SAM template. Raises samtranslator's InvalidDocumentException."""
    template = load(path)
    definitions = {}
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] in _PATHS:
            properties[_PATHS[resource["Type"]]] = _CODE
        if resource["Type"] == STATE_MACHINE:
            definitions[name] = _definition(path.parent / properties["DefinitionUri"])
            properties["DefinitionUri"] = _CODE
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    result = _translate(template, _parameters(template))
    for name, definition in definitions.items():
        properties = result["Resources"][name]["Properties"]
        for field in ("DefinitionS3Location", "DefinitionSubstitutions"):
            properties.pop(field, None)
        properties["Definition"] = definition
    return result


def _translate(template: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """As `samtranslator.translator.transform.transform` does, with a region of our own: it asks no AWS for anything."""
    to_py27_compatible_template(template, parameters)
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    result: dict[str, Any] = undo_mark_unicode_str_in_template(translator.translate(template, parameters))
    return result


def _definition(path: Path) -> dict[str, Any]:
    """The definition with something of the right form in place of each substitution.

    What JSONata allows and cfn-lint's schema of the language (E3601) does not know yet is left out: a Succeed state's
    `Output`, and a `TimeoutSeconds` that is an expression.
    """
    text = _SUBSTITUTION.sub(f"arn:aws:lambda:{REGION}:111111111111:function:x", path.read_text("utf-8"))
    definition: dict[str, Any] = json.loads(text)
    for state in definition["States"].values():
        if state["Type"] == "Succeed":
            state.pop("Output", None)
        if isinstance(state.get("TimeoutSeconds"), str):
            del state["TimeoutSeconds"]
    return definition


def _parameters(template: dict[str, Any]) -> dict[str, str]:
    return {name: str(parameter.get("Default", "")) for name, parameter in template.get("Parameters", {}).items()}
