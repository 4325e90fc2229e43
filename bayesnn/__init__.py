"""Bayesian neural networks for statisticians: hierarchical priors, exact Gibbs sampling and NUTS, ArviZ throughout."""

import bayesnn._internal.quiet  # noqa: F401  # before anything that loads jaxlib
from bayesnn import datasets, plots, text
from bayesnn._internal.environment import show_versions
from bayesnn._internal.messages import BayesnnWarning
from bayesnn._internal.version import __version__ as __version__
from bayesnn.data.sequences import pad
from bayesnn.data.series.lagged import Lagged, lagged
from bayesnn.data.series.suggest import Suggestion, suggest
from bayesnn.effects.dependence import individual_curves, partial_dependence
from bayesnn.effects.marginal import average_marginal_effects, contrast
from bayesnn.effects.relevance import relevance
from bayesnn.evaluation.architectures import architectures
from bayesnn.evaluation.compare import Comparison, compare
from bayesnn.evaluation.cross_validation import CrossValidation, cross_validate
from bayesnn.evaluation.diagnose import Diagnosis, diagnose
from bayesnn.evaluation.evidence import Evidence, log_marginal_likelihood
from bayesnn.evaluation.identified import identified
from bayesnn.evaluation.loo import Loo, loo
from bayesnn.evaluation.scores.evaluate import evaluate
from bayesnn.evaluation.stacking import ChainWeights, stack_chains, stacked
from bayesnn.evaluation.summary import summary
from bayesnn.fitting.extend import extend
from bayesnn.fitting.fit import Fit, fit
from bayesnn.fitting.open_run import open_run
from bayesnn.fitting.relabel import as_sampled
from bayesnn.fitting.save import load, save
from bayesnn.fitting.select import drop_chains, select_chains
from bayesnn.forecasting.backtest import backtest
from bayesnn.forecasting.backtest_result import Backtest
from bayesnn.forecasting.forecast import forecast
from bayesnn.forecasting.many.auto_backtest import auto_backtest
from bayesnn.forecasting.many.auto_fit import auto_fit
from bayesnn.forecasting.many.auto_forecast import auto_forecast
from bayesnn.forecasting.many.series_fit import SeriesFit
from bayesnn.forecasting.many.series_fits import SeriesFits
from bayesnn.forecasting.skeleton import Skeleton, skeleton
from bayesnn.forecasting.stationary import stationary
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
    LowRank,
    MaxPool,
    MeanPool,
    PositionalEncoding,
    Residual,
    SelfAttention,
    Seq2Seq,
    Sequential,
    TransformerBlock,
    TwoEmbeddings,
    fix,
)
from bayesnn.layers.pretrained import convert_weights, read_weights
from bayesnn.likelihoods import (
    Bernoulli,
    Categorical,
    Gaussian,
    Heteroskedastic,
    NegativeBinomial,
    PanelGaussian,
    Poisson,
    StudentT,
)
from bayesnn.models.model import Model
from bayesnn.models.random_architecture import Geometric
from bayesnn.models.shallow import ShallowHyperparameters, shallow
from bayesnn.prediction.attention_maps import attention_maps
from bayesnn.prediction.decide import Decision, decide
from bayesnn.prediction.generate import generate, next_tokens
from bayesnn.prediction.groups import add_groups
from bayesnn.prediction.predict import predict
from bayesnn.prediction.prior_predictive import prior_predictive
from bayesnn.prediction.to_frame import to_frame
from bayesnn.prediction.uncertainty import decompose
from bayesnn.priors import HeavyTailed, Hierarchical, Horseshoe, MuellerRiosInsua, Normal
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
    MCDropout,
    Polynomial,
    Tempered,
    Variational,
)
from bayesnn.samplers.engine.multihost import join_hosts

__all__ = [
    "GRU",
    "HMC",
    "LSTM",
    "MAP",
    "MCDropout",
    "MCLMC",
    "NUTS",
    "SGHMC",
    "SGLD",
    "AsSequence",
    "AttentionPool",
    "Backtest",
    "BayesnnWarning",
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
    "LowRank",
    "MaxPool",
    "MeanPool",
    "Model",
    "MuellerRiosInsua",
    "NegativeBinomial",
    "Normal",
    "PanelGaussian",
    "Poisson",
    "Polynomial",
    "PositionalEncoding",
    "Residual",
    "SelfAttention",
    "Seq2Seq",
    "Sequential",
    "SeriesFit",
    "SeriesFits",
    "ShallowHyperparameters",
    "Skeleton",
    "StudentT",
    "Suggestion",
    "TransformerBlock",
    "TwoEmbeddings",
    "Tempered",
    "Variational",
    "add_groups",
    "architectures",
    "as_sampled",
    "attention_maps",
    "auto_backtest",
    "auto_fit",
    "auto_forecast",
    "average_marginal_effects",
    "backtest",
    "compare",
    "contrast",
    "convert_weights",
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
    "identified",
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
    "read_weights",
    "relevance",
    "save",
    "select_chains",
    "shallow",
    "show_versions",
    "skeleton",
    "stack_chains",
    "stacked",
    "stationary",
    "suggest",
    "summary",
    "text",
    "to_frame",
]
