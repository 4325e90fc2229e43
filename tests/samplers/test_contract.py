"""What all samplers promise: a fixed state tree, one trace, pickling, the same draws under every chain method."""

import dataclasses
import functools
import pickle
import re

import geweke
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer import MCMC

from bayesnn import (
    HMC,
    MCLMC,
    NUTS,
    SGHMC,
    SGLD,
    Categorical,
    Dense,
    Gaussian,
    Gibbs,
    Hierarchical,
    Horseshoe,
    Model,
    StudentT,
    Tempered,
    fit,
    shallow,
)
from bayesnn._internal.runtime import compilation_cache_on, double
from bayesnn.models.marginal import MarginalModel
from bayesnn.samplers import PROPOSALS, SAMPLERS, STAT_DIMS, Chains, StepsKernel, make_sampler
from bayesnn.samplers.engine.plan import CHAIN_METHODS
from bayesnn.samplers.gibbs.joint import JointGibbs
from bayesnn.samplers.gibbs.weight_moves import MOVES, WeightGibbs

SHALLOW = shallow(2)
CLASSES = Model([Dense(2, "tanh"), Dense(2, "relu")], Categorical(("a", "b", "c")), Hierarchical(weight_size=4.0))
JOINT = shallow(2, likelihood=Categorical(("a", "b", "c")))
TWO_LAYERS = Model([Dense(2, "tanh"), Dense(2, "tanh")])
SAMPLER_CASES = {
    **{f"gibbs-{proposal}": (Gibbs(proposal, candidates=3, sweeps=2), SHALLOW) for proposal in PROPOSALS},
    "gibbs-intercept-linear": (Gibbs(candidates=3, sweeps=2), shallow(2, intercept=True, linear=True)),
    "gibbs-trajectory": (Gibbs(candidates=3, sweeps=2, trajectory=3), SHALLOW),
    "gibbs-student-t": (Gibbs(candidates=3, sweeps=2), shallow(2, likelihood=StudentT())),
    "gibbs-joint": (Gibbs(candidates=3, trajectory=2), JOINT),
    **{f"gibbs-weights-{way}": (Gibbs(weights=way, steps=2, sweeps=2), CLASSES) for way in MOVES},
    "gibbs-hmc-horseshoe": (Gibbs(steps=2, sweeps=2), Model([Dense(2, "tanh")], StudentT(), Horseshoe())),
    "nuts": (NUTS(max_tree_depth=3), SHALLOW),
    "nuts-marginalised": (NUTS(max_tree_depth=3, dense_mass=True), MarginalModel(SHALLOW)),
    "hmc": (HMC(trajectory_length=0.5), SHALLOW),
    "hmc-two-layers": (HMC(trajectory_length=0.5), TWO_LAYERS),
    "mclmc": (MCLMC(steps=3, start=None), TWO_LAYERS),
    "tempered": (Tempered(Gibbs(candidates=3, sweeps=2), 3), SHALLOW),
    "tempered-nuts": (Tempered(NUTS(max_tree_depth=2), 2), SHALLOW),
    "sgld": (SGLD(batch_size=5, steps=2, start=None, preconditioner="rmsprop"), TWO_LAYERS),
    "sghmc": (SGHMC(batch_size=5, steps=2, start=None), TWO_LAYERS),
}
CASES = pytest.mark.parametrize("case", SAMPLER_CASES)

X = np.linspace(-1.5, 1.5, 14)[:, None]
Y = np.tanh(2 * X[:, 0]) + 0.1 * np.cos(11 * X[:, 0])
CODES = np.arange(14) % 3


WARMUP = 4
quick = functools.partial(jax.jit, compiler_options=geweke.QUICK)


@pytest.fixture
def data():
    with double(), compilation_cache_on():
        yield jnp.asarray(X), jnp.asarray(Y)


