"""Steps that change a column's cells where they stand, in the rows that meet the step's conditions.

https://docs.aws.amazon.com/databrew/latest/dg/recipe-actions-reference.html: cleaning, quality, CHANGE_DATA_TYPE.
"""

import string
from collections.abc import Callable

from local.databrew.engine import cells, conditions
from local.databrew.engine.columns import Run
from local.databrew.engine.frame import Frame, StepError, literal
from local.databrew.engine.step import Step

_BITS = {"byte": 8, "short": 16, "int": 32, "long": 64}
_PUNCTUATION = ".!,?"
_QUOTES = "'\""


def upper(text: str) -> str:
    """DuckDB makes one capital of ß; the Unicode standard, as Java, makes two."""
    return f"upper(replace({text}, 'ß', 'SS'))"


def lower(text: str) -> str:
    return f"lower({text})"


def capital(text: str) -> str:
    """Each word's first letter a capital, the rest small; the white space stays."""
    word = "lambda w: replace(upper(w[1]), 'ẞ', 'Ss') || lower(w[2:])"
    pieces = f"regexp_extract_all({text}, '{cells.SPACE}+|{cells.NO_SPACE}+')"
    return f"array_to_string(list_transform({pieces}, {word}), '')"


def sentence(text: str) -> str:
    """Each sentence's first letter a capital, the rest small: a mark goes before each, the text is split there."""
    begins = rf"(^{cells.SPACE}*|[.!?]{cells.SPACE}+)([\p{{L}}\p{{N}}_])"
    marked = rf"regexp_replace(lower({text}), '{begins}', '\1' || chr(1) || '\2', 'g')"
    pieces = f"string_split({marked}, chr(1))"
    return f"({pieces}[1] || array_to_string(list_transform({pieces}[2:], lambda w: {upper('w[1]')} || w[2:]), ''))"


def _in_place(frame: Frame, step: Step, changed: Callable[[str], str]) -> None:
    cell = frame.cell(step["sourceColumn"])
    holds = conditions.test(frame, step.conditions)
    frame.change(step["sourceColumn"], f"CASE WHEN {holds} THEN {changed(cell)} ELSE {cell} END")


def _text(change: Callable[[str], str]) -> Run:
    def run(frame: Frame, step: Step) -> None:
        _in_place(frame, step, lambda cell: cells.unless_missing(cell, cells.made("s", change(cells.text(cell)))))

    return run


def add_prefix(frame: Frame, step: Step) -> None:
    _text(lambda text: f"{literal(step['pattern'])} || {text}")(frame, step)


def add_suffix(frame: Frame, step: Step) -> None:
    _text(lambda text: f"{text} || {literal(step['pattern'])}")(frame, step)


def replace_text(frame: Frame, step: Step) -> None:
    value = literal(step.get("value").replace("\\", "\\\\"))
    _text(lambda text: f"regexp_replace({text}, {literal(step['pattern'])}, {value}, 'g')")(frame, step)


def remove_combined(frame: Frame, step: Step) -> None:
    removed: dict[str, Callable[[str], str]] = {
        "collapseConsecutiveWhitespace": lambda text: f"regexp_replace({text}, '{cells.SPACE}{{2,}}', ' ', 'g')",
        "removeAllPunctuation": lambda text: _without(text, _PUNCTUATION),
        "removeAllQuotes": lambda text: _without(text, _QUOTES),
        "removeAllWhitespace": lambda text: f"regexp_replace({text}, '{cells.SPACE}+', '', 'g')",
        "removeCustomCharacters": lambda text: _without(text, step["customCharacters"]),
        "removeCustomValue": lambda text: f"replace({text}, {literal(step['customValue'])}, '')",
        "removeLeadingAndTrailingPunctuation": lambda text: f"trim({text}, {literal(_PUNCTUATION)})",
        "removeLeadingAndTrailingQuotes": lambda text: f"trim({text}, {literal(_QUOTES)})",
        "removeLeadingAndTrailingWhitespace": cells.stripped,
        "removeLetters": lambda text: _without(text, string.ascii_letters),
        "removeNumbers": lambda text: _without(text, string.digits),
        "removeSpecialCharacters": lambda text: _without(text, string.punctuation),
    }

    def clean(text: str) -> str:
        for name, change in removed.items():
            text = change(text) if step.flag(name) else text
        return text

    _text(clean)(frame, step)


def _without(text: str, characters: str) -> str:
    return f"translate({text}, {literal(characters)}, '')"


