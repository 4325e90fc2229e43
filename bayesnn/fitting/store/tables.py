"""Tables and series of pandas as JSON and arrays: values, index and names."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np

EXACT = {  # labels that their own text gives back, in a form that is quick to read
    Decimal: ("Decimal", re.compile(r"-?\d{1,999}(\.\d{0,999})?(E[+-]?\d{1,9})?")),
    Fraction: ("Fraction", re.compile(r"-?\d{1,999}(/\d{1,999})?")),
    UUID: ("UUID", re.compile(r"[0-9a-f-]{36}")),
}
MOST_WITHOUT_COLUMNS = 10_000_000


def parts_of(value: Any) -> dict[str, Any] | None:
    """The parts of a table, series, index or frequency of pandas; None for anything else."""
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        columns = {"columns": list(value.columns), "values": [value[c].to_numpy() for c in value.columns]}
        return {"kind": "table", "index": _index(value.index)} | columns
    if isinstance(value, pd.Series):
        return {"kind": "series", "index": _index(value.index), "values": value.to_numpy(), "name": value.name}
    if isinstance(value, pd.Index):
        return {"kind": "index"} | _index(value)
    if isinstance(value, pd.offsets.BaseOffset):
        return {"kind": "frequency", "text": value.freqstr}
    return _label(value)


def _label(value: Any) -> dict[str, Any] | None:
    """A single date, period, duration or interval, as labels of classes may be; None for anything else."""
    import pandas as pd

    if isinstance(value, pd.Interval):
        return {"kind": "interval", "left": value.left, "right": value.right, "closed": value.closed}
    if isinstance(value, pd.Period):
        return {"kind": "period", "number": value.ordinal, "freq": value.freqstr}
    if isinstance(value, pd.Timestamp):
        return {
            "kind": "time",
            "number": int(value.as_unit("ns").value),
            "zone": None if value.tz is None else str(value.tz),
        }
    if isinstance(value, pd.Timedelta):
        return {"kind": "duration", "number": int(value.as_unit("ns").value)}
    if type(value) in (datetime.date, datetime.datetime):
        return {"kind": type(value).__name__, "text": value.isoformat()}
    if type(value) is datetime.time:
        return {"kind": "clock", "text": value.isoformat()}
    if type(value) is datetime.timedelta:
        return {"kind": "timedelta", "parts": [value.days, value.seconds, value.microseconds]}
    if type(value) in EXACT and EXACT[type(value)][1].fullmatch(str(value)):
        return {"kind": type(value).__name__, "text": str(value)}
    if type(value) is bytes:
        return {"kind": "bytes", "text": value.hex()}
    return None


def _from_label(kind: str, parts: dict[str, Any]) -> Any:
    import pandas as pd

    match kind:
        case "interval":
            return pd.Interval(parts["left"], parts["right"], parts["closed"])
        case "period":
            return pd.Period(ordinal=parts["number"], freq=parts["freq"])
        case "time":
            return pd.Timestamp(parts["number"], tz=parts["zone"])
        case "duration":
            return pd.Timedelta(parts["number"], unit="ns")
        case "date":
            return datetime.date.fromisoformat(parts["text"])
        case "datetime":
            return datetime.datetime.fromisoformat(parts["text"])
        case "clock":
            return datetime.time.fromisoformat(parts["text"])
        case "timedelta":
            return datetime.timedelta(*parts["parts"])
        case "bytes":
            return bytes.fromhex(parts["text"])
    for exact, (name, form) in EXACT.items():
        if kind == name and isinstance(parts["text"], str) and form.fullmatch(parts["text"]):
            return exact(parts["text"])
    raise ValueError(f"unknown kind of table {kind!r}")


def from_parts(parts: dict[str, Any]) -> Any:
    """The inverse of `parts_of`."""
    import pandas as pd

    kind = parts["kind"]
    if kind == "table":
        _check_lengths(parts["index"], parts["values"])
        index = _from_index(parts["index"])
        columns = dict(enumerate(parts["values"]))
        return pd.DataFrame(columns, index=index).set_axis(parts["columns"], axis=1)
    if kind == "series":
        _check_lengths(parts["index"], [parts["values"]])
        return pd.Series(parts["values"], index=_from_index(parts["index"]), name=parts["name"])
    if kind == "index":
        return _from_index(parts)
    if kind == "frequency":
        return pd.tseries.frequencies.to_offset(parts["text"])
    return _from_label(kind, parts)


def _check_lengths(index: dict[str, Any], values: Any) -> None:
    """Refuse columns that are no arrays as long as the index, which may state any length without having it."""
    count = _length(index)
    for one in values:
        if not isinstance(one, np.ndarray) or one.shape != (count,):
            raise ValueError(f"a table does not have {count} values in each column")
    if not len(values) and count > MOST_WITHOUT_COLUMNS:
        raise ValueError(f"a table has {count} rows and no column")


def _length(index: dict[str, Any]) -> int:
    if "levels" in index:
        lengths = {_length(level) for level in index["levels"]}
        if len(lengths) != 1:
            raise ValueError("the levels of an index differ in length")
        return lengths.pop()
    if "range" in index:
        return len(range(*index["range"]))
    if "closed" in index:
        return _length(index["left"])
    return len(index["values"])


def _index(index: Any) -> dict[str, Any]:
    """Values of an index as an array, or as one array per level."""
    import pandas as pd

    if isinstance(index, pd.MultiIndex):
        levels = [_index(index.get_level_values(i)) for i in range(index.nlevels)]
        return {"levels": levels, "names": list(index.names)}
    result: dict[str, Any] = {"name": index.name}
    if isinstance(index, pd.RangeIndex):
        return result | {"range": [index.start, index.stop, index.step]}
    if isinstance(index, pd.PeriodIndex):
        return result | {"period": index.freqstr, "values": index.asi8}
    if isinstance(index, pd.IntervalIndex):
        return result | {"left": _index(index.left), "right": _index(index.right), "closed": index.closed}
    if isinstance(index, pd.DatetimeIndex):
        zone = None if index.tz is None else str(index.tz)
        values = index.tz_convert("UTC").tz_localize(None).to_numpy() if zone else index.to_numpy()
        return result | {"values": values, "freq": index.freqstr, "zone": zone}
    return result | {"values": index.to_numpy()}


def _from_index(parts: dict[str, Any]) -> Any:
    import pandas as pd

    hash(parts.get("name"))  # pandas takes any name of periods, and fails later
    if "levels" in parts:
        return pd.MultiIndex.from_arrays([_from_index(level) for level in parts["levels"]], names=parts["names"])
    if "range" in parts:
        return pd.RangeIndex(*parts["range"], name=parts["name"])
    if "period" in parts:
        return pd.PeriodIndex.from_ordinals(parts["values"], freq=parts["period"], name=parts["name"])
    if "closed" in parts:
        left, right = _from_index(parts["left"]), _from_index(parts["right"])
        return pd.IntervalIndex.from_arrays(left, right, parts["closed"], name=parts["name"])
    if "zone" in parts:
        index = pd.DatetimeIndex(parts["values"], name=parts["name"])
        index = index.tz_localize("UTC").tz_convert(parts["zone"]) if parts["zone"] else index
        index.freq = parts["freq"]  # checked against the dates
        return index
    return pd.Index(np.asarray(parts["values"]), name=parts["name"])
