"""A client and a server of tlslite-ng, in one process: version, ciphers, macs, key exchanges, certificate, key, port."""

import socket
import sys
import threading

from tlslite.api import HandshakeSettings, TLSConnection, X509, X509CertChain, parsePEMKey

version, ciphers, macs, keys, certificate, key, port = sys.argv[1:]
chain = X509CertChain()
chain.parsePemList(open(certificate).read())
private = parsePEMKey(open(key).read(), private=True)

settings = HandshakeSettings()
settings.minVersion = settings.maxVersion = tuple(map(int, version.split(".")))
settings.cipherNames = ciphers.split(",")
settings.macNames = macs.split(",")
settings.keyExchangeNames = keys.split(",")
settings.minKeySize = 512

listener = socket.create_server(("127.0.0.1", int(port)))


def serve():
    connection = TLSConnection(listener.accept()[0])
    connection.handshakeServer(certChain=chain, privateKey=private, settings=settings)
    connection.read(max=5, min=5)
    connection.write(b"hello")
    connection.close()


thread = threading.Thread(target=serve)
thread.start()
client = TLSConnection(socket.create_connection(("127.0.0.1", int(port))))
client.handshakeClientCert(settings=settings, serverName="mail.example")
client.write(b"hello")
client.read(max=5, min=5)
client.close()
thread.join()
