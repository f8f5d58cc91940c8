"""Commands that read a device beside the running gateway: one master per wire.

The gateway keeps a door open (`door`), a command finds it (`find`) and takes a seat on the gateway's
bus (`guest_bus`). Where another program holds the port, `holders` says which. `open_shared_bus` decides.
"""
