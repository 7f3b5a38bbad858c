#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A payment gateway for tests: localstripe, behind a proxy that treats idempotency keys as Stripe does and fails on command.

localstripe keeps the state of intents, charges and refunds, and was written by nobody here; but it ignores idempotency keys. The
proxy carries a request out once for its key and repeats the answer, 402s and 500s included, refuses a key that comes with another
request (400) or while the first is under way (409), and forgets keys after 24 hours of a clock that a test can put forward.

Both listen on 127.0.0.1 alone. The first line of output is the proxy's port; it ends when its parent does. A test speaks to it by

  POST /_control/faults    {"next": [{"path": "/confirm", "fault": "drop-after"}], "rates": {"drop-after": 0.1}, "seed": 7}
  POST /_control/clock     {"advance": 86400}                               seconds
  POST /_control/webhooks  {"url": "http://…", "secret": "whsec_…", "double": true}
  GET  /_control/counts    what was carried out, in all and for each key

Faults: drop-before (not carried out, no answer), drop-after (carried out, no answer), delay (answered after up to `delay` seconds),
double (sent twice), error-before and error-after (500, remembered for the key), busy (429 with Retry-After, not remembered),
undecided (carried out, and answered as if the gateway were still working on it).
"""

import asyncio
import collections
import hashlib
import json
import os
import random
import time

import aiohttp
from aiohttp import web
from localstripe import resources, server, webhooks

KEY_LIFETIME = 24 * 3600
REMEMBERED = (200, 402, 500)

# It would write to a fixed file for each change.
resources.Store.dump_to_disk = lambda self: None


class Gateway:
    def __init__(self, upstream):
        self.upstream = upstream
        self.session = aiohttp.ClientSession()
        self.keys = {}
        self.shift = 0
        self.next = []
        self.rates = {}
        self.delay = 0.5
        self.random = random.Random(0)
        self.charges = collections.Counter()
        self.refunds = collections.Counter()
        self.requests = collections.Counter()
        self.faults = collections.Counter()
        self.keyless = 0
        self.hook = None
        self.deliveries = set()

    # --- what the API sees

    async def handle(self, request):
        body = await request.read()
        self.requests[request.method] += 1
        fault = self.choose(request)
        if fault:
            self.faults[fault] += 1
        if fault == 'busy':
            return answer(429, {'error': {'type': 'api_error', 'code': 'rate_limit'}}, {'Retry-After': '1'})
        if fault == 'drop-before':
            return self.drop(request)
        status, content = await self.once(request, body, fault)
        if fault == 'double':
            status, content = await self.once(request, body, None)
        if fault == 'drop-after':
            return self.drop(request)
        if fault == 'undecided' and status == 200:
            content = json.dumps({**json.loads(content), 'status': 'processing'}).encode()
        if fault == 'delay':
            await asyncio.sleep(self.random.uniform(0, self.delay))
        return web.Response(status=status, body=content, content_type='application/json')

    def choose(self, request):
        for planned in self.next:
            if planned['path'] in request.path and planned.get('method', request.method) == request.method:
                self.next.remove(planned)
                return planned['fault']
        draw = self.random.random()
        for fault, rate in self.rates.items():
            if draw < rate:
                return fault
            draw -= rate
        return None

    @staticmethod
    def drop(request):
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    async def once(self, request, body, fault):
        """Carries a request out, unless its key has an answer."""
        key = request.headers.get('Idempotency-Key')
        if request.method == 'GET' or key is None:
            self.keyless += request.method != 'GET'
            return await self.carry_out(request, body, key)
        print_ = hashlib.sha256(f'{request.method} {request.path_qs}\n'.encode() + body).digest()
        known = self.keys.get(key)
        if known and known['made'] + KEY_LIFETIME < self.now():
            known = None
        if known:
            if known['print'] != print_:
                return error(400, 'idempotency_error', None)
            if known['answer'] is None:
                return error(409, 'idempotency_error', 'idempotency_key_in_use')
            return known['answer']
        entry = self.keys[key] = {'made': self.now(), 'print': print_, 'answer': None}
        result = error(500, 'api_error', None)
        if fault != 'error-before':
            carried_out = await self.carry_out(request, body, key)
            result = result if fault == 'error-after' else carried_out
        if result[0] in REMEMBERED:
            entry['answer'] = result
        else:
            del self.keys[key]
        return result

    async def carry_out(self, request, body, key):
        headers = {name: request.headers[name] for name in ('Authorization', 'Content-Type') if name in request.headers}
        url = self.upstream + request.path_qs
        async with self.session.request(request.method, url, data=body or None, headers=headers) as response:
            content = await response.read()
        if request.method == 'POST' and response.status == 200 and key:
            if request.path.endswith('/confirm') and json.loads(content)['status'] == 'succeeded':
                self.charges[key] += 1
            if request.path == '/v1/refunds':
                self.refunds[key] += 1
        return response.status, content

    def now(self):
        return time.time() + self.shift

    # --- what a test sees

    async def set_faults(self, request):
        wanted = await request.json()
        self.next = wanted.get('next', [])
        self.rates = wanted.get('rates', {})
        self.delay = wanted.get('delay', self.delay)
        self.random = random.Random(wanted.get('seed', 0))
        return answer(200, {})

    async def advance(self, request):
        self.shift += (await request.json())['advance']
        return answer(200, {})

    async def count(self, request):
        store = list(resources.store.values())
        charged = [item for item in store if isinstance(item, resources.Charge) and item.status == 'succeeded']
        refunded = [item for item in store if isinstance(item, resources.Refund)]
        return answer(200, {
            'charges': len(charged), 'charged': sum(item.amount for item in charged),
            'refunds': len(refunded), 'refunded': sum(item.amount for item in refunded),
            'intents': sum(isinstance(item, resources.PaymentIntent) for item in store),
            'charges_by_key': self.charges, 'refunds_by_key': self.refunds, 'requests': self.requests,
            'faults': self.faults, 'keyless': self.keyless})

    # --- webhooks

    async def set_webhooks(self, request):
        self.hook = await request.json()
        webhooks.register_webhook('test', str(request.url.origin()) + '/_hook', self.hook['secret'], None)
        return answer(200, {})

    async def deliver(self, request):
        body = await request.read()
        headers = {name: request.headers[name] for name in ('Stripe-Signature', 'Content-Type')}
        for _ in range(2 if self.hook.get('double') else 1):
            delivery = asyncio.create_task(self.deliver_until_taken(body, headers))
            self.deliveries.add(delivery)
            delivery.add_done_callback(self.deliveries.discard)
        return answer(200, {})

    async def deliver_until_taken(self, body, headers):
        """At any time, in any order, as the gateway does it over days."""
        for _ in range(100):
            await asyncio.sleep(self.random.uniform(0, 1))
            try:
                async with self.session.post(self.hook['url'], data=body, headers=headers) as response:
                    if response.status < 300:
                        return
            except aiohttp.ClientError:
                pass


def answer(status, members, headers=None):
    return web.json_response(members, status=status, headers=headers)


def error(status, kind, code):
    return status, json.dumps({'error': {'type': kind, 'code': code}}).encode()


async def listen(app):
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, '127.0.0.1', 0)
    await site.start()
    return site._server.sockets[0].getsockname()[1]


async def main():
    parent = os.getppid()
    gateway = Gateway(f'http://127.0.0.1:{await listen(server.app)}')
    proxy = web.Application()
    proxy.router.add_post('/_control/faults', gateway.set_faults)
    proxy.router.add_post('/_control/clock', gateway.advance)
    proxy.router.add_post('/_control/webhooks', gateway.set_webhooks)
    proxy.router.add_get('/_control/counts', gateway.count)
    proxy.router.add_post('/_hook', gateway.deliver)
    proxy.router.add_route('*', '/{path:.*}', gateway.handle)
    print(await listen(proxy), flush=True)
    while os.getppid() == parent:
        await asyncio.sleep(1)


asyncio.run(main())
