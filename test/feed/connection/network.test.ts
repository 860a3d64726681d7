/** Names and addresses: the hosts file, dead addresses, families without a route, and which proxy leads where. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { networkOf } from '../../../src/feed/connection/network/network.js';
import { isExempt, proxyOf } from '../../../src/feed/connection/network/proxy.js';
import {
  type Address,
  addressesIn,
  interleaved,
  NameResolver,
} from '../../../src/feed/connection/network/resolver.js';
import { restOf } from '../../../src/feed/connection/rest.js';

const four = (address: string): Address => ({ address, family: 4 });
const six = (address: string): Address => ({ address, family: 6 });

test('the hosts file: comments, several names of a line, both families, in whatever case', () => {
  const hosts =
    '# 9.9.9.9 a.test\n127.0.0.1 localhost\n10.0.0.1\ta.test b.test # c.test\n::1 B.Test\nnonsense a.test\n';
  assert.deepEqual(addressesIn(hosts, 'a.test'), [four('10.0.0.1')]);
  assert.deepEqual(addressesIn(hosts, 'b.test'), [four('10.0.0.1'), six('::1')]);
  assert.deepEqual(addressesIn(hosts, 'c.test'), []);
});

test('families take turns, IPv4 first', () => {
  const all = [six('a::'), six('b::'), four('1.1.1.1'), six('c::'), four('2.2.2.2')];
  assert.deepEqual(
    interleaved(all).map(({ address }) => address),
    ['1.1.1.1', 'a::', '2.2.2.2', 'b::', 'c::'],
  );
});

test('localhost needs no name server', async () => {
  const found = await new NameResolver(['127.0.0.1:9']).resolve('localhost');
  assert.ok(found.some(({ address }) => address === '127.0.0.1'));
});

test('of several addresses those that refuse or have no route are passed over', async (t) => {
  const server = createServer((_, response) => response.end('{"ok":true}'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const network = networkOf({ proxy: 'none', nameServers: [], addressTimeoutMs: 500 });
  // 100::/64 is for nothing (RFC 6666), and nobody listens at the second one
  const addresses = [six('100::1'), four('127.9.9.9'), four('127.0.0.1')];
  t.mock.getter(network, 'direct', () => ({
    lookup: (_host: string, _options: unknown, done: (error: null, all: readonly Address[]) => void) =>
      done(null, addresses),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: 500,
  }));
  const url = `http://exchange.test:${(server.address() as AddressInfo).port}`;
  assert.deepEqual(await restOf(url, { network })('/x'), { ok: true });
});

test('which proxy leads where: the option, then the environment, which leaves this machine out', () => {
  const venue = { host: 'api.exchange.test', port: 443 };
  const env = {
    HTTPS_PROXY: 'http://secure:3128',
    http_proxy: 'plain:8080',
    NO_PROXY: '.other.test,10.0.0.1:443',
  };
  const hostOf = (option: string, secure: boolean, endpoint = venue, variables: object = env) =>
    proxyOf(option, secure, endpoint, variables as Record<string, string>)?.host;
  assert.equal(hostOf('', true), 'secure:3128');
  assert.equal(hostOf('', false), 'plain:8080');
  assert.equal(hostOf('', true, { host: 'a.other.test', port: 443 }), undefined);
  assert.equal(hostOf('', true, { host: 'localhost', port: 443 }), undefined);
  assert.equal(hostOf('none', true), undefined);
  assert.equal(hostOf('socks5://mine:1080', true, { host: '127.0.0.1', port: 1 }), 'mine:1080');
  assert.equal(hostOf('', true, venue, { all_proxy: 'socks5://all:1' }), 'all:1');
  assert.throws(() => hostOf('', true, venue, { HTTPS_PROXY: 'ftp://me:secret@x' }), /HTTPS_PROXY.*no proxy/);
  assert.doesNotThrow(() => hostOf('', true, venue, {}));
  assert.equal(isExempt('10.0.0.1:443', { host: '10.0.0.1', port: 443 }), true);
  assert.equal(isExempt('10.0.0.1:443', { host: '10.0.0.1', port: 80 }), false);
  assert.equal(isExempt('*', venue), true);
  assert.equal(isExempt('exchange.test', { host: 'notexchange.test', port: 1 }), false);
});
