"""A server on this machine, for what cannot be seen without a real connection."""

from __future__ import annotations

import socket
import threading


class Server:
    """A server that answers each connection with these bytes, and then keeps it open.

    Of several answers each connection gets the next one, and all that follow the last.
    """

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.asked = threading.Semaphore(0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/path"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            connection.recv(65536)
            connection.sendall(self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])
            self.asked.release()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for connection in self._open:
            connection.close()