@functools.cache
def walk(case):
    """States of ten compiled steps, the first four of them warm-up, and how often the step was traced."""
    spec, model = SAMPLER_CASES[case]
    data = jnp.asarray(X), jnp.asarray(CODES if model in (CLASSES, JOINT) else Y)
    kernel = spec.kernel(model)
    states = [quick(lambda key: kernel.init(key, WARMUP, None, data, {}))(jax.random.key(0))]
    traces = []

    @quick
    def step(state, x, y):
        traces.append(None)
        return kernel.sample(state, (x, y), {})

    for _ in range(10):
        states.append(step(states[-1], *data))
    return states, len(traces)


def forms(tree):
    return [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]


@pytest.mark.first_case
@CASES
def test_a_step_keeps_the_state_and_is_traced_once(case, data):
    spec, _ = SAMPLER_CASES[case]
    states, traces = walk(case)
    assert traces == 1
    for state in states:
        assert jax.tree.structure(state) == jax.tree.structure(states[0])
        assert forms(state) == forms(states[0])
    first, last = (jax.tree.leaves(states[i].z) for i in (0, -1))
    assert all(leaf.dtype == jnp.float64 for leaf in last)
    assert all(np.isfinite(leaf).all() for leaf in last)
    assert not any(np.array_equal(a, b) for a, b in zip(first, last))
    for name, value in spec.stats(states[-1]).items():
        assert value.ndim == len(STAT_DIMS.get(name, ())), name
        assert np.isfinite(value).all(), name


@CASES
def test_specs_pickle_and_hash(case):
    spec, model = SAMPLER_CASES[case]
    for thing in (spec, model):
        copy = pickle.loads(pickle.dumps(thing))
        assert copy == thing
        assert hash(copy) == hash(thing)
    if isinstance(spec, Gibbs):
        kernel = pickle.loads(pickle.dumps(spec.kernel(model)))
        assert kernel == StepsKernel(sweep_of(spec, model), model)


def sweep_of(spec, model):
    """What a Gibbs spec runs for a model: itself if the model collapses, else the joint sweep, or the move it names."""
    if model is JOINT:
        return JointGibbs(spec.candidates, spec.trajectory)
    return spec if model.prior == SHALLOW.prior else WeightGibbs(spec.weights or "hmc", spec.steps, spec.sweeps)


def test_specs_differ_where_a_setting_does():
    specs = [SAMPLER_CASES[case][0] for case in ("gibbs-slice", "gibbs-prior", "nuts", "nuts-marginalised", "hmc")]
    assert len(set(specs)) == len(specs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chains", "methods"),
    [
        (2, ["vectorized"]),
        pytest.param(2, ["vectorized", "sequential"], marks=pytest.mark.slow),
        pytest.param(1, ["sequential", "vectorized"], marks=pytest.mark.slow),
    ],
)
def test_numpyro_drives_our_samplers(chains, methods, data):
    """Draws of MCMC do not depend on its chain method, with thinning and extra fields."""
    runs = []
    for method in methods:
        kernel = Gibbs(candidates=3, sweeps=1).kernel(SHALLOW)
        mcmc = MCMC(
            kernel, num_warmup=3, num_samples=4, thinning=2, num_chains=chains, chain_method=method, progress_bar=False
        )
        mcmc.run(jax.random.key(1), *data, extra_fields=("info.acceptance",))
        runs.append(mcmc.get_samples(group_by_chain=True))
        assert mcmc.get_extra_fields(group_by_chain=True)["info.acceptance"].shape == (chains, 2)
    assert set(runs[0]) == set(SHALLOW.dims((1,)))
    for name, values in runs[0].items():
        assert values.shape[:2] == (chains, 2)
        assert len(np.unique(values[..., 0] if values.ndim > 2 else values)) > 1, name
        np.testing.assert_allclose(runs[-1][name], values, rtol=ROUNDING, err_msg=name)


