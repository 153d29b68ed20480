#!/usr/bin/env bash
# Runs inside the Postgres container on its first start. The pipeline's own role owns the warehouse and MLflow's
# database, and nothing else: a step that may write the warehouse has no business in Airflow's metadata.
set -euo pipefail
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 --set password="$WAREHOUSE_PASSWORD" <<'SQL'
create role warehouse login password :'password';
create database warehouse owner warehouse;
create database mlflow owner warehouse;
revoke connect on database airflow from public;
SQL
