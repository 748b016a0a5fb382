"""`slipway worker`: the process that carries out the jobs of a store."""

import os
import signal
from typing import Annotated

import typer

from cli import log
from cli.output import examples
from cli.session import open_store
from storage.errors import Conflict

app = typer.Typer()


@app.command(epilog=examples("slipway worker", "slipway --store /srv/lab/slipway.db worker"))
def worker(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing is left to do, as workers do that commands start.")
    ] = False,
) -> None:
    """Carry out the jobs of the store, in the foreground, until Ctrl-C or SIGTERM: jobs then go on in the next worker.

    Nobody has to start one: every command that needs a worker starts it.
    """
    from engine.jobs import presence
    from engine.jobs.worker import work
    from storage import jobs

    # Who started it may have kept these back, as the console does.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP, signal.SIGINT, signal.SIGTERM})
    with open_store() as store:
        log.of_worker(store.id)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup it stays
            signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        try:
            work(store, until_idle)
        except Conflict:
            if until_idle and presence.is_there(store):
                return  # another one was faster
            log.to_file_again()
            raise
        if until_idle and jobs.active(store):
            presence.Starter(store).ensure()  # asked for while this one was ending
