"""The demo: Slipway's main job against two simulated vCenters, in a folder of its own.

`samples` makes the OVAs and their component files, `labs` says what is deployed, `ground` is the store, the vCenters
and the catalog that it happens in.
"""