def format_date(frame: Frame, step: Step) -> None:
    def changed(cell: str) -> str:
        return cells.unless_missing(
            cell, cells.made("s", cells.written(cells.moment(cells.text(cell)), step["targetDateFormat"]))
        )

    _in_place(frame, step, changed)


def change_data_type(frame: Frame, step: Step) -> None:
    _in_place(
        frame, step, lambda cell: f"CASE WHEN NOT {cells.missing(cell)} THEN {cast(cell, step['columnDataType'])} END"
    )


def cast(cell: str, kind: str) -> str:
    """The cell in another type, NULL where it cannot be."""
    text = cells.text(cell)
    if kind in _BITS:
        limit = 2 ** (_BITS[kind] - 1)
        number = cells.whole(cell)
        return cells.made("n", f"CASE WHEN {number} BETWEEN -{limit} AND {limit - 1} THEN {number} END")
    match kind:
        case "float" | "double":
            return cells.made("n", f"CAST({cells.double(cell)} AS VARCHAR)")
        case "decimal":
            return _decimal(cell)
        case "string":
            return cells.made("s", text)
        case "boolean":
            word = f"lower({cells.stripped(text)})"
            return f"CASE WHEN {word} IN ('true', 'yes') THEN 'btrue' WHEN {word} IN ('false', 'no') THEN 'bfalse' END"
        case "date":
            return cells.made("s", cells.written(cells.moment(text), "yyyy-mm-dd"))
        case "timestamp":
            return cells.made("s", cells.written(cells.moment(text), "yyyy-mm-dd HH:MM:SS"))
    raise StepError(f"The data type {kind} is not supported")


def _decimal(cell: str) -> str:
    """38 digits, 18 after the point. What fits keeps its digits; a half is rounded to the even neighbour."""
    number = cells.number_text(cell)
    short = f"regexp_full_match({number}, '[+-]?[0-9]*\\.?[0-9]{{0,18}}')"
    kept = f"ltrim({number}, '+')"
    half = f"regexp_full_match({number}, '[+-]?[0-9]*\\.[0-9]{{17}}[02468]50*')"
    cut = f"regexp_extract({kept}, '^-?[0-9]*\\.[0-9]{{18}}')"
    rounded = f"CAST(TRY_CAST({number} AS DECIMAL(38, 18)) AS VARCHAR)"
    exponent = f"contains(lower({number}), 'e')"
    fits = f"TRY_CAST({number} AS DECIMAL(38, 18)) IS NOT NULL"
    digits = (
        f"CASE WHEN {exponent} THEN {cells.plain(f'TRY_CAST({number} AS DECIMAL(38, 18))')} "
        f"WHEN {short} THEN {kept} WHEN {half} THEN {cut} ELSE {rounded} END"
    )
    return f"CASE WHEN {fits} THEN {cells.made('n', digits)} END"


def fill_with_custom(frame: Frame, step: Step) -> None:
    kind = step.get("columnDataType", "string")
    given = f"('s' || {literal(step['value'])})"
    kind = {"number": "decimal", "unsupported": "string"}.get(kind, kind)
    filled = given if kind == "string" else cast(given, kind)
    _in_place(frame, step, lambda cell: f"CASE WHEN {cells.missing(cell)} THEN {filled} ELSE {cell} END")


def fill_with_last_valid(frame: Frame, step: Step) -> None:
    holds = conditions.test(frame, step.conditions)

    def changed(cell: str) -> str:
        valid = f"CASE WHEN ({holds}) AND NOT {cells.missing(cell)} THEN {cell} END"
        return (
            f"last_value({valid} IGNORE NULLS) OVER (ORDER BY row_no ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        )

    _in_place(frame, step, changed)


OPERATIONS: dict[str, Run] = {
    "CHANGE_DATA_TYPE": change_data_type,
    "UPPER_CASE": _text(upper),
    "LOWER_CASE": _text(lower),
    "CAPITAL_CASE": _text(capital),
    "SENTENCE_CASE": _text(sentence),
    "ADD_PREFIX": add_prefix,
    "ADD_SUFFIX": add_suffix,
    "REPLACE_TEXT": replace_text,
    "REMOVE_COMBINED": remove_combined,
    "FORMAT_DATE": format_date,
    "FILL_WITH_CUSTOM": fill_with_custom,
    "FILL_WITH_LAST_VALID": fill_with_last_valid,
}
