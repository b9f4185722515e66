"""What people say of concepts: names, votes and study answers, kept so that nothing is ever lost.

with Store("runs/demo/workbench.db") as store:
    store.names.name("black_tern/3", "black head", "Ada")
    store.votes.vote("black_tern/3", "Ada", True)
    store.names.undo("black_tern/3", "Grace")
"""

from whynet.base.errors import MissingDependencyError

try:
    import alembic
    import sqlalchemy
except ImportError as error:
    raise MissingDependencyError(
        f'the store needs {error.name}, which is not installed; pip install "whynet[web]"'
    ) from error

from whynet.store.answers import Answers
from whynet.store.names import Names
from whynet.store.records import Added, Answer, Naming, Records, Tally, Vote
from whynet.store.store import Store
from whynet.store.votes import Votes

__all__ = [
    "Added",
    "Answer",
    "Answers",
    "Names",
    "Naming",
    "Records",
    "Store",
    "Tally",
    "Vote",
    "Votes",
]

del alembic, sqlalchemy
