"""generate(fit, prompt, length): tokens one after the other; each posterior draw continues its own tokens."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from bayesnn._internal import checks
from bayesnn._internal.runtime import as_key, computing
from bayesnn.data import sequences
from bayesnn.data.texts import ids_of_texts, texts_of
from bayesnn.fitting.draws import over_draws
from bayesnn.fitting.fit import Fit
from bayesnn.prediction.continuation import KEYS, Choice, Continue, ContinueStepwise, goes_stepwise


def next_tokens(tokens: Any) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of a next-token model: every token but the last of its row, and the one that follows it.

    Parameters
    ----------
    tokens : array of int, shape (n, time)
        Padded with zeros at the end, at least two tokens per row.

    Returns
    -------
    tuple of numpy.ndarray
        Inputs (n, time - 1), and targets (n, time - 1), zero at padded steps.

    See Also
    --------
    generate : simulated tokens
    pad : sequences of several lengths as one array

    Examples
    --------
    >>> [part.tolist() for part in next_tokens([[5, 2, 7], [3, 4, 0]])]
    [[[5, 2], [3, 0]], [[2, 7], [4, 0]]]
    """
    values = sequences.token_ids(tokens, np.iinfo(np.int32).max)
    short = np.flatnonzero((values != sequences.PADDING).sum(axis=1) < 2)
    if len(short):
        raise ValueError(f"tokens must have at least two in every row, got one in row {short[0]}: drop it")
    targets = values[:, 1:]
    return np.where(targets != sequences.PADDING, values[:, :-1], sequences.PADDING), targets


@computing
def generate(
    fit: Fit,
    prompt: Any,
    length: int,
    *,
    end: int | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    key: Any = 0,
) -> Any:
    """Draw the tokens that follow a prompt, by a model with one class, the next token, at every step.

    Each posterior draw makes its own continuation: it draws a token from its own probabilities and appends it to its
    input. Layers in which no step sees later ones go on from what they keep of the steps before (states; keys and
    values of attention), so that the time grows with the length; others read the whole sequence for each token.

    Parameters
    ----------
    fit : Fit
        Of a model of token ids whose targets, one per step, are token ids: see `next_tokens`. For `Seq2Seq`, the
        targets of the decoder.
    prompt : array of int, shape (time,) or (n, time), or text
        The tokens to continue, or a text or list of texts for a model with a vocabulary, whose `text` turns the result
        into words; rows may end in padding. For `Seq2Seq` the source, padded to its length, and then the
        beginning of the target's input, such as a token that stands for its start.
    length : int
        Tokens to draw.
    end : int, optional
        A token that ends the text: zeros follow it.
    temperature : float
        Log probabilities are divided by it: below 1 likely tokens become likelier. Other values than 1, and the next
        two, give tokens that are not draws of the posterior predictive distribution.
    top_k : int, optional
        Only this number of tokens, the most probable ones, can be drawn.
    top_p : float, optional
        Only the most probable tokens can be drawn: as few of those that `top_k` leaves as have this probability
        together (A. Holtzman et al., 2020, The curious case of neural text degeneration, ICLR).
    key : int or jax.Array

    Returns
    -------
    xarray.DataArray
        Token ids (chain, draw, time), or (chain, draw, obs, time) for several prompts, without the prompt.

    Raises
    ------
    ValueError
        If the fit is of another kind, a token is beyond the vocabulary, or prompt and all tokens but the last together
        are longer than layers with weights for each step allow.

    See Also
    --------
    DecoderBlock : attention to another sequence
    Seq2Seq : from one sequence to another
    next_tokens : texts as inputs and next words

    Examples
    --------
    >>> from bayesnn.fitting.fit import fit
    >>> from bayesnn.layers import GRU, Embedding
    >>> from bayesnn.likelihoods import Categorical
    >>> from bayesnn.models.model import Model
    >>> from bayesnn.priors import Normal
    >>> from bayesnn.samplers import Gibbs
    >>> x, y = next_tokens([[1, 2, 3, 1, 2, 3], [2, 3, 1, 2, 3, 1]])
    >>> model = Model([Embedding(4, 2), GRU(2, return_sequences=True)], Categorical(), Normal())
    >>> few = {"draws": 2, "warmup": 2, "chains": 1, "progress": False}
    >>> result = fit(model, x, y, sampler=Gibbs(weights="random_walk"), **few)
    >>> generate(result, [1, 2], length=5).shape[-1]
    5
    """
    import xarray as xr

    steps = checks.positive_integer("length", length)
    labels = _labels(fit)
    if end is not None:
        checks.positive_integer("end", end)
        if end >= fit.data.columns.vocabulary:
            raise ValueError(f"end must be a token id below the {fit.data.columns.vocabulary} of the fit, got {end}")
    if texts_of(prompt) is not None:
        ids = ids_of_texts([prompt] if isinstance(prompt, str) else prompt, fit.model.network.reads.words)
        prompt = ids[0] if isinstance(prompt, str) else ids
    rows = np.asarray(prompt)
    rows, columns = rows[None] if rows.ndim == 1 else rows, fit.data.columns
    rows = columns.ids(rows)
    first = columns.source + (rows[:, columns.source :] != sequences.PADDING).sum(axis=1)
    x = _room(fit, rows, int(first.max()) + steps - 1)  # the last token is never fed back
    sites, sizes = fit.draws(), fit.idata["posterior"].sizes
    keys = jax.random.split(as_key(key), sizes["chain"] * sizes["draw"])
    sites[KEYS] = np.asarray(jax.random.key_data(jax.vmap(lambda k: jax.random.split(k, steps))(keys)))
    order = np.arange(len(x))
    how = ContinueStepwise if goes_stepwise(fit.model) else Continue
    values = over_draws(how(_choice(temperature, top_k, top_p)), fit.model, sites, x, first, order).astype(int)
    if end is not None:
        after = np.cumsum(values == end, axis=-1) - (values == end) > 0
        values = np.where(after, sequences.PADDING, values)
    coords = {"chain": np.arange(sizes["chain"]), "draw": np.arange(sizes["draw"]), "obs": order, "time": range(steps)}
    values = values.reshape(sizes["chain"], sizes["draw"], *values.shape[1:])
    result = xr.DataArray(values, coords=coords, dims=tuple(coords), name="token", attrs={"classes": len(labels)})
    return result.isel(obs=0, drop=True) if np.ndim(prompt) == 1 else result


