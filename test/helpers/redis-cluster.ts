import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { inject } from 'vitest';
import { askRedis } from '../../src/app/embedded-redis/ask.ts';
import { findRedisBinary } from '../../src/app/embedded-redis/binary.ts';
import { sleep } from '../../src/base/clock.ts';
import { aFreePort } from './configured-redis.ts';
import { openRedis } from './redis.ts';

const HOST = '127.0.0.1';
const SLOTS = 16_384;
const MASTERS = 3;
/** Keys moved at a time. */
const BATCH = 500;

/** A master of a cluster: its address, its id in the cluster, and a client. */
export type ClusterNode = { address: string; port: number; url: string; id: string; redis: Redis };

/** A Redis Cluster of three masters without replicas, which ends with `close`. */
export type RedisCluster = {
  nodes: ClusterNode[];
  slotOf: (prefix: string) => Promise<number>;
  /** The node that holds the slot of the prefix, and another node. */
  nodesFor: (prefix: string) => Promise<{ holder: ClusterNode; other: ClusterNode }>;
  /** Announces on both nodes that the slot will move, and moves no key yet. */
  startMove: (slot: number, from: ClusterNode, to: ClusterNode) => Promise<void>;
  /** Moves every key of the slot and announces its new node to all nodes, as `redis-cli --cluster reshard` does. */
  finishMove: (slot: number, from: ClusterNode, to: ClusterNode) => Promise<void>;
  close: () => Promise<void>;
};

/**
 * Starts three masters on loopback that share all slots. Resolves when each of them reports the cluster as complete.
 */
export async function startRedisCluster(): Promise<RedisCluster> {
  const place = await mkdtemp(join(tmpdir(), 'errand-cluster-'));
  const servers: ChildProcess[] = [];
  const close = async () => {
    await Promise.all(servers.map(kill));
    await rm(place, { recursive: true, force: true });
  };
  try {
    const ports = await Promise.all(Array.from({ length: 2 * MASTERS }, () => aFreePort(HOST)));
    const binary = await findRedisBinary({ path: inject('path'), isRoot: false, log: () => undefined });
    const nodes = await Promise.all(
      Array.from({ length: MASTERS }, async (_, at) => {
        const [port = 0, busPort = 0] = ports.slice(2 * at);
        const dir = await mkdtemp(join(place, 'node-'));
        servers.push(spawn(binary, argumentsOf(port, busPort, dir), { cwd: dir, env: {}, stdio: 'ignore' }));
        while (!(await askRedis(port, 'PING', 1_000))?.startsWith('+PONG')) await sleep(20);
        return { ...(await nodeAt(port)), busPort };
      }),
    );
    await joinAll(nodes);
    return { nodes, ...movesOf(nodes), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function argumentsOf(port: number, busPort: number, dir: string): string[] {
  const settings = {
    bind: HOST,
    port,
    'cluster-enabled': 'yes',
    'cluster-port': busPort,
    'cluster-config-file': 'nodes.conf',
    'cluster-node-timeout': 15_000,
    dir,
    save: '',
    appendonly: 'no',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

async function nodeAt(port: number): Promise<ClusterNode> {
  const address = `${HOST}:${port}`;
  const url = `redis://${address}`;
  const redis = openRedis(url);
  return { address, port, url, redis, id: String(await redis.call('CLUSTER', 'MYID')) };
}

/** Assigns each node its share of the slots and its own epoch, and joins the nodes. */
async function joinAll(nodes: (ClusterNode & { busPort: number })[]): Promise<void> {
  const share = Math.ceil(SLOTS / nodes.length);
  for (const [at, { redis }] of nodes.entries()) {
    const last = Math.min((at + 1) * share, SLOTS) - 1;
    await redis.call('CLUSTER', 'ADDSLOTSRANGE', at * share, last);
    await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', at + 1);
  }
  const [first, ...others] = nodes;
  for (const { port, busPort } of others) await first?.redis.call('CLUSTER', 'MEET', HOST, port, busPort);
  const isWhole = async ({ redis }: ClusterNode) => {
    const info = String(await redis.call('CLUSTER', 'INFO'));
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`);
  };
  while ((await Promise.all(nodes.map(isWhole))).includes(false)) await sleep(50);
}

function movesOf(nodes: ClusterNode[]): Omit<RedisCluster, 'nodes' | 'close'> {
  const slotOf = async (prefix: string) => Number(await nodes[0]?.redis.call('CLUSTER', 'KEYSLOT', prefix));
  return {
    slotOf,
    nodesFor: async (prefix) => {
      const at = Math.floor((await slotOf(prefix)) / Math.ceil(SLOTS / nodes.length));
      const [holder, other] = [nodes[at], nodes[(at + 1) % nodes.length]];
      if (!holder || !other) throw new Error(`no node holds the slot of ${prefix}`);
      return { holder, other };
    },
    startMove: async (slot, from, to) => {
      await to.redis.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
      await from.redis.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
    },
    finishMove: async (slot, from, to) => {
      for (let keys = await keysIn(slot, from); keys.length > 0; keys = await keysIn(slot, from)) {
        await from.redis.call('MIGRATE', HOST, to.port, '', 0, 5_000, 'KEYS', ...keys);
      }
      // The new holder comes first: if both nodes deny the slot, they redirect clients back and forth.
      const inOrder = [to, from, ...nodes.filter((node) => node !== to && node !== from)];
      for (const { redis } of inOrder) await redis.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
    },
  };
}

async function keysIn(slot: number, { redis }: ClusterNode): Promise<string[]> {
  const keys = await redis.call('CLUSTER', 'GETKEYSINSLOT', slot, BATCH);
  return Array.isArray(keys) ? keys.map(String) : [];
}

async function kill(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill('SIGKILL');
  await exited;
}

/** Ports that were all free a moment ago. */
