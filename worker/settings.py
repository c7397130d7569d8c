"""All settings, read once from the environment (prefix `SMART_ASSIGN_`) into one frozen object."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from core.engine.decision import AlteredSenders, InvalidOverride, Policy, UnknownRule
from core.engine.destinations import DestinationMode
from core.process.environment import FromEnvironment, JsonObject
from core.process.log_choices import LogFormat, LogLevel
from core.process.silence import SILENCE_S
from core.trust.rates import TrustPolicy
from worker.addresses import fault_of
from worker.transport_options import RedisOptions, options_of

ENV_PREFIX = "SMART_ASSIGN_"


class Settings(FromEnvironment):
    """Every field is the environment variable of its name in capitals, after `SMART_ASSIGN_`."""

    environment_prefix = ENV_PREFIX

    broker_url: str | None = Field(None, description="Redis or RabbitMQ; unset: embedded Redis under DATA_DIR")
    redis_url: str | None = Field(None, description="Redis for cache, idempotency and progress; unset: the broker's")
    database_url: str | None = Field(None, description="SQLAlchemy URL; unset: SQLite under DATA_DIR")
    data_dir: Path = Field(Path(".smart-assign"), description="where embedded mode keeps its data")
    broker_transport_options: JsonObject = Field(
        {},
        description="kombu's transport options, as the producers have them: `priority_steps`, `sep`, …",
    )

    ingress_queue: str = "smart-assign.ingress"
    campaign_ingress_queue: str = "smart-assign.ingress.campaigns"
    messages_queue: str = "smart-assign.messages"
    campaigns_queue: str = "smart-assign.campaigns"
    resend_queue: str = "smart-assign.resend"
    feedback_queue: str = "smart-assign.feedback"
    work_queue: str = "smart-assign.work"
    campaign_work_queue: str = "smart-assign.work.campaigns"
    dispatch_queue: str = "smart-assign.dispatch"
    parked_queue: str = "smart-assign.parked"
    events_queue: str = "smart-assign.events"

    key_prefix: str = Field("smart-assign", description="stem of our Redis keys; one for each deployment on a server")

    invalid_override: InvalidOverride = InvalidOverride.REVERT
    altered_senders: AlteredSenders = AlteredSenders.ALLOW
    unknown_rule: UnknownRule = UnknownRule.LOCAL
    default_destination: DestinationMode = DestinationMode.ALLOW
    resend_attempts: int = Field(3, ge=1, le=100, description="dispatches of one message in all, resends included")
    alternates: int = Field(2, ge=0, le=10, description="the next senders that every enriched message names")

    trust_half_life_h: float = Field(72.0, ge=0.1, le=8760, description="hours after which a receipt counts for half")
    trust_min_samples: int = Field(
        200, ge=1, description="receipts of a sender in a country before its trust is measured"
    )
    health_floor: float = Field(
        50.0,
        ge=0,
        le=100,
        description="percent of a sender's latest messages; of fewer delivered it is unhealthy; 0: never",
    )

    allow_callbacks_to: str = Field(
        "",
        description="queues, separated by commas, to which links, errbacks, chains and chords of a producer's task may lead",
    )
    allow_control: bool = Field(
        False,
        description="obey commands of Celery's control channel that change a worker (shutdown, pool size, limits)",
    )
    result_backend: str | None = Field(None, description="Celery result backend; set: tasks run one by one")
    concurrency: int | None = Field(None, ge=1, description="pool children of a worker; unset: one a core")
    claim_size: int = Field(4000, ge=1, le=10_000, description="documents in one claim")
    campaign_claim_size: int = Field(16, ge=1, le=1000, description="campaign batches in one claim, of 1 MiB in all")
    progress_ttl: int = Field(2_592_000, ge=60, description="seconds that a campaign's progress is kept")
    claim_bytes: int = Field(8_388_608, ge=1, description="bytes in one claim, the last document may exceed it")
    claim_deadline_s: float = Field(30.0, gt=0, description="after it a claim without an end is taken up again")
    claim_attempts: int = Field(5, ge=1, description="times a claim is begun before its documents are parked")
    document_max_bytes: int = Field(1_048_576, ge=1, description="a larger message document is parked")
    batch_max_bytes: int = Field(67_108_864, ge=1, description="a larger campaign batch document is parked")
    idempotency_window: int = Field(
        3600, ge=0, description="seconds; a repeated message_id within it is a duplicate; 0: off"
    )
    dispatch_max_length: int = Field(0, ge=0, description="intake pauses while the dispatch queue is longer; 0: off")
    events_max_length: int = Field(10_000, ge=1, description="oldest events beyond it are dropped")
    decision_cache_size: int = Field(50_000, ge=1, description="decisions kept in one process")

    decisions_a_day: int = Field(
        2_000,
        ge=0,
        description="once so many decisions of an account were made in a day of UTC, those that name a sender which is not "
        "used are not kept; 0: all are",
    )
    campaigns_a_day: int = Field(
        1_000, ge=0, description="campaigns of an account that are counted, of those begun in a day of UTC; 0: all are"
    )
    parked_most: int = Field(
        5_000_000, ge=0, description="parked documents of an account; the oldest beyond them go; 0: none go"
    )

    decision_retention_days: int = Field(90, ge=0, description="decisions not made again for longer go; 0: kept")
    parked_retention_days: int = Field(90, ge=0, description="replayed and dropped documents go after that; 0: kept")
    parked_drop_days: int = Field(365, ge=0, description="what is parked for longer is dropped; 0: it waits for ever")
    history_retention_days: int = Field(1095, ge=0, description="who changed which default sender goes then; 0: kept")
    erasure_retention_days: int = Field(1095, ge=0, description="the accounts of erasures go after that; 0: kept")

    silence_s: float = Field(
        SILENCE_S,
        ge=8,
        le=60,
        description="seconds of silence after which a connection to broker, Redis or database is dialled anew; a quarter "
        "of it where Redis owes an answer, half where RabbitMQ does, twice where the database does",
    )
    scheduler_lease_s: float = Field(
        15.0, ge=1, le=60, description="seconds after which another scheduler takes over from one that was killed"
    )
    at_risk_days: int = Field(14, ge=0, le=366, description="how long before its end a default sender is warned of")

    log_format: LogFormat = LogFormat.CONSOLE
    log_level: LogLevel = LogLevel.INFO
    metrics_host: str = Field(
        "127.0.0.1", description="where worker and scheduler serve /metrics, /healthz and /readyz"
    )
    metrics_port: int = Field(9808, ge=0, le=65_535, description="and on which port; 0: nowhere")
    health_stall_s: float = Field(
        60.0,
        ge=1,
        description="seconds after which a worker that settles nothing, while documents wait, is not healthy",
    )
    flower_host: str = "127.0.0.1"
    flower_port: int = 5555
    flower_basic_auth: str | None = Field(None, description="user:password that Flower asks for")
    api_host: str = "127.0.0.1"
    api_port: int = 8000
    api_processes: int = Field(1, ge=1, description="processes of `smart-assign api`")
    api_rate_limit: int = Field(
        6_000, ge=0, description="API requests a minute that an account may make in each process; 0: any number"
    )
    api_header_timeout_s: float = Field(
        10.0, gt=0, description="the header of an API request must have come within so many seconds"
    )
    api_body_timeout_s: float = Field(
        30.0, gt=0, description="and its body; and the client must have read the answer within as many"
    )

    database_prepared_statements: bool = Field(
        True, description="PostgreSQL plans statements once; false behind PgBouncer in transaction mode before its 1.21"
    )
    api_public_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
        description="address under which clients reach the API, for links in its answers: `https://sms.example.com`",
    )

    @model_validator(mode="after")
    def _known_schemes(self) -> Settings:
        for name, url, schemes in (
            ("BROKER_URL", self.broker_url, ("redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps")),
            ("REDIS_URL", self.redis_url, ("redis", "rediss", "redis+socket", "unix", "sentinel")),
            ("DATABASE_URL", self.database_url, ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")),
        ):
            if url is not None and url.partition("://")[0] not in schemes:
                raise ValueError(f"{ENV_PREFIX}{name} must begin with one of: {', '.join(s + '://' for s in schemes)}")
        return self

    @model_validator(mode="after")
    def _urls_can_be_read(self) -> Settings:
        for name, url in (("BROKER_URL", self.broker_url), ("REDIS_URL", self.redis_url)):
            if url is not None and (fault := fault_of(url)) is not None:
                raise ValueError(f"{ENV_PREFIX}{name} {fault}")
        return self

    @model_validator(mode="after")
    def _callbacks_lead_elsewhere(self) -> Settings:
        if both := sorted(self.callback_queues & self.queue_names):
            raise ValueError(f"{ENV_PREFIX}ALLOW_CALLBACKS_TO must not name a queue of Smart Assign: {', '.join(both)}")
        return self

    @model_validator(mode="after")
    def _known_transport_options(self) -> Settings:
        try:
            options_of(self.broker_transport_options, redis=self.broker_is_redis)
        except ValueError as error:
            raise ValueError(f"{ENV_PREFIX}BROKER_TRANSPORT_OPTIONS: {error}") from None
        return self

    @property
    def redis_options(self) -> RedisOptions:
        """The transport options of a Redis broker."""
        return RedisOptions.model_validate(self.broker_transport_options)

    @property
    def callback_queues(self) -> frozenset[str]:
        """The queues that ALLOW_CALLBACKS_TO names."""
        return frozenset(name for each in self.allow_callbacks_to.split(",") if (name := each.strip()))

    @property
    def queue_names(self) -> frozenset[str]:
        """All queues that are ours."""
        return frozenset(getattr(self, name) for name in type(self).model_fields if name.endswith("_queue"))

    @property
    def broker_is_redis(self) -> bool:
        """Whether the broker is a Redis, embedded or configured."""
        return self.broker_url is None or self.broker_url.startswith(("redis", "sentinel"))

    @property
    def cache_url(self) -> str | None:
        """The Redis of cache, idempotency and progress: where none is named, a broker that is one; None: embedded."""
        return self.redis_url or (self.broker_url if self.broker_is_redis else None)

    @property
    def trust_policy(self) -> TrustPolicy:
        """How receipts become trust."""
        return TrustPolicy(self.trust_half_life_h, self.trust_min_samples, self.health_floor)

    @property
    def policy(self) -> Policy:
        """The engine's policy."""
        return Policy(
            self.invalid_override, self.altered_senders, self.unknown_rule, self.default_destination, self.alternates
        )
