#!/usr/bin/env bash
# Runs in the Postgres container at its first start. The role `warehouse` owns the databases `warehouse` and `mlflow` and
# may not connect to Airflow's database, because a step that writes the warehouse must not change Airflow's metadata.
set -euo pipefail
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 --set password="$WAREHOUSE_PASSWORD" <<'SQL'
create role warehouse login password :'password';
create database warehouse owner warehouse;
create database mlflow owner warehouse;
revoke connect on database airflow from public;
SQL
