"""The program, and the one table of its commands: each is loaded when it is called."""

from __future__ import annotations

from collections.abc import Mapping

import click

from worker.cli.lazy import Lazy, LazyGroup, Section

#: A new command is a line here. Its sentence is the first of the command's own help; a test compares them.
COMMANDS: Mapping[str, Lazy | Section] = {
    "accounts": Section(
        "List, add and suspend accounts, and keep their API keys.",
        {
            "add": Lazy(
                "Add an account, or a sub-account, with an API key, which is shown this once.",
                "worker.cli.accounts:add",
            ),
            "key": Section(
                "Add, list, rotate and revoke the API keys of an account.",
                {
                    "add": Lazy(
                        "Add an API key, which is shown this once; those there already stay good.",
                        "worker.cli.accounts:key_add",
                    ),
                    "list": Lazy("List API keys by their first characters.", "worker.cli.accounts:key_list"),
                    "revoke": Lazy("Make an API key useless.", "worker.cli.accounts:key_revoke"),
                    "rotate": Lazy(
                        "Add a key in the place of another, which ends after an overlap; the new one is shown this once.",
                        "worker.cli.accounts:key_rotate",
                    ),
                },
            ),
            "list": Lazy("List accounts and sub-accounts by id.", "worker.cli.accounts:list_accounts"),
            "resume": Lazy(
                "Let a suspended account send again; what was parked meanwhile waits for `parked replay`.",
                "worker.cli.accounts:resume",
            ),
            "suspend": Lazy(
                "Stop an account and its sub-accounts from sending; their messages are parked.",
                "worker.cli.accounts:suspend",
            ),
        },
    ),
    "api": Lazy(
        "Answer HTTP: ClickSend's Smart Assign endpoints under /v3, ours under /v1, the documentation at /docs.",
        "worker.cli.roles.api:api",
    ),
    "area-codes": Lazy(
        "Give recipients of +1 an equal sender of their area code, else of their state; without on, off or inherit: show it.",
        "worker.cli.area_codes:area_codes",
    ),
    "campaign": Section(
        "Campaigns: one text to any number of recipients.",
        {
            "list": Lazy(
                "List an account's campaigns, the newest first, for as long as they are counted.",
                "worker.cli.campaign.listing:list_campaigns",
            ),
            "preview": Lazy(
                "Show for each country who would send, to how many, and how many cannot be sent to and why; sends nothing.",
                "worker.cli.campaign.preview:preview_campaign",
            ),
            "send": Lazy(
                "Enqueue a campaign from a CSV file with a column `to`, or from JSON Lines.",
                "worker.cli.campaign.send:send",
            ),
            "status": Lazy(
                "Show how many recipients the workers have received and dispatched, and how many they parked and why.",
                "worker.cli.campaign.status:status",
            ),
        },
    ),
    "check": Lazy(
        "Say whether broker, Redis, database, queues and rules are fit; exit code 1 where one is not.",
        "worker.cli.check:check",
    ),
    "completion": Lazy(
        "Print a script that completes commands and options in a shell: `source <(smart-assign completion bash)`.",
        "worker.cli.completion:completion",
    ),
    "config": Section(
        "The settings in use.",
        {
            "show": Lazy(
                "Show the settings that a role started here would have, secrets masked; NAME is a part of a setting's name.",
                "worker.cli.config:show",
            ),
        },
    ),
    "db": Section(
        "Migrate the database.",
        {
            "upgrade": Lazy(
                "Bring schema and country rules up to date; run it before the programs of a new version.",
                "worker.cli.database:upgrade",
            ),
        },
    ),
    "defaults": Section(
        "List, set, assign and check default senders.",
        {
            "assign-all": Lazy(
                "Make the smart choice the default sender, country by country; defaults set by hand are left alone.",
                "worker.cli.defaults.assign_all:assign_all",
            ),
            "check": Lazy(
                "List the defaults of which a sender cannot be used, or will not be within some days.",
                "worker.cli.defaults.at_risk:check",
            ),
            "list": Lazy("List an account's default senders by country.", "worker.cli.defaults.commands:list_defaults"),
            "set": Lazy(
                "Set the default sender, or several in the order in which they are tried; what was set before is replaced.",
                "worker.cli.defaults.commands:set_default",
            ),
            "unset": Lazy(
                "Remove a default sender: the account's above, or Smart Assign, decides again.",
                "worker.cli.defaults.commands:unset",
            ),
        },
    ),
    "demo": Lazy(
        "Show the product at work: its own Redis, database and worker, sample accounts, messages and a campaign.",
        "worker.cli.roles.demo:demo",
    ),
    "destinations": Section(
        "List and set to which countries an account sends.",
        {
            "list": Lazy(
                "List what an account has set for countries, and for the rest of the world.",
                "worker.cli.destinations:list_destinations",
            ),
            "set": Lazy(
                "Allow, block or monitor countries, a region, or the rest of the world.",
                "worker.cli.destinations:set_destinations",
            ),
            "unset": Lazy(
                "Remove what is set: the rest, the account above or DEFAULT_DESTINATION counts again.",
                "worker.cli.destinations:unset_destinations",
            ),
        },
    ),
    "dispatch": Section(
        "The queue of enriched messages, where your dispatcher reads.",
        {
            "tail": Lazy(
                "Print the messages that wait, oldest first, one JSON document a line; they stay on the queue unless --drain.",
                "worker.cli.dispatch:tail",
            ),
        },
    ),
    "erase": Lazy(
        "Remove a recipient's number, and the texts to it, from all that is kept; tells how much it was.",
        "worker.cli.erase:erase",
    ),
    "explain": Lazy(
        "Show the decision that sending would make, with every candidate, its rank or why it was rejected.",
        "worker.cli.explain:explain",
    ),
    "flower": Lazy(
        "Show workers and tasks in a browser (Flower), behind a password where FLOWER_BASIC_AUTH is set.",
        "worker.cli.roles.celery_programs:flower",
    ),
    "health": Lazy(
        "Say whether the worker or scheduler on this machine does its work; exit code 1 where it does not.",
        "worker.cli.health:health",
    ),
    "inventory": Section(
        "Bring a whole inventory in.",
        {
            "import": Lazy(
                "Bring FILE (JSON lines, '-' for stdin) into the database, whole or not at all.",
                "worker.cli.inventory:import_inventory",
            ),
        },
    ),
    "parked": Section(
        "Read, replay and drop messages that could not be dispatched.",
        {
            "drop": Lazy("Give messages up for good; on a terminal it asks first.", "worker.cli.parked:drop"),
            "list": Lazy(
                "List parked messages, the newest first, and count them all by reason; bodies and numbers are not shown.",
                "worker.cli.parked:list_parked",
            ),
            "replay": Lazy(
                "Put originals back on the queues that they came from, each once; mend first what had them parked.",
                "worker.cli.parked:replay",
            ),
            "show": Lazy(
                "Show a parked message with its whole original, body and number included.", "worker.cli.parked:show"
            ),
        },
    ),
    "prices": Section(
        "What a segment costs, for `campaign preview`.",
        {
            "import": Lazy(
                "Make a CSV file (country, sender_type, price, currency) the price list; it is taken whole or refused whole.",
                "worker.cli.prices:import_prices",
            ),
            "list": Lazy("List what a segment costs, by country and sender type.", "worker.cli.prices:list_prices"),
        },
    ),
    "rules": Section(
        "Read country rules, load a new version, correct them locally.",
        {
            "check": Lazy(
                "Say which rules nobody has looked at for a year, what changes soon, and what rests on one source.",
                "worker.cli.rules.review:check",
            ),
            "diff": Lazy(
                "Show what the rules of FILE would change, and which accounts' defaults and smart choices with them.",
                "worker.cli.rules.files:diff",
            ),
            "import": Lazy(
                "Make the rules of FILE (wide CSV or JSON lines, '-' for stdin) the active ones, whole or not at all.",
                "worker.cli.rules.files:import_rules",
            ),
            "list": Lazy(
                "List the rules in force now; of two for the same senders the local correction stands first.",
                "worker.cli.rules.reading:list_rules",
            ),
            "override": Lazy(
                "Correct the rule of COUNTRY for one sender TYPE, from now on; it outlives imports of new versions.",
                "worker.cli.rules.overrides:override",
            ),
            "override-remove": Lazy(
                "Take a local correction back; the rule of the active version holds again.",
                "worker.cli.rules.overrides:override_remove",
            ),
            "overrides": Lazy("List the local corrections.", "worker.cli.rules.overrides:overrides"),
            "show": Lazy(
                "Show all rules of a country, past and to come, with what else is known of it.",
                "worker.cli.rules.reading:show",
            ),
            "versions": Lazy(
                "List the versions that the database holds; import the file of a former one to return to it.",
                "worker.cli.rules.reading:versions",
            ),
        },
    ),
    "scheduler": Lazy("Enqueue the periodic tasks until SIGTERM.", "worker.cli.roles.celery_programs:scheduler"),
    "send": Lazy(
        "Enqueue one message, or with --file a message for each line; what breaks the contract is refused by field.",
        "worker.cli.send:send",
    ),
    "senders": Section(
        "List, add and change senders, and register them in countries.",
        {
            "add": Lazy("Add a sender; every field that breaks its rule is named.", "worker.cli.senders:add"),
            "list": Lazy(
                "List senders in the order in which they were added; --country is the sender's own country.",
                "worker.cli.senders:list_senders",
            ),
            "register": Lazy(
                "Set a sender's standing with the registry or the carriers of one country.",
                "worker.cli.senders:register",
            ),
            "set-status": Lazy("Change a sender's status; only an active one sends.", "worker.cli.senders:set_status"),
        },
    ),
    "spread": Lazy(
        "Spread recipients over senders that only trust, age or name tell apart; without on, off or inherit: show it.",
        "worker.cli.spread:spread",
    ),
    "trust": Section(
        "See what receipts say of senders, and hold a sender as it is.",
        {
            "freeze": Lazy(
                "Hold a sender's trust and health as they are, whatever receipts come; they are counted all the same.",
                "worker.cli.trust:freeze",
            ),
            "show": Lazy(
                "Show what receipts say of senders, by recipient country; a sender that is not listed goes by the inventory.",
                "worker.cli.trust:show",
            ),
            "unfreeze": Lazy(
                "Let receipts decide again over a sender's trust and health, those that came meanwhile too.",
                "worker.cli.trust:unfreeze",
            ),
        },
    ),
    "up": Lazy("Run worker, scheduler, HTTP API and Flower in this terminal until Ctrl-C.", "worker.cli.roles.up:up"),
    "worker": Lazy(
        "Assign messages until SIGTERM, which lets work in hand end.", "worker.cli.roles.celery_programs:worker"
    ),
}

smart_assign = click.version_option(package_name="smart-assign")(
    LazyGroup(
        COMMANDS,
        name="smart-assign",
        help="Give every outgoing SMS the most compliant Sender ID that its account owns.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
)
