"""A server of tlslite-ng, which still speaks what OpenSSL forgot: server.py PORT CERT KEY MIN MAX CIPHER[,CIPHER...]

MIN and MAX are the minor version on the wire: 0 for SSL 3.0, 1 for TLS 1.0, to 4 for TLS 1.3.
"""
import socket
import sys
import threading

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey

port, certificate, key, oldest, newest, ciphers = sys.argv[1:7]
chain = X509CertChain()
chain.parsePemList(open(certificate).read())
private = parsePEMKey(open(key).read(), private=True)
settings = HandshakeSettings()
settings.minVersion, settings.maxVersion = (3, int(oldest)), (3, int(newest))
settings.versions = [(3, minor) for minor in range(int(newest), int(oldest) - 1, -1)]
settings.cipherNames = ciphers.split(",")
settings.macNames = ["sha", "md5", "sha256", "sha384", "aead"]


def serve(client):
    try:
        TLSConnection(client).handshakeServer(certChain=chain, privateKey=private, settings=settings)
    except Exception as error:  # what a hello is refused with is the test's affair
        print(error, file=sys.stderr)
    finally:
        client.close()


listener = socket.create_server(("127.0.0.1", int(port)))
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
