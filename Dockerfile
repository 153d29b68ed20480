# Plain Python and the lock of the project, not the official Airflow image, because some constraints of that image
# conflict with dbt, and the image must contain exactly the versions that the tests ran with.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
FROM ${PYTHON_IMAGE}

# Airflow, Cosmos, dbt and MLflow must not send usage data.
ENV AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=false \
    AIRFLOW__COSMOS__ENABLE_TELEMETRY=false \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    MLFLOW_DISABLE_TELEMETRY=true \
    DO_NOT_TRACK=1 \
    GIT_PYTHON_REFRESH=quiet

# The user and group ids of the official Airflow image, so that both can use the same volumes. As there, another user id
# (AIRFLOW_UID) works with group 0; such a user has no name and no home in /etc/passwd, so both are set below.
RUN useradd --uid 50000 --gid 0 --create-home airflow \
    && chmod 775 /home/airflow \
    && install -d -o airflow -g 0 -m 775 /opt/airflow /opt/airflow/logs /opt/airflow/plugins /opt/airflow/config \
        /opt/training-pipeline /opt/training-pipeline/.state \
    && install -d -o airflow -g 0 -m 770 /opt/training-pipeline/.logins /opt/training-pipeline/.pages
WORKDIR /opt/training-pipeline

# The lock comes first, so that a change of the code does not install 300 packages again.
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt

COPY --chown=airflow:0 . .
RUN pip install --no-cache-dir --no-deps --editable .

ENV AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/training-pipeline/dags \
    AIRFLOW__CORE__LOAD_EXAMPLES=false \
    DBT_TARGET=postgres \
    HOME=/home/airflow \
    USER=airflow
USER airflow

# Cosmos builds the DAG from dbt's manifest. The image contains the manifest (dbt parse needs no database), so every
# container builds the same DAG and the dag-processor never runs dbt.
RUN training-pipeline packages \
    && dbt parse --project-dir dbt_project --profiles-dir . \
    && chmod -R g=u dbt_project

# Last, because the commit changes often and the steps above are slow.
ARG GIT_COMMIT=""
ENV GIT_COMMIT=$GIT_COMMIT

CMD ["airflow", "version"]
