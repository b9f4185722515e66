"""Version 1: names, votes and study answers."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    """From nothing."""
    op.create_table(
        "names",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("concept", sa.String(200), nullable=False),
        sa.Column("name", sa.String(120)),
        sa.Column("author", sa.String(80), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_undo", sa.Boolean, nullable=False),
        sa.Column("previous", sa.String(32)),
        sa.PrimaryKeyConstraint("id", name="pk_names"),
        sa.ForeignKeyConstraint(["previous"], ["names.id"], name="fk_names_previous"),
    )
    op.create_index("ix_names_concept_time", "names", ["concept", "time"])
    op.create_table(
        "votes",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("concept", sa.String(200), nullable=False),
        sa.Column("voter", sa.String(80), nullable=False),
        sa.Column("trusted", sa.Boolean),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_votes"),
    )
    op.create_index("ix_votes_concept_voter_time", "votes", ["concept", "voter", "time"])
    op.create_table(
        "answers",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("study", sa.String(200), nullable=False),
        sa.Column("person", sa.String(80), nullable=False),
        sa.Column("item", sa.String(200), nullable=False),
        sa.Column("parts", sa.JSON, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_answers"),
    )
    op.create_index("ix_answers_study_person_item_time", "answers", ["study", "person", "item", "time"])
