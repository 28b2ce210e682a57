# Shared by the examples: products to ask for, queries through Athena as a role, and assertions that end the script.
# Needs `mesh` (source .venv/bin/activate) and a mesh that is up: mesh up --port "$PORT".

PORT=${PORT:-4566}
CENTRAL=111111111111 PRODUCER=222222222222 CONSUMER=333333333333
BUCKET="credit-card-$PRODUCER-us-east-1"
WORK=$(mktemp -d)
export AWS_PAGER=""

mesh() { command mesh "$@" --port "$PORT"; }
note() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
now() { date +%s.%N; }
since() { awk -v from="$1" -v to="$(now)" 'BEGIN { printf "%.1f", to - from }'; }

as() { # ACCOUNT ROLE COMMAND…: runs it with that role's credentials
    local account=$1 role=$2 keys
    shift 2
    keys=$(mesh env "$account" --as "$role") || fail "no credentials of $role"
    (eval "$keys" && "$@")
}
analyst() { as consumer DataAnalyst "$@"; }
scientist() { as consumer DataScientist "$@"; }

product() { # NAME CONFIDENTIALITY COLUMNS ROWS: writes contract and data, uploads them, waits until published
    local folder="$WORK/$1"
    mkdir -p "$folder/data/t1"
    cat > "$folder/contract.yaml" <<EOF
apiVersion: v3.1.0
kind: DataContract
id: $1
name: $1
version: 1.0.0
status: active
domain: consumer-banking
customProperties:
  - {property: lfTags, value: {confidentiality: $2}}
schema:
  - name: t1
    logicalType: object
    physicalType: table
    properties:
$3
EOF
    printf '%s\n' "$4" > "$folder/data/t1/part-0.csv"
    mesh put "$folder" --wait > "$WORK/put.txt" || { cat "$WORK/put.txt" >&2; fail "$1 was not published"; }
    printf '%s\n' "$1 is published"
}

column() { # NAME TYPE [LF-TAGS]: a column of a contract
    printf '      - {name: %s, physicalType: %s' "$1" "$2"
    [ -z "${3:-}" ] || printf ', customProperties: [{property: lfTags, value: {%s}}]' "$3"
    printf '}\n'
}

select_from() { # SQL: runs it in Athena as the credentials in the environment; prints all values, or fails with the reason
    local number state
    number=$(aws athena start-query-execution --work-group consumer-workgroup \
        --query-string "$1" --query QueryExecutionId --output text) || return 1
    while :; do
        state=$(aws athena get-query-execution --query-execution-id "$number" \
            --query QueryExecution.Status.State --output text) || return 1
        case $state in QUEUED | RUNNING) sleep 0.3 ;; *) break ;; esac
    done
    if [ "$state" != SUCCEEDED ]; then
        aws athena get-query-execution --query-execution-id "$number" \
            --query QueryExecution.Status.StateChangeReason --output text >&2
        return 1
    fi
    aws athena get-query-results --query-execution-id "$number" \
        --query 'ResultSet.Rows[].Data[].VarCharValue' --output text
}

refused_query() { # WHO SQL: the query has to be refused for lack of rights; prints Athena's reason
    if "$1" select_from "$2" > "$WORK/rows.txt" 2> "$WORK/reason.txt"; then
        cat "$WORK/rows.txt" >&2
        fail "$1 may read: $2"
    fi
    grep -E 'Insufficient|not authorized|NOT_FOUND|does not exist' "$WORK/reason.txt" ||
        fail "refused, but not for lack of rights: $(cat "$WORK/reason.txt")"
}

request() { # ARGUMENTS…: asks; leaves the id in ACCESS, what was said in $WORK/asked.txt, the exit code in CODE
    CODE=0
    mesh request "$@" > "$WORK/asked.txt" 2>&1 || CODE=$?
    cat "$WORK/asked.txt"
    ACCESS=$(grep -oE 'ac-[0-9a-f]{12}' "$WORK/asked.txt" | head -1)
    [ -n "$ACCESS" ] || fail "no id was given"
}

permissions() { # what Lake Formation has granted: in central to the consumer account, and in it; a grant on each line
    local each='PrincipalResourcePermissions[].to_string([Principal, Resource, Permissions])'
    {
        as central DataMeshOwner aws lakeformation list-permissions --query "$each" --output json \
            --principal "DataLakePrincipalIdentifier=$CONSUMER"
        as consumer ConsumerAdmin aws lakeformation list-permissions --query "$each" --output json
        as consumer ConsumerAdmin aws lakeformation list-permissions --query "$each" --output json \
            --catalog-id "$CENTRAL"
    } | sed 's/,$//' | sort
}
links() { as consumer ConsumerAdmin aws glue get-databases --query 'DatabaseList[].Name' --output text | tr '\t' '\n'; }
shares() { # the consumer's part in central's resource shares, as far as they are in effect
    as central DataMeshOwner aws ram get-resource-share-associations --association-type PRINCIPAL \
        --principal "$CONSUMER" --association-status ASSOCIATED \
        --query 'resourceShareAssociations[].resourceShareName' --output text | tr '\t' '\n' | sort
}
