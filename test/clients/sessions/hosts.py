# Leads Amazon's hosts to the simulator, whose port SIMULATOR_PORT is.
import os
import socket

_resolve = socket.getaddrinfo


def _led(host, port, *rest, **options):
    if str(host).endswith((".amazon.com", ".amazon.co.uk", ".amazon.co.jp", ".amazonaws.com")):
        host, port = "127.0.0.1", int(os.environ["SIMULATOR_PORT"])
    return _resolve(host, port, *rest, **options)


socket.getaddrinfo = _led
