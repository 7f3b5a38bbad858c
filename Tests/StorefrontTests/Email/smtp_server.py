# SPDX-License-Identifier: Apache-2.0
"""An SMTP server for tests: aiosmtpd on a free port of 127.0.0.1, which does as it is told.

It says {"port": N} when it listens, and writes into its folder: `port`, the same; `ca.pem`, the authority of its certificate; and `log`, a line of JSON
for each connection and for each message that came in whole. `script`, if it is there, says what to do with recipients
otherwise than to accept: {"ana@example.org": [["rcpt", "451 4.3.0 later"], ["data", "550 5.6.0 no"], ["cut"], ["hang"]]},
one entry for each time that the recipient is named; `*` stands for all others.
"""
import argparse
import asyncio
import base64
import json
import os
import ssl

import trustme
from aiosmtpd.smtp import SMTP, AuthResult


class Server(SMTP):
    def connection_made(self, transport):
        # Once more after STARTTLS.
        if self.event_handler.new_connection(transport):
            self.event_handler.log({"event": "connection"})
        super().connection_made(transport)


class Handler:
    def __init__(self, arguments):
        self.arguments = arguments
        self.peers = set()
        path = os.path.join(arguments.folder, "script")
        self.script = json.load(open(path)) if os.path.exists(path) else {}

    def new_connection(self, transport):
        peer = transport.get_extra_info("peername")
        is_new = peer not in self.peers
        self.peers.add(peer)
        return is_new

    def log(self, entry):
        with open(os.path.join(self.arguments.folder, "log"), "a") as file:
            file.write(json.dumps(entry) + "\n")

    async def handle_RCPT(self, server, session, envelope, address, options):
        rules = self.script.get(address) or self.script.get("*") or []
        envelope.rule = rules.pop(0) if rules else ["accept"]
        if envelope.rule[0] == "rcpt":
            return envelope.rule[1]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 recipient ok"

    async def handle_DATA(self, server, session, envelope):
        action = envelope.rule[0]
        self.log({
            "event": "message", "from": envelope.mail_from, "to": envelope.rcpt_tos[0],
            "data": base64.b64encode(envelope.original_content).decode(), "action": action,
            "tls": session.ssl is not None or self.arguments.tls == "implicit", "user": session.auth_data,
            "helo": session.host_name,
        })
        await asyncio.sleep(self.arguments.delay)
        if action == "data":
            return envelope.rule[1]
        if action == "hang":
            await asyncio.sleep(3600)
        if action == "cut":
            server.transport.abort()
        return "250 2.0.0 queued"


def context(arguments):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(os.path.join(arguments.folder, "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(arguments.name).configure_cert(context)
    return context


async def main(arguments):
    handler = Handler(arguments)
    tls = None if arguments.tls == "none" else context(arguments)

    def authenticate(server, session, envelope, mechanism, data):
        login = f"{data.login.decode()}:{data.password.decode()}"
        is_right = login == arguments.login
        return AuthResult(success=is_right, handled=False, auth_data=data.login.decode() if is_right else None)

    def make():
        return Server(
            handler, hostname="mail.test", tls_context=tls if arguments.tls == "starttls" else None,
            require_starttls=arguments.tls == "starttls", authenticator=authenticate if arguments.login else None,
            auth_required=arguments.login is not None, auth_require_tls=arguments.tls == "starttls")

    server = await asyncio.get_running_loop().create_server(
        make, "127.0.0.1", 0, ssl=tls if arguments.tls == "implicit" else None)
    temporary = os.path.join(arguments.folder, "port.new")
    with open(temporary, "w") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(temporary, os.path.join(arguments.folder, "port"))
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    # Whoever started it may be gone.
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(0.5)


parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
parser.add_argument("--name", default="127.0.0.1", help="whom the certificate is for")
parser.add_argument("--delay", type=float, default=0, help="seconds between a message and its answer")
parser.add_argument("--login", help="USER:PASSWORD, without which no mail is taken")
asyncio.run(main(parser.parse_args()))
