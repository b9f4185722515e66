"""Function words: the words that hold an English sentence together and say nothing of the picture.

    this bird has a [black] [head] and a [yellow] [belly] .

A closed class, so a list is enough. Nouns, verbs with a meaning of their own, adjectives and numbers are content
words, and so is every word of another language.
"""

import unicodedata

FUNCTION_WORDS = frozenset({
    "a", "an", "the", "this", "that", "these", "those", "another", "each", "every", "some", "any", "no", "both",
    "all", "such",
    "i", "you", "he", "she", "it", "its", "we", "they", "his", "her", "hers", "their", "theirs", "our", "your",
    "my", "me", "him", "them", "us", "itself", "themselves",
    "is", "are", "was", "were", "be", "been", "being", "am", "has", "have", "had", "having", "do", "does", "did",
    "can", "could", "may", "might", "must", "will", "would", "shall", "should",
    "and", "or", "but", "nor", "yet", "so", "if", "than", "as", "because", "while", "though", "although", "also",
    "too", "not",
    "of", "on", "in", "at", "to", "from", "with", "without", "by", "for", "into", "onto", "over", "under", "above",
    "below", "around", "across", "along", "between", "behind",
    "through", "throughout", "near", "off", "out", "up", "down", "about", "against", "toward", "towards", "upon",
    "within", "beside", "beneath",
    "which", "who", "whose", "whom", "what", "where", "when", "there", "here", "how", "very", "quite", "just",
    "only",
})  # fmt: skip
"""Articles, pronouns, auxiliary verbs, conjunctions, prepositions and the like, in lower case."""


def is_content_word(word: str) -> bool:
    """Whether a token says something of its own: neither a function word, nor punctuation, nor a special token.

    Args:
        word: One token of a sentence, as `tokenise` makes it; case does not matter.
    """
    if word.lower() in FUNCTION_WORDS or (word.startswith("<") and word.endswith(">")):
        return False
    return any(unicodedata.category(character)[0] not in "PMZC" for character in word)
