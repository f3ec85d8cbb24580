"""A client and a server of aioquic, in one process: what they do, and the port."""

import asyncio
import socket
import sys

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicProtocolVersion

what, port = sys.argv[1], int(sys.argv[2])

V1, V2 = QuicProtocolVersion.VERSION_1, QuicProtocolVersion.VERSION_2
# A version of the kind that is reserved to make the server say which ones it has (RFC 9000 section 15).
RESERVED = 0x1A2A3A4A


class Echo(QuicConnectionProtocol):
    def quic_event_received(self, event):
        if hasattr(event, "stream_id") and hasattr(event, "data"):
            self._quic.send_stream_data(event.stream_id, event.data, end_stream=True)
            self.transmit()


def configuration(is_client):
    made = QuicConfiguration(is_client=is_client, alpn_protocols=["h3"])
    if is_client:
        made.verify_mode = False
        made.server_name = "mail.example"
    else:
        made.load_cert_chain("rsa.pem", "rsa.key")
    if what == "v2":
        made.supported_versions = [V2]
        made.original_version = V2
    if what == "upgrade" and is_client:
        made.supported_versions = [V2, V1]
        made.original_version = V1
    if what == "negotiation" and is_client:
        made.supported_versions = [RESERVED, V1]
        made.original_version = RESERVED
    return made


async def talk(ticket=None):
    client = configuration(True)
    kept = []
    if ticket:
        client.session_ticket = ticket
    early = what == "early" and ticket is not None
    async with connect(
        "127.0.0.1", port, configuration=client, session_ticket_handler=kept.append, wait_connected=not early
    ) as protocol:
        reader, writer = await protocol.create_stream()
        writer.write(b"hello")
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 3)
        if what == "migration":
            # Another socket, from another port: the server sees the same connection from elsewhere.
            loop = asyncio.get_running_loop()
            other = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            other.bind(("::", 0))
            before = protocol._transport
            await loop.create_datagram_endpoint(lambda: protocol, sock=other)
            protocol.change_connection_id()
            await protocol.ping()
            reader, writer = await protocol.create_stream()
            writer.write(b"hello again")
            writer.write_eof()
            await asyncio.wait_for(reader.read(), 3)
            before.close()
        await asyncio.sleep(0.1)
    return kept


async def main():
    tickets = {}
    server = await serve(
        "127.0.0.1",
        port,
        configuration=configuration(False),
        create_protocol=Echo,
        retry=what == "retry",
        session_ticket_fetcher=tickets.get,
        session_ticket_handler=lambda ticket: tickets.update({ticket.ticket: ticket}),
    )
    kept = await talk()
    if what in ("resumed", "early"):
        await talk(kept[0])
    server.close()
    print("done")


asyncio.run(main())
