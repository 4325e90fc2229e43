"""Bayesian neural networks for statisticians: hierarchical priors, exact Gibbs sampling and NUTS, ArviZ throughout."""

import bayesnn._quiet  # noqa: F401  # before anything that loads jaxlib
from bayesnn import datasets, plots, text
from bayesnn.architecture import Geometric
from bayesnn.architectures import architectures
from bayesnn.attention_maps import attention_maps
from bayesnn.backtest import Backtest, backtest
from bayesnn.compare import Comparison, compare
from bayesnn.cross_validation import CrossValidation, cross_validate
from bayesnn.decide import Decision, decide
from bayesnn.defaults import Suggestion, suggest
from bayesnn.diagnose import Diagnosis, diagnose
from bayesnn.effects import (
    average_marginal_effects,
    contrast,
    individual_curves,
    partial_dependence,
    relevance,
)
from bayesnn.evidence import Evidence, log_marginal_likelihood
from bayesnn.extend import extend
from bayesnn.fit import Fit, fit
from bayesnn.forecast import forecast
from bayesnn.generate import generate, next_tokens
from bayesnn.hosts import join_hosts
from bayesnn.lagged import Lagged, lagged
from bayesnn.layers import (
    GRU,
    LSTM,
    AsSequence,
    AttentionPool,
    Bidirectional,
    Conv1D,
    DecoderBlock,
    Dense,
    Dropout,
    Elman,
    Embedding,
    Flatten,
    Last,
    LayerNorm,
    MeanPool,
    PositionalEncoding,
    Residual,
    SelfAttention,
    Seq2Seq,
    TransformerBlock,
    fix,
)
from bayesnn.likelihoods import Bernoulli, Categorical, Gaussian, Heteroskedastic, NegativeBinomial, Poisson, StudentT
from bayesnn.loo import Loo, loo
from bayesnn.model import Model
from bayesnn.open_run import open_run
from bayesnn.predict import predict, to_frame
from bayesnn.prior_predictive import prior_predictive
from bayesnn.priors import HeavyTailed, Hierarchical, Horseshoe, MuellerRiosInsua, Normal
from bayesnn.relabel import as_sampled
from bayesnn.samplers import (
    HMC,
    MAP,
    MCLMC,
    NUTS,
    SGHMC,
    SGLD,
    Cyclical,
    Ensemble,
    Gibbs,
    Laplace,
    Polynomial,
    Variational,
)
from bayesnn.save import load, save
from bayesnn.scores import evaluate
from bayesnn.select import drop_chains, select_chains
from bayesnn.sequences import pad
from bayesnn.shallow import ShallowHyperparameters, shallow
from bayesnn.skeleton import Skeleton, skeleton
from bayesnn.stacking import ChainWeights, stack_chains, stacked
from bayesnn.stationary import stationary
from bayesnn.uncertainty import decompose

__all__ = [
    "GRU",
    "HMC",
    "LSTM",
    "MAP",
    "MCLMC",
    "NUTS",
    "SGHMC",
    "SGLD",
    "AsSequence",
    "AttentionPool",
    "Backtest",
    "Bernoulli",
    "Bidirectional",
    "Categorical",
    "ChainWeights",
    "Comparison",
    "Conv1D",
    "CrossValidation",
    "Cyclical",
    "Decision",
    "DecoderBlock",
    "Dense",
    "Diagnosis",
    "Dropout",
    "Elman",
    "Embedding",
    "Ensemble",
    "Evidence",
    "Fit",
    "Flatten",
    "Gaussian",
    "Geometric",
    "Gibbs",
    "HeavyTailed",
    "Heteroskedastic",
    "Hierarchical",
    "Horseshoe",
    "Lagged",
    "Laplace",
    "Last",
    "LayerNorm",
    "Loo",
    "MeanPool",
    "Model",
    "MuellerRiosInsua",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "Polynomial",
    "PositionalEncoding",
    "Residual",
    "SelfAttention",
    "Seq2Seq",
    "ShallowHyperparameters",
    "Skeleton",
    "StudentT",
    "Suggestion",
    "TransformerBlock",
    "Variational",
    "architectures",
    "as_sampled",
    "attention_maps",
    "average_marginal_effects",
    "backtest",
    "compare",
    "contrast",
    "cross_validate",
    "datasets",
    "decide",
    "decompose",
    "diagnose",
    "drop_chains",
    "evaluate",
    "extend",
    "fit",
    "fix",
    "forecast",
    "generate",
    "individual_curves",
    "join_hosts",
    "lagged",
    "load",
    "log_marginal_likelihood",
    "loo",
    "next_tokens",
    "open_run",
    "pad",
    "partial_dependence",
    "plots",
    "predict",
    "prior_predictive",
    "relevance",
    "save",
    "select_chains",
    "shallow",
    "skeleton",
    "stack_chains",
    "stacked",
    "stationary",
    "suggest",
    "text",
    "to_frame",
]
