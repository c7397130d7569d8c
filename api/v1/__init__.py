"""What this API has beyond ClickSend's."""

from api.v1 import accounts, campaigns, decisions, defaults, destinations, erasures, parked, rules, senders

routers = tuple(
    each.router for each in (senders, defaults, destinations, rules, decisions, campaigns, parked, erasures, accounts)
)
