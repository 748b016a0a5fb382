"""Durable jobs: deployments and stagings that a worker process carries out, whatever becomes of who asked for them.

Clients (commands, consoles) use `submit`, `follow`, `outcome` and `presence`; they read and write the store and never
load the durable runner. `worker` is the process; `runner` alone knows DBOS; `deployment`, `vm` and `staging` hold the
steps.
"""
