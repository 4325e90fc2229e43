"""Warnings have one class and point to the user's line; the log says the same."""

import logging
import warnings

import pandas as pd
import pytest

from bayesnn._internal.extras import extra_module
from bayesnn._internal.messages import BayesnnDeprecationWarning, BayesnnWarning, deprecated, warn


def test_a_warning_points_to_the_line_of_the_user():
    with pytest.warns(BayesnnWarning, match="do this") as said:
        warn("do this")
    assert said[0].filename == __file__


def test_a_warning_from_within_the_package_points_to_the_line_of_the_user():
    pytest.importorskip("formulaic")
    from bayesnn.data.formulas.read import read_formula

    with pytest.warns(BayesnnWarning, match="1 of 2 rows are left out") as said:
        read_formula("y ~ a", pd.DataFrame({"y": [1.0, 2.0], "a": [None, 1.0]}), missing="drop")
    assert said[0].filename == __file__


def test_the_log_has_it_too(caplog):
    with warnings.catch_warnings(), caplog.at_level(logging.INFO, logger="bayesnn"):
        warnings.simplefilter("ignore", BayesnnWarning)
        warn("do that")
    assert [record.getMessage() for record in caplog.records if record.name == "bayesnn"] == ["do that"]


def test_what_goes_away_says_when_and_what_to_use():
    with pytest.warns(BayesnnDeprecationWarning, match="old is deprecated since version 1 .* in version 3: use new"):
        deprecated("old", "new", since="1", until="3")
    assert issubclass(BayesnnDeprecationWarning, FutureWarning)


def test_a_missing_extra_is_named():
    with pytest.raises(ModuleNotFoundError, match=r'x needs the library nothere: pip install "bayesnn\[more\]", or y'):
        extra_module("nothere.inside", "more", "x needs", ", or y")