def _choice(temperature: float, top_k: int | None, top_p: float | None) -> Choice | None:
    """The checked settings; None where tokens have the probabilities of the model."""
    checks.positive("temperature", temperature)
    if top_k is not None:
        checks.positive_integer("top_k", top_k)
    if top_p is not None and top_p != 1:
        checks.fraction("top_p", top_p)
    plain = temperature == 1 and top_k is None and top_p is None
    return None if plain else Choice(float(temperature), top_k, top_p)


def _labels(fit: Fit) -> tuple[int, ...]:
    """The token ids that a fit's targets can be, refusing fits of another kind."""
    columns, likelihood = fit.data.columns, fit.model.likelihood
    wanted = "generate needs a model of token ids whose targets, one per step, are token ids too"
    if columns.kind != sequences.TOKENS or fit.data.steps is None or likelihood.kind != "class":
        raise ValueError(f"{wanted}, such as fit(model, *bnn.next_tokens(tokens)): got another kind of fit")
    classes: tuple[Any, ...] = likelihood.classes  # type: ignore[attr-defined]
    if not all(isinstance(c, int) and 0 < c < columns.vocabulary for c in classes):
        raise ValueError(f"{wanted}, got classes such as {classes[0]!r}")
    return classes


def _room(fit: Fit, rows: np.ndarray, steps: int) -> np.ndarray:
    """Prompts padded to the steps that are read; to the width of the fit if a layer has weights for each step."""
    fitted = fit.data.x.shape[1]
    width = steps if fit.model.same_weights((fitted,), (steps,)) else max(steps, fitted)
    fit.model.check_steps((fitted,), (width,))
    return sequences.to_width(rows, width, sequences.PADDING)
