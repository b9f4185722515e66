"""A language model of captions, whose states stand for what is said of a class in "Generating Visual Explanations".

Hendricks et al., ECCV 2016, arXiv:1603.08507, section 3: an LSTM that predicts the next word, without any image,

    h_t = LSTM(embedding(w_t)),   P(w_{t+1} | w_1 .. w_t) = softmax(V h_t)
    state of a sentence = mean over t = 1 .. T of h_t

w_1 .. w_T are the words, the full stop included; START is read before them and not averaged.
"""

import torch
import torch.nn.functional as F
from huggingface_hub import PyTorchModelHubMixin
from jaxtyping import Float
from torch import Tensor, nn

from whynet.base.errors import SettingError
from whynet.base.tokens import NUM_SPECIAL, PADDING, START
from whynet.base.types import TokenIds


class LanguageModel(nn.Module, PyTorchModelHubMixin):
    """Predicts the next word of a sentence.

    Args:
        vocabulary_size: Number of words, the four special ones included.
        embedding_size: Length of a word's vector.
        hidden_size: Units of the LSTM.
        dropout: Share of the LSTM's outputs dropped in training.

    Raises:
        SettingError: There are fewer than five words, a size is below 1, or dropout is out of its range.
    """

    def __init__(
        self, vocabulary_size: int, *, embedding_size: int = 256, hidden_size: int = 512, dropout: float = 0.2
    ) -> None:
        super().__init__()
        if vocabulary_size <= NUM_SPECIAL or min(embedding_size, hidden_size) < 1 or not 0 <= dropout < 1:
            raise SettingError(
                "five words, sizes of at least 1 and a dropout from 0 to below 1 were expected, not "
                f"{vocabulary_size}, {embedding_size} and {hidden_size}, and {dropout}"
            )
        self.hidden_size = hidden_size
        self.embedding = nn.Embedding(vocabulary_size, embedding_size, padding_idx=PADDING)
        self.lstm = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_size, vocabulary_size)

    def forward(self, ids: TokenIds) -> Float[Tensor, "batch time vocabulary"]:
        """Teacher forcing: the logits of the word that follows each of `ids`; ids start with START."""
        states, _ = self.lstm(self.embedding(ids))  # (B, T, H)
        scores: Tensor = self.output(self.dropout(states))
        return scores

    @torch.no_grad()
    def mean_states(self, ids: TokenIds) -> Float[Tensor, "batch hidden"]:
        """The mean over each sentence's words of the state after the word.

        Args:
            ids: Sentences without START, each ending with STOP, the shorter ones padded on the right.
        """
        states, _ = self.lstm(self.embedding(F.pad(ids, (1, 0), value=START)))  # (B, 1 + T, H)
        words = (ids != PADDING)[..., None]  # (B, T, 1)
        mean: Tensor = (states[:, 1:] * words).sum(1) / words.sum(1)
        return mean
