#!/usr/bin/env bash
# Four requests for access and what becomes of them: allowed at once, asked for, partly left out, denied.
# Data is read through Athena alone, as DataAnalyst of the consumer account. Every assertion ends the script.
#
#   mesh up --port 4566 && PORT=4566 examples/access-by-events.sh
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh

GIVEN=()
finish() { # what was granted here is given back, however the script ends, so that it can be run again
    for access in "${GIVEN[@]}"; do
        mesh revoke "$access" --reason "the example is over" > /dev/null 2>&1 || true
    done
    rm -rf "$WORK"
}
trap finish EXIT

note "four products: internal, confidential, with personal data, restricted"
product branch-offices internal "$(column branch bigint; column city varchar; column employees int)" \
    $'branch,city,employees\n1,Bonn,12\n2,Kassel,7\n3,Ulm,9'
product credit-limits confidential "$(column segment varchar; column limit_eur int)" \
    $'segment,limit_eur\nretail,5000\nbusiness,20000\nprivate,50000'
product card-holders internal \
    "$(column holder bigint; column email varchar 'pii: personal'; column spent int)" \
    $'holder,email,spent\n1,anna@example.com,120\n2,ben@example.com,80\n3,cleo@example.com,310'
product sanction-hits restricted "$(column hit bigint; column score int)" $'hit,score\n1,70\n2,91\n3,88'

note "1. internal: nobody is asked, and it is queried within 30 s"
refused_query analyst 'SELECT * FROM "rl_branch-offices".t1'
begun=$(now)
request branch-offices --purpose risk-modelling --until 30d
GIVEN+=("$ACCESS")
[ "$CODE" = 0 ] || fail "the request for internal data was not granted"
rows=$(analyst select_from 'SELECT sum(employees) AS all_employees FROM "rl_branch-offices".t1')
seconds=$(since "$begun")
printf '%s: %s\n' "request to result" "$seconds s"
[[ "$rows" == *28 ]] || fail "28 employees were expected: $rows"
awk -v s="$seconds" 'BEGIN { exit !(s < 30) }' || fail "it took $seconds s, more than 30"

note "the same role has no way around Athena"
if analyst aws s3 cp "s3://$BUCKET/branch-offices/data/t1/part-0.csv" - > "$WORK/copied.txt" 2> "$WORK/reason.txt"; then
    fail "DataAnalyst read the producer's bucket"
fi
grep -E 'Forbidden|AccessDenied' "$WORK/reason.txt" || fail "refused otherwise: $(cat "$WORK/reason.txt")"

note "2. confidential: the owner is asked, approves, and it is queried"
request credit-limits --purpose risk-modelling --until 60d
GIVEN+=("$ACCESS")
grep -q 'waiting for approval' "$WORK/asked.txt" || fail "nobody was requested confidential data"
refused_query analyst 'SELECT * FROM "rl_credit-limits".t1'
mesh requests --account producer | tee "$WORK/open.txt"
grep -q "$ACCESS" "$WORK/open.txt" || fail "the producer does not see the request"
mesh approve "$ACCESS" --reason "limits are needed to model losses"
rows=$(analyst select_from 'SELECT max(limit_eur) AS highest FROM "rl_credit-limits".t1')
[[ "$rows" == *50000 ]] || fail "50000 was expected: $rows"
printf 'read: %s\n' "$rows"

note "3. personal data among it: the other columns alone"
request card-holders --purpose risk-modelling --until 30d
GIVEN+=("$ACCESS")
[ "$CODE" = 0 ] || fail "the columns that are not personal were not granted"
rows=$(analyst select_from 'SELECT * FROM "rl_card-holders".t1 ORDER BY holder LIMIT 1')
printf 'SELECT * gives: %s\n' "$rows"
[ "$(printf '%s' "$rows" | tr '\t\n' '  ')" = "holder spent 1 120" ] || fail "other columns than holder and spent: $rows"
refused_query analyst 'SELECT email FROM "rl_card-holders".t1'

note "4. restricted: denied, and nothing of it is anywhere"
shares > "$WORK/shares-before.txt"
request sanction-hits --purpose risk-modelling --until 30d
[ "$CODE" = 1 ] || fail "restricted data was not denied"
refused_query analyst 'SELECT * FROM "rl_sanction-hits".t1'
permissions > "$WORK/permissions.txt"
grep -q branch-offices "$WORK/permissions.txt" || fail "the list of permissions does not show what was granted"
! grep sanction-hits "$WORK/permissions.txt" || fail "a grant is left"
links > "$WORK/links.txt"
grep -qx rl_branch-offices "$WORK/links.txt" || fail "the list of links does not show what was linked"
! grep sanction-hits "$WORK/links.txt" || fail "a link is left"
shares > "$WORK/shares-after.txt"
[ -s "$WORK/shares-after.txt" ] || fail "the list of shares does not show what is shared"
diff "$WORK/shares-before.txt" "$WORK/shares-after.txt" || fail "a share is left"
echo "no grant, no share, no link"

note "all as it should be"
