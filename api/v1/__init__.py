"""What this API has beyond ClickSend's."""

from api.v1 import accounts, campaigns, decisions, defaults, erasures, parked, rules, senders

routers = tuple(each.router for each in (senders, defaults, rules, decisions, campaigns, parked, erasures, accounts))