# Batching reorders sums: 1e-15 relative each, and 1e-7 in the single-precision activations of the Gibbs sampler, which
# cross products of 14 rows and solves of condition at most some 1e3 pass on, a few times in as many steps.
ROUNDING = 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("spec", [Gibbs(candidates=3, sweeps=1), NUTS(max_tree_depth=3)], ids=["gibbs", "nuts"])
def test_all_chain_methods_agree(spec):
    runs = {
        method: fit(
            SHALLOW, X, Y, sampler=spec, draws=4, warmup=3, chains=2, key=3, chain_method=method, progress=False
        )
        for method in CHAIN_METHODS[1:]  # the first is one of the others
    }
    reference = runs["sequential"].idata["posterior"]
    for method, run in runs.items():
        for name in reference.data_vars:
            values = run.idata["posterior"][name].to_numpy()
            np.testing.assert_allclose(values, reference[name].to_numpy(), rtol=ROUNDING, err_msg=f"{method} {name}")
    assert not np.allclose(reference["sigma"][0], reference["sigma"][1])  # chains differ


@pytest.mark.parametrize("name", ["gibbs", *(pytest.param(n, marks=pytest.mark.slow) for n in ("nuts", "hmc"))])
def test_the_key_decides_the_draws(name):
    spec = {"gibbs": Gibbs(candidates=3, sweeps=1), "nuts": NUTS(max_tree_depth=3), "hmc": HMC(trajectory_length=0.5)}
    settings = {"sampler": spec[name], "draws": 4, "warmup": 3, "chains": 2, "progress": False}
    first, again, typed, other = (
        fit(SHALLOW, X, Y, key=key, **settings).sites() for key in (7, 7, jax.random.key(7), 8)
    )
    for site in first:
        np.testing.assert_array_equal(again[site], first[site], err_msg=site)
        np.testing.assert_array_equal(typed[site], first[site], err_msg=site)
        assert not np.any(other[site] == first[site]), site


@pytest.mark.parametrize(
    "proposal", ["adaptive", *(pytest.param(p, marks=pytest.mark.slow) for p in PROPOSALS if p != "adaptive")]
)
def test_adaptation_stops_after_warm_up(proposal, data):
    scales = np.array([state.inner.log_scale for state in walk(f"gibbs-{proposal}")[0]])
    if not PROPOSALS[proposal].adapts:
        assert not scales.any()
        return
    # a scale stays where its unit moved in just half the sweeps, the target: not every step changes every scale
    assert np.all(np.any(np.diff(scales[: WARMUP + 1], axis=0) != 0, axis=0))
    assert np.all(np.diff(scales[WARMUP:], axis=0) == 0)


# Messages


@pytest.mark.parametrize(
    ("make", "kind", "known"),
    [
        (lambda: make_sampler("nut"), "sampler", SAMPLERS),
        (lambda: fit(SHALLOW, X, Y, sampler="nut"), "sampler", SAMPLERS),
        (lambda: Gibbs("metropolis"), "proposal", PROPOSALS),
        (lambda: Gibbs(weights="metropolis"), "weights", (*MOVES, "collapsed")),
        (lambda: fit(SHALLOW, X, Y, chain_method="threads"), "chain_method", CHAIN_METHODS),
    ],
)
def test_an_unknown_name_lists_the_known_ones(make, kind, known):
    with pytest.raises(ValueError, match=f"unknown {kind} .*choose one of " + re.escape(", ".join(map(repr, known)))):
        make()


@pytest.mark.parametrize("sampler", [3, None, Gibbs, object()])
def test_what_is_neither_name_nor_spec_is_refused(sampler):
    with pytest.raises(ValueError, match="a name or a spec"):
        make_sampler(sampler)


@dataclasses.dataclass(frozen=True)
class OfList(NUTS):
    steps: list = dataclasses.field(default_factory=list)


def test_a_sampler_that_cannot_be_hashed_is_named():
    with pytest.raises(ValueError, match="sampler must be hashable, .* the steps of sampler, of the class list"):
        make_sampler(OfList())


