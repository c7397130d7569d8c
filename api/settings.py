"""The settings of the HTTP API, read once from the environment: names and defaults are those of the workers.

The API stands beside the worker and imports nothing of it; a test compares the two.
"""

from __future__ import annotations

from pydantic import Field

from core.engine.decision import AlteredSenders, InvalidOverride, Policy, UnknownRule
from core.engine.destinations import DestinationMode
from core.process.environment import FromEnvironment
from core.process.log_choices import LogFormat, LogLevel
from core.process.silence import SILENCE_S

ENV_PREFIX = "SMART_ASSIGN_"


class ApiSettings(FromEnvironment):
    """Every field is the environment variable of its name in capitals, after `SMART_ASSIGN_`.

    Broker and database have no default here: `smart-assign api` fills them in, in embedded mode too.
    """

    environment_prefix = ENV_PREFIX

    broker_url: str
    redis_url: str | None = None
    database_url: str

    ingress_queue: str = "smart-assign.ingress"
    campaign_ingress_queue: str = "smart-assign.ingress.campaigns"
    messages_queue: str = "smart-assign.messages"
    campaigns_queue: str = "smart-assign.campaigns"
    resend_queue: str = "smart-assign.resend"
    feedback_queue: str = "smart-assign.feedback"

    key_prefix: str = "smart-assign"

    invalid_override: InvalidOverride = InvalidOverride.REVERT
    altered_senders: AlteredSenders = AlteredSenders.ALLOW
    unknown_rule: UnknownRule = UnknownRule.LOCAL
    default_destination: DestinationMode = DestinationMode.ALLOW
    alternates: int = Field(2, ge=0, le=10, description="the next senders that every enriched message names")

    silence_s: float = Field(
        SILENCE_S,
        ge=8,
        le=60,
        description="seconds of silence after which a connection to broker, Redis or database is dialled anew; a quarter "
        "of it where Redis owes an answer, half where RabbitMQ does, twice where the database does",
    )

    log_format: LogFormat = LogFormat.CONSOLE
    log_level: LogLevel = LogLevel.INFO
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

    @property
    def policy(self) -> Policy:
        """The engine's policy."""
        return Policy(
            self.invalid_override, self.altered_senders, self.unknown_rule, self.default_destination, self.alternates
        )

    @property
    def cache_url(self) -> str:
        """The Redis of cache, epochs and progress: the broker where no other is named. Raises ValueError."""
        if self.redis_url is None and not self.broker_is_redis:
            raise ValueError(f"{ENV_PREFIX}REDIS_URL is needed where the broker is not a Redis")
        return self.redis_url or self.broker_url

    @property
    def lanes(self) -> frozenset[str]:
        """The queues that a parked document may go back to."""
        return frozenset(
            {
                self.ingress_queue,
                self.campaign_ingress_queue,
                self.messages_queue,
                self.campaigns_queue,
                self.resend_queue,
                self.feedback_queue,
            }
        )

    @property
    def broker_is_redis(self) -> bool:
        """Whether the broker is a Redis."""
        return self.broker_url.startswith(("redis", "sentinel"))
