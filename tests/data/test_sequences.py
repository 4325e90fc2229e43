"""Sequences and token ids as data: what is padded, what is refused, and that padding changes no fit or prediction."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bayesnn as bnn
from bayesnn._internal.runtime import double
from bayesnn.data.dataset import code, learn_columns, make_dataset
from bayesnn.data.sequences import Reads, numbers, real_steps, to_steps, token_ids
from bayesnn.models.network import map_in_chunks

V, WIDTH = 7, 3
RNG = np.random.default_rng(0)
LENGTHS = (5, 2, 4, 1, 3, 5, 2, 4)
TOKENS = bnn.pad([RNG.integers(1, V, size=length) for length in LENGTHS])
NUMBERS = bnn.pad([RNG.normal(3.0, 2.0, size=(length, 2)) for length in LENGTHS])
Y = RNG.normal(size=len(LENGTHS))
LABELS = np.where(Y > 0, "good", "bad")
READERS = {
    "lstm": (bnn.LSTM(3),),
    "attention": (bnn.PositionalEncoding(), bnn.SelfAttention(), bnn.LayerNorm(), bnn.MeanPool()),
    "positions, flat": (bnn.PositionalEncoding("learnt"), bnn.Flatten(), bnn.Dense(2, "tanh")),
    "convolution": (bnn.Conv1D(2, 3, "tanh"), bnn.MeanPool()),
}


def test_pad_numbers_and_tokens():
    assert TOKENS.shape == (8, 5)
    assert TOKENS.dtype.kind == "i"
    assert (TOKENS != 0).sum(axis=1).tolist() == list(LENGTHS)
    assert NUMBERS.shape == (8, 5, 2)
    assert np.isnan(NUMBERS[1, 2:]).all() and not np.isnan(NUMBERS[1, :2]).any()
    np.testing.assert_array_equal(real_steps(TOKENS), real_steps(NUMBERS))
    assert bnn.pad([[1.0, 2.0], [3.0]]).shape == (2, 2, 1)
    assert bnn.pad([[1, 2]], length=4).tolist() == [[1, 2, 0, 0]]
    assert bnn.pad([[1, 2, 3]], 2, keep="first").tolist() == [[1, 2]]
    assert bnn.pad([[1, 2, 3]], 2, keep="last").tolist() == [[2, 3]]


@pytest.mark.parametrize(
    ("sequences", "options", "message"),
    [
        ([], {}, "at least one sequence, got none"),
        ([[1, 2], []], {}, r"got float64 of shape \(0,\) in sequence 1"),
        ([["a"]], {}, "a sequence must be numbers"),
        ([[1, 2, 3], [1]], {"length": 2}, 'at most length=2 steps, got 3 in sequence 0: give keep="first"'),
        ([[1, 2, 3]], {"length": 2, "keep": "middle"}, "unknown keep 'middle'"),
        ([[1, 2, 3]], {"length": 0}, "length must be a whole number of at least 1, got 0"),
        ([[1], [2]], {"length": 10**12}, r"2 sequence\(s\) of 10{12} steps take 8000 GB, and this machine has"),
        ([[1]], {"length": 2**70}, "GB of memory: give a smaller length"),
        ([[1.5]], {"length": 10**12}, r"1 sequence\(s\) of 10{12} steps take 8000 GB"),
        ([np.ones((1, 3))], {"length": 10**12}, "take 2.4e.04 GB"),
        ([np.ones((2, 3)), np.ones((2, 2))], {}, r"the same features, got steps of shapes \(2,\) and \(3,\)"),
    ],
)
def test_what_cannot_be_padded(sequences, options, message):
    with pytest.raises(ValueError, match=message):
        bnn.pad(sequences, **options)


def changed(x, place, value):
    x = x.copy()
    x[place] = value
    return x


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            changed(TOKENS, (1, 0), V),
            r"from 0 to 6, as the vocabulary of 7 says, got 1 other\(s\), the first \(7\) at ro",
        ),
        (changed(TOKENS, (2, 1), -1), r"the first \(-1\) at row 2, step 1"),
        (changed(TOKENS, 3, 0), r"a real step in every row, got 1 row\(s\) of padding only, the first at row 3"),
        (changed(TOKENS, (0, 2), 0), r"padding \(0\) must come after a sequence, got it inside, at row 0, step 2"),
        (TOKENS.astype(float), r"must hold token ids, whole numbers of shape \(n, time\).*got float64"),
        (NUMBERS, "must hold token ids"),
        (TOKENS[:0], "x is empty"),
        ([[1, 2], [3]], r"differ in length: use bnn.pad\(x\)"),
    ],
)
def test_token_ids_are_checked_at_the_door(x, message):
    with pytest.raises(ValueError, match=message):
        bnn.fit(bnn.Model([bnn.Embedding(V, WIDTH), bnn.MeanPool()]), x, Y[: len(x)])
    with pytest.raises(ValueError, match=message):
        token_ids(x, V)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (changed(NUMBERS, (0, 1), np.nan), "NaN must come after a sequence.*at row 0, step 1"),
        (changed(NUMBERS, (0, 1, 1), np.nan), "NaN must come after a sequence.*at row 0, step 1"),
        (changed(NUMBERS, 3, np.nan), r"got 1 row\(s\) of padding only, the first at row 3"),
        (changed(NUMBERS, (4, 1, 0), np.inf), "an infinite value at row 4, step 1, feature 0"),
        (np.zeros((0, 4, 2)), "x is empty"),
        ([[[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]]], r"differ in length: use bnn.pad\(x\)"),
    ],
)
def test_numbers_are_checked_at_the_door(x, message):
    with pytest.raises(ValueError, match=message):
        bnn.fit(bnn.Model([bnn.LSTM(2)]), x, Y[: len(x)])


def test_new_rows_must_have_the_features_of_the_fit():
    columns = learn_columns(NUMBERS)
    with pytest.raises(ValueError, match=r"the 2 feature\(s\) of the fit at every step, got 1"):
        code(columns, NUMBERS[..., :1])
    with pytest.raises(ValueError, match=r"must hold sequences of numbers, shape \(n, time, 2\), got float64 of shape"):
        code(columns, NUMBERS[..., 0])


def test_models_that_cannot_read_sequences_say_so():
    with pytest.raises(ValueError, match="Embedding must be the first layer"):
        bnn.Model([bnn.Dense(3), bnn.Embedding(V, 2)])
    with pytest.raises(ValueError, match="linear=True is for tables"):
        bnn.fit(bnn.Model([bnn.LSTM(2)], linear=True), NUMBERS, Y)
    with pytest.raises(ValueError, match="LSTM needs sequences"):
        bnn.fit(bnn.Model([bnn.LSTM(2)]), NUMBERS[:, 0], Y)


def test_numbers_are_standardised_over_real_steps_and_tokens_never():
    data = make_dataset(NUMBERS, Y)
    real = NUMBERS[real_steps(NUMBERS)]
    np.testing.assert_allclose(data.scaling.x_center, real.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(data.scaling.x_scale, real.std(axis=0), rtol=1e-12)
    x, _ = data.scaled()
    np.testing.assert_array_equal(np.isnan(x), np.isnan(NUMBERS))
    tokens = make_dataset(TOKENS, Y, columns=learn_columns(TOKENS, Reads(V)))
    np.testing.assert_array_equal(tokens.scaled()[0], TOKENS)
    assert tokens.dims == ("obs", "step")


def test_new_rows_get_the_steps_of_the_fit_and_no_more_padding_than_that():
    assert to_steps(TOKENS[1:2, :2], 5).tolist() == [[*TOKENS[1, :2], 0, 0, 0]]
    assert to_steps(np.pad(TOKENS, ((0, 0), (0, 9))), 5).shape == (8, 5)
    assert to_steps(np.pad(TOKENS, ((0, 0), (2, 0)), constant_values=1), 5).shape == (8, 7)
    assert np.isnan(to_steps(NUMBERS[3:4, :1], 5)[0, 1:]).all()


MODELS = {f"numbers, {name}": (bnn.Model(READERS[name]), NUMBERS) for name in ("lstm", "positions, flat")}
MODELS |= {
    f"tokens, {name}": (bnn.Model([bnn.Embedding(V, WIDTH), *reader]), TOKENS) for name, reader in READERS.items()
}


def wider(x, steps):
    """The same sequences with more padding."""
    missing = ((0, 0), (0, steps), (0, 0))[: x.ndim]
    return np.pad(x, missing, constant_values=0 if x.ndim == 2 else np.nan)


@pytest.mark.first_case
@pytest.mark.parametrize(("model", "x"), MODELS.values(), ids=MODELS)
def test_adding_padding_changes_no_prediction(fake_fit, model, x):
    fit = fake_fit(model, x, Y, chains=1, draws=3)
    expected = bnn.predict(fit, x)
    assert expected.shape == (1, 3, 8)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(bnn.predict(fit, wider(x, 4)), expected, rtol=1e-12)
    np.testing.assert_allclose(bnn.predict(fit, x[1:2, :2]), expected[..., 1:2], rtol=1e-10, atol=1e-12)


def test_padding_changes_no_log_likelihood(fake_fit):
    """What every sampler weighs, with the same draws."""
    model = bnn.Model([bnn.LSTM(3)])
    padded, plain = (
        fake_fit(model, x, Y, chains=1, draws=3).idata["log_likelihood"]["y"] for x in (wider(NUMBERS, 4), NUMBERS)
    )
    np.testing.assert_allclose(padded, plain, rtol=1e-12)


@pytest.mark.slow
def test_longer_sequences_where_layers_allow_them(fake_fit):
    longer = wider(TOKENS, 1)
    longer[0] = 1
    for name, reader in READERS.items():
        fit = fake_fit(bnn.Model([bnn.Embedding(V, WIDTH), *reader]), TOKENS, Y, chains=1, draws=2)
        if "flat" not in name:
            assert np.isfinite(bnn.predict(fit, longer)).all()
            continue
        message = "at most the 5 steps of the fit, since layers here have weights for each step"
        with pytest.raises(ValueError, match=message):
            bnn.predict(fit, longer)
        with pytest.raises(ValueError, match=message):
            bnn.evaluate(fit, longer, Y)
    with pytest.raises(ValueError, match="at most 4 steps, as PositionalEncoding says, got 5"):
        bnn.fit(bnn.Model([bnn.PositionalEncoding("learnt", 4), bnn.MeanPool()]), NUMBERS, Y)


@pytest.fixture(scope="module")
def classifier():
    """A tiny classifier of token sequences, by NUTS."""
    model = bnn.Model([bnn.Embedding(V, 2), bnn.GRU(2)], bnn.Bernoulli())
    return bnn.fit(model, TOKENS, LABELS, draws=30, warmup=30, chains=2, progress=False)


@pytest.mark.slow
def test_a_classifier_of_tokens_goes_through_everything(classifier, tmp_path):
    posterior = classifier.idata["posterior"]
    assert posterior["embedding0_vectors"].dims == ("chain", "draw", "embedding0_token", "embedding0_feature")
    assert classifier.idata["constant_data"]["x"].dims == ("obs", "step")
    probability = bnn.predict(classifier, TOKENS, kind="probability")
    np.testing.assert_allclose(probability.sum("class"), 1.0, rtol=1e-12)
    assert bnn.diagnose(classifier).table.loc["f, worst", "r_hat"] > 0
    scores = bnn.evaluate(classifier, wider(TOKENS, 2), LABELS)
    assert 0 <= scores["accuracy"] <= 1
    assert set(bnn.decompose(classifier, TOKENS).columns) == {"total", "parameter", "noise"}
    bnn.save(classifier, tmp_path / "fit.npz")
    again = bnn.load(tmp_path / "fit.npz")
    np.testing.assert_array_equal(bnn.predict(again, TOKENS, kind="probability"), probability)
    refusals = {
        "effects of inputs are": bnn.average_marginal_effects,
        "bands over an input are": bnn.plots.fit_band,
        "maps over two inputs are": bnn.plots.probability_map,
    }
    for what, call in refusals.items():
        with pytest.raises(ValueError, match=f"{what} for tables .n, p., and this fit has sequences"):
            call(classifier)
    with pytest.raises(ValueError, match="the others are for inputs of a table .*; this fit reads token ids"):
        bnn.relevance(classifier, method="ard")


@pytest.mark.slow
def test_folds_of_sequences():
    model = bnn.Model([bnn.Embedding(V, 2), bnn.MeanPool()], bnn.Bernoulli())
    options = {"sampler": bnn.MAP(steps=5), "draws": 4, "chains": 1, "progress": False}
    result = bnn.cross_validate(model, TOKENS, LABELS, folds=2, **options)
    assert np.isfinite(result.pointwise).all()


@pytest.mark.slow
def test_prior_predictive_of_sequences():
    prior = bnn.prior_predictive(bnn.Model([bnn.LSTM(2)]), NUMBERS, draws=3)
    assert prior["prior"]["f"].shape == (1, 3, 8)
    assert prior["constant_data"]["x"].dims == ("obs", "step", "predictor")
    tokens = bnn.prior_predictive(bnn.Model([bnn.Embedding(V, 2), bnn.MeanPool()]), TOKENS, draws=3)
    assert np.isfinite(tokens["prior_predictive"]["y"]).all()


@pytest.mark.parametrize("count", [1, 3, 7, 9])
@pytest.mark.parametrize("devices", [1, 2])
def test_many_examples_in_parts_give_what_one_part_gives(count, devices, monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: devices)
    x = np.random.default_rng(0).normal(size=(count, 4, 2)).astype(np.float32)

    def value(example):
        return jnp.sin(example).sum(axis=0)

    ways = [lambda a: map_in_chunks(value, a, 3), jax.vmap(value)]
    squares = [jax.value_and_grad(lambda a, way=way: ((way(a) ** 2).sum(), way(a)), has_aux=True) for way in ways]
    ((_, values), slopes), ((_, expected), expected_slopes) = (jax.jit(way)(x) for way in squares)
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    np.testing.assert_allclose(slopes, expected_slopes, rtol=1e-6)


@pytest.mark.parametrize("name", READERS)
def test_a_network_reads_padded_sequences_in_parts(name, monkeypatch):
    network = bnn.Model([*READERS[name]]).network
    rng = np.random.default_rng(0)
    weights = {n: jnp.asarray(rng.normal(size=w.shape)) for n, w in network.weights(NUMBERS.shape[1:]).items()}
    whole = jax.jit(lambda x: network.apply(weights, x))(NUMBERS)
    monkeypatch.setattr("bayesnn.models.network.SEQUENCE_NUMBERS", 3 * network.workspace_size(NUMBERS.shape[1:]))
    assert network.max_batch(NUMBERS.shape[1:]) == 3 < len(NUMBERS)
    parts = jax.jit(lambda x: network.apply(weights, x))(NUMBERS)
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)


def test_memory_does_not_grow_with_the_number_of_sequences():
    """The workspace of one draw at 8 parts of sequences is that at 2 parts, but for the sequences themselves."""
    model = bnn.Model([bnn.LSTM(16, return_sequences=True), bnn.MeanPool()])
    shape = (50, 3)
    most = model.network.max_batch(shape)

    def workspace(parts):
        weights = {name: jnp.zeros(w.shape) for name, w in model.network.weights(shape).items()}
        x = jax.ShapeDtypeStruct((parts * most, *shape), jnp.float32)
        return (
            jax.jit(lambda x: model.network.apply(weights, x)).lower(x).compile().memory_analysis().temp_size_in_bytes
        )

    copies = 2 * 4 * 6 * most * (50 * 3 + 16)  # inputs in their parts, and outputs
    growing = 3 * workspace(2)  # what would be added if memory grew with the number of sequences
    assert workspace(8) - workspace(2) <= copies < growing


def test_embedding_looks_up_what_it_has_learnt():
    rng = np.random.default_rng(1)
    ids, vectors = np.array([3, 1, 0]), rng.normal(size=(V, WIDTH))
    initial = rng.normal(size=(V, WIDTH))
    with double():
        np.testing.assert_array_equal(bnn.Embedding(V, WIDTH).apply({"vectors": vectors}, ids), vectors[ids])
        started = bnn.Embedding(V, initial=initial)
        np.testing.assert_allclose(started.apply({"vectors": vectors}, ids), (vectors + initial)[ids], rtol=1e-14)
        np.testing.assert_array_equal(bnn.Embedding(V).apply({}, ids), np.eye(V)[ids])
        for scale in (np.arange(1.0, V + 1), rng.uniform(1, 2, (V, WIDTH))):
            scaled = bnn.Embedding(V, initial=initial, scale=scale)
            expected = (vectors * scale.reshape(V, -1) + initial)[ids]
            np.testing.assert_allclose(scaled.apply({"vectors": vectors}, ids), expected, rtol=1e-14)
            assert scaled == bnn.Embedding(V, None, initial, scale.copy()) and scaled != started
    assert started.output_shape((3,)) == (3, WIDTH)
    assert bnn.Embedding(V).weights((3,)) == {}
    assert started == bnn.Embedding(V, initial=initial.copy()) and hash(started) == hash(
        bnn.Embedding(V, None, initial)
    )
    assert started != bnn.Embedding(V, initial=initial + 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bnn.Embedding(1, 3), "vocabulary must be a whole number of at least 2"),
        (lambda: bnn.Embedding(2**31 + 1, 3), "vocabulary must be at most 2147483648, got 2147483649"),
        (lambda: bnn.Embedding(V, 0), "width must be a whole number of at least 1"),
        (
            lambda: bnn.Embedding(V, 4, np.zeros((V, 3))),
            r"initial must have shape \(7, 4\), one vector per token, got \(7, 3",
        ),
        (lambda: bnn.Embedding(V, initial=np.zeros((3, 3))), r"initial must have shape \(7, 3\).*got \(3, 3\)"),
        (lambda: bnn.Embedding(V, initial=np.full((V, 3), np.nan)), "initial must be finite"),
        (lambda: bnn.Embedding(V, 3, scale=np.ones(3)), r"scale must have shape \(7,\).*or \(7, 3\), got \(3,\)"),
        (lambda: bnn.Embedding(V, 3, scale=np.arange(V)), "scale must be above zero, got 1 other.*first at token 0"),
        (lambda: bnn.Embedding(V, 3, scale=np.full(V, np.inf)), "scale must be finite"),
        (lambda: bnn.Embedding(V, scale=np.ones(V)), "scale needs vectors that are learnt: give width or initial"),
        (lambda: bnn.Embedding(V, 3).weights((4, 2)), r"Embedding reads token ids \(time,\), got examples of shape"),
    ],
)
def test_impossible_embeddings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_initial_vectors_are_saved_and_centre_the_prior(fake_fit, tmp_path):
    initial = np.arange(V * 2.0).reshape(V, 2)
    first = bnn.Embedding(V, initial=initial, scale=np.linspace(0.1, 1, V))
    model = bnn.Model([first, bnn.MeanPool()], prior=bnn.Normal(scale=1e-6))

    def near_initial(values):
        values["embedding0_vectors"] *= 1e-6

    fit = fake_fit(model, TOKENS, Y, chains=1, draws=3, change=near_initial)
    bnn.save(fit, tmp_path / "fit.npz")
    again = bnn.load(tmp_path / "fit.npz")
    assert again.model == fit.model
    pooled = np.array([initial[row[row != 0]].mean(axis=0) for row in TOKENS])
    sites = fit.sites()
    f = sites["beta"][0] @ pooled.T + sites["intercept"][0][:, None]
    np.testing.assert_allclose(bnn.predict(again, TOKENS)[0], fit.data.scaling.inverse(f), atol=1e-3)


def test_numbers_that_are_whole_may_be_sequences_too():
    assert numbers(np.ones((2, 3, 1), int), 1).dtype == np.float64
