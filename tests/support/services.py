"""Servers that tests talk to: the machine's own where they run, and private ones that a test may kill and start again."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import amqp
import psycopg
import redis
from kombu import Connection

from tests.support.scratch import made_once
from worker.embedded.binary import packaged_servers

RABBITMQ_START_S = 180.0
START_S = 60.0
QUORUM_SETTLES_S = 6.0  # a new quorum queue's own record reaches the disk every 5 s


class MissingServiceError(Exception):
    """The service is not there, and this machine cannot start one; the text says why."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM: a certificate authority of the tests' own, and what a server shows."""

    authority: Path
    server: Path
    key: Path


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(answers: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until `answers`; raises MissingServiceError when the time is over."""
    deadline = time.monotonic() + seconds
    while not answers():
        if time.monotonic() > deadline:
            raise MissingServiceError(f"{what} did not answer within {seconds:.0f} s")
        time.sleep(0.05)


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal a server and what it started, and wait for its end (10 s, then SIGKILL)."""
    for attempt in (number, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, attempt)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue


def redis_binary() -> str:
    """The path of a real Redis server: of the PATH, else the one of a package."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    if servers := packaged_servers():
        return str(servers[0])
    raise MissingServiceError("no redis-server or valkey-server on the PATH, and no package has one")


@dataclass
class RedisProcess:
    """A private Redis on a socket and a loopback port; with `durable`, its AOF outlives SIGKILL.

    With `certificates` it speaks TLS alone on its port; what asks must trust their authority. `options` are further ones of
    its command line.
    """

    durable: bool = False
    options: tuple[str, ...] = ()
    certificates: Certificates | None = None
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="sa-redis-")))
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket_path(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        if self.certificates is None:
            return f"redis://127.0.0.1:{self.port}/0"
        return f"rediss://localhost:{self.port}/0?ssl_ca_certs={self.certificates.authority}"

    @property
    def socket_url(self) -> str:
        return f"unix://{self.socket_path}?db=0"

    @property
    def broker_socket_url(self) -> str:
        return f"redis+socket://{self.socket_path}?virtual_host=0"

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def start(self) -> None:
        self.launch()
        wait_for(lambda: self.answers() or self._has_ended(), START_S, "the private Redis")
        if self._has_ended():
            raise MissingServiceError(
                "the private Redis ended at once" + ("; without TLS?" if self.certificates else "")
            )

    def launch(self) -> None:
        """Start it, and do not wait until it answers."""
        self.process = subprocess.Popen(
            [redis_binary(), *self._options()],
            cwd=self.folder,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def _options(self) -> list[str]:
        listen = ["--bind", "127.0.0.1", *self._port_options(), "--unixsocket", "redis.sock"]
        keep = ["--appendonly", "yes" if self.durable else "no", "--save", ""]
        return [*listen, *keep, "--maxmemory-policy", "noeviction", *self.options]

    def _port_options(self) -> list[str]:
        if self.certificates is None:
            return ["--port", str(self.port)]
        files = ["--tls-cert-file", str(self.certificates.server), "--tls-key-file", str(self.certificates.key)]
        return ["--port", "0", "--tls-port", str(self.port), *files, "--tls-auth-clients", "no"]

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.exceptions.BusyLoadingError):
            return False

    def kill(self) -> None:
        """As a power cut of the process: SIGKILL."""
        if self.process:
            signal_group(self.process, signal.SIGKILL)

    def stop(self) -> None:
        if self.process:
            signal_group(self.process, signal.SIGTERM)

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def postgres_binary(name: str) -> str:
    """The path of one of PostgreSQL's programs: newest of Debian's folders, else the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = str(debian[-1]) if debian else shutil.which(name)
    if not found:
        raise MissingServiceError(f"PostgreSQL's {name} is not installed")
    return found


def as_postgres(command: Sequence[str]) -> list[str]:
    """The command, as the user postgres where we are root: the server refuses to run as root."""
    if os.geteuid() != 0:
        return list(command)
    # Not every PATH, root's own neither, has the folder of the system's programs.
    runuser = shutil.which("runuser", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if not runuser:
        raise MissingServiceError("root may not run PostgreSQL, and there is no runuser to become another user")
    return [runuser, "-u", "postgres", "--", *command]


def initialize_postgres(folder: Path) -> None:
    """Make the data folder of a PostgreSQL, which takes some seconds; a copy of it is another one's."""
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    initdb = [postgres_binary("initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    run(as_postgres([*initdb, "--no-sync", "--locale=C"]), cwd=folder)


@dataclass
class PostgresProcess:
    """A private PostgreSQL of its own data folder on a loopback port."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="sa-postgres-")))
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def new_database(self) -> str:
        """The SQLAlchemy URL of an empty database, which goes with the server."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}"')
        return self.url.removesuffix("postgres") + name

    def start(self) -> None:
        if not self.data.exists():
            self._create()
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c max_connections=50"
        self._pg_ctl("start", "-w", "-t", "120", "-l", str(self.folder / "log"), "-o", options)

    def _create(self) -> None:
        template = made_once("postgres", initialize_postgres)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        run(["cp", "--archive", str(template / "data"), str(self.data)], cwd=self.folder)

    def _pg_ctl(self, *words: str) -> None:
        run(as_postgres([postgres_binary("pg_ctl"), "-D", str(self.data), *words]), cwd=self.folder)

    def stop(self) -> None:
        self._pg_ctl("stop", "-m", "fast", "-w")

    def kill(self) -> None:
        """SIGKILL to the postmaster and all its children; the next start recovers from the log."""
        postmaster = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in (postmaster, *map(int, children)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        wait_for(lambda: not Path(f"/proc/{postmaster}").exists(), 10, "the end of PostgreSQL")

    def remove(self) -> None:
        noted = self.data / "postmaster.pid"
        if noted.exists() and Path(f"/proc/{noted.read_text().splitlines()[0]}").exists():
            self._pg_ctl("stop", "-m", "immediate", "-w")
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class PgBouncerProcess:
    """A private PgBouncer in transaction mode before a server of ours, with two server connections a database."""

    server_port: int
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="sa-pgbouncer-")))
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
        if not program:
            raise MissingServiceError("PgBouncer is not installed")
        lines = [
            "[databases]",
            f"* = host=127.0.0.1 port={self.server_port} user=postgres",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            f"listen_port = {self.port}",
            "unix_socket_dir =",
            "auth_type = any",
            "pool_mode = transaction",
            "default_pool_size = 2",
            f"logfile = {self.folder}/log",
        ]
        (self.folder / "pgbouncer.ini").write_text("\n".join([*lines, ""]))
        if os.geteuid() == 0:  # it refuses to run as root
            for path in (self.folder, self.folder / "pgbouncer.ini"):
                shutil.chown(path, "postgres", "postgres")
        self.process = subprocess.Popen(
            as_postgres([program, "--quiet", str(self.folder / "pgbouncer.ini")]),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self._answers, START_S, "the private PgBouncer")

    def _answers(self) -> bool:
        try:
            psycopg.connect(f"postgresql://postgres@127.0.0.1:{self.port}/postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database_url: str) -> str:
        """The way to a database of the server by this pooler."""
        return database_url.replace(f":{self.server_port}/", f":{self.port}/")

    def remove(self) -> None:
        if self.process:
            signal_group(self.process, signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class HaProxyProcess:
    """A private HAProxy before a pair of Redis, which leads to the one that says it is the primary.

    As HAProxy's own documentation has it for Redis; sessions end where their server is no primary any more.
    """

    servers: Sequence[int]
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="sa-haproxy-")))
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("haproxy", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
        if not program:
            raise MissingServiceError("HAProxy is not installed")
        lines = [
            "defaults",
            "  mode tcp",
            "  timeout connect 2s",
            "  timeout client 1h",
            "  timeout server 1h",
            "listen redis",
            f"  bind 127.0.0.1:{self.port}",
            "  option tcp-check",
            "  tcp-check send info\\ replication\\r\\n",
            "  tcp-check expect string role:master",
            "  default-server inter 300ms fall 1 rise 1 on-marked-down shutdown-sessions",
            *(f"  server s{port} 127.0.0.1:{port} check" for port in self.servers),
        ]
        (self.folder / "haproxy.cfg").write_text("\n".join([*lines, ""]))
        self.process = subprocess.Popen(
            [program, "-db", "-f", str(self.folder / "haproxy.cfg")],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self._answers, START_S, "the private HAProxy")

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def remove(self) -> None:
        if self.process:
            signal_group(self.process, signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class RabbitProcess:
    """A private RabbitMQ: node name, port and folder of its own, no plugins; with `certificates` on a TLS port too.

    `variables` are Erlang terms for RabbitMQ's own application, by their names.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    certificates: Certificates | None = None
    tls_port: int = field(default_factory=free_port)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="sa-rabbit-")))
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    node: str = field(default_factory=lambda: f"smart-assign-{uuid.uuid4().hex[:8]}@localhost")

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def tls_url(self) -> str:
        return f"amqps://guest:guest@localhost:{self.tls_port}//"

    def start(self) -> None:
        self._configure()
        self.process = subprocess.Popen(
            [rabbitmq_program("rabbitmq-server")],
            cwd=self.folder,
            env=self._environment(),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: amqp_answers(self.url), RABBITMQ_START_S, "the private RabbitMQ")

    def _configure(self) -> None:
        (self.folder / "enabled_plugins").write_text("[].\n")
        lines = [f"listeners.tcp.local = 127.0.0.1:{self.port}"]
        if self.certificates is not None:
            lines += [
                f"listeners.ssl.local = 127.0.0.1:{self.tls_port}",
                f"ssl_options.cacertfile = {self.certificates.authority}",
                f"ssl_options.certfile = {self.certificates.server}",
                f"ssl_options.keyfile = {self.certificates.key}",
            ]
        (self.folder / "rabbitmq.conf").write_text("\n".join([*lines, ""]))

    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": " ".join(
                [
                    "-kernel inet_dist_use_interface {127,0,0,1}",
                    *(f"-rabbit {name} {term}" for name, term in self.variables.items()),
                ]
            ),
        }

    def control(self, *words: str) -> str:
        """Run rabbitmqctl on this node; gives what it prints. Raises subprocess.CalledProcessError."""
        command = [rabbitmq_program("rabbitmqctl"), "--quiet", "--node", self.node, *words]
        done = subprocess.run(
            command, env=self._environment(), cwd=self.folder, check=True, capture_output=True, text=True, timeout=300
        )
        return done.stdout

    def kill(self) -> None:
        """SIGKILL. A quorum queue younger than QUORUM_SETTLES_S has no leader afterwards (RabbitMQ 3.10, seen)."""
        if self.process:
            signal_group(self.process, signal.SIGKILL)

    def stop(self) -> None:
        if self.process:
            signal_group(self.process, signal.SIGTERM)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def rabbitmq_program(name: str) -> str:
    """The path of RabbitMQ's own script, not Debian's wrapper, which drops our environment."""
    found = Path("/usr/lib/rabbitmq/bin") / name
    path = str(found) if found.exists() else shutil.which(name)
    if not path:
        raise MissingServiceError("RabbitMQ is not installed")
    return path


def amqp_answers(url: str) -> bool:
    """Whether a broker lets us in at that address."""
    try:
        with Connection(url, connect_timeout=2) as connection:
            connection.connect()
            return True
    except (OSError, amqp.AMQPError):
        return False


@contextmanager
def rabbitmq_vhost(server_url: str) -> Iterator[str]:
    """The URL of a virtual host of our own where rabbitmqctl may make one, else of the given one."""
    name = f"smart-assign-test-{uuid.uuid4().hex[:8]}"
    if not rabbitmqctl("add_vhost", name) or not rabbitmqctl("set_permissions", "-p", name, "guest", ".*", ".*", ".*"):
        yield server_url
        return
    try:
        yield f"{server_url.rstrip('/')}/{name}"
    finally:
        rabbitmqctl("delete_vhost", name)


def rabbitmqctl(*words: str) -> bool:
    """Whether the command could be run and succeeded."""
    program = shutil.which("rabbitmqctl")
    if not program or getpass.getuser() not in {"root", "rabbitmq"}:
        return False
    return subprocess.run([program, "-q", *words], capture_output=True, timeout=300, check=False).returncode == 0


@contextmanager
def postgres_database(server_url: str) -> Iterator[str]:
    """The SQLAlchemy URL of a new empty database, dropped afterwards; `server_url` as psycopg reads it."""
    name = f"smart_assign_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        admin.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')  # no test here asks for a power cut
        try:
            yield f"postgresql+psycopg://{server_url.partition('://')[2].rpartition('/')[0]}/{name}"
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def run(command: Sequence[str], cwd: Path) -> None:
    """Run to the end; a failure is a MissingServiceError with what the command said."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise MissingServiceError(f"{command[0]}: {(done.stderr or done.stdout).strip()}")
