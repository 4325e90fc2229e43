"""A model as a table, and in words."""

import pytest

import bayesnn as bnn


@pytest.mark.parametrize(
    ("layers", "options", "shape", "total"),
    [
        ([bnn.Dense(16, "relu"), bnn.Dense(4)], {}, (3,), "89 + 16 p"),
        ([], {"linear": True}, (2,), "1 + p"),
        ([bnn.LSTM(4)], {}, (7, 3), "85 + 16 p"),
        ([bnn.Embedding(50, 8), bnn.GRU(8)], {}, (5,), "817"),
    ],
    ids=["dense", "linear", "sequence", "tokens"],
)
def test_numbers_of_weights(layers, options, shape, total):
    model = bnn.Model(layers, **options)
    assert str(model).split("\n")[len(layers) + 4].split(maxsplit=1)[1].strip() == total
    known = model.table(shape).split("\n")[len(layers) + 4].split()[1]
    assert int(known.replace(",", "")) == sum(model.sizes(shape).values())
    constant, _, slope = total.partition(" + ")
    inputs = shape[-1] if slope else 0
    assert int(known.replace(",", "")) == int(constant) + inputs * int(slope.replace(" p", "").replace("p", "1") or 0)


def test_what_is_not_the_default_is_said():
    said = str(bnn.Model([bnn.Residual(bnn.Dense(2, "relu"))], bnn.StudentT(df=4.0), bnn.Hierarchical(source="none")))
    for part in ("Residual(Dense(2, activation='relu'))", "StudentT(df=4.0)", "Hierarchical(source='none')"):
        assert part in said


@pytest.mark.parametrize(
    "likelihood", [bnn.Gaussian(), bnn.Poisson(), bnn.Categorical()], ids=lambda v: type(v).__name__
)
@pytest.mark.parametrize("prior", [bnn.Normal(), bnn.Horseshoe(), bnn.Hierarchical()], ids=lambda v: type(v).__name__)
def test_a_description_has_the_formulas_and_their_numbers(likelihood, prior):
    said = bnn.Model([bnn.Dense(3)], likelihood, prior, linear=True).describe()
    assert said.startswith("f(x) = sum_j beta_j u_j(x) + intercept + sum_k linear_k x_k")
    assert f"y given f: {type(likelihood).__name__}" in said and f"weights: {type(prior).__name__}" in said
    assert "~" in said and "extra=1.0" in said
    assert "Parameters" not in said and max(map(len, said.split("\n"))) <= 120


def test_a_random_architecture_is_described():
    model = bnn.shallow(bnn.Geometric(0.5, 4), linear="random")
    assert "Geometric" in str(model) and "random architecture" in model.describe()


def test_layers_that_serve_some_inputs_only_are_shown_too():
    said = str(bnn.Model([bnn.Residual(bnn.Dense(5))]))
    assert "residual0  Residual(Dense(5))" in said and "?" in said
