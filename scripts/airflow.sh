#!/usr/bin/env bash
# Starts a local Airflow with the DAG, from the locked environment, on the embedded Postgres.
#
#   scripts/airflow.sh                  start Airflow in the foreground; Ctrl-C stops all its processes
#   scripts/airflow.sh dags list-runs training_pipeline      run any airflow command on the same database
#
# It is for one person on one machine and listens on 127.0.0.1 only. For more people, see docker-compose.yaml.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/.venv/bin:$PATH"
TRAINING_PIPELINE_STATE=$(python -c 'from training_pipeline.config import Settings; print(Settings.load().state_dir)')
export TRAINING_PIPELINE_STATE AIRFLOW_HOME="$TRAINING_PIPELINE_STATE/airflow"
(umask 077 && mkdir -p "$AIRFLOW_HOME/logs")

# Start the embedded Postgres with a database for Airflow, keep secrets for the next start, and find a free port.
settings=$(python - <<'PYTHON'
import os, secrets, shlex, socket, sys
from pathlib import Path
from cryptography.fernet import Fernet
from gates.errors import GatesError
from training_pipeline.config import Settings
from training_pipeline.warehouse import ledger_owner
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.postgres import dbt_environment
from training_pipeline.warehouse.roles.owner import own_database

secrets_file = Path(os.environ["AIRFLOW_HOME"], "secrets")
if not secrets_file.exists():
    secrets_file.touch(mode=0o600)
    secrets_file.write_text(
        f"AIRFLOW__CORE__FERNET_KEY={Fernet.generate_key().decode()}\n"
        f"AIRFLOW__API_AUTH__JWT_SECRET={secrets.token_urlsafe(64)}\n"
        f"AIRFLOW__API__SECRET_KEY={secrets.token_urlsafe(48)}\n"
    )
values = dict(line.split("=", 1) for line in secrets_file.read_text().splitlines())
if "METADATA_PASSWORD" not in values:
    values["METADATA_PASSWORD"] = secrets.token_urlsafe(24)
    with secrets_file.open("a") as file:
        file.write(f"METADATA_PASSWORD={values['METADATA_PASSWORD']}\n")

# Airflow has a plain role on its own database; the roles of the warehouse are there before a task needs one.
try:
    settings = Settings.load()
    metadata = own_database(embedded.start(settings), "airflow", values.pop("METADATA_PASSWORD"))
    ledger_owner.prepare(settings)
    # Tasks take the login of their role from the state folder.
    warehouse = {name: value for name, value in dbt_environment(settings).items() if "PASSWORD" not in name}
except GatesError as error:
    sys.exit(f"airflow.sh: {error}")

port = 0
for candidate in (8080, 0):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", candidate))
        except OSError:
            continue
        port = probe.getsockname()[1]
        break

values |= warehouse
values |= {
    "AIRFLOW__API__PORT": str(port),
    "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata.uri().replace("postgresql:", "postgresql+psycopg2:", 1),
}
for name, value in values.items():
    print(f"export {name}={shlex.quote(value)}")
PYTHON
)
eval "$settings"

export AIRFLOW__API__HOST=127.0.0.1
export AIRFLOW__API__WORKERS=1
export AIRFLOW__CORE__DAGS_FOLDER="$PWD/dags"
export AIRFLOW__CORE__LOAD_EXAMPLES=false
export AIRFLOW__CORE__EXECUTOR=LocalExecutor
# Each task process imports dbt again, so more concurrent tasks than cores only slow down all tasks.
AIRFLOW__CORE__PARALLELISM=$(getconf _NPROCESSORS_ONLN)
export AIRFLOW__CORE__PARALLELISM
export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS=admin:admin
export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE="$AIRFLOW_HOME/password.json"
# The sample ends in 2017, so a daily run would stop at the first gate. You trigger runs, so the DAG is not paused.
export TRAINING_PIPELINE_SCHEDULE="${TRAINING_PIPELINE_SCHEDULE:-manual}"
export AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=false
export AIRFLOW__COSMOS__CACHE_DIR="$AIRFLOW_HOME/cosmos"
export AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=false
export AIRFLOW__COSMOS__ENABLE_TELEMETRY=false
export DBT_SEND_ANONYMOUS_USAGE_STATS=false
export MLFLOW_DISABLE_TELEMETRY=true

if (($#)); then
    exec airflow "$@"
fi

running="$AIRFLOW_HOME/airflow.pid"
if [[ -f "$running" ]] && kill -0 "$(<"$running")" 2>/dev/null; then
    echo "airflow.sh: already running in this checkout (process $(<"$running")); stop it with Ctrl-C in its terminal" >&2
    exit 1
fi
echo $$ >"$running"

pids=()
stop() {
    trap '' INT TERM
    trap - EXIT
    ((${#pids[@]})) && echo "stopping Airflow"
    # Each service has a process group, so that its executors and running tasks stop with it.
    for pid in "${pids[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done
    for _ in {1..100}; do
        alive=0
        for pid in "${pids[@]}"; do kill -0 -- "-$pid" 2>/dev/null && alive=1; done
        ((alive)) || break
        sleep 0.2
    done
    for pid in "${pids[@]}"; do kill -KILL -- "-$pid" 2>/dev/null || true; done
    rm -f "$running"
    exit "${1:-0}"
}
trap 'stop 1' EXIT
trap 'stop 0' INT TERM

echo "preparing Airflow's database and the dbt manifest"
airflow db migrate >"$AIRFLOW_HOME/logs/migrate.log" 2>&1 || { tail -20 "$AIRFLOW_HOME/logs/migrate.log" >&2; exit 1; }
# Cosmos builds the DAG from the manifest. dbt's cache next to the manifest saves the tasks from parsing again.
dbt --quiet parse --project-dir dbt_project --profiles-dir .

set -m  # a process group for each service below
for service in api-server "scheduler --skip-serve-logs" dag-processor "triggerer --skip-serve-logs"; do
    # shellcheck disable=SC2086  # the option is a separate word
    airflow $service >"$AIRFLOW_HOME/logs/${service%% *}.log" 2>&1 &
    pids+=($!)
done
set +m

dead() {
    for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || return 0; done
    return 1
}
echo "starting Airflow (logs: $AIRFLOW_HOME/logs)"
healthy=0
for _ in {1..120}; do
    dead && break
    if python - <<'PYTHON' 2>/dev/null; then healthy=1; break; fi
import json, os, urllib.request
with urllib.request.urlopen(os.environ["AIRFLOW__API__BASE_URL"] + "/api/v2/monitor/health", timeout=5) as answer:
    health = json.load(answer)
assert all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))
PYTHON
    sleep 1
done
if ((!healthy)); then
    echo "airflow.sh: Airflow did not start; its logs end with:" >&2
    tail -n 5 "$AIRFLOW_HOME"/logs/{api-server,scheduler,dag-processor,triggerer}.log >&2
    exit 1
fi

password=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["admin"])' "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE")
cat <<TEXT

Airflow is on $AIRFLOW__API__BASE_URL   user: admin   password: $password

Run the sample: Dags > training_pipeline > Trigger, with run_date 2017-12-31; or in another terminal
  scripts/airflow.sh dags trigger training_pipeline --conf '{"run_date": "2017-12-31"}'

Ctrl-C stops Airflow; the embedded Postgres runs until: .venv/bin/training-pipeline db stop
TEXT

while ! dead; do
    sleep 1 &
    wait $!
done
echo "airflow.sh: a process of Airflow ended; see $AIRFLOW_HOME/logs" >&2
exit 1
