"""Refuses every connection that leaves this computer.

Put this folder on PYTHONPATH: Python imports `sitecustomize` before anything else, also in
kernels and in their child processes.
"""

import ipaddress
import socket

_connect, _connect_ex, _getaddrinfo = (
    socket.socket.connect,
    socket.socket.connect_ex,
    socket.getaddrinfo,
)


def _refuse_if_remote(host):
    if isinstance(host, bytes):
        host = host.decode()
    if host in (None, "", "localhost"):
        return
    try:
        remote = not ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        remote = True
    if remote:
        raise OSError(f"the network is blocked in this test; something tried to reach {host}")


def _check_address(sock, address):
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        _refuse_if_remote(address[0])


def connect(self, address):
    _check_address(self, address)
    return _connect(self, address)


def connect_ex(self, address):
    _check_address(self, address)
    return _connect_ex(self, address)


def getaddrinfo(host, *args, **kwargs):
    _refuse_if_remote(host)
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect = connect
socket.socket.connect_ex = connect_ex
socket.getaddrinfo = getaddrinfo
