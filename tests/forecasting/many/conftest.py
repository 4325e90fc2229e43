"""Programs of these tests take four series at a time: they have few, and 16 would be filled up with zeros."""

import pytest

from bayesnn.forecasting.many import passes


@pytest.fixture(autouse=True, scope="package")
def few_series_per_program():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "SIZE", 4)
        yield
