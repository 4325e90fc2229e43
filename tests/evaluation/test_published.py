"""Published results that a right sampler must reproduce, on real data outside the repository (skipped without them)."""

import json
import zipfile

import arviz as az
import numpy as np
import pytest

import bayesnn as bnn

# Posterior mean curve of velocity - 1400 (km/s) for three units on slit 102.5 of NGC 7531, read off the figure of
# P. Müller and D. Ríos Insua (1998), Neural Computation 10, 749-770, to about 3 km/s.
CURVE_X = [-1.98, -1.75, -1.43, -0.51, -0.26, 0.0, 0.27, 0.54, 0.73, 0.95, 1.35, 1.74, 1.86]
CURVE_Y = [33, 40, 48, 91, 126, 176, 241, 295, 323, 344, 357, 343, 338]


def galaxy(shared_data):
    table = np.loadtxt(shared_data / "galaxy_ngc7531" / "slot_102_5.csv", delimiter=",", skiprows=1)
    return table[:, 2:3], table[:, 1]


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["gibbs", "nuts"])
def test_galaxy_curve_and_noise(shared_data, sampler):
    x, y = galaxy(shared_data)
    fit = bnn.fit(bnn.shallow(hidden=3), x, y, sampler=sampler, marginalize=True, progress=False)
    print(bnn.diagnose(fit))
    curve = bnn.predict(fit, np.array(CURVE_X)[:, None]).mean(("chain", "draw")).to_numpy() - 1400.0
    rms = float(np.sqrt(np.mean((curve - CURVE_Y) ** 2)))
    sigma = float(fit.idata["posterior"]["sigma"].mean())
    print(f"{sampler}: RMS distance from the published curve {rms:.2f} km/s, sigma {sigma:.2f} km/s")
    assert rms <= 3.0
    assert abs(sigma - 13.2) <= 0.7


def classical_r_hat(f):
    """A. Gelman and D. Rubin (1992), of values (chain, draw, point): an opinion independent of the one under test."""
    draws = f.shape[1]
    within, between = f.var(axis=1, ddof=1).mean(axis=0), draws * f.mean(axis=1).var(axis=0, ddof=1)
    return np.sqrt((draws - 1) / draws + between / within / draws).max()


@pytest.mark.slow
def test_chains_that_disagree_on_a_bimodal_posterior_are_never_called_converged(shared_data):
    table = np.loadtxt(shared_data / "fbm_examples" / "rdata")[:100]
    x, y = table[:, :1], table[:, 1]
    grid = np.linspace(x.min(), x.max(), 60)[:, None]
    disagreeing = 0
    for key, (sweeps, draws) in enumerate([(1, 100), (1, 100), (20, 400)]):
        sampler = bnn.Gibbs(sweeps=sweeps)
        settings = {"chains": 8, "draws": draws, "warmup": draws // 2, "key": key, "progress": False}
        fit = bnn.fit(bnn.shallow(8), x, y, sampler=sampler, **settings)
        r_hat = classical_r_hat(bnn.predict(fit, grid).to_numpy())
        diagnosis = bnn.diagnose(fit)
        print(f"key {key}: classical R-hat {r_hat:.3f}; {diagnosis.verdict}")
        if r_hat > 1.05:
            disagreeing += 1
            assert not diagnosis.ok
    assert 0 < disagreeing < 3, "the runs were chosen so that some disagree and some do not"


def first_in(archive):
    """The one JSON document of a zip file."""
    with zipfile.ZipFile(archive) as files:
        return json.loads(files.read(files.namelist()[0]))


@pytest.mark.slow
def test_autoregression_of_five_lags_has_the_reference_posterior(shared_data):
    """posteriordb's arK: y_t ~ N(alpha + sum_k beta_k y_{t-k}, sigma), alpha, beta ~ N(0, 10), sigma ~ HalfCauchy(2.5).

    M. Magnusson et al. (2024), posteriordb: its 10,000 reference draws are from ten long chains.
    """
    folder = shared_data / "posteriordb"
    y = np.array(first_in(folder / "arK_data.json.zip")["y"])
    reference = first_in(folder / "arK_reference_draws.json.zip")
    names = ["alpha", *(f"beta[{k}]" for k in range(1, 6)), "sigma"]
    draws = {name: np.array([chain[name] for chain in reference]) for name in names}
    lags = np.column_stack([y[5 - k : -k] for k in range(1, 6)])
    model = bnn.Model([], bnn.Gaussian(noise_scale=2.5), bnn.Normal(extra=10.0), linear=True)
    fit = bnn.fit(model, lags, y[5:], sampler="nuts", draws=2500, standardize=False, progress=False)
    posterior = fit.idata["posterior"]
    linear = posterior["linear"].to_numpy()
    ours = [posterior["intercept"].to_numpy(), *np.moveaxis(linear, 2, 0), posterior["sigma"].to_numpy()]
    for name, values in zip(names, ours, strict=True):
        assert min(az.ess(values), az.ess(draws[name])) > 1000
        error = np.hypot(az.mcse(values), az.mcse(draws[name]))
        z = float((values.mean() - draws[name].mean()) / error)
        print(f"{name}: {values.mean():.4f}, reference {draws[name].mean():.4f}, z {z:.2f}")
        assert abs(z) < 4.0
