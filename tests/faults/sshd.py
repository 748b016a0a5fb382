"""A real sshd on loopback, for one test: keys, configuration and everything it may log in with are in one folder."""

import os
import pwd
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.e2e.lab import ROOT
from tests.jobs.conftest import until

# What sshd calls when it separates privileges, as root only; Debian's service makes it (RuntimeDirectory=sshd).
PRIVILEGE_SEPARATION = Path("/run/sshd")


@dataclass(frozen=True)
class Sshd:
    """Listens on `port`."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"

    def login(self, env: Mapping[str, str], command: str = "") -> list[str]:
        """ssh with a terminal of its own at the far end: an interactive bash, or `command` alone, in which `slipway` is
        the command line of this checkout and `env` is set.
        """
        profile = self.folder / "bashrc"
        profile.write_text(_profile(env))
        shell = f"bash --noprofile --rcfile {profile} -i"
        return [
            *("ssh", "-tt", "-F", "none", "-p", str(self.port), "-i", str(self.folder / "user_key")),
            *("-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={self._known_hosts}"),
            f"{pwd.getpwuid(os.getuid()).pw_name}@127.0.0.1",
            f". {profile} && {command}" if command else f"exec {shell}",
        ]

    @property
    def _known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def sessions(self) -> list[psutil.Process]:
        """The processes of sshd that hold a connection."""
        return psutil.Process(self.process.pid).children()


@contextmanager
def sshd(folder: Path) -> Iterator[Sshd]:
    """A running sshd that this user may log in to by a key of the test's."""
    folder.mkdir(mode=0o700)
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    port = _free_port()
    (folder / "authorized_keys").write_text((folder / "user_key.pub").read_text())
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host_key.pub').read_text()}")
    (folder / "sshd_config").write_text(_configuration(folder, port))
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    # sshd starts itself again for every connection, and wants to be called by its whole path for that.
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "openssh-server is missing: make system-deps"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-D", "-e", "-f", folder / "sshd_config"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    made = Sshd(folder, port, process)
    try:
        until(lambda: _listens(port), process)
        yield made
    finally:
        left = made.sessions()
        process.terminate()
        process.wait()
        for session in left:
            session.kill()
        psutil.wait_procs(left)


def _configuration(folder: Path, port: int) -> str:
    return f"""
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
PrintLastLog no
MaxStartups 100
LogLevel ERROR
"""


def _profile(env: Mapping[str, str]) -> str:
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in env.items() if name.isidentifier())
    return f"""{exports}unset HISTFILE PROMPT_COMMAND
PS1='ready> '
cd {shlex.quote(str(ROOT))}
slipway() {{ {shlex.quote(sys.executable)} -m cli "$@"; }}
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
