"""Layers: frozen specs that see one example."""

from bayesnn.layers.base import Layer, Shape, Weight, Weights
from bayesnn.layers.dense import ACTIVATIONS, Dense

__all__ = ["ACTIVATIONS", "Dense", "Layer", "Shape", "Weight", "Weights"]
