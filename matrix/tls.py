"""Handshakes of TLS and DTLS by OpenSSL and GnuTLS."""

import re
import shutil
import socket
import ssl
import threading
import time

from stage import Skip

PORT = 4433
NAME = "mail.example"


def program(stage, name, newer):
    """The words that run a program, of this machine or of the newer Debian."""
    if newer:
        return stage.newer([name])
    if shutil.which(name) is None:
        raise Skip(f"{name} is not installed")
    return [name]


def words(row, key):
    return row.get(key, "").split()


def openssl(stage, row):
    """`openssl s_server` and `openssl s_client`, once or several times.

    `server`, `client`: arguments. `certificate`: name of the server's. `newer`: which of the two are of the
    newer Debian (`both`, `client`, `server`). `again`: arguments of a second client, which finds the session of the
    first in `session`. `say`: what the client says. `through`: what stands on the line between them.
    """
    newer = row.get("newer", "")
    of_server = program(stage, "openssl", newer in ("both", "server"))
    of_client = program(stage, "openssl", newer in ("both", "client"))
    certificate = row.get("certificate", "rsa")
    server = [*of_server, "s_server", "-accept", str(PORT)]
    if certificate:
        server += ["-cert", f"{certificate}.pem", "-key", f"{certificate}.key"]
    else:
        server += ["-nocert"]
    server += words(row, "server")
    datagrams = any(word.startswith("-dtls") for word in server)
    # A server whose input ends goes.
    stage.start(server, keep_input=True, **{"udp" if datagrams else "tcp": PORT})
    with Line(row.get("through"), PORT) as port:
        name = [] if row.get("nameless") else ["-servername", NAME]
        client = [*of_client, "s_client", "-connect", f"127.0.0.1:{port}", *name]
        say = row.get("say", "hello\n").encode()
        until = row.get("until", "Verify return code|error|alert|read:errno")
        for arguments in [row.get("client", ""), *row.get("again", [])]:
            stage.run([*client, *arguments.split()], say=say, until=until, linger=row.get("linger", 0.1))


def gnutls(stage, row):
    """`gnutls-serv` and `gnutls-cli`; arguments as for `openssl`, priorities in `priority`."""
    for name in ("gnutls-serv", "gnutls-cli"):
        if shutil.which(name) is None:
            raise Skip("gnutls-bin is not installed")
    certificate = row.get("certificate", "rsa")
    priority = row["priority"]
    server = ["gnutls-serv", "-p", str(PORT), "--echo", "--priority", row.get("server_priority", priority)]
    server += ["--x509certfile", f"{certificate}.pem", "--x509keyfile", f"{certificate}.key"]
    server += words(row, "server")
    datagrams = "-u" in server
    stage.start(server, keep_input=True, **{"udp" if datagrams else "tcp": PORT})
    client = ["gnutls-cli", "-p", str(PORT), "--insecure", "--priority", priority]
    client += ["--sni-hostname", NAME, *words(row, "client"), "127.0.0.1"]
    stage.run(client, until="Simple Client Mode|\\*\\*\\* Fatal", linger=0.1)


def tlslite(stage, row):
    """tlslite-ng, which still knows SSL 3.0 and RC4. `version`, `ciphers`, `macs`, `keys`: what both allow."""
    words = [row["version"], row["ciphers"], row["macs"], row["keys"], "rsa.pem", "rsa.key", str(PORT)]
    program = stage.python(str(stage.here / "tlslite_talk.py"), *words)
    stage.run(**program, say=b"", linger=10)


