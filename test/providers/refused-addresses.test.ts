import type { LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../src/base/secret.ts';
import type { Provider } from '../../src/catalogue/provider.ts';
import { Connections } from '../../src/providers/connections.ts';
import { createProviderFetch } from '../../src/providers/fetch.ts';
import { Models } from '../../src/providers/models.ts';
import { costsNothing } from '../../src/providers/unbilled.ts';
import { connectionAttempts } from '../helpers/connection-attempts.ts';
import { ask, KEY, providerAt, simulate, WIRES } from './models.ts';

const CREDENTIAL = { id: 'env:ACME_API_KEY', secret: new Secret(KEY) };

/** Connections that resolve every name to these addresses: to the next list with each question, and then to the last. */
function resolvingTo(...lists: string[][]): { connections: Connections; asked: string[] } {
  const asked: string[] = [];
  const lookup: LookupFunction = (hostname, { all }, callback) => {
    const list = lists[Math.min(asked.length, lists.length - 1)] ?? [];
    asked.push(hostname);
    const found: LookupAddress[] = list.map((address) => ({ address, family: isIP(address.replace(/%.*/, '')) }));
    setImmediate(() => (all ? callback(null, found) : callback(null, found[0]?.address ?? '', found[0]?.family)));
  };
  return { connections: new Connections(lookup), asked };
}

async function turnOf(provider: Provider, connections?: Connections): Promise<unknown> {
  const opened = await new Models({ connections }).open({ provider, route: { model: 'm' }, credential: CREDENTIAL });
  return opened.model.turn(ask(), new AbortController().signal);
}

/** A simulator, and a provider that reaches it under this host. */
async function aSimulatorAt(host: string, more: Record<string, unknown> = {}, wire = WIRES[1]) {
  const simulator = await simulate();
  onTestFinished(() => simulator.close());
  const url = simulator.url.replace('127.0.0.1', host);
  return { simulator, provider: providerAt(wire ?? 'chat', url, more) };
}

/** A provider that no configuration takes, as if its check had been left out. */
function uncheckedAt(host: string): Provider {
  return { ...providerAt('chat', 'https://models.example'), base_url: `http://${host}/v1` };
}

test.each(WIRES)('on the wire %s a name that resolves to a metadata address is refused', async (wire) => {
  const { connections } = resolvingTo(['169.254.169.254']);
  const { addresses } = connectionAttempts();
  const { provider } = await aSimulatorAt('models.example', {}, wire);
  const error = await turnOf(provider, connections).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: 'PROVIDER_ADDRESS_REFUSED',
    message:
      'No connection to provider "acme": "models.example" resolves to 169.254.169.254, a metadata address, which Errand does not connect to',
    remedy: expect.stringContaining('providers.acme.allow_link_local: true'),
  });
  expect(costsNothing(error)).toBe(true);
  expect(addresses).toEqual([]);
});

test.each(['fe80::1', 'fe80::1%lo', '::ffff:169.254.1.1', '0.0.0.0', '::', 'fd00:ec2::254', '224.0.0.1'])(
  'a name that resolves to %s is refused, also with https',
  async (address) => {
    const seen = connectionAttempts();
    for (const url of ['http://models.example', 'https://models.example']) {
      const { connections } = resolvingTo([address]);
      const call = turnOf(providerAt('chat', url), connections);
      await expect(call).rejects.toMatchObject({ code: 'PROVIDER_ADDRESS_REFUSED' });
    }
    expect(seen.addresses).toEqual([]);
  },
);

test.each(['169.254.169.254', '169.254.1.1', '[fe80::1]', '[::ffff:169.254.1.1]', '0.0.0.0', '2852039166'])(
  'an unchecked configuration with %s opens no socket',
  async (host) => {
    const seen = connectionAttempts();
    const fetch = createProviderFetch(uncheckedAt(host), CREDENTIAL, new Connections());
    await expect(fetch(`http://${host}/v1/models`)).rejects.toMatchObject({ code: 'ERR_ADDRESS_REFUSED' });
    await expect(turnOf(uncheckedAt(host))).rejects.toMatchObject({ code: 'PROVIDER_ADDRESS_REFUSED' });
    expect(seen).toEqual({ sockets: 0, addresses: [] });
  },
);

test('of several addresses only those that are not refused are connected to', async () => {
  const { connections } = resolvingTo(['fe80::1', '169.254.169.254', '127.0.0.1']);
  const { simulator, provider } = await aSimulatorAt('models.example');
  const { addresses } = connectionAttempts();
  await turnOf(provider, connections);
  expect(addresses).toEqual(['127.0.0.1']);
  expect(simulator.requests()).toHaveLength(1);
});

test('a name that changes after a first call is refused at the next connection', async () => {
  const { connections, asked } = resolvingTo(['127.0.0.1'], ['169.254.169.254']);
  const { simulator, provider } = await aSimulatorAt('models.example');
  const { addresses } = connectionAttempts();
  // One connection is in use by the first call, so the second call needs one more.
  const model = (await new Models({ connections }).open({ provider, route: { model: 'm' }, credential: CREDENTIAL }))
    .model;
  const calls = [ask(), ask()].map((request) => model.turn(request, new AbortController().signal));
  const ends = await Promise.allSettled(calls);
  expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(ends).toContainEqual({
    status: 'rejected',
    reason: expect.objectContaining({ code: 'PROVIDER_ADDRESS_REFUSED' }),
  });
  expect(asked).toEqual(['models.example', 'models.example']);
  expect(addresses).toEqual(['127.0.0.1']);
  expect(simulator.requests()).toHaveLength(1);
});

test('with allow_link_local a provider may be there, by address and by name', async () => {
  const allowed = { allow_link_local: true };
  const byAddress = await aSimulatorAt('0.0.0.0', allowed);
  await turnOf(byAddress.provider);
  const byName = await aSimulatorAt('models.example', allowed);
  await turnOf(byName.provider, resolvingTo(['0.0.0.0']).connections);
  expect([byAddress, byName].map(({ simulator }) => simulator.requests().length)).toEqual([1, 1]);
});

test('what one provider may does not hold for another at the same address', async () => {
  const { connections } = resolvingTo(['0.0.0.0']);
  const { simulator, provider } = await aSimulatorAt('models.example', { allow_link_local: true });
  await turnOf(provider, connections);
  const call = turnOf({ ...provider, name: 'other', allow_link_local: false }, connections);
  await expect(call).rejects.toMatchObject({ code: 'PROVIDER_ADDRESS_REFUSED' });
  expect(simulator.requests()).toHaveLength(1);
});

test('a name that does not resolve is unreachable, as before', async () => {
  const { connections } = resolvingTo([]);
  const call = turnOf(providerAt('chat', 'http://models.example'), connections);
  await expect(call).rejects.toMatchObject({ code: 'PROVIDER_UNREACHABLE' });
});
