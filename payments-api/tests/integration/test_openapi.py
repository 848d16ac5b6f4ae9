"""The OpenAPI document is the truth: what schemathesis makes of it is answered as documented."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from payments_api.app import create_app
from payments_api.settings import AuthMode, Settings

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


SCHEMA = schemathesis.openapi.from_dict(create_app(Settings(auth_mode=AuthMode.OPEN)).openapi())
OPERATIONS = {result.ok().label: result.ok() for result in SCHEMA.get_all_operations()}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("label", OPERATIONS)
def test_answers_are_as_documented(api: Any, label: str, mode: GenerationMode) -> None:
    operation = OPERATIONS[label]
    # A batch with bad items is a good batch: they are refused one by one in a 200.
    checks = [
        check for check in CHECKS if label != "POST /payments/batch" or check is not negative_data_rejection
    ]

    @settings(
        max_examples=8,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=api.url, checks=checks)

    with suppress(Unsatisfiable):  # nothing wrong can be made where nothing is asked for
        check()
