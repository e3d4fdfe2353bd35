"""The tables that guardian remembers in, for any database that SQLAlchemy speaks.

The journal is the truth, and a hash chain: each entry's hash covers the one before. Services and deployments are projections of it,
written in the same transaction, as are the letters that tell of it; evidence lies beside. They name entries by number only, since
the oldest go into the archive (:mod:`guardian.records.retention`). Every row carries its own hash
(:mod:`guardian.records.seal`).
Times are seconds since the epoch.

New databases are made from these tables, older ones are brought to them by :mod:`guardian.records.migrations`: whatever changes
here needs the next revision there.
"""

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("schema", Integer, nullable=False, comment="the number of the newest revision that it has"),
    Column("created_by", Text, nullable=False, comment="the version of guardian"),
)

journal = Table(
    "journal",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False, comment="1, 2, 3 … without a gap"),
    Column("at", Double, nullable=False),
    Column("service", Text, nullable=False),
    Column("deployment", Text),
    Column("event", Text, nullable=False, comment="canonical JSON"),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("journal_by_service", "service", "number"),
    Index("journal_by_deployment", "deployment", "number"),
)

archived = Table(
    "archived",
    metadata,
    Column("place", Integer, primary_key=True, autoincrement=False, comment="1: there is one row at the most"),
    Column("number", Integer, nullable=False, comment="of the newest entry that was taken out of the journal"),
    Column("head", String(64), nullable=False, comment="its hash, which the oldest entry of the journal names"),
    Column("hash", String(64), nullable=False),
)

services = Table(
    "services",
    metadata,
    Column("name", Text, primary_key=True),
    Column("state", Text, nullable=False, comment="canonical JSON"),
    Column("entry", Integer, nullable=False, comment="what led to this state"),
    Column("hash", String(64), nullable=False),
)

deployments = Table(
    "deployments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("service", ForeignKey("services.name"), nullable=False),
    Column("first_entry", Integer, nullable=False, comment="what it first appeared with"),
    Column("state", Text, nullable=False, comment="canonical JSON"),
    Column("phase", Text, nullable=False),
    Column("requested_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("hash", String(64), nullable=False),
    Index("deployments_by_age", "service", "first_entry", "ended_at"),
    Index("deployments_by_first_entry", "first_entry"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("deployment", ForeignKey("deployments.id"), primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False, comment="canonical JSON, compressed by zlib"),
    Column("at", Double, nullable=False, comment="when it was saved, on the wall clock"),
    Column("hash", String(64), nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("key", Text, primary_key=True, comment="one letter has it, at every attempt"),
    Column("entry", Integer, nullable=False, comment="what it first told of"),
    Column("place", Integer, nullable=False, comment="among the letters of that entry"),
    Column("deployment", Text),
    Column("body", Text, nullable=False, comment="the letter, as canonical JSON"),
    Column("unsure", Integer, nullable=False, comment="1: it may have arrived although nobody said so"),
    Column("reference", Text, nullable=False, comment="what the channel calls it"),
    Column("settled", Integer, nullable=False, comment="1: delivered, and kept because it may change"),
    Column("hash", String(64), nullable=False),
    Index("outbox_by_entry", "entry", "place"),
    Index("outbox_by_deployment", "deployment"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("token", Text, nullable=False, comment="canonical JSON: all that is known of it, its hash instead of itself"),
    Column("entry", Integer, nullable=False, comment="what led to this"),
    Column("hash", String(64), nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("sender", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("place", Integer, nullable=False, comment="the one that was heard longest ago first"),
    Column("body", Text, nullable=False, comment="the alert, as canonical JSON"),
    Column("hash", String(64), nullable=False),
)

chat_orders = Table(
    "chat_orders",
    metadata,
    Column("key", Text, primary_key=True, comment="the chat's own name of what was typed or clicked"),
    Column("at", Double, nullable=False),
    Column("by", Text, nullable=False),
    Column("place", Text, nullable=False, comment="the channel where it was given"),
    Column("text", Text, nullable=False, comment="as it is typed"),
    Column("deployment", Text, nullable=False, comment="that it was given about; empty where there was none"),
    Column("generation", Integer, comment="of that deployment, as it was seen"),
    Column("outcome", Text, nullable=False, comment="empty while it is not known"),
    Column("hash", String(64), nullable=False),
    Index("chat_orders_by_time", "at"),
)
