"""Layers: frozen specs that see one example."""

from bayesnn.layers.base import Layer, Shape, Weight, Weights
from bayesnn.layers.dense import ACTIVATIONS, Dense
from bayesnn.layers.residual import Residual

__all__ = ["ACTIVATIONS", "Dense", "Layer", "Residual", "Shape", "Weight", "Weights"]