@pytest.mark.parametrize(
    "spec",
    [
        lambda: Gibbs(candidates=0),
        lambda: Gibbs(sweeps=2.5),
        lambda: Gibbs(steps=0),
        lambda: NUTS(target_accept=1.0),
        lambda: NUTS(max_tree_depth=0),
        lambda: HMC(target_accept=0.0),
        lambda: HMC(trajectory_length=-1.0),
        lambda: HMC(max_steps=0),
    ],
)
def test_impossible_settings_are_refused(spec):
    with pytest.raises(ValueError, match="must be"):
        spec()


@pytest.mark.parametrize(
    "model",
    [
        TWO_LAYERS,
        Model([Dense(3, "logistic")]),
        Model([Dense(3, "tanh")], prior=SHALLOW.prior),
        Model([Dense(3, jax.nn.sigmoid)], prior=SHALLOW.prior),
    ],
    ids=["two layers", "another prior", "activation", "a function for an activation"],
)
def test_where_units_do_not_collapse_all_weights_move(model):
    """How weights move by default, and the errors for moves that a model does not allow."""
    Gibbs().check(model)
    assert Gibbs(steps=7, sweeps=3).kernel(model) == StepsKernel(WeightGibbs("hmc", 7, 3), model)
    assert Gibbs(weights="slice").kernel(model) == StepsKernel(WeightGibbs("slice", 20, 10), model)
    with pytest.raises(
        ValueError, match=r'weights="collapsed" is for bnn\.shallow.*Gaussian errors.*: use weights="hmc" here'
    ):
        Gibbs(weights="collapsed").check(model)
    y = Y if not model.likelihood.outputs else np.stack([Y, Y**2], axis=1)
    with pytest.raises(ValueError, match=r"bnn\.shallow"):
        fit(model, X, y, sampler=Gibbs(weights="collapsed"))


def test_units_collapse_where_they_can():
    for spec in (Gibbs(), Gibbs(weights="collapsed")):
        spec.check(SHALLOW)
        assert spec.kernel(SHALLOW) == StepsKernel(spec, SHALLOW)
    outputs = shallow(2, likelihood=Gaussian(outputs_named=("a", "b"), noise_scale=1.0))
    assert Gibbs().kernel(outputs) == StepsKernel(Gibbs(), outputs)
    assert Gibbs(weights="joint").kernel(outputs) == StepsKernel(JointGibbs(), outputs)
    assert Gibbs(weights="slice", steps=3).kernel(SHALLOW) == StepsKernel(WeightGibbs("slice", 3, 10), SHALLOW)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["gibbs-trajectory", *(f"gibbs-weights-{way}" for way in MOVES)])
def test_the_step_size_is_kept_after_warm_up(case, data):
    steps = np.array([state.inner.log_step for state in walk(case)[0]])
    assert np.all(np.diff(steps[WARMUP:]) == 0)
    way = SAMPLER_CASES[case][0].weights
    assert bool(np.any(np.diff(steps[: WARMUP + 1]) != 0)) == (way is None or MOVES[way].target > 0)


@CASES
def test_every_other_sampler_takes_every_model(case):
    spec, model = SAMPLER_CASES[case]
    if not isinstance(spec, Gibbs):
        spec.check(SHALLOW)
        spec.check(TWO_LAYERS)


def test_every_registered_sampler_is_tested_here():
    chains = {make for make in SAMPLERS.values() if issubclass(make, Chains)}  # approximations: test_approximations.py
    assert {type(spec) for spec, _ in SAMPLER_CASES.values()} == chains


@pytest.mark.slow
@pytest.mark.parametrize(("most", "long"), [(7, False), (1000, True)])
def test_hmc_takes_no_more_steps_than_allowed(most, long):
    """A step size that warm-up made tiny would otherwise need millions, and the run would seem to hang."""
    sampler = HMC(trajectory_length=30.0, max_steps=most)
    result = fit(SHALLOW, X, Y, sampler=sampler, draws=5, warmup=5, chains=2, progress=False)
    steps = result.idata["sample_stats"]["n_steps"].to_numpy()
    assert (steps > 7).any() if long else (steps <= 7).all()
