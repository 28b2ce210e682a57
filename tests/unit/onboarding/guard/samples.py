"""A history of generated credit slices, and batches to judge by it."""

import random
from functools import cache

from mesh.domain.onboarding.formats.model import ObjectRef
from mesh.domain.onboarding.guard.evaluation import judge
from mesh.domain.onboarding.guard.history import History, edges_of, remember
from mesh.domain.onboarding.guard.settings import GuardSettings

from local.samples import credit
from tests.guard_profiles import profile_of

LABEL = "kredit"
SETTINGS = GuardSettings(label=LABEL)
SIZE = 200


@cache
def slices(count=11, seed=5, size=SIZE):
    rows = list(credit.generate(count * size, seed))
    return [rows[start : start + size] for start in range(0, count * size, size)]


def remembered(batches, label=LABEL, sources=("a",)):
    history = History(table="t")
    for generation, rows in enumerate(batches, start=1):
        profile = profile_of(rows, edges_of(history), label)
        history = remember(history, generation, profile, sources, [ref(f"data/t/{generation}.csv", f"e{generation}")])
    return history


@cache
def accepted(count=10):
    return remembered(slices()[:count])


def clean():
    return [dict(row) for row in slices()[10]]


def ref(key, etag="", size=4096):
    return ObjectRef(bucket="b", key=key, size=size, etag=etag)


def judged(rows, history=None, settings=SETTINGS, *, objects=1, **more):
    history = history if history is not None else accepted()
    profile = profile_of(rows, edges_of(history), settings.label).evolve(objects=objects)
    return judge(profile, history, settings, **more)


def codes(findings, severity="error"):
    return {(finding.code, finding.column) for finding in findings if finding.severity == severity}


def flip(rows, share, seed=1):
    hit = set(random.Random(seed).sample(range(len(rows)), round(share * len(rows))))
    return [{**row, LABEL: 1 - row[LABEL]} if place in hit else row for place, row in enumerate(rows)]
