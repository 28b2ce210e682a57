"""The registry: one suite for the fake and for DynamoDB, so that what is proved with the one holds for the other."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from mesh.adapters.dynamodb.items import put
from mesh.adapters.dynamodb.registry import DynamoRegistry
from mesh.domain.contracts.claims import NameTaken
from mesh.domain.contracts.product import ConcurrentChange, ProductVersion, Throttled, VersionEnd
from mesh.domain.events import PersonalDataFinding
from mesh.domain.governance.column_findings import known_from
from mesh.domain.membership.authorisation import NotTheOwner

from tests.builders import CONSUMER, NOTE, PRODUCER, PRODUCT, SEQUENCER, STRANGER, a_contract, a_member, a_product
from tests.fakes import NOON, FakeRegistry


@pytest.fixture(params=["fake", "dynamodb"])
def registry(request):
    return FakeRegistry() if request.param == "fake" else DynamoRegistry(request.getfixturevalue("table"))


def version(number=1, run="run-1"):
    return ProductVersion(
        product=PRODUCT,
        version=number,
        run=run,
        correlation_id="c",
        contract_version="1.0.0",
        tables=(),
        changes=(),
        published=NOON,
    )


def put_member(registry, member):
    registry.change_member(member.account, lambda _: member)


def test_a_member_is_as_it_was_written_last(registry):
    assert registry.member(PRODUCER) is None
    put_member(registry, a_member(status="pending"))
    put_member(registry, a_member())

    assert registry.member(PRODUCER) == a_member()


def test_a_member_is_in_the_list_of_all_or_nowhere(table, monkeypatch):
    """A function that dies between two writes would leave a member that nothing finds which looks at all."""
    registry, real, calls = DynamoRegistry(table), table.write, []

    def dies(*writes):
        calls.append(writes)
        if len(calls) == 2:
            raise Throttled("killed")
        return real(*writes)

    monkeypatch.setattr(table, "write", dies)
    put_member(registry, a_member())
    assert [registry.member(PRODUCER)] == list(registry.members()) == [a_member()]


def test_a_change_of_a_member_is_of_the_record_as_it_is(table):
    registry, seen = DynamoRegistry(table), []
    put_member(registry, a_member(status="pending"))

    def decided_meanwhile(known):
        seen.append(known.status)
        if len(seen) == 1:
            put_member(registry, a_member(status="admitted"))
        return known if known.status == "admitted" else known.evolve(contact="other@example.com")

    registry.change_member(PRODUCER, decided_meanwhile)
    assert (seen, registry.member(PRODUCER)) == (["pending", "admitted"], a_member(status="admitted"))


def test_a_contract_that_was_looked_at_before_the_product_changed_changes_nothing(table, monkeypatch):
    """Retired, or registered, between the look and the claim."""
    registry, real = DynamoRegistry(table), DynamoRegistry.product
    registry.claim_product(a_product(a_contract(), status="claimed", contract_sequencer="01"))

    def claimed_while(change):
        def product(self, name):
            seen = real(self, name)
            monkeypatch.setattr(DynamoRegistry, "product", real)
            change(seen)
            return seen

        monkeypatch.setattr(DynamoRegistry, "product", product)
        with pytest.raises(ConcurrentChange):
            registry.claim_product(a_product(a_contract(), status="claimed", contract_sequencer="02"))
        return registry.product(PRODUCT)

    assert claimed_while(lambda _: registry.mark_registered(PRODUCT, "01", NOON)).status == "registered"
    retired = claimed_while(lambda seen: registry.mark_retired(seen, "r-1", NOON, NOON))
    assert (retired.status, retired.retirements) == ("retired", {"r-1": "01"})


def test_a_product_is_claimed_as_given(registry):
    product = a_product(status="claimed", tags={"pii": "none"})

    assert registry.claim_product(product) == product
    assert registry.product(PRODUCT) == product


def test_a_name_that_is_anothers_is_not_given(registry):
    registry.claim_product(a_product())

    with pytest.raises(NotTheOwner):
        registry.claim_product(a_product(owner=CONSUMER, contract_sequencer="99"))

    assert registry.product(PRODUCT).owner == PRODUCER


def test_a_product_goes_to_the_account_that_its_owner_names_with_its_versions_and_names(registry):
    offered = a_product(a_contract().evolve(hand_over_to=CONSUMER), contract_sequencer="99")
    registry.claim_product(offered)
    registry.mark_registered(PRODUCT, "99", NOON)
    registry.record_version(version(), NOTE, contract="99")
    bucket = offered.bucket.replace(PRODUCER, CONSUMER)

    taken = registry.claim_product(a_product(status="claimed", owner=CONSUMER, bucket=bucket, contract_sequencer="10"))

    assert (taken.owner, taken.status, taken.version, taken.contract_sequencer) == (CONSUMER, "registered", 1, "10")
    assert [(each.account, each.bucket, each.contract_sequencer) for each in taken.former] == [
        (PRODUCER, offered.bucket, "99")
    ]
    assert taken == registry.product(PRODUCT)
    assert taken.taken_from == PRODUCER
    again = a_product(status="claimed", owner=CONSUMER, bucket=bucket, contract_sequencer="10")
    assert registry.claim_product(again) == taken
    registry.mark_registered(PRODUCT, "10", NOON)
    assert registry.product(PRODUCT).taken_from is None
    with pytest.raises(NotTheOwner):
        registry.claim_product(offered)


def test_a_newer_contract_replaces_and_an_older_one_does_not(registry):
    registry.claim_product(a_product(status="claimed", contract_sequencer="1A", contract_version="1"))
    registry.mark_registered(PRODUCT, "1A", NOON)
    registry.record_version(version(), NOTE, contract="1A")

    newer = registry.claim_product(a_product(status="claimed", contract_sequencer="1B", contract_version="2"))
    older = registry.claim_product(a_product(status="claimed", contract_sequencer="1A0", contract_version="0"))

    assert (newer.contract_version, newer.status, newer.version) == ("2", "registered", 1)
    assert older == newer == registry.product(PRODUCT)


def test_the_same_contract_again_is_current(registry):
    registry.claim_product(a_product(contract_sequencer="1A"))

    assert registry.claim_product(a_product(contract_sequencer="1A")).contract_sequencer == "1A"


def named(prefix, **more):
    return a_product(a_contract().evolve(crawler_prefix=prefix), **more)


def test_the_names_of_a_product_are_claimed_once(registry):
    registry.claim_product(named("credit"))
    for _ in range(2):
        with pytest.raises(NameTaken) as caught:
            registry.claim_product(named("Credit", name="loans"))
    assert (caught.value.where["holder"], registry.product("loans")) == (PRODUCT, None)
    assert list(registry.product_names()) == [PRODUCT]
    registry.claim_product(named("credit", name="loans", owner=CONSUMER))  # a crawler of another account
    registry.claim_product(named("credit"))


def test_a_contract_whose_new_name_is_taken_changes_nothing(registry):
    registry.claim_product(named("credit", contract_sequencer="1"))
    registry.claim_product(named("loans", name="loans"))
    with pytest.raises(NameTaken):
        registry.claim_product(named("loans", contract_sequencer="2"))
    assert registry.product(PRODUCT).contract_sequencer == "1"


def test_that_a_draft_was_before_is_known_until_the_product_is_registered(registry):
    registry.claim_product(a_product(status="claimed", after_draft=True))
    assert registry.product(PRODUCT).after_draft

    registry.mark_registered(PRODUCT, "10", NOON)

    assert not registry.product(PRODUCT).after_draft


def test_when_it_was_registered_is_known_until_another_contract_is_declared(registry):
    registry.claim_product(a_product(status="claimed"))
    registry.mark_registered(PRODUCT, "10", NOON)
    assert registry.claim_product(a_product(status="claimed")).registered_at == NOON, "delivered again"
    assert registry.product(PRODUCT).registered_at == NOON

    registry.claim_product(a_product(contract_sequencer="11"))
    assert registry.product(PRODUCT).registered_at is None


def test_a_name_stays_with_a_registered_product(registry):
    """What was made under it is still there."""
    registry.claim_product(named("credit", status="claimed", contract_sequencer="1"))
    registry.mark_registered(PRODUCT, "1", NOON)
    registry.claim_product(named("cards", status="claimed", contract_sequencer="2"))
    registry.mark_retired(registry.product(PRODUCT), "r-1", NOON, NOON)
    for prefix in ("credit", "cards"):
        with pytest.raises(NameTaken):
            registry.claim_product(named(prefix, name="loans"))


def test_names_that_were_never_registered_are_given_back(registry):
    registry.claim_product(named("credit", status="claimed", contract_sequencer="1"))
    registry.claim_product(named("cards", status="claimed", contract_sequencer="2"))
    registry.release_claims(PRODUCT, "1")
    assert registry.product(PRODUCT) is not None
    for _ in range(2):
        registry.release_claims(PRODUCT, "2")
    assert registry.product(PRODUCT) is None
    assert list(registry.product_names()) == []
    with pytest.raises(ConcurrentChange):
        registry.mark_registered(PRODUCT, "2", NOON)
    for prefix, name in (("credit", "loans"), ("cards", "payments")):
        registry.claim_product(named(prefix, name=name))
    registry.claim_product(a_product(owner=CONSUMER))


def test_only_the_contract_that_counts_is_registered(registry):
    registry.claim_product(a_product(status="claimed", contract_sequencer="1"))
    registry.claim_product(a_product(status="claimed", contract_sequencer="2"))

    with pytest.raises(ConcurrentChange):
        registry.mark_registered(PRODUCT, "1", NOON)

    assert registry.product(PRODUCT).status == "claimed"


def test_a_retired_product_is_revived_by_the_next_contract_and_keeps_which_one_was_ended(registry):
    registry.claim_product(a_product(status="claimed", contract_sequencer="1"))
    registry.mark_registered(PRODUCT, "1", NOON)
    before = registry.product(PRODUCT)
    for _ in range(2):
        registry.mark_retired(registry.product(PRODUCT), "r-1", NOON, NOON)
    ended = registry.product(PRODUCT)
    assert (ended.status, ended.has_ended, ended.retirements) == ("retired", True, {"r-1": "1"})
    assert (ended.was_retired_after(NOON - timedelta(seconds=1)), ended.was_retired_after(NOON)) == (True, False)

    revived = registry.claim_product(a_product(status="claimed", contract_sequencer="2"))
    assert (revived.has_ended, revived.retirements, revived.retired) == (False, {"r-1": "1"}, NOON)
    assert revived == registry.product(PRODUCT)
    with pytest.raises(ConcurrentChange):
        registry.mark_retired(before, "r-2", NOON, NOON)
    registry.mark_registered(PRODUCT, "2", NOON)
    assert registry.product(PRODUCT).status == "registered"


def test_what_was_registered_is_not_given_back(registry):
    registry.claim_product(named("credit", status="claimed", contract_sequencer="1"))
    registry.mark_registered(PRODUCT, "1", NOON)
    registry.release_claims(PRODUCT, "1")
    assert registry.product(PRODUCT).status == "registered"


def test_versions_count_up_and_the_product_with_them(registry):
    registry.claim_product(a_product())
    assert registry.latest_version(PRODUCT) is None

    for number in range(1, 12):
        registry.record_version(version(number, f"run-{number}"), NOTE, contract=SEQUENCER)

    assert registry.latest_version(PRODUCT).version == 11
    assert registry.product(PRODUCT).version == 11


def test_a_run_is_recorded_once(registry):
    registry.claim_product(a_product())
    first = registry.record_version(version(), NOTE, contract=SEQUENCER)
    with pytest.raises(ConcurrentChange):
        registry.record_version(version(2, "run-2"), NOTE, contract="of an earlier one")
    registry.record_version(version(2, "run-2"), NOTE, contract=SEQUENCER)

    assert registry.record_version(version(3, "run-1"), NOTE, contract=SEQUENCER) == first
    assert registry.version_of_run(PRODUCT, "run-1") == first
    assert registry.version_of_run(PRODUCT, "run-9") is None
    assert registry.product(PRODUCT).version == 2


@pytest.mark.parametrize("number", [1, 3])
def test_a_number_that_is_taken_or_skips_one_is_refused_whole(registry, number):
    registry.claim_product(a_product())
    registry.record_version(version(), NOTE, contract=SEQUENCER)

    with pytest.raises(ConcurrentChange):
        registry.record_version(version(number, "run-2"), NOTE, contract=SEQUENCER)

    assert registry.product(PRODUCT).version == 1
    assert registry.version_of_run(PRODUCT, "run-2") is None


def test_a_request_of_the_second_in_which_central_ended_a_subscription_comes_after_it(registry):
    """EventBridge gives the time of an event in whole seconds."""
    registry.unsubscribe("loans", CONSUMER, NOON + timedelta(milliseconds=700))
    assert registry.follow_request("loans", CONSUMER, wanted=True, asked=NOON)
    assert list(registry.subscribers("loans")) == [CONSUMER]
    registry.unsubscribe("loans", CONSUMER, NOON + timedelta(seconds=1))
    assert not registry.follow_request("loans", CONSUMER, wanted=True, asked=NOON)


def test_subscriptions_are_idempotent_and_of_one_product(registry):
    for product in (PRODUCT, "loans"):
        for _ in range(2):
            registry.follow_request(product, CONSUMER, wanted=True, asked=NOON)
    registry.follow_request(PRODUCT, PRODUCER, wanted=True, asked=NOON)
    for _ in range(2):
        registry.unsubscribe("loans", CONSUMER, NOON)

    assert list(registry.subscribers(PRODUCT)) == [PRODUCER, CONSUMER]
    assert list(registry.subscribers("loans")) == []
    earlier = NOON - timedelta(seconds=1)
    assert not registry.follow_request("loans", CONSUMER, wanted=True, asked=earlier), "delivered again"
    assert list(registry.subscribers("loans")) == []


def test_a_notice_is_of_one_version_and_one_account(registry):
    registry.record_notices(PRODUCT, 1, [CONSUMER], NOON, NOTE)

    registry.record_notices(PRODUCT, 10, [PRODUCER], NOON, NOTE)
    put_member(registry, a_member())
    put_member(registry, a_member(CONSUMER, "consumer"))
    for version_, notice in ((1, {CONSUMER}), (2, set()), (10, {PRODUCER})):
        audience = registry.audience(PRODUCT, version_, [CONSUMER, PRODUCER])
        assert {account for account, each in audience.items() if each.notified} == notice


def test_an_older_request_about_a_subscription_changes_nothing(registry):
    asked = [NOON + timedelta(microseconds=each) for each in range(3)]
    assert registry.follow_request(PRODUCT, CONSUMER, wanted=True, asked=asked[0])
    assert registry.follow_request(PRODUCT, CONSUMER, wanted=True, asked=asked[2])
    assert not registry.follow_request(PRODUCT, CONSUMER, wanted=False, asked=asked[1])
    assert list(registry.subscribers(PRODUCT)) == [CONSUMER]
    assert registry.follow_request(PRODUCT, CONSUMER, wanted=False, asked=asked[2])
    assert not registry.follow_request(PRODUCT, CONSUMER, wanted=True, asked=asked[0])
    assert list(registry.subscribers(PRODUCT)) == []


def test_a_subscription_is_neither_a_version_nor_a_notice(registry):
    registry.claim_product(a_product())
    registry.follow_request(PRODUCT, CONSUMER, wanted=True, asked=NOON)
    registry.record_notices(PRODUCT, 1, [CONSUMER], NOON, NOTE)

    assert registry.latest_version(PRODUCT) is None
    assert list(registry.subscribers(PRODUCT)) == [CONSUMER]


def test_two_claims_at_once_leave_one(table, monkeypatch):
    """DynamoDB's condition decides, not our reading before."""
    first, second = DynamoRegistry(table), DynamoRegistry(table)
    first.claim_product(a_product(contract_sequencer="1"))
    stale = first.product(PRODUCT)
    second.claim_product(a_product(contract_sequencer="3"))
    monkeypatch.setattr(first, "product", lambda _: stale)

    with pytest.raises(ConcurrentChange):
        first.claim_product(a_product(contract_sequencer="2"))

    assert second.product(PRODUCT).contract_sequencer == "3"


