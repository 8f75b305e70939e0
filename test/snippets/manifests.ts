import { expect } from 'vitest';
import { z } from 'zod';
import { loadConfig } from '../../src/app/config.ts';
import { textOf } from '../helpers/pages.ts';

/** What is looked at in the manifest of a worker. */
const Probe = z.looseObject({ httpGet: z.strictObject({ path: z.string(), port: z.string() }) });
const WorkerContainer = z.looseObject({
  name: z.string(),
  args: z.tuple([z.literal('worker')]),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })),
  ports: z.array(z.unknown()),
  livenessProbe: Probe,
  readinessProbe: Probe,
  securityContext: z.strictObject({
    readOnlyRootFilesystem: z.literal(true),
    allowPrivilegeEscalation: z.literal(false),
    capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
});
const Pod = z.looseObject({
  terminationGracePeriodSeconds: z.number(),
  automountServiceAccountToken: z.literal(false),
  securityContext: z.looseObject({
    runAsNonRoot: z.literal(true),
    runAsUser: z.number(),
    seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
  }),
  containers: z.tuple([WorkerContainer]),
  volumes: z.array(z.looseObject({ name: z.string() })),
});
const PodOfDeployment = z.looseObject({
  kind: z.literal('Deployment'),
  spec: z.looseObject({ template: z.looseObject({ spec: Pod }) }),
});

const Ports = z.array(z.strictObject({ port: z.number(), protocol: z.enum(['UDP', 'TCP']).optional() })).min(1);
const Peer = z.strictObject({
  namespaceSelector: z.looseObject({}).optional(),
  podSelector: z.looseObject({}).optional(),
  ipBlock: z.strictObject({ cidr: z.string(), except: z.array(z.string()) }).optional(),
});
const NetworkPolicy = z.strictObject({
  apiVersion: z.literal('networking.k8s.io/v1'),
  kind: z.literal('NetworkPolicy'),
  metadata: z.strictObject({ name: z.string() }),
  spec: z.strictObject({
    podSelector: z.looseObject({ matchLabels: z.strictObject({ app: z.literal('errand-worker') }) }),
    policyTypes: z.tuple([z.literal('Ingress'), z.literal('Egress')]),
    ingress: z.tuple([z.strictObject({ from: z.array(Peer).min(1), ports: Ports })]),
    egress: z.array(z.strictObject({ to: z.array(Peer).min(1), ports: Ports })),
  }),
});

/** Fails unless a manifest of Kubernetes is what the image and the configuration need. */
export function checkKubernetes(value: unknown): void {
  const { kind } = z.looseObject({ kind: z.string() }).parse(value);
  if (kind === 'NetworkPolicy') checkNetworkPolicy(value);
  else checkWorkerDeployment(value);
}

/** A worker is reached at its health port alone, and reaches DNS, Redis and public addresses, never metadata services. */
function checkNetworkPolicy(value: unknown): void {
  const { ingress, egress } = NetworkPolicy.parse(value).spec;
  const { health_port: port } = loadConfig({ ERRAND_CONFIG: '/dev/null' }).worker;
  expect(ingress[0].ports).toEqual([{ port }]);
  expect(egress.map(({ ports }) => ports.map((entry) => entry.port))).toEqual([[53, 53], [6379], [443]]);
  const blocks = egress.flatMap(({ to }) => to.flatMap(({ ipBlock }) => ipBlock ?? []));
  expect(blocks.map(({ except }) => except)).toEqual([
    ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16'],
  ]);
}

/** What the manifest says of a worker is what the image and the configuration need. */
function checkWorkerDeployment(value: unknown): void {
  const { worker } = loadConfig({ ERRAND_CONFIG: '/dev/null' });
  const { terminationGracePeriodSeconds: seconds, ...pod } = PodOfDeployment.parse(value).spec.template.spec;
  const [container] = pod.containers;
  expect(seconds * 1000).toBeGreaterThan(worker.drain_grace_ms + 20_000);
  expect(pod.securityContext.runAsUser).toBe(Number(/^USER (\d+)/m.exec(textOf('Dockerfile'))?.[1]));
  expect(container.ports).toEqual([{ name: 'health', containerPort: worker.health_port }]);
  const probes = [container.livenessProbe, container.readinessProbe].map(({ httpGet }) => httpGet);
  expect(probes).toEqual(['/healthz', '/readyz'].map((path) => ({ path, port: 'health' })));
  expect(container.env).toContainEqual({ name: 'ERRAND_WORKER_SEAT', value: container.name });
  const keys = container.env.filter(({ name }) => /_KEY(_FILE)?$/.test(name));
  expect(keys.filter(({ name, value: path }) => !(name.endsWith('_FILE') && path?.startsWith('/')))).toEqual([]);
  const mounted = container.volumeMounts.map(({ mountPath }) => mountPath);
  expect(mounted).toContain(/^VOLUME (.+)$/m.exec(textOf('Dockerfile'))?.[1]);
  expect(container.volumeMounts.map(({ name }) => name)).toEqual(pod.volumes.map(({ name }) => name));
}