class Line:
    """What stands between client and server: it hands on bytes, the client's first ones in another shape.

    `segments N`: the hello in N segments. `records N`: the hello in N records. `slow`: a byte at a time.
    Without a word, nothing stands there.
    """

    def __init__(self, shape, port):
        self.shape, self.port = shape, port

    def __enter__(self):
        if not self.shape:
            return self.port
        self.listener = socket.create_server(("127.0.0.1", 4434))
        threading.Thread(target=self.serve, daemon=True).start()
        return 4434

    def __exit__(self, *_):
        if self.shape:
            self.listener.close()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=hand_on, args=(server, client), daemon=True).start()
            threading.Thread(target=self.shape_first, args=(client, server), daemon=True).start()

    def shape_first(self, client, server):
        hello = whole_record(client)
        kind, count = self.shape.split()
        count = int(count)
        if kind == "records":
            head, body = hello[:3], hello[5:]
            size = -(-len(body) // count)
            parts = [body[at : at + size] for at in range(0, len(body), size)]
            server.sendall(b"".join(head + len(part).to_bytes(2, "big") + part for part in parts))
        else:
            size = -(-len(hello) // count)
            for at in range(0, len(hello), size):
                server.sendall(hello[at : at + size])
                time.sleep(0.03)
        hand_on(client, server)


def whole_record(connection):
    head = connection.recv(5, socket.MSG_WAITALL)
    return head + connection.recv(int.from_bytes(head[3:5], "big"), socket.MSG_WAITALL)


def hand_on(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        pass


# What a server says and is told before TLS begins, by protocol: `S` says, `C` waits for words, `T` is TLS.
STARTTLS = {
    "smtp": ["S220 mail.example ESMTP\r\n", "CEHLO", "S250-mail.example\r\n250 STARTTLS\r\n", "CSTARTTLS", "S220 go ahead\r\n"],
    "lmtp": ["S220 mail.example LMTP\r\n", "CLHLO", "S250-mail.example\r\n250 STARTTLS\r\n", "CSTARTTLS", "S220 go ahead\r\n"],
    "imap": ["S* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", "CCAPABILITY",
             "S* CAPABILITY IMAP4rev1 STARTTLS\r\n. OK done\r\n", "CSTARTTLS", "S. OK begin\r\n"],
    "pop3": ["S+OK POP3 ready\r\n", "CSTLS", "S+OK begin\r\n"],
    "ftp": ["S220 ftp ready\r\n", "CAUTH TLS", "S234 go ahead\r\n"],
    "nntp": ["S200 news.example ready\r\n", "CCAPABILITIES", "S101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n", "CSTARTTLS",
             "S382 go ahead\r\n"],
    "sieve": ['S"IMPLEMENTATION" "sieve"\r\n"SIEVE" "fileinto"\r\n"STARTTLS"\r\n"VERSION" "1.0"\r\nOK "ready"\r\n', "CSTARTTLS",
              'SOK "begin"\r\n'],
    "xmpp": ["Cstream:stream",
             "S<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' "
             "from='mail.example' id='1' version='1.0'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>"
             "<required/></starttls></stream:features>", "Cstarttls", "S<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"],
    "postgres": ["B8", "SS"],
    "mysql": ["X4a0000000a382e302e333200080000000102030405060708" "00ffffff0200ffdf15000000000000000000000102030405060708090a0b0c00"
              "63616368696e675f736861325f70617373776f726400", "B36"],
    "ldap": ["B31", "X300c02010178070a010004000400"],
}
PORTS = {"smtp": 25, "lmtp": 24, "imap": 143, "pop3": 110, "ftp": 21, "nntp": 119, "sieve": 4190, "xmpp": 5222,
         "postgres": 5432, "mysql": 3306, "ldap": 389}


def starttls(stage, row):
    """A small server that goes from a protocol in clear to TLS, and `openssl s_client -starttls`."""
    protocol = row["protocol"]
    port = row.get("port", PORTS[protocol])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(stage.folder / "rsa.pem", stage.folder / "rsa.key")
    listener = socket.create_server(("127.0.0.1", port))

    def serve():
        connection, _ = listener.accept()
        with connection:
            for step in STARTTLS[protocol]:
                kind, text = step[0], step[1:]
                if kind == "S":
                    connection.sendall(text.encode())
                elif kind == "X":
                    connection.sendall(bytes.fromhex(text))
                elif kind == "B":
                    connection.recv(int(text), socket.MSG_WAITALL)
                else:
                    heard = b""
                    while not re.search(text.encode(), heard):
                        heard += connection.recv(1) or stop()
                    while not heard.endswith((b"\n", b">")):
                        heard += connection.recv(1) or stop()
            with context.wrap_socket(connection, server_side=True) as sealed:
                sealed.recv(100)
                sealed.sendall(b"bye\r\n")

    thread = threading.Thread(target=quiet, args=(serve,), daemon=True)
    thread.start()
    name = ["-xmpphost", NAME] if protocol == "xmpp" else []
    client = program(stage, "openssl", row.get("newer") == "client")
    stage.run([*client, "s_client", "-connect", f"127.0.0.1:{port}", "-starttls", protocol, "-servername", NAME, *name,
               *words(row, "client")], until="Verify return code", linger=0.1)


def stop():
    raise ConnectionError("the other side has gone")


def quiet(work):
    try:
        work()
    except OSError as error:
        print(f"server: {error}")
