"""A sentence classifier: which class does a sentence describe? The reward of "Generating Visual Explanations".

Hendricks, Akata, Rohrbach, Donahue, Schiele & Darrell, "Generating Visual Explanations", ECCV 2016, arXiv:1603.08507,
section 3: an LSTM reads the sentence, and a linear layer classifies the state after its last word,

    h_t = LSTM(embedding(w_t))
    p(class | w_1 .. w_T) = softmax(V h_T),   w_T the full stop

It sees no image, so a sentence is worth much to it if its words alone tell the class.
"""

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import nn

from whynet.base.errors import DataError, SettingError
from whynet.base.tokens import NUM_SPECIAL, PADDING
from whynet.base.types import Logits, TokenIds


class SentenceClassifier(nn.Module, PyTorchModelHubMixin):
    """Classifies sentences.

    Args:
        num_classes: How many logits it returns, at least 2.
        vocabulary_size: Number of words, the four special ones included.
        embedding_size: Length of a word's vector.
        hidden_size: Units of the LSTM.
        dropout: Share of the last state's units dropped in training.

    Raises:
        SettingError: There are fewer than two classes or five words, a size is below 1, or dropout is out of its range.
    """

    def __init__(
        self,
        num_classes: int,
        vocabulary_size: int,
        *,
        embedding_size: int = 256,
        hidden_size: int = 512,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        sizes_fit = num_classes >= 2 and vocabulary_size > NUM_SPECIAL and min(embedding_size, hidden_size) >= 1
        if not sizes_fit or not 0 <= dropout < 1:
            raise SettingError(
                "two classes, five words, sizes of at least 1 and a dropout from 0 to below 1 were expected, not "
                f"{num_classes}, {vocabulary_size}, {embedding_size} and {hidden_size}, and {dropout}"
            )
        self.num_classes = num_classes
        self.embedding = nn.Embedding(vocabulary_size, embedding_size, padding_idx=PADDING)
        self.lstm = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_size, num_classes)

    def forward(self, ids: TokenIds) -> Logits:
        """The logits of each sentence's class.

        Args:
            ids: Sentences without START, each ending with STOP, the shorter ones padded on the right.

        Raises:
            DataError: A sentence holds no word.
        """
        lengths = (ids != PADDING).sum(1)
        if not bool(lengths.all()):
            row = int((lengths == 0).nonzero()[0])
            raise DataError(
                f"sentences of at least one word were expected, but row {row} is padding alone; leave it out"
            )
        states, _ = self.lstm(self.embedding(ids))  # (B, T, H); what follows a word cannot change its state
        last = states[torch.arange(len(ids), device=ids.device), lengths - 1]  # (B, H)
        logits: Logits = self.output(self.dropout(last))
        return logits
