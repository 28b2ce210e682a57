#!/usr/bin/env bash
# An access ends by itself: two roles hold overlapping ones, the shorter ends, and takes only what nobody else needs.
#
#   mesh up --port 4566 && PORT=4566 examples/expiry.sh
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh

LASTS=${LASTS:-90}
GIVEN=()
finish() {
    for access in "${GIVEN[@]}"; do
        mesh revoke "$access" --reason "the example is over" > /dev/null 2>&1 || true
    done
    rm -rf "$WORK"
}
trap finish EXIT

note "two products"
product fx-rates internal "$(column day varchar; column rate double)" \
    $'day,rate\n2026-01-01,1.08\n2026-01-02,1.09\n2026-01-03,1.07'
product fx-deals internal "$(column deal bigint; column amount int)" \
    $'deal,amount\n1,500\n2,750\n3,900'

note "DataScientist is granted fx-rates"
request fx-rates --purpose research --until 30d --role data-scientist
[ "$CODE" = 0 ] || fail "DataScientist was not granted fx-rates"
GIVEN+=("$ACCESS")
permissions > "$WORK/permissions-before.txt"
grep -q DataScientist "$WORK/permissions-before.txt" || fail "the list of permissions does not show what was granted"
shares | wc -l > "$WORK/shares-before.txt"
links | sort > "$WORK/links-before.txt"

note "DataAnalyst is granted both, by an expression over tags, for $LASTS s"
begun=$(now)
request --expression "product=fx-rates,fx-deals confidentiality=internal pii=none" --purpose research --until "${LASTS}s"
[ "$CODE" = 0 ] || fail "DataAnalyst was not granted the expression"
GIVEN+=("$ACCESS")
BOTH='SELECT max(r.rate) AS highest, max(d.amount) AS largest FROM "rl_fx-rates".t1 r CROSS JOIN "rl_fx-deals".t1 d'
analyst select_from "$BOTH"
permissions > "$WORK/permissions-between.txt"
grep -q DataAnalyst "$WORK/permissions-between.txt" || fail "the grant that is to go was never there"
links > "$WORK/links.txt"
grep -qx rl_fx-deals "$WORK/links.txt" || fail "the link that is to go was never there"
mesh grants

note "it ends by itself"
while mesh grants "$ACCESS" > "$WORK/access.txt"; ! grep -q "$ACCESS is ended" "$WORK/access.txt"; do
    awk -v s="$(since "$begun")" -v m="$LASTS" 'BEGIN { exit !(s < m + 60) }' || fail "it has not ended in time"
    sleep 2
done
printf 'ended after %s s\n' "$(since "$begun")"
tail -n 12 "$WORK/access.txt"

note "the same queries are refused; who has an access of their own reads on"
refused_query analyst "$BOTH"
refused_query analyst 'SELECT max(rate) AS highest FROM "rl_fx-rates".t1'
rows=$(scientist select_from 'SELECT max(rate) AS highest FROM "rl_fx-rates".t1')
[[ "$rows" == *1.09 ]] || fail "DataScientist does not read any more: $rows"
printf 'DataScientist reads: %s\n' "$rows"

note "permissions, shares and links are what they were before"
permissions > "$WORK/permissions-after.txt"
diff "$WORK/permissions-before.txt" "$WORK/permissions-after.txt" || fail "a permission is left, or one too many is gone"
shares | wc -l | diff "$WORK/shares-before.txt" - || fail "a share is left, or one too many is gone"
links | sort | diff "$WORK/links-before.txt" - || fail "a link is left, or one too many is gone"
echo "nothing of it is left"

note "all as it should be"
