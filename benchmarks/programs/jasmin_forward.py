"""Jasmin's router, forwarding each message from one queue of RabbitMQ to another. `--body` prints a message's body.

Run by an interpreter that has Jasmin, whose pins forbid it an environment with ours; so it imports nothing of ours.
"""

from __future__ import annotations

import base64
import os
import pickle
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import txamqp
from jasmin.queues.configs import AmqpConfig
from jasmin.queues.factory import AmqpFactory
from jasmin.routing.configs import RouterPBConfig
from jasmin.routing.jasminApi import Connector, HttpConnector
from jasmin.routing.Routables import RoutableDeliverSm
from jasmin.routing.router import RouterPB
from jasmin.routing.Routes import DefaultRoute
from smpp.pdu.operations import DeliverSM
from twisted.internet import reactor

BODY = (b"Your parcel arrives today between 14:00 and 16:00. " * 3)[:120]
SPECIFICATION = Path(txamqp.__file__).parent / "specs" / "standard" / "amqp0-9-1.stripped.xml"
#: As Jasmin's own configuration has it.
PICKLE_PROTOCOL = 2


def body() -> bytes:
    """What Jasmin's SMPP client puts on the queue for one message."""
    pdu = DeliverSM(source_addr=b"61491570156", destination_addr=b"61491570006", short_message=BODY)
    return pickle.dumps(RoutableDeliverSm(pdu, Connector("upstream")), PICKLE_PROTOCOL)


def broker() -> AmqpFactory:
    """Its connection, once the reactor runs."""
    parts = urlsplit(os.environ["BENCH_BROKER_URL"])
    config = AmqpConfig()
    config.host, config.port = parts.hostname, parts.port or 5672
    config.username, config.password = parts.username, parts.password
    config.vhost, config.spec = parts.path.removeprefix("/") or "/", str(SPECIFICATION)
    config.log_file = "stdout"
    factory = AmqpFactory(config)
    factory.preConnect()
    reactor.connectTCP(config.host, config.port, factory)
    return factory


def router() -> RouterPB:
    """One route for all; the log in a file, as Jasmin is installed, without the bodies."""
    config = RouterPBConfig()
    config.log_file = str(Path(tempfile.mkdtemp(dir=os.environ.get("BENCH_FOLDER"))) / "router.log")
    made = RouterPB(config, persistenceTimer=False)
    made.getMORoutingTable().add(DefaultRoute(HttpConnector("out", "http://127.0.0.1:1/")), 0)
    return made


if __name__ == "__main__":
    if sys.argv[1:] == ["--body"]:
        print(base64.b64encode(body()).decode())
    else:
        router().addAmqpBroker(broker())
        reactor.run()