def test_lists_for_people_hold_every_page(table):
    registry = DynamoRegistry(table)
    names = [f"product-{number:03d}" for number in range(30)]
    for name in names:
        registry.claim_product(named(name, name=name, description="x" * 60_000))
    put_member(registry, a_member())

    assert [product.name for product in registry.products()] == names
    assert list(registry.members()) == [a_member()]


def test_refusals_are_kept_in_order_and_once_for_an_event(table):
    registry = DynamoRegistry(table)
    for later in range(3):  # delivered again and again
        registry.record_refusal(
            PRODUCER, "ProductDeclared", {"code": "NotAMember"}, NOON + timedelta(seconds=later), event="e-1"
        )
    for event in ("e-2", "e-3"):  # at the same moment
        registry.record_refusal(PRODUCER, "Product#", {"code": "NameTaken"}, NOON + timedelta(hours=1), event=event)

    first, second, third = table.query(f"REFUSAL#{PRODUCER}")
    assert first["sk"] == f"{NOON.isoformat()}#ProductDeclared#e-1"
    assert "NotAMember" in first["reason"]
    assert ["NameTaken" in each["reason"] for each in (second, third)] == [True, True]
    assert list(registry.refusals(PRODUCER, NOON)) == [
        ("Product#", "NameTaken"),
        ("Product#", "NameTaken"),
        ("ProductDeclared", "NotAMember"),
    ]


