"""Weights of other libraries' layers: files of them, and their names here."""

from bayesnn.layers.pretrained.convert import convert_weights
from bayesnn.layers.pretrained.files import read_weights

__all__ = ["convert_weights", "read_weights"]
