# SPDX-License-Identifier: LGPL-2.1-or-later
"""Delays what goes over a link, for kernels without sch_netem: a program between the two hosts' ends,
in a network of its own, that passes each packet on when its time has come.

Run as: relay.py LATENCY_MS INTERFACE INTERFACE, the interfaces being those of its network, which
it waits for.
"""

import collections
import errno
import select
import socket
import sys
import time

# Of linux/if_packet.h; Python's socket module has none of them.
SOL_PACKET = 263
PACKET_VNET_HDR = 15        # packets come and go unsegmented, with what is left to do about them
PACKET_IGNORE_OUTGOING = 23
SO_RCVBUFFORCE = 33
ETH_P_ALL = 3

LARGEST = 1 << 17
# What may wait for this program while it waits for a CPU.
BUFFER = 64 << 20
WAIT_SECONDS = 10
POLL_SECONDS = 0.01


def open_end(interface: str) -> socket.socket:
    """A socket that gets all that arrives at an interface, which may come a little later."""
    limit = time.monotonic() + WAIT_SECONDS
    while interface not in (name for _, name in socket.if_nameindex()):
        if time.monotonic() > limit:
            sys.exit(f"there is no interface {interface}")
        time.sleep(POLL_SECONDS)
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    end.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    end.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    end.setblocking(False)
    end.bind((interface, ETH_P_ALL))
    return end


class Direction:
    """What is on its way from one end to the other."""

    def __init__(self, source: socket.socket, target: socket.socket, latency: float) -> None:
        self.source = source
        self._target = target
        self._latency = latency  # s
        self._packets = collections.deque()

    def take(self) -> None:
        """Takes all that has arrived. An end that is not up yet says so once."""
        try:
            while True:
                packet = self.source.recv(LARGEST)
                self._packets.append((time.monotonic() + self._latency, packet))
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno != errno.ENETDOWN:
                raise

    def give(self) -> float | None:
        """Passes on what is due. Returns the seconds until more is, None if nothing waits."""
        while self._packets:
            left = self._packets[0][0] - time.monotonic()
            if left > 0:
                return left
            try:
                self._target.send(self._packets[0][1])
            except BlockingIOError:
                return 0.0
            except OSError:
                pass  # the other end is down: lost, as on a wire
            self._packets.popleft()
        return None


def main() -> None:
    """Passes packets on until it is killed."""
    latency, *interfaces = sys.argv[1:]
    first, second = map(open_end, interfaces)
    directions = [Direction(source, target, float(latency) / 1000)
                  for source, target in ((first, second), (second, first))]
    while True:
        waits = [wait for wait in (direction.give() for direction in directions)
                 if wait is not None]
        readable = select.select([first, second], [], [], min(waits, default=None))[0]
        for direction in directions:
            if direction.source in readable:
                direction.take()


if __name__ == "__main__":
    main()