def test_a_version_ends_and_stays_what_it_was(registry):
    registry.claim_product(a_product())
    registry.record_version(version(), NOTE, contract=SEQUENCER)
    assert list(registry.product_names()) == [PRODUCT]
    for end in (VersionEnd(status="expired", at=NOON), VersionEnd(status="withdrawn", at=NOON, reason="not ours")):
        registry.end_version(PRODUCT, 1, end)
        registry.end_version(PRODUCT, 9, end)
        assert registry.version(PRODUCT, 1) == version().model_copy(update={"ended": end})
    assert registry.version(PRODUCT, 9) is None


def test_members_with_a_record_are_read_together(registry):
    accounts = [f"{number:012d}" for number in range(130)]
    for account in accounts[:-1]:
        put_member(registry, a_member(account))
    found = registry.audience(PRODUCT, 1, [*accounts, accounts[0]])
    assert sorted(found) == accounts[:-1]
    assert found[accounts[7]] == (a_member(accounts[7]), False)
    assert registry.audience(PRODUCT, 1, []) == {}


def test_a_sender_is_read_with_the_product_that_it_speaks_about(registry):
    put_member(registry, a_member())
    assert registry.sender(PRODUCER, PRODUCT) == (a_member(), None)
    registry.claim_product(a_product())
    assert registry.sender(PRODUCER, PRODUCT) == (a_member(), a_product())
    assert registry.sender(PRODUCER, "") == (a_member(), None)
    assert registry.sender(STRANGER, PRODUCT) == (None, a_product())


