"""Reading the CSV files of this folder."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def read_table(name: str, index: str | None = None) -> pd.DataFrame:
    """Read `<name>.csv`, with column `index` as the row index where one is named."""
    import pandas as pd  # here, because it is slow to import and only this call needs it

    with files(__package__).joinpath(f"{name}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, index_col=index)
