"""Errors in what the user's tables, labels and dates are taken for."""

from mutant_tables.base import Mutant

MUTANTS = (
    Mutant(
        "centre of rows that forgets their weights",
        "data/scales.py",
        "center = np.tensordot(share, rows, axes=1)",
        "center = rows.mean(axis=0)",
        "data/test_dataset.py -k so_many_times",
    ),
    Mutant(
        "a column of numbers and text becomes categories",
        "data/categories.py",
        "    if measured:\n",
        "    if measured and not values:\n",
        "data/test_dataset.py -k cannot_be_fitted",
    ),
    Mutant(
        "numbers as text beside another text become categories",
        "data/categories.py",
        "2 * len(spelled) > len(different)",
        "len(spelled) == len(different)",
        "data/test_dataset.py -k cannot_be_fitted",
    ),
    Mutant(
        "years in half precision taken for rounding errors",
        "_internal/numbers.py",
        "return near & (~exact | (largest == smallest))",
        "return near",
        "data/test_dataset.py -k short_types",
    ),
    Mutant(
        "three percent of half precision taken for rounding errors",
        "_internal/numbers.py",
        "ROUNDINGS * np.minimum(resolution, COARSEST) * size",
        "ROUNDINGS * resolution * size",
        "_internal/test_numbers.py -k constant",
    ),
    Mutant(
        "the type of a series forgotten before it is judged constant",
        "_internal/numbers.py",
        'constant(numbers[seen], resolution_of(getattr(column, "dtype", np.dtype(float))))',
        "constant(numbers[seen])",
        "_internal/test_numbers.py data/series/test_reading.py -k 'columns or single'",
    ),
    Mutant(
        "objects of datetime refused as dates",
        "data/series/dates.py",
        'if kind == "M" or (kind == "O"',
        'if kind == "M" or (kind == "U"',
        "data/series/test_reading.py -k dates_of_every_type",
    ),
    Mutant(
        "masked values reach scikit-learn as numbers",
        "sklearn/rows.py",
        'array.dtype.kind in "USTmMV" or isinstance(array, np.ma.MaskedArray)',
        'array.dtype.kind in "USTmMV"',
        "sklearn/test_estimators.py -k 'would_take and values6'",
    ),
    Mutant(
        "dates reach scikit-learn as numbers",
        "sklearn/rows.py",
        'array.dtype.kind in "USTmMV"',
        'array.dtype.kind in "UST"',
        "sklearn/test_estimators.py -k would_take",
    ),
    Mutant(
        "categories 1 and '1' counted as equal rows",
        "sklearn/rows.py",
        'f"{type(cell).__name__} {cell!r}"',
        "str(cell)",
        "sklearn/test_estimators.py -k read_the_same",
    ),
    Mutant(
        "an offset in units of y where the model has its own",
        "fitting/pointwise.py",
        "x, y, data.shift, data.weights",
        "x, y, data.offset, data.weights",
        "fitting/test_fit_rows.py -k standardised_target",
    ),
    Mutant(
        "a target centred without its offset",
        "data/dataset.py",
        "_less_offset(values, offset, steps)",
        "values",
        "fitting/test_fit_rows.py -k standardised_target",
    ),
)
