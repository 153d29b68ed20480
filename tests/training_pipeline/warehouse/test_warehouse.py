import socket
from collections.abc import Callable

import pyarrow as pa
import pytest

from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.roles import Role
from training_pipeline.warehouse.address import PostgresAddress, connect_to, ensure_database
from training_pipeline.warehouse.embedded import server as embedded
from training_pipeline.warehouse.postgres import address, connect, dbt_environment, read_arrow


@pytest.fixture
def postgres(settings: Settings, environment: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Reach the session's server as any other Postgres: by the variables of Postgres clients."""
    server = embedded.start(settings)

    def use(**changes: str) -> Settings:
        variables = {
            "DBT_TARGET": "postgres",
            "PGHOST": server.host,
            "PGPORT": str(server.port),
            "PGUSER": server.user,
            "PGPASSWORD": server.password,
            "PGDATABASE": server.database,
            **changes,
        }
        for name, value in variables.items():
            environment.setenv(name, value)
        return Settings.load()

    return use


def _unused_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_any_postgres_by_the_usual_variables(postgres: Callable[..., Settings]) -> None:
    with connect(postgres()) as connection:
        assert connection.execute("select current_database()").fetchone() == ("warehouse",)
    assert read_arrow(postgres(), "select 1 as one").to_pylist() == [{"one": 1}]


def test_defaults_of_the_postgres_target(settings: Settings, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DBT_TARGET", "postgres")
    assert address(Settings.load()) == PostgresAddress("localhost", 5432, "postgres", "", "warehouse")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"PGPASSWORD": "wrong"}, r"refused the login of user 'postgres': wrong or missing password"),
        ({"PGPASSWORD": ""}, r"refused the login of user 'postgres': wrong or missing password"),
        ({"PGDATABASE": "nowhere"}, r"database 'nowhere' does not exist on 127\.0\.0\.1:\d+; create it"),
        ({"PGUSER": "nobody"}, r"refused the login of user 'nobody'"),
        ({"PGPORT": "0"}, r"PGPORT must be a port from 1 to 65535, received '0'"),
        ({"PGPORT": "five"}, r"PGPORT must be a port from 1 to 65535, received 'five'"),
    ],
)
@pytest.mark.parametrize("read", [connect, lambda settings: read_arrow(settings, "select 1")])
def test_wrong_address_is_one_clear_sentence(
    postgres: Callable[..., Settings],
    changes: dict[str, str],
    message: str,
    read: Callable[[Settings], object],
) -> None:
    with pytest.raises(PipelineError, match=message) as caught:
        read(postgres(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [connect, lambda settings: read_arrow(settings, "select 1")])
def test_server_that_is_down(postgres: Callable[..., Settings], read: Callable[[Settings], object]) -> None:
    port = _unused_port()
    with pytest.raises(
        PipelineError, match=rf"no Postgres server can be reached at 127\.0\.0\.1:{port}; start it"
    ):
        read(postgres(PGPORT=port))


def test_connection_commits_and_rolls_back(settings: Settings) -> None:
    with connect(settings) as connection:
        connection.execute("create table kept (answer integer)")
    with pytest.raises(ZeroDivisionError), connect(settings) as connection:
        assert connection.execute("insert into kept values (42)").rowcount / 0
    with connect(settings) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)


def test_columns_are_read_with_their_types(settings: Settings) -> None:
    table = read_arrow(
        settings,
        "select 1::bigint as i, 0.5::double precision as d, 'a' as t, date '2017-04-30' as day,"
        " null::integer as n",
    )
    assert [field.type for field in table.schema] == [
        pa.int64(),
        pa.float64(),
        pa.string(),
        pa.date32(),
        pa.int32(),
    ]
    assert table["n"].null_count == 1


def test_query_that_fails_says_what_the_server_said(settings: Settings) -> None:
    with pytest.raises(PipelineError, match=r"refused a query: .*relation \"nothing\" does not exist"):
        read_arrow(settings, "select * from nothing")


def test_missing_database_is_created_once(settings: Settings) -> None:
    server = embedded.start(settings)
    ensure_database(server, "another")
    ensure_database(server, "another")
    with connect_to(server, "another") as connection:
        assert connection.execute("select current_database()").fetchone() == ("another",)
    with connect_to(server, "postgres") as connection:
        connection.autocommit = True
        connection.execute("drop database another")


def test_missing_database_that_may_not_be_created(settings: Settings) -> None:
    server = embedded.start(settings)
    with connect(settings) as connection:
        connection.execute("create role guest login password 'guest'")
    guest = PostgresAddress(server.host, server.port, "guest", "guest", server.database)
    try:
        with pytest.raises(PipelineError, match=r"user 'guest' may not create it: have an administrator run"):
            ensure_database(guest, "another")
        ensure_database(guest, settings.database)
    finally:
        with connect(settings) as connection:
            connection.execute("drop role guest")


def test_dbt_finds_the_embedded_server_as_the_role_build(settings: Settings) -> None:
    server = embedded.login(settings, Role.BUILD)
    variables = dbt_environment(settings)
    assert variables["DBT_TARGET"] == "embedded"
    assert variables["EMBEDDED_USER"] == "warehouse_build"
    assert (variables["EMBEDDED_PORT"], variables["EMBEDDED_PASSWORD"]) == (str(server.port), server.password)
    assert variables["DBT_TARGET_PATH"] == str(settings.state_dir / "dbt" / "target")


def test_dbt_finds_any_postgres(postgres: Callable[..., Settings]) -> None:
    variables = dbt_environment(postgres(PGSSLMODE="disable"))
    assert variables["DBT_TARGET"] == "postgres"
    assert variables["PGSSLMODE"] == "disable"
    assert "EMBEDDED_PASSWORD" not in variables


def test_password_is_quoted_in_the_uri() -> None:
    server = PostgresAddress("db", 5432, "me", "p@ss/w:rd?", "warehouse", "require")
    assert server.uri("mlflow") == "postgresql://me:p%40ss%2Fw%3Ard%3F@db:5432/mlflow?sslmode=require"
