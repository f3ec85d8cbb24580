"""Conversations that stay in clear although TLS could have begun in them: a server that offers it, and a client that
does not take it; and an offer that one client of the same server does not get to see."""

import socket
import time

TOKEN = "AGFkYQBzZWNyZXQ="
XMPP = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "

# Port, and what server (S) and client (C) say.
TALKS = {
    "smtp": (25, ["S220 mail.example ESMTP", "CEHLO pc", "S250-mail.example\r\n250-AUTH PLAIN\r\n250 STARTTLS",
                  f"CAUTH PLAIN {TOKEN}", "S235 ok", "CQUIT", "S221 bye"]),
    "imap": (143, ["S* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready", "Ca LOGIN ada secret", "Sa OK done"]),
    "pop3": (110, ["S+OK ready", "CCAPA", "S+OK\r\nSTLS\r\nUSER\r\n.", "CUSER ada", "S+OK", "CPASS secret", "S+OK"]),
    "ftp": (21, ["S220 ftp ready", "CFEAT", "S211-Features\r\n AUTH TLS\r\n211 End", "CUSER ada", "S331 password",
                 "CPASS secret", "S230 in"]),
    "nntp": (119, ["S200 news.example ready", "CCAPABILITIES", "S101 list\r\nVERSION 2\r\nSTARTTLS\r\nAUTHINFO USER\r\n.",
                   "CAUTHINFO USER ada", "S381 password", "CAUTHINFO PASS secret", "S281 in"]),
    "managesieve": (4190, ['S"IMPLEMENTATION" "sieve"\r\n"SASL" "PLAIN"\r\n"STARTTLS"\r\n"VERSION" "1.0"\r\nOK "ready"',
                           f'CAUTHENTICATE "PLAIN" "{TOKEN}"', 'SOK "in"']),
    "xmpp": (5222, [f"C{XMPP}to='mail.example' version='1.0'>",
                    f"S{XMPP}from='mail.example' id='1' version='1.0'><stream:features><starttls "
                    "xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
                    "<mechanism>PLAIN</mechanism></mechanisms></stream:features>",
                    f"C<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{TOKEN}</auth>",
                    "S<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"]),
}

# The words of the offer, to be taken out.
OFFERS = {"smtp": "\r\n250 STARTTLS", "imap": " STARTTLS", "pop3": "STLS\r\n", "nntp": "STARTTLS\r\n",
          "managesieve": '"STARTTLS"\r\n', "ftp": " AUTH TLS\r\n",
          "xmpp": "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"}


def clear(stage, row):
    """`protocol`; `stripped`: a second client follows, which does not see the offer."""
    del stage
    protocol = row["protocol"]
    port, said = TALKS[protocol]
    talks = [said]
    if row.get("stripped"):
        without = [line.replace(OFFERS[protocol], "") for line in said]
        if protocol == "smtp":
            without = [line.replace("250-AUTH", "250 AUTH") for line in without]
        talks.append(without)
    listener = socket.create_server(("127.0.0.1", port))
    for talk in talks:
        client = socket.create_connection(("127.0.0.1", port))
        server, _ = listener.accept()
        for line in talk:
            one, other = (server, client) if line[0] == "S" else (client, server)
            data = line[1:].encode() + b"\r\n"
            one.sendall(data)
            other.recv(len(data), socket.MSG_WAITALL)
            time.sleep(0.005)
        client.close()
        server.close()
