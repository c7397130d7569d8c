"""What this API has beyond ClickSend's."""

from api.v1 import (
    accounts,
    campaigns,
    decisions,
    defaults,
    destinations,
    erasures,
    messages,
    parked,
    rules,
    senders,
    trust,
)

_PARTS = (messages, senders, trust, defaults, destinations, rules, decisions, campaigns, parked, erasures, accounts)

routers = tuple(each.router for each in _PARTS)
