#!/usr/bin/env bash
# Runs in the Postgres container at its first start: Airflow's metadata and the results of Celery, each with a plain role that
# owns its database and may connect to no other. `training-pipeline db roles` creates the warehouse and its roles.
# psql takes the passwords from the environment, because every user can read the arguments of a process.
set -euo pipefail
psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 <<'SQL'
\getenv airflow_password AIRFLOW_PASSWORD
\getenv celery_password CELERY_PASSWORD
set log_statement = 'none';
create role airflow login password :'airflow_password';
create role celery login password :'celery_password';
create database airflow owner airflow;
create database celery owner celery;
revoke connect on database airflow, celery, postgres from public;
SQL
