"""Field ids: kept by columns of the same name and type, never given twice."""

from mesh.domain.publishing.fields import Field, FieldIds, assign_fields, rewritten_columns
from mesh.domain.schema import Column


def columns(**types: str) -> list[Column]:
    return [Column(name=name, type=type_) for name, type_ in types.items()]


def test_a_new_table_numbers_every_field_from_one() -> None:
    fields = assign_fields(
        columns(a="bigint", s="struct<x:int,l:array<string>>", m="map<string,double>"), (), FieldIds(0)
    )
    assert [each.id for field in fields for each in field.every()] == list(range(1, 9))
    assert [field.hive_type for field in fields] == ["bigint", "struct<x:int,l:array<string>>", "map<string,double>"]


def test_columns_keep_their_ids_in_any_order() -> None:
    base = assign_fields(columns(a="bigint", b="string"), (), FieldIds(0))
    ids = FieldIds(2)
    now = assign_fields(columns(b="string", c="date", a="bigint"), base, ids)
    assert [(field.name, field.id) for field in now] == [("b", 2), ("c", 3), ("a", 1)]
    assert rewritten_columns(base, now) == ()


def test_an_id_that_was_given_after_the_base_is_not_given_again() -> None:
    """After a rollback to two columns, id 3 still stands in files that nobody reads any more."""
    base = assign_fields(columns(id="bigint", dt="string"), (), FieldIds(0))
    (_, _, country) = assign_fields(columns(id="bigint", dt="string", country="string"), base, FieldIds(3))
    assert country.id == 4


def test_another_type_is_another_column_whose_files_are_rewritten() -> None:
    base = assign_fields(columns(a="bigint", b="string"), (), FieldIds(0))
    now = assign_fields(columns(a="double", b="string"), base, FieldIds(2))
    assert [field.id for field in now] == [3, 2]
    assert rewritten_columns(base, now) == ("a",)


def test_a_struct_that_gains_a_field_is_not_rewritten() -> None:
    base = assign_fields(columns(s="struct<x:int>", l="array<struct<y:int>>"), (), FieldIds(0))
    now = assign_fields(columns(s="struct<x:int,z:date>", l="array<struct<y:int,w:string>>"), base, FieldIds(5))
    assert (now[0].id, [child.id for child in now[0].children]) == (1, [2, 6])
    assert now[1].id == base[1].id
    assert rewritten_columns(base, now) == ()


def test_a_struct_whose_field_has_another_type_is_another_column() -> None:
    base = assign_fields(columns(s="struct<x:int,y:string>"), (), FieldIds(0))
    (now,) = assign_fields(columns(s="struct<x:string,y:string>"), base, FieldIds(3))
    assert min(each.id for each in now.every()) > 3
    assert rewritten_columns(base, (now,)) == ("s",)


def test_a_struct_that_loses_a_field_is_another_column() -> None:
    base = (
        Field(
            id=1,
            name="s",
            type="struct",
            children=(Field(id=2, name="x", type="int"), Field(id=3, name="y", type="int")),
        ),
    )
    (now,) = assign_fields(columns(s="struct<x:int>"), base, FieldIds(3))
    assert now.id == 4
