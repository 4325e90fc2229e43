"""Class labels: a softmax for several classes, a logit for two."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from bayesnn._internal.polya_gamma import polya_gamma
from bayesnn.likelihoods.base import Latents, Likelihood, weighted
from bayesnn.likelihoods.labels import encode_labels, learn_classes
from bayesnn.likelihoods.working_rows import WorkingRows


@dataclass(frozen=True)
class Categorical(Likelihood):
    """P(y = k) = exp(f_k) / sum_l exp(f_l), each class with its own readout weights; f (n, classes).

    A common shift of all f_k changes no probability, so it is determined by the prior alone.

    Parameters
    ----------
    classes : tuple, optional
        Labels of any hashable type, at least two. Default: a fit takes them from y.

    See Also
    --------
    Bernoulli : two classes
    decide : the action of least expected loss

    Examples
    --------
    >>> import numpy as np
    >>> Categorical(("a", "b")).distribution(np.zeros(2)).probs.tolist()
    [0.5, 0.5]
    """

    kind: ClassVar[str] = "class"
    output_dim: ClassVar[str] = "class"
    informs: ClassVar[bool] = True

    classes: tuple[Hashable, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a single class and repeated classes."""
        object.__setattr__(self, "classes", _as_classes(self.classes))

    def bind(self, y: Any, offset: np.ndarray | None = None, weights: np.ndarray | None = None) -> Categorical:
        return self if self.classes else replace(self, classes=learn_classes(y))

    @property
    def output_labels(self) -> Sequence[Any]:
        if not self.classes:
            raise ValueError("the classes are not known yet: fit to labels, or give Categorical(classes=(...))")
        return self.classes

    def encode(self, y: Any) -> np.ndarray:
        return encode_labels(y, self.classes)

    def distribution(self, f: Any, **nuisance: Any) -> dist.Distribution:
        return dist.CategoricalLogits(f)

    def information(self, f: jax.Array, **nuisance: Any) -> jax.Array:
        """diag(p) - p p' of each row."""
        p = jax.nn.softmax(f, axis=-1)
        return p[..., None] * (jnp.eye(f.shape[-1]) - p[..., None, :])

    def identified(self, f: Any, center: Any, scale: Any) -> Any:
        """f_k less their mean: a shift of all f_k is not identified by the data."""
        return f - f.mean(axis=-1, keepdims=True)


@dataclass(frozen=True)
class Bernoulli(Likelihood):
    """log P(second class) / P(first class) = f; f (n,).

    Parameters
    ----------
    classes : tuple, optional
        Two labels of any hashable type. Default: a fit takes them from y, in sorted order.

    See Also
    --------
    Categorical : several classes
    decide : the action of least expected loss

    Examples
    --------
    >>> float(Bernoulli((False, True)).distribution(0.0).probs)
    0.5
    """

    kind: ClassVar[str] = "class"
    augments: ClassVar[bool] = True

    classes: tuple[Hashable, ...] = ()

    def __post_init__(self) -> None:
        """Refuse anything but two classes."""
        object.__setattr__(self, "classes", _as_classes(self.classes))
        if len(self.classes) not in (0, 2):
            raise ValueError(f"Bernoulli is for two classes, got {list(self.classes)}: use Categorical")

    def bind(self, y: Any, offset: np.ndarray | None = None, weights: np.ndarray | None = None) -> Bernoulli:
        return self if self.classes else replace(self, classes=learn_classes(y))

    def encode(self, y: Any) -> np.ndarray:
        return encode_labels(y, self.classes)

    def distribution(self, f: Any, **nuisance: Any) -> dist.Distribution:
        """P(code 1) = 1 / (1 + exp(-f))."""
        return dist.BernoulliLogits(f)

    def augment(
        self, key: jax.Array, latents: Latents, f: jax.Array, y: jax.Array, weights: jax.Array | None
    ) -> WorkingRows:
        """omega_i ~ PG(w_i, f_i) and omega_i z_i = w_i (y_i - 1/2): N. Polson, J. Scott and J. Windle (2013)."""
        return WorkingRows(polya_gamma(key, f, weights), weighted(y - 0.5, weights), 0.0, y.shape[0])


def class_probabilities(f: Any, outputs: tuple[int, ...]) -> Any:
    """Probabilities (..., classes) from f: the softmax over its last axis, or those of two classes from their logit."""
    logits = f if outputs else jnp.stack([jnp.zeros_like(f), f], axis=-1)
    return jax.nn.softmax(logits, axis=-1)


def _as_classes(classes: Any) -> tuple[Hashable, ...]:
    result = tuple(classes)
    if len(result) == 1 or len(set(result)) != len(result):
        raise ValueError(f"classes must be at least two different labels, got {result!r}")
    return result
