"""What the pictures show: the demo's ground with labs that are done, failed and under way.

Beside them a claim whose holder is gone, and an endpoint that does not answer.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.cancel import Cancel
from engine.demo.ground import VM_FOLDER, Ground, prepared, run_lab
from engine.demo.labs import LABS, Lab
from engine.deploy.variables import read_password
from engine.jobs import submit
from engine.jobs.follow import follow
from engine.progress import Nobody
from storage import endpoints, jobs, steps
from storage.endpoints import NewEndpoint
from storage.store import Store

MIB = 2**20

DONE, FAILED, UNDER_WAY = LABS[0], LABS[1], LABS[2]

UPLOAD = int(0.9 * MIB)
"""Bytes per second and file: the pictures are taken while the OVAs are on their way."""

LOST_CLAIM = """
import sys
from engine.staging import claims
from storage.store import open_store
with open_store(sys.argv[1]) as store:
    claims.take(store, int(sys.argv[2]), "nsx-4.2.3.1", "stage nsx-4.2.3.1")
"""


@contextmanager
def scene(folder: Path) -> Iterator[Path]:
    """The store of a busy afternoon; everything of it ends with the context. The caller removes the folder."""
    with at_home_in(folder), prepared(folder, LABS, Cancel()) as ground:
        _dead_endpoint(ground)
        run_lab(ground, DONE, Nobody(), Cancel())
        _fail(ground, FAILED)
        _lose_a_claim(ground)
        for uid in ("zcore-13.5-sample", "zbox-13.5-sample"):
            _stage(ground, UNDER_WAY.endpoint, uid)
        ground.simulators[UNDER_WAY.endpoint].admin.nfc(mode="slow", bytes_per_second=UPLOAD)
        begin(ground, UNDER_WAY)
        yield Path(ground.store.address)


@contextmanager
def at_home_in(folder: Path) -> Iterator[None]:
    """Logs and configuration are the folder's, not the user's."""
    before = dict(os.environ)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        os.environ[name] = str(folder)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def begin(ground: Ground, lab: Lab) -> None:
    """Submit the lab and come back when the first bytes of it are on their way."""
    profile = lab.profile
    submit.deploy(ground.store, submit.Ordered(profile, read_password(ground.store, profile.password)))
    _wait(lambda: _sent(ground.store) > 20 * MIB, "the first bytes")


def _sent(store: Store) -> int:
    """Bytes that are on their way or were sent by the jobs under way."""
    return sum(step.done for step in steps.listing(store, [job.id for job in jobs.active(store)]))


def _stage(ground: Ground, endpoint: str, uid: str) -> None:
    job = submit.stage(ground.store, endpoints.get(ground.store, endpoint), uid)
    follow(ground.store, job, Nobody(), Cancel())


def _fail(ground: Ground, lab: Lab) -> None:
    """A lab of which one VM finds no host."""
    admin = ground.simulators[lab.endpoint].admin
    why = "The host does not have enough memory for this VM"
    admin.fault("PowerOnVM_Task", "InsufficientResourcesFault", message=why, object="esxi15", in_task=True)
    run_lab(ground, lab, Nobody(), Cancel())
    admin.clear_faults()


def _dead_endpoint(ground: Ground) -> None:
    alive = ground.simulators[DONE.endpoint]
    place = {"datacenter": "DC1", "resource_pool": "Cluster1", "datastore": "vsan", "vmfolder": VM_FOLDER}
    new = NewEndpoint(name="vc03", host="127.0.0.1", port=1, username="lab", pin=alive.fingerprint, **place)
    endpoints.add(ground.store, new, "nobody listens there")


def _lose_a_claim(ground: Ground) -> None:
    """By a process that ended without giving it back."""
    endpoint = endpoints.get(ground.store, DONE.endpoint)
    subprocess.run([sys.executable, "-c", LOST_CLAIM, ground.store.address, str(endpoint.id)], check=True)


def _wait(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"did not come: {what}")
        time.sleep(0.05)