def test_unprocessed_keys_of_dynamodb_are_read_again(table, monkeypatch):
    monkeypatch.setattr("mesh.adapters.dynamodb.items.time", SimpleNamespace(sleep=lambda _: None))
    ask, asked = table.client.batch_get_item, []

    def part_of_it(RequestItems):  # noqa: N803 - AWS's name
        [(name, request)] = RequestItems.items()
        first, rest = request["Keys"][:1], request["Keys"][1:]
        asked.append(len(request["Keys"]))
        answer = ask(RequestItems={name: {**request, "Keys": first}})
        return {**answer, "UnprocessedKeys": {name: {**request, "Keys": rest}} if rest else {}}

    for number in range(7):
        table.write(put({"pk": f"A#{number}", "sk": "A"}))
    monkeypatch.setattr(table.client, "batch_get_item", part_of_it)
    assert sorted(table.get_all((f"A#{number}", "A") for number in range(3))) == [(f"A#{n}", "A") for n in range(3)]
    assert asked == [3, 2, 1]
    with pytest.raises(Throttled):
        table.get_all((f"A#{number}", "A") for number in range(7))


def test_findings_only_grow_whatever_comes_when(registry):
    mail = PersonalDataFinding(column="note", value="personal", reason="e-mail addresses", confidence=0.9)
    first, second = known_from([mail], "0000000a", NOON), known_from([mail.evolve(value="sensitive")], "0000000b", NOON)
    assert registry.findings(PRODUCT) == {}

    registry.add_findings(PRODUCT, "t1", second)
    registry.add_findings(PRODUCT, "t1", first)
    registry.add_findings(PRODUCT, "t1", second)
    registry.add_findings(PRODUCT, "t2", first)

    assert registry.findings(PRODUCT) == {"t1": (*first, *second), "t2": first}


def test_an_end_of_a_subscription_that_comes_late_leaves_the_later_one(registry):
    registry.follow_request(PRODUCT, CONSUMER, wanted=True, asked=NOON)
    assert not registry.follow_request(PRODUCT, CONSUMER, wanted=False, asked=NOON - timedelta(hours=2))
    assert list(registry.subscribers(PRODUCT)) == [CONSUMER]
