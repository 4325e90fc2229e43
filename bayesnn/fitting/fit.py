"""fit(model, x, y) -> Fit: the one door from data to posterior."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bayesnn._internal.runtime import as_key, check_compiling, computing
from bayesnn.data.dataset import Dataset, new_inputs
from bayesnn.data.texts import naming_the_longest
from bayesnn.fitting.assemble import assemble_inference_data, to_series_units
from bayesnn.fitting.automatic import plain_then_tempered, sampler_for
from bayesnn.fitting.binding import bind
from bayesnn.fitting.inference_data import map_chains
from bayesnn.fitting.overview import as_html, three_lines
from bayesnn.fitting.settings import FitSettings, settings_from
from bayesnn.fitting.store import (
    SamplingJob,
    State,
    as_made,
    attributes_of,
    draw,
    open_or_create_run,
    start_of,
    state_of,
    write_netcdf,
)
from bayesnn.fitting.until_converged import (
    check_auto,
    draws_for,
    length_of,
    local_stopping,
    until_converged,
    warmup_for,
)
from bayesnn.models.model import Model
from bayesnn.samplers import Chains, Sampler
from bayesnn.samplers.engine import multihost
from bayesnn.samplers.engine.checkpoint import Artifact
from bayesnn.samplers.engine.multihost import gather_chains, is_multiprocess
from bayesnn.samplers.engine.plan import Plan


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model: what was fitted, to which data, how, and the draws.

    Attributes
    ----------
    model : Model
    data : Dataset
        Training rows in units of the data, with column names and scaling.
    sampler : Sampler
    idata : arviz.InferenceData or xarray.DataTree
        Groups posterior, sample_stats, log_likelihood, observed_data, constant_data. `sigma` and log-likelihood are in
        units of y; all other sites are on the scale the model sees.
    state : State, optional
        State of the chains, which `extend` continues; None for approximations.
    settings : FitSettings
        With which arguments `fit` was called. If they are not given, they are read off `idata` and `data`.

    See Also
    --------
    fit : draw from the posterior
    diagnose : whether the chains agree
    summary : a table of the posterior
    """

    model: Model
    data: Dataset
    sampler: Sampler
    idata: Any
    state: State | None = field(default=None, repr=False)
    settings: FitSettings = field(default=None, repr=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Settings of a fit of an older file, or one put together by hand."""
        if self.settings is None:
            found = settings_from(self.idata["posterior"].attrs, self.data.scaling)
            object.__setattr__(self, "settings", found)

    def sites(self) -> dict[str, np.ndarray]:
        """Posterior draws (chain, draw, ...) on the scale the model sees."""
        posterior = {name: values.to_numpy() for name, values in self.idata["posterior"].data_vars.items()}
        nuisance = self.model.likelihood.nuisance_of(posterior)
        return posterior | self.model.likelihood.rescale(nuisance, 1.0 / np.asarray(self.data.scaling.y_scale))

    def draws(self) -> dict[str, np.ndarray]:
        """Posterior draws as `sites` returns them, the chains one after the other: (chain x draw, ...)."""
        return {name: values.reshape(-1, *values.shape[2:]) for name, values in self.sites().items()}

    def inputs(self, x: Any) -> np.ndarray:
        """New rows (n, ...), checked, coded and scaled as the model sees them."""
        rows = new_inputs(self.data.columns, self.data.scaling, x)
        with naming_the_longest(x, self.data.columns.words):
            self.model.check_steps(self.data.x.shape[1:], rows.shape[1:])
        return rows

    @property
    def complete(self) -> bool:
        """Whether the run reached its end, rather than being interrupted."""
        return bool(self.idata["posterior"].attrs["complete"])

    def __repr__(self) -> str:
        """Model, data, and sampler with its state, a line each."""
        return three_lines(self)

    def _repr_html_(self) -> str:
        """Three lines as in `repr`, the table of layers and a picture of the chains, for notebooks."""
        return as_html(self)


@computing
def fit(
    model: Model,
    x: Any,
    y: Any = None,
    *,
    data: Any = None,
    missing: str = "error",
    sampler: str | Sampler | None = None,
    draws: int | str | None = None,
    max_seconds: float | None = None,
    warmup: int | None = None,
    chains: int = 4,
    key: Any = 0,
    thinning: int = 1,
    weights: Any = None,
    offset: Any = None,
    standardize: bool = True,
    marginalize: bool = False,
    chain_method: str = "auto",
    superchains: int | None = None,
    progress: bool = True,
    path: Any = None,
    start: Fit | None = None,
    log_likelihood: bool = True,
) -> Fit:
    """Draw from the posterior of a model given inputs x, a table or sequences, and a target y; or a series' own past.

    Parameters
    ----------
    model : Model
    x : array or pandas.DataFrame, shape (n, p), or Lagged, or str
        Inputs; categorical columns of a DataFrame become indicators. Or a formula for the table `data`, without y, such
        as "price ~ standardize(area) + C(region) + offset(log(n))", by formulaic (`pip install "bayesnn[formula]"`); it
        is kept with the fit, so that new rows are coded in the same way. The constant is the model's. Or
        `bnn.lagged(series, lags)`, without y. Or sequences (n, time, d); or token ids (n, time) where the model starts
        with `Embedding`, or a list of texts if it has the `Vocabulary` of these ids. Sequences of different lengths are
        padded at their end, by NaN or by zeros, as `bnn.pad` does.
        Token ids of type int32 in a file, `numpy.load(path, mmap_mode="r")`, stay there: samplers with minibatches read
        the rows they need.
    y : array or pandas.Series, shape (n,), or (n, outputs)
        Numbers, or class labels of any hashable type for `Categorical` and `Bernoulli`. Where the layers end in a
        sequence, one target per step, (n, time) or n lists; values at padded steps of x are ignored.
    data : pandas.DataFrame, optional
        The table of a formula; `weights` and `offset` are then names of its columns.
    missing : {"error", "drop"}
        Whether rows of `data` with a missing value in a column of the formula are refused, or left out with a warning
        that counts them.
    sampler : str or Sampler, optional
        "gibbs", "nuts", "hmc", "mclmc", "sgld", "sghmc", "map", "ensemble", "laplace", "variational", "tempered", or a
        spec such as `NUTS(target_accept=0.9)`. Default: "gibbs" for a `shallow` network, else "nuts"; with
        `draws="auto"`, where these chains disagree on the function after 1024 draws, `Tempered` goes on from their last
        states.
    draws : int or "auto"
        Draws per chain (1000, or "auto" where neither `draws` nor `sampler` is given). With "auto" chains run until
        R-hat of the function at 40 training rows is at most 1.01 and each of these values has 400 effective draws (100
        per chain if there are more than four chains), and `diagnose` finds no other row where they have not. At most
        2048 draws of a chain are kept (512 to 2048 of large models): when more are made, every second one is dropped
        and `thinning` doubles, which the attribute `thinning` of the posterior tells. Where the log likelihood still
        rises over the kept draws when they are judged, the first half of all draws is dropped, as a warm-up; `diagnose`
        says so.
    warmup : int, optional
        Warm-up steps. Default: 1000, or 300 with `draws="auto"` where units and readout move together, as for several
        classes and for counts.
    chains, thinning : int
        Chains, and steps from one kept draw to the next.
    max_seconds : float, optional
        For `draws="auto"`, by default 600: where it takes longer, compiling and warm-up included, the fit has the draws
        made so far, at least 20, and `diagnose` says what is missing. `math.inf` for no limit.
    key : int or jax.Array
        Seed, or a JAX key. The same key gives the same draws.
    weights : array (n,), optional
        Case weights, at least zero: each multiplies the log likelihood of its row.
    offset : array (n,), optional
        Added to the function, such as the log of an exposure for counts; in units of a continuous y. Predictions then
        need one too.
    standardize : bool
        Whether to bring inputs, and a continuous target, to mean zero and unit variance; undone in every prediction.
    marginalize : bool
        Whether to integrate a Gaussian readout out while sampling and draw it back exactly. For gradient samplers; the
        Gibbs sampler always does.
    chain_method : {"auto", "parallel", "vectorized", "sequential", "rows"}
        "auto" is "parallel": one batch of chains per device, or per core where there is a single CPU device. "rows":
        all chains in one batch, and each device of every process has a part of the rows. The choice is the attribute
        `chain_method` of the posterior. Several processes share the chains out, see `join_hosts`.
    superchains : int, optional
        For hundreds of short chains: so many groups of chains, each with one starting point for all of its chains, as
        nested R-hat needs them, which `diagnose` then reports.
    progress : bool
        Whether to show progress bars.
    path : str or Path, optional
        A folder, new or empty, in which the run is kept while it is made. Called again with the same arguments after
        it was killed, `fit` goes on where it was, and the draws are bit for bit those of a run that was never stopped;
        once it is done, it reads them. With more `draws`, or more `max_seconds`, a run of chains is continued. See
        `open_run`.

    start : Fit, optional
        For the Gibbs sampler of `shallow` networks: a fit of the same model to other rows, from whose last states the
        chains start. A short warm-up is then enough, for example when a growing series is fitted again. For
        `Tempered(sampler)`: a fit by `sampler`, at the last states of whose chains the copies start.
    log_likelihood : bool
        Whether to keep the log likelihood of every row and draw, which `loo`, `compare` and `stack_chains` need.
        Without it memory does not grow with draws times rows; the sums over rows are then the sample statistic
        `log_likelihood`.

    Returns
    -------
    Fit
        Its model is bound to the data: it knows the classes, or the names of several outputs. After Ctrl-C during
        sampling: the draws made so far, marked incomplete.

    Raises
    ------
    ValueError
        Before anything is compiled, if data, settings or model do not fit together, or `path` holds anything but this
        run, or a run that is damaged, of other software or being written.
    OSError
        If `path` cannot be written, say because the disk is full; what was written before is intact.

    See Also
    --------
    diagnose : whether the chains agree
    predict : draws at new rows
    summary : a table of the posterior
    extend : more draws of the same chains

    Examples
    --------
    >>> import numpy as np
    >>> from bayesnn.models.shallow import shallow
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> y = np.sin(2 * x[:, 0]) + 0.1 * np.cos(30 * x[:, 0])
    >>> result = fit(shallow(1), x, y, draws=50, warmup=50, chains=2, progress=False)
    >>> result.idata["posterior"]["gamma"].dims
    ('chain', 'draw', 'unit', 'input')
    """
    check_compiling()
    if not isinstance(model, Model):
        raise ValueError(f"model must be a bnn.Model such as bnn.shallow(5), got {type(model).__name__}")
    model, rows = bind(
        model, x, y, standardize=standardize, weights=weights, offset=offset, table=data, missing=missing
    )
    spec = sampler_for(model, rows, sampler)
    model = spec.serve(model)
    count, seconds = length_of(draws_for(sampler, spec, chains, path) if draws is None else draws, max_seconds)
    warmup = warmup_for(warmup, spec, model, seconds is not None)
    plan = Plan(count, warmup, chains, thinning, chain_method, progress, superchains=superchains)
    settings = FitSettings(
        warmup, thinning, superchains, bool(standardize), bool(marginalize), bool(log_likelihood), str(key), seconds
    )
    job = SamplingJob(model, rows, spec, as_key(key), settings)
    if seconds is not None:
        check_auto(spec, chains, seconds, path)
    if start is not None:
        plan = replace(plan, keeper=start_of(start, job, plan, path))
    if seconds is None:
        return run(job, plan, path)
    if sampler is None:
        return plain_then_tempered(run, job, plan, seconds, path)
    return run(job, until_converged(plan, job, seconds), path)


def run(job: SamplingJob, plan: Plan, path: Any = None, handed: Artifact | None = None) -> Fit:
    """Draw, in memory or in the folder `path`, and put the inference data together.

    `handed` are states of other chains from which the sampler starts, and a note that becomes an attribute.
    """
    job.parts  # noqa: B018  # refuses what cannot be sampled so before a folder is made
    if is_multiprocess():
        multihost.check_same_fit(job.identity(plan))
        plan = local_stopping(multihost.local_part(plan)) if isinstance(job.sampler, Chains) else plan
    own = multihost.process_folder(path)
    with open_or_create_run(own, job, plan) as plan:
        done = draw(job, plan, handed)
        attrs = job.attributes(plan) | attributes_of(done, plan.thinning, plan.stopping is not None)
        idata = assemble_inference_data(job.model, job.data, to_series_units(job.data, done.values), attrs)
        if path is not None and done.complete:
            write_netcdf(own, idata)
    if plan.of is not None:
        idata = map_chains(idata, gather_chains)
    return Fit(job.model, job.data, job.sampler, idata, state_of(job, plan, done, path), as_made(job, plan, done))
