"""Short ways to write a recipe and to put rows through it."""

import json

from mesh.domain.onboarding.curation.plan import plan_recipe
from mesh.domain.onboarding.curation.recipe import parse_recipe


def step(operation, conditions=None, **parameters):
    action = {"Action": {"Operation": operation, "Parameters": parameters}}
    return action | ({"ConditionExpressions": conditions} if conditions else {})


def condition(name, column, value=None):
    return {"Condition": name, "TargetColumn": column} | ({} if value is None else {"Value": value})


def recipe_of(*steps):
    return parse_recipe(json.dumps(list(steps)).encode())


def curate(columns, rows, *steps):
    """(columns, rows) after the steps; the given rows stay as they are."""
    plan = plan_recipe(recipe_of(*steps), columns.split())
    return " ".join(plan.columns), list(plan.apply([list(row) for row in rows]))
