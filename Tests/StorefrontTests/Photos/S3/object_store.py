# SPDX-License-Identifier: Apache-2.0
"""moto's S3 on a free port of the loopback, which checks every signature, and a nemesis before it. moto does not know links; they
are checked by botocore.

    --tls FOLDER     by TLS; the certificate's authority is FOLDER/ca.pem
    --faults RATE    no lines are read; so many of all requests, out of 1, have a fault of these at random

Says a line of JSON: the address, and a key that may do everything. Then takes lines of JSON, each answered with {}, and each about
the next request of a "method" whose path has "path" in it:

    "status", "headers", "body"    answered so, instead of being carried out
    "lost": true                   carried out, and its answer is lost
    "cut": true                    carried out, and its answer ends in the middle of its body
    "stall": true                  never answered
"""

import argparse
import http.client
import json
import logging
import os
import random
import select
import socket
import ssl
import sys
import threading
import urllib.parse

os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"  # those of main(), before there is a key

import boto3
import botocore.auth
import trustme
import werkzeug.serving
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

logging.disable(logging.CRITICAL)
lock = threading.Lock()
faults = []
settings = {}
key = {}
arguments = None
moto = DomainDispatcherApplication(create_backend_app)


def fault_of(environ):
    if key and random.random() < arguments.faults:
        return random.choice([{"status": 503}, {"status": 500}, {"lost": True}, {"cut": True}])
    with lock:
        for fault in faults:
            if fault["method"] == environ["REQUEST_METHOD"] and fault["path"] in environ["PATH_INFO"]:
                faults.remove(fault)
                return fault
    return None


def signature_of_link(environ, query):
    host = f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}"
    rest = "&".join(part for part in environ["QUERY_STRING"].split("&") if not part.startswith("X-Amz-Signature="))
    request = AWSRequest(environ["REQUEST_METHOD"], f"{host}{environ['PATH_INFO']}?{rest}")
    request.context["timestamp"] = query["X-Amz-Date"][0]
    credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    auth = botocore.auth.S3SigV4QueryAuth(credentials, "s3", "us-east-1")
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)


def link(environ, start_response):
    query = urllib.parse.parse_qs(environ["QUERY_STRING"])
    if query["X-Amz-Signature"] != [signature_of_link(environ, query)]:
        start_response("403 Forbidden", [])
        return []
    bucket, name = environ["PATH_INFO"].lstrip("/").split("/", 1)
    found = store().get_object(Bucket=bucket, Key=name, ResponseContentType=query["response-content-type"][0])
    start_response("200 OK", [("Content-Type", found["ContentType"]), ("Content-Length", str(found["ContentLength"]))])
    return [found["Body"].read()]


def application(environ, start_response):
    fault = fault_of(environ)
    if fault is None and "X-Amz-Signature=" in environ["QUERY_STRING"]:
        return link(environ, start_response)
    if fault is None:
        return moto(environ, start_response)
    connection = environ["werkzeug.socket"]
    if "status" in fault:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        body = fault.get("body", "").encode()
        headers = [("Content-Length", str(len(body))), *fault.get("headers", {}).items()]
        start_response(f"{fault['status']} {http.client.responses[fault['status']]}", headers)
        return [body]
    if "stall" in fault:
        select.select([connection], [], [])
        return []
    said = []
    body = b"".join(moto(environ, lambda status, headers, *_: said.extend([status, headers])))
    if "cut" in fault:
        head = [f"HTTP/1.1 {said[0]}", *(f"{name}: {value}" for name, value in said[1]), "", ""]
        connection.sendall("\r\n".join(head).encode() + body[: len(body) // 2])
    connection.shutdown(socket.SHUT_RDWR)
    return []


def tls(folder):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(os.path.join(folder, "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def client(service, key_id="nobody", secret="nothing"):
    return boto3.client(service, **settings, aws_access_key_id=key_id, aws_secret_access_key=secret)


def store():
    return client("s3", key["AccessKeyId"], key["SecretAccessKey"])


def main():
    global arguments
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", metavar="FOLDER")
    parser.add_argument("--faults", metavar="RATE", type=float, default=0)
    arguments = parser.parse_args()
    context = tls(arguments.tls) if arguments.tls else None
    server = werkzeug.serving.make_server("127.0.0.1", 0, application, threaded=True, ssl_context=context)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    verify = os.path.join(arguments.tls, "ca.pem") if context else None
    settings.update(endpoint_url=endpoint, region_name="us-east-1", verify=verify)
    iam = client("iam")
    iam.create_user(UserName="millrace")
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="millrace", PolicyName="all", PolicyDocument=policy)
    made = iam.create_access_key(UserName="millrace")["AccessKey"]
    client("s3").create_bucket(Bucket="photos")
    key.update(made)
    print(json.dumps({"endpoint": endpoint, "id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}), flush=True)
    if arguments.faults:
        threading.Event().wait()
    for line in sys.stdin:
        with lock:
            faults.append(json.loads(line))
        print("{}", flush=True)


main()
