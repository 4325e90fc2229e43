"""Layers: frozen specs, each a pure function of its weights and one example."""

from bayesnn._internal.frozen_array import Vectors
from bayesnn._internal.weights import Shape, Weight, Weights
from bayesnn.layers.attention import SelfAttention
from bayesnn.layers.base import Layer
from bayesnn.layers.bidirectional import Bidirectional
from bayesnn.layers.convolution import Conv1D
from bayesnn.layers.dense import ACTIVATIONS, Dense
from bayesnn.layers.dropout import Dropout
from bayesnn.layers.embedding import Embedding
from bayesnn.layers.fixed import Fixed, fix
from bayesnn.layers.low_rank import LowRank
from bayesnn.layers.norm import LayerNorm
from bayesnn.layers.pooling import AsSequence, AttentionPool, Flatten, Last, MaxPool, MeanPool
from bayesnn.layers.positions import PositionalEncoding
from bayesnn.layers.recurrent import GRU, LSTM, Elman
from bayesnn.layers.residual import Residual
from bayesnn.layers.seq2seq import Seq2Seq
from bayesnn.layers.sequential import Sequential
from bayesnn.layers.transformer import DecoderBlock, TransformerBlock
from bayesnn.layers.two_embeddings import TwoEmbeddings

__all__ = [
    "ACTIVATIONS",
    "GRU",
    "LSTM",
    "AsSequence",
    "AttentionPool",
    "Bidirectional",
    "Conv1D",
    "DecoderBlock",
    "Dense",
    "Dropout",
    "Elman",
    "Embedding",
    "Fixed",
    "Flatten",
    "Last",
    "Layer",
    "LayerNorm",
    "LowRank",
    "MaxPool",
    "MeanPool",
    "PositionalEncoding",
    "Residual",
    "SelfAttention",
    "Seq2Seq",
    "Sequential",
    "Shape",
    "TransformerBlock",
    "TwoEmbeddings",
    "Vectors",
    "Weight",
    "Weights",
    "fix",
]
