"""The words of the captions, as numbers for a language model and back as sentences.

    id 0 <padding>   1 <start>   2 <unknown>   3 "." (a sentence ends with it)   4... words, the most frequent first

A sentence becomes tokens in lower case and Unicode's NFC form. A token is a word (letters, marks and digits of any
script, with hyphens, apostrophes and decimal points inside: "black-and-white", "bird's", "3.5"), a run of symbols
(emoji), or one punctuation mark. Every sentence ends with exactly one full stop; a full stop between two sentences
stays as it is.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from whynet.base.errors import DataError, SettingError
from whynet.base.tokens import PADDING, START, UNKNOWN

_SPECIAL = ("<padding>", "<start>", "<unknown>", ".")
_SENTENCE_ENDS = frozenset(".!?…。！？؟।")  # noqa: RUF001  # full-width marks are meant
_CLOSING = frozenset(",.;:!?%…、。，：；！？،؛؟।")  # noqa: RUF001
_ONE_FORM = str.maketrans({"’": "'", "‐": "-", "‑": "-"})  # noqa: RUF001  # apostrophe and hyphens of word processors

# One letter a character (see `_kind`): words with joints inside, runs of symbols, single punctuation marks.
_TOKEN = re.compile("[wm]+(?:(?:j|z+)[wm]+)*|s[sm]*(?:z+s[sm]*)*|[jp]")
_JOINERS = "\u200c\u200d"


class Vocabulary:
    """Words and their ids.

    Args:
        words: The words from id 4 on; each a single token, none twice.

    Raises:
        DataError: A word is not a single token, or is there twice.
    """

    def __init__(self, words: Sequence[str]) -> None:
        for word in words:
            if word in _SPECIAL or _split(word) != [word]:
                raise DataError(f"expected single words in lower case, but the vocabulary has {word!r}; build it anew")
        self.words: tuple[str, ...] = (*_SPECIAL, *words)
        self._ids = {word: index for index, word in enumerate(self.words)}
        if len(self._ids) < len(self.words):
            twice = next(word for word, count in Counter(self.words).items() if count > 1)
            raise DataError(f"the vocabulary has {twice!r} twice; build it anew")

    @classmethod
    def from_captions(cls, captions: Iterable[str], min_count: int = 1) -> "Vocabulary":
        """Collect the words of the training captions.

        Args:
            captions: The sentences.
            min_count: Words that occur less often become <unknown>; at least 1.

        Returns:
            The vocabulary, most frequent words first, equally frequent ones in alphabetical order.

        Raises:
            DataError: There are no captions, or one holds no word.
            SettingError: `min_count` is below 1.
        """
        if min_count < 1:
            raise SettingError(f"min_count must be at least 1, but is {min_count}; raise it")
        counts: Counter[str] = Counter()
        for caption in captions:
            counts.update(_tokens(caption))
        if not counts:
            raise DataError("expected captions to build the vocabulary from, but there are none; add some")
        ranked = sorted((word for word in counts if word not in _SPECIAL), key=lambda word: (-counts[word], word))
        return cls([word for word in ranked if counts[word] >= min_count])

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.words == other.words

    def __hash__(self) -> int:
        return hash(self.words)

    def encode(self, sentence: str) -> list[int]:
        """The ids of a sentence's tokens, the final full stop included, <start> and padding not.

        Raises:
            DataError: The sentence holds no word.
        """
        return [self._ids.get(token, UNKNOWN) for token in _tokens(sentence)]

    def decode(self, ids: Iterable[int]) -> str:
        """The sentence of some ids: <padding> and <start> are left out, the end is a full stop.

        Raises:
            DataError: An id is not in the vocabulary.
        """
        tokens = []
        for index in ids:
            if not 0 <= index < len(self.words):
                raise DataError(f"id {index} is not in the vocabulary of {len(self.words)} words; use the matching one")
            if index not in (PADDING, START):
                tokens.append(self.words[index])
        return _detokenise(_end_once(tokens))

    def coverage(self, captions: Iterable[str]) -> float:
        """The share, 0 to 1, of the captions' tokens that are known; full stops do not count.

        Raises:
            DataError: There are no captions, or one holds no word.
        """
        tokens = [token for caption in captions for token in _tokens(caption) if token != "."]  # noqa: S105
        if not tokens:
            raise DataError("expected captions to measure the coverage of, but there are none; add some")
        return sum(self._ids.get(token, UNKNOWN) != UNKNOWN for token in tokens) / len(tokens)

    def to_json(self) -> dict[str, Any]:
        """Plain data for a JSON file; `from_json` reads it."""
        return {"words": list(self.words)}

    @classmethod
    def from_json(cls, value: Any) -> "Vocabulary":
        """The vocabulary that `to_json` wrote.

        Raises:
            DataError: The value has another form.
        """
        words = value.get("words") if isinstance(value, Mapping) else None
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise DataError('a vocabulary must be {"words": [...]} with texts in the list; build it anew')
        if tuple(words[: len(_SPECIAL)]) != _SPECIAL:
            raise DataError(
                f"a vocabulary must start with {', '.join(_SPECIAL)}, but starts with {words[:4]}; build it anew"
            )
        return cls(words[len(_SPECIAL) :])


def tokenise(sentence: str) -> list[str]:
    """Split a sentence into lower-case tokens, the last of which is a full stop.

    Args:
        sentence: Any text. Exclamation and question marks at its end count as its full stop.

    Returns:
        The tokens; none if the sentence holds no word and no symbol.
    """
    tokens = _split(sentence)
    return _end_once(tokens) if any(map(_is_word, tokens)) else []


def _tokens(sentence: str) -> list[str]:
    tokens = tokenise(sentence)
    if not tokens:
        raise DataError(f"expected a caption with words, but it is {sentence[:60]!r}; write one or remove it")
    return tokens


def _end_once(tokens: list[str]) -> list[str]:
    end = len(tokens)
    while end and tokens[end - 1] in _SENTENCE_ENDS:
        end -= 1
    return [*tokens[:end], "."]


def _split(text: str) -> list[str]:
    """The tokens as they come; splitting them again, joined by spaces, changes nothing."""
    text = "".join(" " if _is_control(c) else c for c in text if not _is_invisible(c))
    text = unicodedata.normalize("NFC", text.lower().translate(_ONE_FORM))
    tokens: list[str] = []
    for piece in re.split("(<unknown>)", text):
        if piece == "<unknown>":
            tokens.append(piece)
            continue
        kinds = "".join(_kind(piece, at) for at in range(len(piece)))
        tokens.extend(piece[match.start() : match.end()] for match in _TOKEN.finditer(kinds))
    return tokens


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs")


def _is_invisible(character: str) -> bool:
    """Marks of direction, soft hyphens and the like; what joins emoji or letters is kept."""
    kept = character in _JOINERS or "\U000e0020" <= character <= "\U000e007f"
    return unicodedata.category(character) == "Cf" and not kept


def _kind(text: str, at: int) -> str:
    """One of: w letter or digit, m mark, j joint of words, z invisible joiner, p punctuation, s symbol, space."""
    character = text[at]
    if character in _JOINERS:
        return "z"
    if character in "-'":
        return "j"
    if character in ".,":
        between_digits = 0 < at < len(text) - 1 and text[at - 1].isdecimal() and text[at + 1].isdecimal()
        return "j" if between_digits else "p"
    match unicodedata.category(character)[0]:
        case "L" | "N":
            return "w"
        case "M":
            return "m"
        case "P":
            return "p"
        case "Z":
            return " "
        case "C":  # emoji tags; else not assigned in this Unicode version (new emoji) or private
            return "m" if unicodedata.category(character) == "Cf" else "s"
        case _:
            return "s"


def _is_word(token: str) -> bool:
    return token == "<unknown>" or any(unicodedata.category(c)[0] not in "PM" for c in token)  # noqa: S105


def _detokenise(tokens: list[str]) -> str:
    """Join with spaces, but for none before a closing mark nor after an opening one."""
    text, opened = "", True
    for token in tokens:
        category = unicodedata.category(token[0])
        closes = len(token) == 1 and (token in _CLOSING or category in ("Pe", "Pf"))
        text += token if opened or closes else f" {token}"
        opened = len(token) == 1 and category in ("Ps", "Pi")
    return text
