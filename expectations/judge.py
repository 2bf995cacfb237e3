"""Great Expectations judges evidence: small frames of integers and texts, one suite each."""

import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

# Nothing about an installation leaves it; asked for as Great Expectations is imported.
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import pandas as pd
import pyarrow as pa
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.core.expectation_suite import ExpectationSuite
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)

from expectations import before_export, before_settlement, charger_sessions, landing, meter_intervals
from expectations.catalogue import CHECKS
from expectations.judgement import MOST_KEYS, Judgement, judgement_of
from expectations.suite import KEY

SUITES = {
    **landing.SUITES,
    **meter_intervals.SUITES,
    **charger_sessions.SUITES,
    **before_settlement.SUITES,
    **before_export.SUITES,
}
# Nullable integers: a column with a null in it would else turn into floats (R3).
_TYPES = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype(), pa.string(): pd.StringDtype()}


def judge(evidence: Mapping[str, pa.Table], *, parameters: Mapping[str, int]) -> list[Judgement]:
    """Every expectation of the suites of these tables, judged; `parameters` are what they refer to."""
    return [
        judgement
        for name, table in evidence.items()
        for judgement in _judge_suite(name, table, parameters=dict(parameters))
    ]


def _judge_suite(name: str, table: pa.Table, *, parameters: dict[str, int]) -> list[Judgement]:
    frame = table.to_pandas(types_mapper=_TYPES.get)
    batch = _frames().get_batch({"dataframe": frame})
    suite = ExpectationSuite(name, expectations=list(SUITES[name]))
    result = batch.validate(suite, expectation_parameters=parameters)
    return [_judgement(each, frame) for each in result.results]


@cache
def _frames() -> BatchDefinition[Any]:
    """Where frames are handed in; one context a process."""
    config = DataContextConfig(
        # Without: a folder for pages that nobody asks for would be left behind.
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_pandas("evidence").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole")


def _judgement(result: ExpectationValidationResult, frame: pd.DataFrame) -> Judgement:
    document: dict[str, Any] = result.to_json_dict()
    config = document["expectation_config"]
    if result.exception_info.get("raised_exception"):
        raise RuntimeError(f"{config['meta']['name']} was not judged: {result.exception_info}")
    config["kwargs"].pop("batch_id", None)
    success = bool(result.success)
    faults, keys = (0, ()) if success else _faults(result, frame, column=config["kwargs"].get("column"))
    return judgement_of(
        CHECKS[config["meta"]["name"]],
        success=success,
        faults=faults,
        keys=keys,
        expectation=json.dumps(config),
        result=json.dumps(document["result"]),
    )


def _faults(
    result: ExpectationValidationResult, frame: pd.DataFrame, *, column: str | None
) -> tuple[int, tuple[str, ...]]:
    """How many things are at fault, and the first of them."""
    counted = f"{column}_keys"
    if counted in frame.columns:
        keys = [key for text in frame.loc[frame[column] > 0, counted] for key in text.split("\n")]
        return int(frame[column].sum()), tuple(keys[:MOST_KEYS])
    if "unexpected_count" not in result.result:
        return int(result.result["observed_value"]), ()
    # Great Expectations names 20 rows at most, and says nothing of the others: its count does.
    rows = frame.iloc[result.result["partial_unexpected_index_list"]]
    return int(result.result["unexpected_count"]), tuple(rows[KEY].head(MOST_KEYS))
