/**
 * Names to addresses without the thread pool of Node: dns.lookup() runs getaddrinfo there, and a few name servers that
 * hang would stop everything else that uses the pool. Queries go through c-ares, one at a time per name; /etc/hosts and
 * literal addresses count first, as everywhere. Shard threads and the supervisor, once per connection attempt.
 *
 * Addresses that worked are tried first, those that did not last; when the name servers fail, the addresses known from
 * before are used again.
 */
import { ADDRCONFIG, lookup as systemLookup } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP, type LookupFunction } from 'node:net';
import { messageOf } from '../../../base/errors.js';

const HOSTS_FILE = '/etc/hosts';
/** One query to one name server, and how often all of them are asked. */
const QUERY_MS = 2000;
const TRIES = 2;
/** Addresses of the other family are waited for so long once one has answered. */
const OTHER_FAMILY_MS = 50;
/** A name that a name server does not know may be one that only the system can resolve, with its search domains. */
const UNKNOWN_NAMES = new Set(['ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'EREFUSED', 'ECONNREFUSED']);

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** The addresses of a host in the lines of a hosts file. */
export function addressesIn(hosts: string, host: string): Address[] {
  const wanted = host.toLowerCase();
  return hosts.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const family = isIP(address);
    if (family === 0 || !names.some((name) => name.toLowerCase() === wanted)) return [];
    return [{ address, family: family as 4 | 6 }];
  });
}

/** IPv4 first and then in turn, so that a family without a route costs one attempt and not all of them. */
export function interleaved(addresses: readonly Address[]): Address[] {
  const four = addresses.filter(({ family }) => family === 4);
  const six = addresses.filter(({ family }) => family === 6);
  const longer = Math.max(four.length, six.length);
  return Array.from({ length: longer }, (_, i) => [four[i], six[i]])
    .flat()
    .filter((address) => address !== undefined);
}

export class NameResolver {
  /** what a name resolved to, the best address first */
  private readonly known = new Map<string, Address[]>();
  private readonly running = new Map<string, Promise<Address[]>>();

  /** `servers`: name servers as `address` or `address:port`; none: those of the system. */
  constructor(private readonly servers: readonly string[] = []) {}

  /** For net.connect(). */
  readonly lookup: LookupFunction = (host, options, callback) => {
    this.resolve(host).then(
      (addresses) => {
        const { family } = options;
        const number = family === 'IPv6' ? 6 : family === 'IPv4' ? 4 : family;
        const wanted = addresses.filter((a) => !number || a.family === number);
        if (options.all)
          callback(
            null,
            wanted.map(({ address, family }) => ({ address, family })),
          );
        else callback(null, wanted[0]?.address ?? '', wanted[0]?.family);
      },
      (error) => callback(error, options.all ? [] : '', 0),
    );
  };

  /** Addresses of a host in the order in which to try them. */
  async resolve(host: string): Promise<Address[]> {
    let running = this.running.get(host);
    if (running === undefined) {
      running = this.fresh(host).finally(() => this.running.delete(host));
      this.running.set(host, running);
    }
    return running;
  }

  /** An address of the host accepted a connection. */
  worked(host: string, address: string): void {
    this.move(host, address, (one, others) => [one, ...others]);
  }

  /** None of them did in time: the first one goes behind the others. */
  failed(host: string): void {
    const first = this.known.get(host)?.[0];
    if (first !== undefined) this.move(host, first.address, (one, others) => [...others, one]);
  }

  private move(host: string, address: string, order: (one: Address, others: Address[]) => Address[]): void {
    const known = this.known.get(host) ?? [];
    const one = known.find((a) => a.address === address);
    if (one !== undefined)
      this.known.set(
        host,
        order(
          one,
          known.filter((a) => a !== one),
        ),
      );
  }

  private async fresh(host: string): Promise<Address[]> {
    try {
      const found = await this.query(host);
      const before = this.known.get(host) ?? [];
      const stay = before.filter(({ address }) => found.some((a) => a.address === address));
      const added = interleaved(found).filter(({ address }) => !stay.some((a) => a.address === address));
      this.known.set(host, [...stay, ...added]);
    } catch (error) {
      if (!this.known.has(host)) throw error;
    }
    return this.known.get(host)!;
  }

  private async query(host: string): Promise<Address[]> {
    const listed = addressesIn(await readFile(HOSTS_FILE, 'utf8').catch(() => ''), host);
    if (listed.length > 0) return listed;
    try {
      return await this.ask(host);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      // with name servers of its own the configuration has the last word
      if (this.servers.length > 0 || !UNKNOWN_NAMES.has(code)) throw unresolved(host, error);
      return askSystem(host);
    }
  }

  /** Both families at once; the first that answers waits a moment for the other. */
  private async ask(host: string): Promise<Address[]> {
    const resolver = new Resolver({ timeout: QUERY_MS, tries: TRIES });
    if (this.servers.length > 0) resolver.setServers(this.servers);
    const four = resolver
      .resolve4(host)
      .then((all) => all.map((address): Address => ({ address, family: 4 })));
    const six = resolver
      .resolve6(host)
      .then((all) => all.map((address): Address => ({ address, family: 6 })));
    const families = [four, six];
    const first = await Promise.any(families).catch(async () => {
      // what IPv4 says is what people know
      throw (await Promise.allSettled(families).then(([a]) => (a as PromiseRejectedResult).reason)) as Error;
    });
    const late = new Promise<Address[]>((resolve) => setTimeout(() => resolve([]), OTHER_FAMILY_MS));
    const all = await Promise.all(
      families.map((one) => Promise.race([one.catch((): Address[] => []), late])),
    );
    resolver.cancel();
    const found = all.flat();
    return found.length > 0 ? found : first;
  }
}

function unresolved(host: string, error: unknown): Error {
  const { code } = error as NodeJS.ErrnoException;
  const text = code === 'ETIMEOUT' ? 'the name servers do not answer' : messageOf(error);
  return Object.assign(new Error(`cannot resolve ${host}: ${text}`), { code });
}

/** As every other program does, search domains and all. */
function askSystem(host: string): Promise<Address[]> {
  return new Promise((resolve, reject) => {
    systemLookup(host, { all: true, hints: ADDRCONFIG }, (error, addresses) => {
      if (error) reject(unresolved(host, error));
      else resolve(addresses.map(({ address, family }) => ({ address, family: family as 4 | 6 })));
    });
  });
}
