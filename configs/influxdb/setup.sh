#!/usr/bin/env bash
# Buckets for readings, means of a minute and means of a quarter hour, each kept for its own time.
#
#   setup.sh v2 ORG [NAME]      InfluxDB 2: by the `influx` command, with the configuration that it has
#   setup.sh v1 URL [NAME]      InfluxDB 1.8: databases with a retention of their own, by its HTTP API
#
# Readings stay 30 days, minutes two years, quarter hours for ever; RAW, MINUTE and QUARTER change that (0: for ever).
# It may be called again: what is there gets the times that are asked for, and loses nothing else.
set -euo pipefail

usage() { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }

[ $# -ge 2 ] || usage
kind=$1 where=$2 name=${3:-microgrid}
raw=${RAW:-30d} minute=${MINUTE:-730d} quarter=${QUARTER:-0}

v2() { # bucket retention
  local id
  id=$(influx bucket list --org "$where" --hide-headers 2>/dev/null | awk -v name="$1" '$2 == name { print $1 }')
  if [ -n "$id" ]; then
    influx bucket update --id "$id" --retention "$2" > /dev/null
  else
    influx bucket create --org "$where" --name "$1" --retention "$2" > /dev/null
  fi
}

v1() { # database retention
  local keep=$2 said
  [ "$keep" != 0 ] || keep=INF
  for query in "CREATE DATABASE \"$1\"" \
    "ALTER RETENTION POLICY \"autogen\" ON \"$1\" DURATION $keep REPLICATION 1 DEFAULT"; do
    said=$(curl --fail-with-body -sS -XPOST "${where%/}/query" --data-urlencode "q=$query")
    case $said in *'"error"'*) echo "$query: $said" >&2; exit 1 ;; esac
  done
}

case $kind in v1 | v2) ;; *) usage ;; esac
"$kind" "$name" "$raw"
"$kind" "${name}_1m" "$minute"
"$kind" "${name}_15m" "$quarter"
cat << END
Give the gateway a token that may write these buckets, and the site file:

influxdb: {url: ..., org: ..., bucket: $name, token_file: influx.token, tiers: {minute: ${name}_1m, quarter: ${name}_15m}}
END
