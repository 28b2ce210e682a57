"""Steps that make new columns.

https://docs.aws.amazon.com/databrew/latest/dg/recipe-actions-reference.html: mapping, functions, column structure.
"""

import json

from local.databrew.engine import cells, values
from local.databrew.engine.columns import Run
from local.databrew.engine.frame import Frame, literal
from local.databrew.engine.step import Step

_SIGNS = {"ADD": "+", "SUBTRACT": "-", "MULTIPLY": "*"}
_TEXT = {"TRIM": cells.stripped, "UPPER": values.upper, "LOWER": values.lower, "PROPER": values.capital}


def categorical_mapping(frame: Frame, step: Step) -> None:
    source = step["sourceColumn"]
    cell = frame.cell(source)
    mapped = {
        key: item if isinstance(item, str) else json.dumps(item)
        for key, item in json.loads(step["categoryMap"]).items()
    }
    known = f"coalesce({cells.text(cell)}, '') IN ({', '.join(map(literal, mapped))})"
    if step.flag("deleteOtherRows"):
        frame.where(known)
    cases = " ".join(f"WHEN {literal(key)} THEN {literal('s' + value)}" for key, value in mapped.items())
    other = literal("s" + step["other"]) if "other" in step.parameters else "NULL"
    rest = f"CASE WHEN NOT {cells.missing(cell)} THEN {cell if step.flag('keepOthers') else other} END"
    chosen = f"CASE coalesce({cells.text(cell)}, '') {cases} ELSE {rest} END"
    frame.add(step["targetColumn"], _number(chosen) if step.get("mapType") == "NUMERIC" else chosen, [source])


def _number(cell: str) -> str:
    exact = f"TRY_CAST({cells.number_text(f'({cell})')} AS DECIMAL(38, 12))"
    return cells.made("n", cells.plain(exact))


def arithmetic(frame: Frame, step: Step) -> None:
    """Exact in twelve digits after the point; a quotient in a double's fifteen digits."""
    chosen = [name for name in ("sourceColumn1", "value1", "sourceColumn2", "value2") if name in step.parameters]
    sources = [step[name] for name in chosen if name.startswith("source")]
    left, right = (
        cells.number_text(frame.cell(step[name])) if name.startswith("source") else literal(step[name])
        for name in chosen
    )
    if step.operation == "DIVIDE":
        quotient = f"{cells.finite(left)} / nullif({cells.finite(right)}, 0)"
        result = f"printf('%.15g', {quotient})"
    else:
        kind = "DECIMAL(19, 6)" if step.operation == "MULTIPLY" else "DECIMAL(37, 12)"
        result = cells.plain(f"(TRY_CAST({left} AS {kind}) {_SIGNS[step.operation]} TRY_CAST({right} AS {kind}))")
    frame.add(step["targetColumn"], cells.made("n", result), sources)


def text_function(frame: Frame, step: Step) -> None:
    change = _TEXT[step.operation]
    if "value" in step.parameters:
        frame.add(step["targetColumn"], cells.made("s", change(literal(step["value"]))))
        return
    source = step["sourceColumn"]
    frame.add(step["targetColumn"], _or_null(change(cells.text(frame.cell(source)))), [source])


def date_format(frame: Frame, step: Step) -> None:
    pattern = step.get("dateTimeFormat") or "yyyy-mm-dd HH:MM:SS"
    if "value" in step.parameters:
        frame.add(step["targetColumn"], cells.made("s", cells.written(cells.moment(literal(step["value"])), pattern)))
        return
    source = step["sourceColumn"]
    moment = cells.moment(cells.text(frame.cell(source)))
    frame.add(step["targetColumn"], cells.made("s", cells.written(moment, pattern)), [source])


def merge(frame: Frame, step: Step) -> None:
    sources = json.loads(step["sourceColumns"])
    found = [frame.cell(name) for name in sources]
    texts = [f"CASE WHEN NOT {cells.missing(cell)} THEN {cells.text(cell)} END" for cell in found]
    joined = f"concat_ws({literal(step.get('delimiter'))}, {', '.join(texts)})"
    frame.add(step["targetColumn"], _or_null(joined), sources)


def split(frame: Frame, step: Step) -> None:
    source, pattern, limit = step["sourceColumn"], literal(step["pattern"]), int(step["limit"])
    cell = frame.cell(source)
    parts = f"string_split(CASE WHEN NOT {cells.missing(cell)} THEN {cells.text(cell)} END, {pattern})"
    frame.add(f"{source}_{limit + 1}", _or_null(f"array_to_string({parts}[{limit + 1}:], {pattern})"), [source])
    for place in range(limit, 0, -1):
        frame.add(f"{source}_{place}", _or_null(f"{parts}[{place}]"), [source])


def _or_null(text: str) -> str:
    return cells.made("s", f"nullif({text}, '')")


OPERATIONS: dict[str, Run] = {
    "CATEGORICAL_MAPPING": categorical_mapping,
    **dict.fromkeys([*_SIGNS, "DIVIDE"], arithmetic),
    **dict.fromkeys(_TEXT, text_function),
    "DATE_FORMAT": date_format,
    "MERGE": merge,
    "MERGE_COLUMNS_AND_VALUES": merge,
    "SPLIT_COLUMN_SINGLE_DELIMITER": split,
}
