#!/usr/bin/env bash
# Makes the passwords of a deployment, one file for each service that needs
# some, readable by their owner only. A second run changes nothing. To renew all
# passwords, remove the files, run again and restart the services.
set -euo pipefail
umask 077

folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"

files=(nats clickhouse gapwise grafana)
present=0
for file in "${files[@]}"; do
  if [[ -e $folder/$file.env ]]; then present=$((present + 1)); fi
done
if ((present == ${#files[@]})); then
  echo "$folder: all passwords are there, kept as they are"
  exit 0
fi
if ((present > 0)); then
  echo "$folder: some files are missing, and their passwords are shared with those that are there:" \
    "restore the missing ones, or remove all of ${files[*]/%/.env} and run again" >&2
  exit 1
fi

# A leading letter: the broker's configuration would read "12e5" as a number.
password() { printf 'p%s' "$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')"; }

nats_gapwise=$(password)
nats_producer=$(password)
clickhouse_gapwise=$(password)
clickhouse_grafana=$(password)
grafana_admin=$(password)

cat >"$folder/nats.env" <<END
NATS_GAPWISE_PASSWORD=$nats_gapwise
NATS_PRODUCER_PASSWORD=$nats_producer
END
cat >"$folder/clickhouse.env" <<END
CLICKHOUSE_GAPWISE_PASSWORD=$clickhouse_gapwise
CLICKHOUSE_GRAFANA_PASSWORD=$clickhouse_grafana
END
cat >"$folder/gapwise.env" <<END
GAPWISE_NATS_PASSWORD=$nats_gapwise
GAPWISE_CLICKHOUSE_PASSWORD=$clickhouse_gapwise
END
cat >"$folder/grafana.env" <<END
GF_SECURITY_ADMIN_PASSWORD=$grafana_admin
CLICKHOUSE_GRAFANA_PASSWORD=$clickhouse_grafana
END
echo "$folder: wrote new passwords"
