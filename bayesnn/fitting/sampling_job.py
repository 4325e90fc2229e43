"""What a fit runs, apart from the number of draws; and the state of its chains afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from bayesnn._internal.runtime import as_precision
from bayesnn.data.dataset import Dataset
from bayesnn.fitting.autoregression import is_confined
from bayesnn.fitting.settings import FitSettings
from bayesnn.fitting.store import codec, manifest
from bayesnn.fitting.store.state import State, key_numbers
from bayesnn.models.marginal import MarginalModel
from bayesnn.models.missing_values import SITE, MissingValuesModel, make_series_arrays, missing_positions
from bayesnn.models.model import Model
from bayesnn.samplers import Chains, Sampler, with_fixed, with_missing_values
from bayesnn.samplers.engine.chains import Run
from bayesnn.samplers.engine.checkpoint import HANDED, Artifact
from bayesnn.samplers.engine.multihost import gather_plan
from bayesnn.samplers.engine.plan import Plan

RESULT = "result"
CONFINED = (
    "marginalize=True cannot integrate a linear term out whose prior is confined to maps that do not run away: leave "
    'it out, use sampler="gibbs", or keep the prior of tables by hyper=bnn.ShallowHyperparameters(autoregression=False)'
)
TIME_OVER = "time over"
Target = Model | MarginalModel | MissingValuesModel


@dataclass(frozen=True)
class Report:
    """What a fit records of a draw: the sites of the model, including those that had been integrated out."""

    target: Target
    names: tuple[str, ...]

    def __call__(self, key: jax.Array, sites: dict[str, jax.Array], arrays: Any) -> dict[str, jax.Array]:
        """Reported values, from all sites and the arguments of the model."""
        if isinstance(self.target, (MarginalModel, MissingValuesModel)):
            sites = self.target.complete(key, sites, *arrays)
        return {name: sites[name] for name in self.names}


@dataclass(frozen=True, eq=False)
class SamplingJob:
    """A bound model, its data, a sampler, a key, and the other arguments that `fit` was given."""

    model: Model
    data: Dataset
    sampler: Sampler
    key: jax.Array
    settings: FitSettings

    @property
    def parts(self) -> tuple[Target, Sampler]:
        """The NumPyro model that is sampled, and the sampler: fixed layers and missing values change them.

        Raises
        ------
        ValueError
            If the sampler cannot serve them.
        """
        integrates = self.settings.marginalize and not self.sampler.marginalizes
        model = replace(self.model, padded=self.data.padded)
        if integrates and is_confined(model):
            raise ValueError(CONFINED)
        target = MarginalModel(model) if integrates else model
        sampler = with_fixed(self.model, self.sampler)
        return (
            with_missing_values(target, self.data, sampler)
            if len(missing_positions(self.data.series))
            else (target, sampler)
        )

    def arguments(self) -> tuple[Any, ...]:
        """The arrays that the model is called with, standardised and on the device; every call makes them anew."""
        data = self.data
        if len(missing_positions(data.series)):
            return (make_series_arrays(data.series, data.scaling),)
        rows = () if data.weights is None and data.shift is None else (data.shift, data.weights)
        return (*as_precision(data.scaled()), *rows)

    @property
    def report(self) -> Report:
        """The function that a sampler records draws with."""
        missing = (SITE,) if len(missing_positions(self.data.series)) else ()
        return Report(self.parts[0], (*self.model.dims(self.data.x.shape[1:]), *missing))

    def identity(self, plan: Plan) -> str:
        """A hash of everything that the draws depend on."""
        run = manifest.run_of(self.model, self.data, self.sampler, self.key, plan, self.settings.marginalize)
        return manifest.identity(run | {"draws": plan.draws, "method": plan.method})

    def attributes(self, plan: Plan) -> dict[str, Any]:
        """Attributes of the posterior that are known before the run."""
        import arviz as az
        import numpyro

        return {
            "inference_library": "bayesnn",
            "sampler": repr(self.sampler),
            **self.settings.attributes(),
            "chain_method": plan.description,
            "approximate": int(self.sampler.approximate),
            "jax_version": jax.__version__,
            "numpyro_version": numpyro.__version__,
            "arviz_version": az.__version__,
        }


def draw(job: SamplingJob, plan: Plan, handed: Artifact | None = None) -> Run:
    """Run the sampler. Chains are stored as they go; a result without chains is stored once and found again.

    `handed`, states of other chains and a note, is kept with the run for the sampler; the note becomes an attribute.
    """
    target, sampler = job.parts
    arguments = target, job.report, job.key, job.arguments(), plan
    if plan.keeper is None:
        return sampler.draw(*arguments)
    if handed is not None and plan.keeper.load_artifact(HANDED) is None:
        plan.keeper.save_artifact(HANDED, handed)
    if isinstance(job.sampler, Chains):
        run = sampler.draw(*arguments)
        return replace(run, attrs=run.attrs | note_of(plan.keeper.load_artifact(HANDED)))
    found = plan.keeper.load_artifact(RESULT)
    if found is not None:
        return result_of(found)
    run = sampler.draw(*arguments)
    if run.complete:
        values = {f"value {name}": np.asarray(v) for name, v in run.values.items()}
        attrs = codec.encode(run.attrs, values, "attrs")
        plan.keeper.save_artifact(RESULT, (values, {"seconds": run.seconds, "attrs": attrs}))
    return run


def note_of(handed: Artifact | None) -> dict[str, str]:
    """The note on the chains of an earlier stage, as an attribute of the posterior."""
    return {} if handed is None or "note" not in handed[1] else {"before": handed[1]["note"]}


def result_of(found: Artifact) -> Run:
    """The run of a sampler without chains, as it was stored."""
    arrays, document = found
    values = {name.removeprefix("value "): v for name, v in arrays.items() if name.startswith("value ")}
    return Run(values, document["seconds"], True, codec.decode(document["attrs"], arrays))


def attributes_of(run: Run, thinning: int, auto: bool) -> dict[str, Any]:
    """Attributes of the posterior that are known after the run, which was made with this thinning."""
    seconds = {f"{name}_seconds": run.seconds[name] for name in ("compile", "warmup", "sampling")}
    attrs = {"complete": int(run.complete)} | seconds | run.attrs
    if run.checkpoint is None:
        return attrs
    why = run.checkpoint.ended or (TIME_OVER if run.complete else "interrupted")
    if run.checkpoint.dropped:
        attrs |= {"dropped": run.checkpoint.dropped, "made": run.checkpoint.draws}
    return attrs | {"thinning": thinning * run.checkpoint.every} | ({"stopped": why} if auto else {})


def as_made(job: SamplingJob, plan: Plan, run: Run) -> FitSettings:
    """The settings of a fit: those of the job, with the thinning that a run of its own length came to."""
    every = 1 if run.checkpoint is None else run.checkpoint.every
    return replace(job.settings, thinning=plan.thinning * every)


def state_of(job: SamplingJob, plan: Plan, run: Run, path: Any) -> State | None:
    """State of the chains at the end of a run; None for a sampler without chains."""
    if run.checkpoint is None:
        return None
    kept = {} if plan.keeper is None else dict(plan.keeper.artifacts)
    if plan.of is not None and kept:  # a process knows the starts of its own chains alone
        return None
    place = replace(plan, draws=run.checkpoint.draws, batches=plan.max_batches, keeper=None, stopping=None)
    place, checkpoint = gather_plan(place, run.checkpoint)
    return State(checkpoint, place, key_numbers(job.key), kept=kept, path=None if path is None else str(path))
