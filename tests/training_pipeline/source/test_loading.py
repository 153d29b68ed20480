import json
from dataclasses import replace
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from training_pipeline.config import Settings
from training_pipeline.errors import PipelineError
from training_pipeline.source import content, csv_file, files, loading
from training_pipeline.source.columns import declared_columns
from training_pipeline.source.loading import load
from training_pipeline.source.sample import FIXTURE_TOTALS, HASHES
from training_pipeline.warehouse.postgres import connect

from .files import HEADER, row, write_csv


def _select(settings: Settings, query: str) -> list[tuple[object, ...]]:
    with connect(settings) as connection:
        return connection.execute(query).fetchall()


def _execute(settings: Settings, *statements: str) -> None:
    with connect(settings) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of some thousand rows is read in many blocks, as one of many millions is."""
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(content, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(files, "BATCH_ROWS", 500)


def test_fixture_is_every_eighth_household_of_four_months(loaded_settings: Settings) -> None:
    rows, total = FIXTURE_TOTALS
    assert _select(
        loaded_settings,
        "select count(*), round(sum(amount)::numeric, 2)::double precision, count(distinct interaction_id),"
        " min(interaction_date)::text, max(interaction_date)::text from raw.interaction",
    ) == [(rows, total, rows, "2017-01-01", "2017-04-30")]


def test_days_are_local_and_instants_are_utc(loaded_settings: Settings) -> None:
    moved = "interaction_at::date <> interaction_date"
    wrong = "(interaction_at at time zone 'UTC' at time zone 'America/New_York')::date <> interaction_date"
    assert _select(loaded_settings, f"select count(*) filter (where {wrong}) from raw.interaction") == [(0,)]
    ((share,),) = _select(
        loaded_settings, f"select avg(({moved})::int)::double precision from raw.interaction"
    )
    assert share == pytest.approx(0.193, abs=0.001)


def test_time_zone_decides_the_day(settings: Settings) -> None:
    load(replace(settings, timezone="UTC"), fixture=True)
    assert _select(
        settings, "select count(*) from raw.interaction where interaction_at::date <> interaction_date"
    ) == [(0,)]


def test_columns_types_and_index_are_as_declared(loaded_settings: Settings) -> None:
    columns = _select(
        loaded_settings,
        "select attname::text, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = 'raw.interaction'::regclass and attnum > 0 order by attnum",
    )
    assert columns == [
        ("interaction_id", "text"),
        ("customer_id", "bigint"),
        ("interaction_at", "timestamp without time zone"),
        ("interaction_date", "date"),
        ("store_id", "bigint"),
        ("department", "text"),
        ("quantity", "bigint"),
        ("amount", "double precision"),
    ]
    ((definition,),) = _select(
        loaded_settings,
        "select indexdef from pg_indexes where schemaname = 'raw' and tablename = 'interaction'",
    )
    assert str(definition).endswith("USING btree (interaction_date)")


def test_same_content_is_loaded_once(loaded_settings: Settings) -> None:
    before = _select(loaded_settings, "select pg_relation_filenode('raw.interaction')")
    again = load(loaded_settings, fixture=True)
    assert (again.rows, again.changed) == (FIXTURE_TOTALS[0], False)
    assert _select(loaded_settings, "select pg_relation_filenode('raw.interaction')") == before


def test_only_the_record_decides_what_the_gates_judge_is_not_repaired(loaded_settings: Settings) -> None:
    _execute(loaded_settings, "delete from raw.interaction where interaction_date = '2017-04-30'")
    assert load(loaded_settings, fixture=True).changed is False
    assert load(loaded_settings, fixture=True, force=True).changed is True
    assert _select(loaded_settings, "select count(*) from raw.interaction") == [(FIXTURE_TOTALS[0],)]


def test_record_says_what_was_loaded(loaded_settings: Settings) -> None:
    ((comment,),) = _select(loaded_settings, "select obj_description('raw.interaction'::regclass)")
    record = json.loads(str(comment))
    assert record["kind"] == "fixture"
    assert record["rows"] == FIXTURE_TOTALS[0]
    assert len(record["sha256"]) == 64
    assert record["loaded_at"].endswith("+00:00")


def test_other_content_voids_what_was_built_incrementally(loaded_settings: Settings, tmp_path: Path) -> None:
    _execute(
        loaded_settings,
        "create view analytics.stg_interaction as select * from raw.interaction",
        "create table analytics.interaction as select * from raw.interaction",
        "alter table analytics.interaction owner to warehouse_build",
        "create view analytics.reader as select * from analytics.interaction",
    )
    load(loaded_settings, fixture=True)
    assert _select(loaded_settings, "select to_regclass('analytics.interaction') is null") == [(False,)]
    load(loaded_settings, write_csv(tmp_path / "own.csv", [row(1)]))
    assert _select(
        loaded_settings,
        "select to_regclass('analytics.interaction'), to_regclass('analytics.reader'),"
        " (select count(*) from analytics.stg_interaction)",
    ) == [(None, None, 1)]


def test_table_with_other_columns_is_created_again(settings: Settings, tmp_path: Path) -> None:
    _execute(
        settings,
        "create table raw.interaction (amount text)",
        "alter table raw.interaction owner to warehouse_load",
    )
    load(settings, write_csv(tmp_path / "own.csv", [row(1), row(2)]), force=True)
    assert _select(settings, "select sum(amount) from raw.interaction") == [(2.5,)]


def test_file_that_is_replaced_while_it_is_loaded_is_loaded_as_it_was(
    settings: Settings, tmp_path: Path, small_blocks: None
) -> None:
    file = write_csv(tmp_path / "own.csv", [row(number) for number in range(500)])
    other = write_csv(tmp_path / "other.csv", [row(number, amount="2") for number in range(300)])
    first, replacement = file.read_bytes(), other.read_bytes()
    states: list[tuple[int, int | None]] = []

    def replace_at_first(done: int, total: int | None) -> None:
        if not states:
            other.replace(file)
        states.append((done, total))

    total = "select count(*), sum(amount) from raw.interaction"
    load(settings, file, on_progress=replace_at_first)
    assert len(states) > 1, "it was replaced before the end"
    assert _select(settings, total) == [(500, 625.0)]
    assert load(settings, file).changed is True, "the replacement is other content"
    assert _select(settings, total) == [(300, 600.0)]
    file.write_bytes(first)
    assert load(settings, file).changed is True, "the first content is not what is there"
    assert _select(settings, total) == [(500, 625.0)]
    file.write_bytes(replacement)
    assert load(settings, file).changed is True


@pytest.mark.parametrize("name", ["own.csv", "own.parquet"])
def test_file_that_is_overwritten_while_it_is_loaded_is_refused(
    loaded_settings: Settings, tmp_path: Path, small_blocks: None, name: str
) -> None:
    file = tmp_path / name
    rows = write_csv(tmp_path / "first.csv", [row(number) for number in range(5000)])
    if name == "own.csv":
        rows.replace(file)
    else:
        pa.parquet.write_table(pa.csv.read_csv(rows), file, row_group_size=500)
    before = file.read_bytes()

    def overwrite(done: int, total: int | None) -> None:
        file.write_bytes(before.replace(b"GROCERY", b"FUEL   "))

    with pytest.raises(PipelineError, match=rf"{name}: the file has changed while it was loaded"):
        load(loaded_settings, file, on_progress=overwrite)
    assert _select(loaded_settings, "select count(*) from raw.interaction") == [(FIXTURE_TOTALS[0],)]
    assert load(loaded_settings, fixture=True).changed is False
    assert load(loaded_settings, file).changed is True


def test_sample_never_replaces_data_of_a_user(settings: Settings, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "own.csv", [row(1)])
    load(settings, file)
    kept = load(settings)
    assert (kept.rows, kept.changed, kept.source) == (1, False, str(file))
    assert "kept" in kept.note


@pytest.mark.parametrize("fixture", [False, True])
def test_data_that_others_loaded_are_not_touched(settings: Settings, fixture: bool, tmp_path: Path) -> None:
    _execute(
        settings,
        "create table raw.interaction as select 1 as answer",
        "alter table raw.interaction owner to warehouse_load",
    )
    if fixture:
        with pytest.raises(PipelineError, match=r"did not load: pass --force .* or name another table"):
            load(settings, fixture=True)
    else:
        kept = load(settings)
        assert (kept.rows, kept.changed) == (1, False)
    with pytest.raises(PipelineError, match="did not load"):
        load(settings, write_csv(tmp_path / "own.csv", [row(1)]))
    assert _select(settings, "select answer from raw.interaction") == [(1,)]


def test_own_table_elsewhere_is_not_loaded(settings: Settings, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SOURCE_SCHEMA", "shop")
    result = load(Settings.load())
    assert (result.changed, result.source) == (False, "shop.interaction")
    assert _select(settings, "select to_regclass('raw.interaction')") == [(None,)]


def test_failed_load_leaves_the_old_table(loaded_settings: Settings, tmp_path: Path) -> None:
    _execute(loaded_settings, "create view kept as select * from raw.interaction")
    rows = [row(number) for number in range(100_000)] + [row(100_000, amount="much")]
    with pytest.raises(PipelineError, match=r"column 'amount', row 100001: 'much' is not of type double"):
        load(loaded_settings, write_csv(tmp_path / "own.csv", rows))
    assert _select(loaded_settings, "select count(*) from kept") == [(FIXTURE_TOTALS[0],)]
    assert load(loaded_settings, fixture=True).changed is False
    assert len(_select(loaded_settings, "select 1 from pg_indexes where schemaname = 'raw'")) == 1


def test_failed_load_into_nothing_leaves_nothing(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="row 2"):
        load(settings, write_csv(tmp_path / "own.csv", [row(1), row(2, customer_id="x")]))
    assert _select(settings, "select to_regclass('raw.interaction')") == [(None,)]


def test_sample_that_does_not_add_up_is_refused(
    loaded_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training_pipeline.source.sample.FIXTURE_TOTALS", (60_865, 1.0))
    with pytest.raises(PipelineError, match=r"60865 rows and amounts of 1\.0 .* 185865\.47 arrived"):
        load(loaded_settings, fixture=True, force=True)
    assert _select(loaded_settings, "select count(*) from raw.interaction") == [(FIXTURE_TOTALS[0],)]


def test_sample_with_another_hash_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HASHES, "products.parquet", "0" * 64)
    with pytest.raises(
        PipelineError, match=r"products\.parquet must have the SHA-256 0000.*, it has 09210f88"
    ):
        load(settings)


def test_table_in_use_is_named(loaded_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LOCK_TIMEOUT", "200ms")
    with connect(loaded_settings) as reader:
        reader.execute("select 1 from raw.interaction limit 1")
        with pytest.raises(PipelineError, match=r"raw\.interaction is in use"):
            load(loaded_settings, fixture=True, force=True)


def test_readers_see_the_old_table_until_the_new_one_is_whole(
    loaded_settings: Settings, tmp_path: Path
) -> None:
    seen: list[object] = []

    def look(done: int, total: int | None) -> None:
        with connect(loaded_settings) as connection:
            connection.execute("set lock_timeout = '100ms'")
            try:
                seen.append(connection.execute("select count(*) from raw.interaction").fetchone())
            except psycopg.errors.LockNotAvailable:
                seen.append("waits")
                connection.rollback()

    load(loaded_settings, write_csv(tmp_path / "own.csv", [row(1)]), on_progress=look)
    assert set(seen) <= {"waits", (FIXTURE_TOTALS[0],)}
    assert seen


def test_progress_ends_at_the_number_of_rows(settings: Settings) -> None:
    calls: list[tuple[int, int | None]] = []
    load(settings, fixture=True, on_progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == FIXTURE_TOTALS[:1] * 2
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_file_and_fixture_exclude_each_other(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="either a file or --fixture"):
        load(settings, tmp_path / "own.csv", fixture=True)


def test_header_is_what_the_project_declares(settings: Settings) -> None:
    assert tuple(column.name for column in declared_columns(settings)) == HEADER
