"""Text as token ids: tokens, vocabularies, bags of words, pretrained word vectors."""

from bayesnn.text.bags import bag_of_words, one_hot
from bayesnn.text.counts import log_ratios, rarity
from bayesnn.text.cutting import characters, ngrams, words
from bayesnn.text.learning import learn_bpe, learn_vocabulary
from bayesnn.text.neighbours import nearest
from bayesnn.text.vectors import read_vectors
from bayesnn.text.vocabulary import PADDING, UNKNOWN, Vocabulary

__all__ = [
    "PADDING",
    "UNKNOWN",
    "Vocabulary",
    "bag_of_words",
    "characters",
    "learn_bpe",
    "learn_vocabulary",
    "log_ratios",
    "nearest",
    "ngrams",
    "one_hot",
    "rarity",
    "read_vectors",
    "words",
]
